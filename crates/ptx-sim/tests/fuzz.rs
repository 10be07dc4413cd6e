//! Damaged PTX and damaged launches never panic and never hang: they are refused, or they run and report.
//!
//! The tests run with overflow checks. The long form of the last test runs for as many seconds as asked:
//!
//! ```text
//! PTX_SIM_FUZZ_SECONDS=3600 cargo test -p ptx-sim --test fuzz -- --ignored --nocapture
//! ```

mod common;

use std::{
    env, fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    time::{Duration, Instant},
};

use common::kernel;
use ptx_sim::{Argument, Buffer, Kernel, Launch, Memory, Module};

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

    fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())].clone()
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

/// A product of two matrices that copies bring: `cp.async` with its groups, `ldmatrix`, `mma`, `movmatrix`,
/// `stmatrix`, packed halves.
fn product() -> String {
    kernel(
        ".param .u64 p, .param .u32 n",
        ".reg .b64 %p, %a, %s; .reg .b32 %i, %n, %x, %y, %r<6>; .reg .f32 %f<4>; .reg .pred %t;
        .shared .align 16 .b8 s[1024];
        .loc 1 3 1
        ld.param.u64 %p, [p]; ld.param.u32 %n, [n]; mov.u32 %i, %tid.x; and.b32 %x, %i, 15; mul.wide.u32 %a, %x, 16; add.s64 %p, %p, %a;
        mul.wide.u32 %a, %i, 16; mov.u64 %s, s; add.s64 %s, %s, %a; setp.lt.u32 %t, %i, %n; selp.u32 %y, 16, 4, %t;
        cp.async.cg.shared.global [%s], [%p], 16, %y; cp.async.commit_group;
        cp.async.wait_group 0; bar.sync 0;
        .loc 1 5 1
        ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%r0, %r1, %r2, %r3}, [%s];
        ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%r4, %r5}, [%s];
        mov.f32 %f0, 0f00000000; mov.f32 %f1, %f0; mov.f32 %f2, %f0; mov.f32 %f3, %f0;
        mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%f0, %f1, %f2, %f3}, {%r0, %r1, %r2, %r3}, {%r4, %r5}, {%f0, %f1, %f2, %f3};
        mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%f0, %f1, %f2, %f3}, {%r0, %r1, %r2, %r3}, {%r4, %r5}, {%f0, %f1, %f2, %f3};
        cvt.rn.bf16x2.f32 %r0, %f0, %f1; fma.rn.bf16x2 %r0, %r0, %r0, %r1; movmatrix.sync.aligned.m8n8.trans.b16 %r1, %r0;
        bar.sync 0; stmatrix.sync.aligned.m8n8.x1.shared.b16 [%s], {%r1}; bar.sync 0; ld.shared.u32 %x, [%s]; st.global.u32 [%p], %x;",
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
        let launch = Launch::new([2, 1, 1], [64, 1, 1]).step_limit(3000).workers(2);
        let arguments: Vec<ptx_sim::Argument> = kernel
            .parameter_sizes()
            .iter()
            .map(|bytes| if *bytes == 8 { p.into() } else { 64u32.into() })
            .collect();
        if let Ok(report) = kernel.launch(&mut memory, &launch, &arguments) {
            report.findings.iter().for_each(|finding| drop(finding.to_string()));
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
        "cp.async.ca.shared.global",
        "cp.async.wait_group",
        "ldmatrix.sync.aligned.m8n8.x4.shared.b16",
        "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32",
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
        let text: Vec<&str> = (0..length).map(|_| words[random.below(words.len())]).collect();
        try_all(&text.join(" "));
        try_all(&format!(".entry k(.param .u64 p) {{ .reg .b32 %r<9>; {} }}", text.join(" ")));
    }
}

/// Bytes changed, tokens swapped, lines dropped and doubled in a kernel that works. Most of it
/// still parses or nearly so.
#[test]
fn mutations() {
    for (seed, whole) in [(3, sum()), (4, product())] {
        mutated(seed, &whole);
    }
}

fn mutated(seed: u64, whole: &str) {
    assert!(try_all(whole), "the kernel itself is right");
    let mut random = Random(seed);
    let (start, mut ran) = (Instant::now(), 0);
    for _ in 0..8000 {
        let mut pieces: Vec<String> =
            whole.split_inclusive([' ', ';', ',', '.']).map(String::from).collect();
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

/// The PTX of the seeded bugs and of chapter 9.
fn corpus() -> Vec<String> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut texts = Vec::new();
    for folder in ["tests/seeded", "../../chapters/09-flash-cuda/kernels"] {
        let files = fs::read_dir(here.join(folder)).expect("a folder of the repository");
        let mut paths: Vec<_> = files.map(|file| file.expect("a file").path()).collect();
        paths.retain(|path| path.extension().is_some_and(|end| end == "ptx"));
        paths.sort();
        texts.extend(paths.iter().map(|path| fs::read_to_string(path).expect("text")));
    }
    assert!(texts.len() > 20);
    texts
}

/// Numbers at which something overflows, wraps or changes sign.
const EDGES: [&str; 24] = [
    "0",
    "1",
    "-1",
    "2",
    "3",
    "4",
    "-4",
    "7",
    "16",
    "31",
    "32",
    "33",
    "255",
    "-32768",
    "65535",
    "2147483647",
    "-2147483648",
    "4294967295",
    "4294967292",
    "1152921504606846976",
    "9223372036854775807",
    "-9223372036854775808",
    "18446744073709551615",
    "3458764513820540928",
];

/// One change of a line that leaves most lines valid.
fn damage_line(line: &str, all: &[&str], random: &mut Random) -> String {
    // Pieces that are words or what stands between them.
    let word = |c: char| c.is_ascii_alphanumeric() || "_$%.".contains(c);
    let split = |line: &str| -> Vec<String> {
        let mut pieces: Vec<String> = Vec::new();
        for c in line.chars() {
            match pieces.last_mut() {
                Some(last) if last.chars().next().is_some_and(word) == word(c) => last.push(c),
                _ => pieces.push(c.into()),
            }
        }
        pieces
    };
    let mut pieces = split(line);
    let words: Vec<usize> =
        (0..pieces.len()).filter(|at| pieces[*at].chars().next().is_some_and(word)).collect();
    let other = split(random.pick(all));
    if words.is_empty() || other.is_empty() {
        return line.into();
    }
    let at = random.pick(&words);
    let old = pieces[at].clone();
    let kind = |text: &str| text.trim_end_matches(|c: char| c.is_ascii_digit()).to_string();
    pieces[at] = if old.starts_with(|c: char| c.is_ascii_digit()) && random.below(4) > 0 {
        random.pick(&EDGES).into()
    } else if let Some(alike) = other.iter().find(|piece| kind(piece) == kind(&old)) {
        alike.clone()
    } else {
        match random.below(6) {
            0 => random.pick(&other),
            1 => random.pick(&EDGES).into(),
            2 => format!("{old}{}", random.below(40)),
            // A modifier less.
            3 => old.rsplit_once('.').map_or(old.clone(), |(start, _)| start.into()),
            4 => old.replace("32", "64"),
            _ => old.replace("global", "shared"),
        }
    };
    pieces.concat()
}

/// A text with a few lines changed, moved, doubled or dropped.
fn damaged(text: &str, random: &mut Random) -> String {
    let all: Vec<&str> = text.lines().collect();
    let mut lines: Vec<String> = all.iter().map(|line| (*line).into()).collect();
    for _ in 0..random.below(6) {
        let (a, b) = (random.below(lines.len()), random.below(lines.len()));
        match random.below(12) {
            0 => lines.swap(a, b),
            1 => lines[a] = lines[b].clone(),
            2 => drop(lines.remove(a)),
            3 => lines.insert(a, all[b % all.len()].into()),
            _ => lines[a] = damage_line(&lines[a], &all, random),
        }
    }
    lines.join("\n")
}

/// An argument of a parameter: a buffer, a number that is plausible, or one that is not.
fn argument(bytes: usize, buffers: &[Buffer], random: &mut Random) -> Argument {
    let edge = |random: &mut Random| random.pick(&EDGES).parse::<i128>().expect("a number");
    match (bytes, random.below(12)) {
        (8, 0) => (edge(random) as u64).into(),
        // Where buffers lie, and the windows of the other spaces.
        (8, 1) => {
            ((1u64 << random.pick(&[36, 59, 60, 61, 63])).wrapping_add(edge(random) as u64)).into()
        }
        (8, _) => random.pick(buffers).into(),
        (_, 0) => (edge(random) as u32).into(),
        (_, 1) => 0.125f32.into(),
        (_, 2) => 64u32.into(),
        _ => (random.below(6) as u32).into(),
    }
}

fn launch(random: &mut Random) -> Launch {
    let block = random.pick(&[
        [32, 8, 1],
        [128, 1, 1],
        [64, 1, 1],
        [32, 1, 1],
        [7, 3, 2],
        [1, 1, 1],
        [33, 1, 1],
    ]);
    let mut grid = [1 + random.below(2) as u32, 1 + random.below(2) as u32, 1];
    let extreme = [0, 1, 1025, 65_536, u32::MAX];
    let mut block = block;
    match random.below(40) {
        0 => grid[random.below(3)] = random.pick(&extreme),
        1 => block[random.below(3)] = random.pick(&extreme),
        _ => {}
    }
    // A grid that is allowed and takes an hour is no fault.
    let blocks = grid.iter().fold(1u64, |all, extent| all.saturating_mul(u64::from(*extent)));
    if (65..1 << 21).contains(&blocks) {
        grid = [1, 1, 1];
    }
    let shape: Vec<usize> =
        (0..random.below(4)).map(|_| random.pick(&[0, 1, 32, 65, usize::MAX])).collect();
    let name = random.pick(&["q", "ks", "scores", "x"]);
    Launch::new(grid, block)
        .shared(random.pick(&[0, 0, 0, 16, 4096, 1 << 20, usize::MAX]))
        .step_limit(random.pick(&[0, 1, 1000, 20_000]))
        .workers(random.pick(&[1, 1, 1, 2, 0]))
        .array(name, random.pick(&[0, 1, 4, 3, usize::MAX]), &shape)
}

/// What is done with one input; the seed alone decides what it is. Whether it ran to its end, with or without
/// findings.
fn case(corpus: &[String], seed: u64) -> bool {
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    random.next();
    let text = damaged(&corpus[random.below(corpus.len())], &mut random);
    let module = match Module::parse(&text) {
        Ok(module) => module,
        Err(error) => {
            drop(error.to_string());
            return false;
        }
    };
    let mut ran = false;
    for kernel in module.kernels() {
        ran |= launched(kernel, &mut random);
    }
    ran
}

fn launched(kernel: &Kernel, random: &mut Random) -> bool {
    let mut memory = Memory::new();
    let buffers = [
        memory.alloc("q", &vec![1.0f32; 64 * 64]),
        memory.alloc("k", &vec![0.5f32; 64 * 65]),
        memory.alloc_uninit::<f32>("out", 64 * 64),
        memory.alloc("n", &[7u8; 5]),
    ];
    let mut arguments: Vec<Argument> =
        kernel.parameter_sizes().iter().map(|bytes| argument(*bytes, &buffers, random)).collect();
    if random.below(50) == 0 {
        arguments.pop();
    }
    let launch = launch(random);
    match kernel.launch(&mut memory, &launch, &arguments) {
        Ok(report) => {
            report.findings.iter().for_each(|finding| drop(finding.to_string()));
            // The budget holds: a block stops with the first instruction too many.
            assert!(report.total.instructions <= (20_000 + 1) * report.blocks);
            true
        }
        Err(error) => {
            drop(error.to_string());
            false
        }
    }
}

/// Cases from a seed on until the time is up, or so many of them. The seeds of those that panicked or took long.
fn cases(first: u64, count: u64, seconds: u64) -> Vec<String> {
    let corpus = corpus();
    let (start, mut faults) = (Instant::now(), Vec::new());
    let (mut ran, mut done, mut slowest) = (0u64, 0u64, Duration::ZERO);
    for seed in first..first.saturating_add(count) {
        let begun = Instant::now();
        if begun.duration_since(start) > Duration::from_secs(seconds) || faults.len() == 20 {
            break;
        }
        match catch_unwind(AssertUnwindSafe(|| case(&corpus, seed))) {
            Ok(completed) => ran += u64::from(completed),
            Err(_) => faults.push(format!("seed {seed} panicked")),
        }
        done += 1;
        slowest = slowest.max(begun.elapsed());
        if begun.elapsed() > Duration::from_secs(20) {
            faults.push(format!("seed {seed} took {:?}", begun.elapsed()));
        }
        if done.is_multiple_of(10_000) {
            println!("{done} cases, {ran} of them ran; the slowest took {slowest:?}; {faults:?}");
        }
    }
    println!(
        "{done} cases in {:?}, {ran} of them ran; the slowest took {slowest:?}",
        start.elapsed()
    );
    assert!(ran * 4 > done, "only {ran} of {done} could be run at all");
    faults
}

/// Real kernels with lines changed, and launches that fit or do not.
#[test]
fn damaged_kernels_of_the_corpus() {
    assert_eq!(cases(1, 600, 60), [""; 0]);
}

#[test]
#[ignore = "runs for as many seconds as PTX_SIM_FUZZ_SECONDS says, from the seed PTX_SIM_FUZZ_SEED on"]
fn damaged_kernels_for_long() {
    let number = |name: &str, otherwise: u64| {
        env::var(name).map_or(otherwise, |text| text.parse().expect("a number"))
    };
    let (seconds, seed) =
        (number("PTX_SIM_FUZZ_SECONDS", 3600), number("PTX_SIM_FUZZ_SEED", 1_000_000));
    assert_eq!(cases(seed, u64::MAX, seconds), [""; 0]);
}
