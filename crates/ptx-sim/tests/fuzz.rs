//! Damaged PTX never panics and never hangs: it is refused, or it runs and reports.

mod common;

use std::time::{Duration, Instant};

use common::kernel;
use ptx_sim::{Launch, Memory, Module};

/// xorshift64*: fixed seeds, the same damage on every machine.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }
}

/// The sum of 64 numbers: loads, shared memory, barriers, a loop, a shuffle, an atomic.
fn sum() -> String {
    kernel(
        ".param .u64 p, .param .u32 n",
        ".reg .b64 %p, %a, %s; .reg .b32 %i, %n, %x, %y; .reg .f32 %f, %g; .reg .pred %t;
        .shared .align 4 .b8 s[256]; .local .align 8 .b8 l[16];
        .loc 1 3 1
        ld.param.u64 %p, [p]; ld.param.u32 %n, [n]; mov.u32 %i, %tid.x;
        mul.wide.u32 %a, %i, 4; add.s64 %p, %p, %a; mov.u64 %s, s; add.s64 %s, %s, %a;
        ld.global.f32 %f, [%p]; st.shared.f32 [%s], %f; st.local.f32 [l+4], %f;
        bar.sync 0;
        mov.u32 %x, 16;
        $LOOP: shfl.sync.bfly.b32 %y, %f, %x, 31, -1; mov.b32 %g, %y; add.f32 %f, %f, %g; shr.u32 %x, %x, 1;
        setp.gt.u32 %t, %x, 0; @%t bra $LOOP;
        fma.rn.f32 %f, %f, 0f3F800000, 0f00000000; cvt.rzi.s32.f32 %y, %f; and.b32 %x, %i, 31; setp.eq.u32 %t, %x, 0;
        @%t red.shared.add.f32 [s], %f; bar.sync 0; ld.shared.f32 %f, [s]; st.global.f32 [%p], %f;",
    )
}

/// Reads it, runs what can be read.
fn try_all(text: &str) -> bool {
    let Ok(module) = Module::parse(text) else {
        return false;
    };
    for kernel in module.kernels() {
        let mut memory = Memory::new();
        let p = memory.alloc("p", &[1.0f32; 64]);
        let launch = Launch::new([2, 1, 1], [64, 1, 1])
            .step_limit(3000)
            .workers(2);
        let arguments: Vec<ptx_sim::Argument> = kernel
            .parameter_sizes()
            .iter()
            .map(|bytes| if *bytes == 8 { p.into() } else { 64u32.into() })
            .collect();
        if let Ok(report) = kernel.launch(&mut memory, &launch, &arguments) {
            report
                .findings
                .iter()
                .for_each(|finding| drop(finding.to_string()));
        }
    }
    true
}

#[test]
fn random_bytes() {
    let mut random = Random(1);
    for _ in 0..2000 {
        let length = random.below(200);
        let bytes: Vec<u8> = (0..length).map(|_| (random.next() >> 20) as u8).collect();
        try_all(&String::from_utf8_lossy(&bytes));
    }
}

#[test]
fn random_words() {
    let words = [
        ".entry",
        "k",
        "(",
        ")",
        "{",
        "}",
        ";",
        ",",
        ".reg",
        ".b32",
        "%r<9>",
        "%r1",
        "add.s32",
        "ld.global.v4.f32",
        "[",
        "]",
        "+",
        "-",
        "8",
        "0x",
        "0f",
        "@",
        "!",
        ":",
        "$L",
        "bra",
        ".shared",
        ".align",
        "bar.sync",
        ".loc",
        "1",
        "=",
        "|",
        "<",
        ">",
        ".visible",
        ".param",
        ".u64",
        "ret",
        "\"",
        "/*",
        "//",
        "\n",
        ".section",
        ".const",
        "é",
    ];
    let mut random = Random(2);
    for _ in 0..3000 {
        let length = random.below(60);
        let text: Vec<&str> = (0..length)
            .map(|_| words[random.below(words.len())])
            .collect();
        try_all(&text.join(" "));
        try_all(&format!(
            ".entry k(.param .u64 p) {{ .reg .b32 %r<9>; {} }}",
            text.join(" ")
        ));
    }
}

/// Bytes changed, tokens swapped, lines dropped and doubled in a kernel that works. Most of it
/// still parses or nearly so.
#[test]
fn mutations() {
    let whole = sum();
    assert!(try_all(&whole), "the kernel itself is right");
    let mut random = Random(3);
    let (start, mut ran) = (Instant::now(), 0);
    for _ in 0..8000 {
        let mut pieces: Vec<String> = whole
            .split_inclusive([' ', ';', ',', '.'])
            .map(String::from)
            .collect();
        for _ in 0..1 + random.below(2) {
            let (a, b) = (random.below(pieces.len()), random.below(pieces.len()));
            match random.below(5) {
                0 => pieces.swap(a, b),
                1 => pieces[a] = pieces[b].clone(),
                2 => drop(pieces.remove(a)),
                3 => pieces.insert(a, format!("{}", random.next() as i64)),
                _ => {
                    let at = random.below(pieces[a].len());
                    if pieces[a].is_char_boundary(at) {
                        let new = char::from(32 + (random.next() >> 30) as u8 % 95);
                        pieces[a].insert(at, new);
                    }
                }
            }
        }
        ran += usize::from(try_all(&pieces.concat()));
    }
    assert!(ran > 500, "only {ran} of 8000 could be run at all");
    assert!(start.elapsed() < Duration::from_secs(120));
}
