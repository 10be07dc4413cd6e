//! Every kind of error is found, named and placed; what is right is left alone.

mod common;

use common::{kernel, kinds, run};
use ptx_sim::{Kind, Launch, Memory, Module};

/// The one finding of a kernel on 64 words.
#[track_caller]
fn one(threads: u32, blocks: u32, body: &str) -> (Kind, String) {
    let (_, report) = run(threads, blocks, &[0; 64], body);
    assert_eq!(report.findings.len(), 1, "{:?}", report.findings);
    (report.findings[0].kind, report.findings[0].to_string())
}

const SHARED: &str = ".shared .align 4 .b8 s[256]; .reg .b64 %s; mul.wide.u32 %s, %i, 4; mov.u64 %b, s; add.s64 %s, %s, %b;";

#[test]
fn accesses_outside() {
    let (kind, text) = one(64, 1, "ld.global.u32 %x, [%a+4];");
    assert_eq!(kind, Kind::OutOfBounds);
    assert!(
        text.contains("reads byte 256 of `x`, which has 256: block (0, 0, 0), thread (63, 0, 0)"),
        "{text}"
    );
    let (kind, text) = one(1, 1, "mov.u64 %b, 16; st.global.u32 [%b], %i;");
    assert_eq!(kind, Kind::OutOfBounds);
    assert!(text.contains("address 0x10, where nothing lies"), "{text}");
    let (kind, text) = one(64, 1, &format!("{SHARED} st.shared.u32 [%s+8], %i;"));
    assert_eq!(kind, Kind::OutOfBounds);
    assert!(text.contains("writes byte 256 of `s`, which has 256"), "{text}");
    let (kind, _) = one(1, 1, ".local .align 4 .b8 l[8]; mov.u64 %b, l; st.local.u32 [%b+8], %i;");
    assert_eq!(kind, Kind::OutOfBounds);
    let (kind, _) = one(1, 1, "ld.param.u64 %b, [p+8];");
    assert_eq!(kind, Kind::OutOfBounds);
}

#[test]
fn shared_arrays_do_not_run_into_one_another() {
    let two = ".shared .align 4 .b8 one[64]; .shared .align 4 .b8 two[64]; .reg .b64 %s; mov.u64 %s, one;";
    let (kind, text) = one(1, 1, &format!("{two} st.shared.u32 [%s+64], %i;"));
    assert_eq!(kind, Kind::OutOfBounds);
    assert!(text.contains("byte 64 of `one`, which has 64"), "{text}");
}

#[test]
fn misaligned() {
    let (kind, text) = one(1, 1, "ld.global.u32 %x, [%a+2];");
    assert_eq!(kind, Kind::Misaligned);
    assert!(text.contains("4 bytes at byte 2 of `x`"), "{text}");
    let (kind, _) = one(1, 1, ".reg .b32 %v<4>; ld.global.v4.u32 {%v0, %v1, %v2, %v3}, [%a+8];");
    assert_eq!(kind, Kind::Misaligned, "a vector is aligned to its whole size");
}

#[test]
fn unwritten_memory() {
    let (kind, text) = one(1, 1, &format!("{SHARED} ld.shared.u32 %x, [%s+12];"));
    assert_eq!(kind, Kind::Uninitialised);
    assert!(text.contains("`s[3]` of shared memory was never written"), "{text}");
    let module = Module::parse(&kernel(
        ".param .u64 p",
        ".reg .b64 %p; .reg .b32 %x; ld.param.u64 %p, [p]; st.global.u32 [%p], 1; ld.global.u32 %x, [%p]; ld.global.u32 %x, [%p+4];",
    ))
    .expect("a module");
    let mut memory = Memory::new();
    let out = memory.alloc_uninit::<f32>("out", 2);
    assert!(!memory.is_written(out));
    let report = module.kernels()[0]
        .launch(&mut memory, &Launch::new([1; 3], [1; 3]), &[out.into()])
        .expect("a launch");
    assert_eq!(
        report.findings.len(),
        1,
        "what the block wrote itself is written: {:?}",
        report.findings
    );
    assert!(report.findings[0].text.contains("byte 4 of `out` of global memory was never written"));
}

#[test]
fn races_between_warps() {
    let read_after_write = format!("{SHARED} st.shared.u32 [%s], %i; ld.shared.u32 %x, [s];");
    let (_, report) = run(64, 1, &[0; 64], &read_after_write);
    assert!(kinds(&report).contains(&Kind::SharedRace));
    let text =
        report.findings.iter().find(|f| f.kind == Kind::SharedRace).expect("found").to_string();
    assert!(text.contains("two warps touch `s[0]` between barriers"), "{text}");
    assert!(text.contains("thread (0, 0, 0)") && text.contains("thread (32, 0, 0)"), "{text}");
    let write_after_read = format!(
        "{SHARED} st.shared.u32 [%s], %i; bar.sync 0; ld.shared.u32 %x, [%s]; setp.eq.u32 %t, %i, 40; @%t st.shared.u32 [s], %i;"
    );
    assert_eq!(one(64, 1, &write_after_read).0, Kind::SharedRace);
    let write_after_write = ".shared .align 4 .b8 s[4]; st.shared.u32 [s], %i;";
    let (_, report) = run(64, 1, &[0; 64], write_after_write);
    assert_eq!(kinds(&report), [Kind::WarpRace, Kind::SharedRace]);
    // With the barrier, and where all write the same by one instruction, nothing is wrong.
    let right = format!(
        "{SHARED} st.shared.u32 [%s], %i; bar.sync 0; ld.shared.u32 %x, [s]; bar.sync 0; st.shared.u32 [s], 3;"
    );
    assert_eq!(run(64, 1, &[0; 64], &right).1.findings, []);
}

#[test]
fn races_within_a_warp() {
    let exchange = |sync: &str| {
        format!(
            "{SHARED} st.shared.u32 [%s], %i; {sync} xor.b32 %y, %i, 1; mul.wide.u32 %b, %y, 4; .reg .b64 %q; mov.u64 %q, s; add.s64 %b, %b, %q; ld.shared.u32 %x, [%b];"
        )
    };
    let (_, report) = run(32, 1, &[0; 64], &exchange(""));
    assert!(kinds(&report).contains(&Kind::WarpRace));
    assert_eq!(run(32, 1, &[0; 64], &exchange("bar.warp.sync -1;")).1.findings, []);
}

/// All lanes read what one of them wrote: the reading lanes come as one access, and the writer is
/// among them.
#[test]
fn a_broadcast_races_with_the_lane_that_wrote() {
    let body = |sync: &str| {
        format!(
            ".shared .align 4 .b8 s[4]; setp.eq.u32 %t, %i, 9; @%t st.shared.u32 [s], %i; {sync} ld.shared.u32 %x, [s];"
        )
    };
    let (kind, text) = one(32, 1, &body(""));
    assert_eq!(kind, Kind::WarpRace);
    assert!(text.contains("thread (9, 0, 0)") && text.contains("thread (0, 0, 0)"), "{text}");
    assert_eq!(run(32, 1, &[0; 64], &body("bar.warp.sync -1;")).1.findings, []);
}

/// A warp that reads and then writes races with another that has read before; and one that reads
/// again what it has read races with the lane of its own that wrote in between.
#[test]
fn earlier_readers_are_not_forgotten() {
    let written = ".shared .align 4 .b8 s[4]; st.shared.u32 [s], 1; bar.sync 0;";
    let last = "ld.shared.u32 %x, [s]; bar.warp.sync -1; setp.eq.u32 %t, %i, 40;\n@%t st.shared.u32 [s], 2;";
    let (_, report) = run(64, 1, &[0; 64], &format!("{written} {last}"));
    assert_eq!(kinds(&report), [Kind::SharedRace]);
    let again = "ld.shared.u32 %x, [s];\nsetp.eq.u32 %t, %i, 5; @%t st.shared.u32 [s], 2;\nld.shared.u32 %x, [s];";
    let (_, report) = run(32, 1, &[0; 64], &format!("{written} {again}"));
    assert_eq!(kinds(&report), [Kind::WarpRace, Kind::WarpRace]);
}

#[test]
fn halves_of_a_word_are_told_apart() {
    let body = ".shared .align 4 .b8 s[128]; .reg .b64 %s; .reg .b16 %h; mul.wide.u32 %s, %i, 2; mov.u64 %b, s; add.s64 %s, %s, %b;
        cvt.u16.u32 %h, %i; st.shared.u16 [%s], %h; ld.shared.u16 %h, [%s];";
    assert_eq!(run(64, 1, &[0; 64], body).1.findings, []);
}

#[test]
fn races_between_blocks() {
    let (kind, text) = one(1, 3, "mov.u32 %x, %ctaid.x; st.global.u32 [%p+8], %x;");
    assert_eq!(kind, Kind::BlockRace);
    assert!(text.contains("blocks (0, 0, 0) and (1, 0, 0) touch byte 8 of `x`"), "{text}");
    let reads = "mov.u32 %x, %ctaid.x; mul.wide.u32 %b, %x, 4; add.s64 %b, %b, %p; st.global.u32 [%b], %x; ld.global.u32 %y, [%p];";
    assert_eq!(one(1, 2, reads).0, Kind::BlockRace);
    assert_eq!(run(1, 4, &[0; 64], "red.global.add.u32 [%p], 1;").1.findings, []);
    let mixed = "mov.u32 %x, %ctaid.x; setp.eq.u32 %t, %x, 0; @%t st.global.u32 [%p], %x; @!%t red.global.add.u32 [%p], 1;";
    assert_eq!(one(1, 2, mixed).0, Kind::BlockRace);
    // The last block to arrive adds up what all left: fence, counter, fence.
    let last = |fence: &str| {
        format!(
            "mov.u32 %x, %ctaid.x; mul.wide.u32 %b, %x, 4; add.s64 %b, %b, %p; st.global.u32 [%b+16], %x; {fence}
             atom.global.add.u32 %y, [%p], 1; setp.ne.u32 %t, %y, 2; @%t ret;
             {fence} ld.global.u32 %x, [%p+16]; ld.global.u32 %y, [%p+20]; add.u32 %x, %x, %y; st.global.u32 [%p+4], %x;"
        )
    };
    let (words, report) = run(1, 3, &[0; 64], &last("membar.gl;"));
    assert_eq!((report.findings.as_slice(), words[1]), (&[][..], 1));
    assert_eq!(kinds(&run(1, 3, &[0; 64], &last("")).1), [Kind::BlockRace]);
    // A fence alone orders nothing: nobody waits for anybody.
    let fence = "mov.u32 %x, %ctaid.x; mul.wide.u32 %b, %x, 4; add.s64 %b, %b, %p; st.global.u32 [%b], %x; membar.gl; ld.global.u32 %y, [%p];";
    assert_eq!(one(1, 2, fence).0, Kind::BlockRace);
}

#[test]
fn divergent_barriers() {
    let (kind, text) = one(32, 1, "setp.lt.u32 %t, %i, 16; @%t bar.sync 0;");
    assert_eq!(kind, Kind::BarrierDivergence);
    assert!(text.contains("16 of 32 threads of warp 0 have ended"), "{text}");
    let (kind, text) =
        one(32, 1, "setp.lt.u32 %t, %i, 16; @%t bra $A; bar.sync 0; ret; $A: bar.sync 0;");
    assert_eq!(kind, Kind::BarrierDivergence);
    assert!(text.contains("16 of the 32 lanes of warp 0 reach this barrier"), "{text}");
    // A branch may lie behind the barrier where its lanes meet the others.
    let behind =
        "setp.lt.u32 %t, %i, 16; @%t bra $A; $B: bar.sync 0; ret; $A: add.u32 %x, %i, 1; bra $B;";
    assert_eq!(run(32, 1, &[0; 64], behind).1.findings, []);
    let (kind, text) =
        one(64, 1, "setp.lt.u32 %t, %i, 32; @%t bra $A; bar.sync 0; ret; $A: bar.sync 0;");
    assert_eq!(kind, Kind::BarrierDivergence);
    assert!(text.contains("warp 0 waits at this barrier while warp 1 waits at another"), "{text}");
}

/// PTX ISA, `exit`: “If the exiting threads are holding up the barrier, the barrier is released.”
#[test]
fn a_warp_that_has_ended_is_excused_at_a_barrier() {
    let ended = "setp.lt.u32 %t, %i, 32; @%t ret; bar.sync 0; st.global.u32 [%a], 7;";
    let (words, report) = run(96, 1, &[0; 96], ended);
    assert_eq!(report.findings, []);
    assert_eq!((words[31], words[32], words[95]), (0, 7, 7));
    // Of a vote it is no part: all of those that are left agree.
    let vote = "setp.lt.u32 %t, %i, 32; @%t ret; bar.red.and.pred %u, 0, !%t; selp.u32 %x, 1, 2, %u; st.global.u32 [%a], %x;";
    let (words, report) = run(64, 1, &[0; 64], vote);
    assert_eq!((report.findings.len(), words[63]), (0, 1));
    // A part of a warp is not: `bar.sync` is for all of its threads.
    let part = "setp.lt.u32 %t, %i, 31; @%t ret; bar.sync 0;";
    assert_eq!(one(64, 1, part).0, Kind::BarrierDivergence);
}

/// An address is 64 bits, and every one of them is reported like any other that is wrong.
#[test]
fn addresses_at_every_edge() {
    let edges: [u64; 20] = [
        0,
        1,
        4,
        0xfffc,
        1 << 31,
        (1 << 32) - 4,
        1 << 32,
        1 << 36,
        (1 << 59) + 4,
        1 << 60,
        (1 << 60) + 2,
        2 << 60,
        3 << 60,
        (3 << 60) - 4,
        4 << 60,
        1 << 63,
        u64::MAX - 15,
        u64::MAX - 7,
        u64::MAX - 3,
        u64::MAX,
    ];
    for space in ["", ".global", ".shared", ".local"] {
        for address in edges {
            for op in [
                "ldSPACE.u8 %x, [%b]",
                "ldSPACE.u32 %x, [%b]",
                "ldSPACE.u32 %x, [%b+4]",
                "ldSPACE.v4.u32 {%x, %y, %z, %x}, [%b]",
                "stSPACE.u32 [%b+-4], %i",
                "stSPACE.v2.u32 [%b], {%i, %i}",
            ] {
                let op = op.replace("SPACE", space);
                let body =
                    format!("{SHARED} .local .align 8 .b8 l[8]; mov.u64 %b, {address}; {op};");
                let (_, report) = run(32, 1, &[0; 64], &body);
                report.findings.iter().for_each(|finding| assert!(!finding.to_string().is_empty()));
            }
        }
        if space != ".local" {
            let body = format!("{SHARED} mov.u64 %b, -4; red{space}.add.u32 [%b], %i;");
            assert_eq!(one(32, 1, &body).0, Kind::OutOfBounds);
        }
    }
    let (kind, _) = one(1, 1, "mov.u64 %b, -8; ld.const.u64 %b, [%b];");
    assert_eq!(kind, Kind::OutOfBounds);
    let (kind, text) = one(1, 1, "ld.param.u64 %b, [p+-8];");
    assert_eq!(kind, Kind::OutOfBounds);
    assert!(text.contains("byte -8 of the parameters"), "{text}");
}

/// What is wrong is counted nowhere.
#[test]
fn an_access_is_checked_before_it_is_counted() {
    let (_, report) = run(32, 1, &[0; 64], "ld.global.u32 %x, [%a+2];");
    assert_eq!((report.total.sectors, report.total.read_bytes), (0, 0));
    // A whole warp, each lane over two words of shared memory.
    let (_, report) = run(32, 1, &[0; 64], &format!("{SHARED} ld.shared.u32 %x, [%s+2];"));
    assert_eq!(kinds(&report), [Kind::Misaligned]);
    assert_eq!((report.total.wavefronts, report.total.ideal_wavefronts), (0, 0));
}

/// The number alone would say another array, or none.
#[test]
fn an_address_before_an_array_is_counted_from_that_array() {
    let two = ".shared .align 4 .b8 first[64]; .shared .align 4 .b8 scores[1056]; .reg .b32 %j, %c; .reg .b64 %s;";
    let (kind, text) = one(
        1,
        1,
        &format!(
            "{two} sub.u32 %j, %i, 100000; mul.wide.s32 %s, %j, 4; mov.u64 %b, scores; add.s64 %s, %b, %s; ld.shared.f32 %f, [%s];"
        ),
    );
    assert_eq!(kind, Kind::OutOfBounds);
    assert!(text.contains("reads byte -400000 of `scores`, which has 1056"), "{text}");
    // In 32 bits, as the compiler counts in shared memory where it can.
    let (kind, text) = one(
        1,
        1,
        &format!(
            "{two} mov.u32 %c, scores; sub.u32 %j, %i, 1; shl.b32 %j, %j, 2; add.u32 %c, %c, %j; st.shared.u32 [%c+-4], %i;"
        ),
    );
    assert_eq!(kind, Kind::OutOfBounds);
    assert!(text.contains("writes byte -8 of `scores`, which has 1056"), "{text}");
    // A negative index that the fixed offset brings back into the array is right.
    let right = format!("{two} mov.u32 %c, first; add.u32 %c, %c, -8; st.shared.u32 [%c+8], %i;");
    assert_eq!(run(1, 1, &[0; 64], &right).1.findings, []);
    let (kind, text) = one(1, 1, "ld.global.u32 %x, [%a+-4];");
    assert_eq!(kind, Kind::OutOfBounds);
    assert!(text.contains("reads byte -4 of `x`, which has 256"), "{text}");
    // Of two arrays nobody knows which was meant.
    let (_, text) = one(
        1,
        1,
        &format!(
            "{two} mov.u64 %s, first; mov.u64 %b, scores; setp.eq.u32 %t, %i, 0; selp.b64 %s, %s, %b, %t; ld.shared.u32 %x, [%s+-4096];"
        ),
    );
    assert!(
        text.contains("address 0xfffffffffffff000 of shared memory, where nothing lies"),
        "{text}"
    );
}

/// A variable of the module lies like a buffer, however little alignment it asks for: an access that
/// is aligned never crosses a page.
#[test]
fn globals_of_the_module_lie_on_pages() {
    let ptx = ".version 8.4 .target sm_80 .address_size 64 .global .align 1 .b8 odd[3]; .global .align 1 .b8 all[8200];
        .visible .entry k(.param .u64 p) { .reg .b64 %a; .reg .b32 %i, %x; mov.u32 %i, %tid.x; mul.wide.u32 %a, %i, 8;
        .reg .b64 %b; mov.u64 %b, all; add.s64 %a, %a, %b; st.global.u64 [%a], %a; ld.global.u64 %a, [%a]; ret; }";
    let module = Module::parse(ptx).expect("a module");
    let mut memory = Memory::new();
    let p = memory.alloc("p", &[0u32]);
    let launch = Launch::new([1; 3], [1024, 1, 1]);
    let report = module.kernels()[0].launch(&mut memory, &launch, &[p.into()]).expect("a launch");
    assert_eq!(report.findings, []);
}

#[test]
fn variables_without_a_value() {
    // A sum that starts from nothing; the line that reads it, and the line that stores it.
    let (kind, text) =
        one(2, 1, ".loc 1 5 1\n add.u32 %x, %y, 1; .loc 1 6 1\n st.global.u32 [%a], %x;");
    assert_eq!(kind, Kind::UninitialisedVariable);
    assert!(
        text.starts_with("uninitialised variable, line 5: a variable is read that has no value on this path, and what is stored at line 6 depends on it: block (0, 0, 0), thread (0, 0, 0)"),
        "{text}"
    );
    // On one path only: the threads that took it.
    let path = "setp.lt.u32 %t, %i, 5; @%t bra $A; mov.u32 %y, 1; $A: st.global.u32 [%a], %y;";
    assert!(one(32, 1, path).1.contains("thread (0, 0, 0)"));
    let other = path.replace("setp.lt", "setp.ge");
    assert!(one(32, 1, &other).1.contains("thread (5, 0, 0)"));
    // By a guard instead of a branch.
    assert_eq!(
        one(32, 1, "setp.lt.u32 %t, %i, 5; @%t mov.u32 %y, 1; st.global.u32 [%a], %y;").0,
        Kind::UninitialisedVariable
    );
    for decides in [
        "@%t bra $A; $A: add.u32 %x, %i, 1;",
        "@%t add.u32 %x, %i, 1;",
        "mul.wide.u32 %b, %y, 4; add.s64 %b, %b, %p; ld.global.u32 %x, [%b];",
        "red.global.add.u32 [%p], %y;",
        "vote.sync.any.pred %u, %t, -1;",
        "shfl.sync.idx.b32 %x, %i, %y, 31, -1;",
        "match.any.sync.b32 %x, %y, -1;",
        "bar.red.or.pred %u, 0, %t;",
        // Through a split, a merge and the lane of another.
        "mov.b64 %b, {%i, %y}; mov.b64 {%x, %z}, %b; st.global.u32 [%a], %z;",
        "setp.eq.u32 %t, %i, 9; @!%t mov.u32 %y, 1; shfl.sync.bfly.b32 %x, %y, 1, 31, -1; setp.eq.u32 %t, %i, 8; @%t st.global.u32 [%a], %x;",
    ] {
        assert_eq!(one(32, 1, decides).0, Kind::UninitialisedVariable, "{decides}");
    }
}

/// A compiler computes ahead with what C++ does not read: that decides nothing.
#[test]
fn variables_without_a_value_that_decide_nothing() {
    for right in [
        "add.u32 %x, %y, 1; mov.u32 %x, 3; st.global.u32 [%a], %x;",
        // i == 0 || x > best
        "setp.eq.u32 %t, %i, %i; setp.gt.u32 %u, %i, %y; or.pred %u, %t, %u; selp.u32 %x, %i, %y, %u; st.global.u32 [%a], %x;",
        "setp.ne.u32 %t, %i, %i; setp.gt.u32 %u, %i, %y; and.pred %u, %u, %t; selp.u32 %x, %y, %i, %u; st.global.u32 [%a], %x;",
        "setp.eq.u32 %t, %i, %i; setp.gt.or.u32 %u, %i, %y, %t; @%u st.global.u32 [%a], %i;",
        "setp.ne.u32 %t, %i, %i; setp.gt.and.u32 %u, %i, %y, %t; @!%u st.global.u32 [%a], %i;",
        // Lane 9 has none, and hands it to lane 8, which does not use it.
        "setp.eq.u32 %t, %i, 9; @!%t mov.u32 %y, 1; shfl.sync.bfly.b32 %x, %y, 1, 31, -1; setp.eq.u32 %t, %i, 8; @!%t st.global.u32 [%a], %x;",
        // Whether a lane lies in the group does not depend on its number.
        "shfl.sync.up.b32 %x|%t, %y, 1, 0, -1; @%t st.global.u32 [%a], %i;",
        // An array of its own that is copied in part.
        ".local .align 8 .b8 l[8]; st.local.u32 [l], %i; ld.local.v2.u32 {%x, %y}, [l]; st.global.u32 [%a], %x;",
        ".local .align 8 .b8 l[8]; st.local.v2.u32 [l], {%i, %y}; ld.local.u32 %x, [l]; st.global.u32 [%a], %x;",
        "sub.cc.u32 %x, %i, 1; subc.u32 %y, %i, 0; st.global.u32 [%a], %y;",
    ] {
        assert_eq!(run(32, 1, &[0; 64], right).1.findings, [], "{right}");
    }
}

#[test]
fn arrays_of_a_thread_without_a_value() {
    let local = ".local .align 8 .b8 l[16];";
    for wrong in [
        "st.local.u32 [l], %i; ld.local.u32 %x, [l+4]; st.global.u32 [%a], %x;",
        "st.local.u32 [l], %y; ld.local.u32 %x, [l]; st.global.u32 [%a], %x;",
    ] {
        assert_eq!(
            one(32, 1, &format!("{local} {wrong}")).0,
            Kind::UninitialisedVariable,
            "{wrong}"
        );
    }
}

#[test]
fn absent_lanes() {
    let (kind, text) =
        one(32, 1, "setp.lt.u32 %t, %i, 16; @%t shfl.sync.idx.b32 %x, %i, 0, 31, -1;");
    assert_eq!(kind, Kind::AbsentLanes);
    assert!(text.contains("names lanes that are elsewhere (0xffff0000)"), "{text}");
    assert_eq!(
        one(32, 1, "setp.lt.u32 %t, %i, 16; @%t vote.sync.any.pred %u, %t, -1;").0,
        Kind::AbsentLanes
    );
    let (_, text) = one(32, 1, "shfl.sync.bfly.b32 %x, %i, 1, 31, 0xffff;");
    assert!(text.contains("leaves out lanes that are here"), "{text}");
    let (_, text) =
        one(32, 1, "setp.lt.u32 %t, %i, 16; @%t shfl.sync.idx.b32 %x, %i, 20, 31, 0xffff;");
    assert!(text.contains("reads a register of lane 20, which is not here"), "{text}");
    let (_, report) = run(
        64,
        1,
        &[0; 64],
        "and.b32 %y, %i, 31; setp.ge.u32 %t, %y, 24; @%t ret; add.u32 %y, %y, 1; shfl.sync.bfly.b32 %x, %i, 16, 31, -1;",
    );
    assert!(kinds(&report).iter().all(|kind| *kind == Kind::AbsentLanes));
    let ended = "reads a register of lane 24, whose thread has ended";
    assert!(
        report.findings.iter().any(|finding| finding.text.contains(ended)),
        "{:?}",
        report.findings
    );
    // Lanes that have ended are excused.
    assert_eq!(run(16, 1, &[0; 64], "shfl.sync.idx.b32 %x, %i, 0, 31, -1;").1.findings, []);
}

#[test]
fn endless_kernels_and_traps() {
    let (_, report) = run(32, 2, &[0; 64], "$L: bra $L;");
    assert_eq!(kinds(&report), [Kind::StepLimit]);
    let text = &report.findings[0].text;
    assert!(text.starts_with("after 100,000 instructions"), "{text}");
    assert!(!report.completed);
    assert_eq!(report.total.instructions, 100_001, "only the first block counts");
    assert_eq!(one(1, 1, "trap;").0, Kind::Trap);
}

#[test]
fn a_finding_names_the_source_line() {
    let (_, report) = run(64, 1, &[0; 64], ".loc 1 41 5\n ld.global.u32 %x, [%a+4];");
    assert_eq!(report.findings[0].place.source, Some(41));
    assert!(report.findings[0].to_string().starts_with("out of bounds, line 41: "));
    let (_, report) = run(
        1,
        1,
        &[0; 64],
        ".loc 2 7 1, function_name $x, inlined_at 1 12 3\n ld.global.u32 %x, [%a+2];",
    );
    assert_eq!(
        report.findings[0].place.source,
        Some(12),
        "code from a header counts where it is called"
    );
}

/// The compiler marks what it moved with line 0; that belongs to the next line, which needs it.
#[test]
fn moved_instructions_belong_to_the_line_that_follows() {
    let body = ".loc 1 5 1\n mov.u32 %x, 1; .loc 1 0 1\n ld.global.u32 %x, [%a+2]; .loc 1 9 1\n add.u32 %x, %x, 1;";
    let (_, report) = run(1, 1, &[0; 64], body);
    assert_eq!(report.findings[0].place.source, Some(9));
    assert_eq!((report.line(5).instructions, report.line(9).instructions), (1, 1));
}

/// Whatever the number of threads of the CPU, everything is the same.
#[test]
fn the_outcome_does_not_depend_on_the_cores() {
    let body = ".reg .b64 %p, %a; .reg .b32 %i, %x; .reg .pred %t; ld.param.u64 %p, [p]; mov.u32 %x, %ctaid.x;
        shr.u32 %i, %x, 1; mul.wide.u32 %a, %i, 4; add.s64 %a, %a, %p; st.global.u32 [%a], %x; setp.eq.u32 %t, %x, 37; @%t trap;";
    let module = Module::parse(&kernel(".param .u64 p", body)).expect("a module");
    let mut all = Vec::new();
    for workers in [1, 2, 5] {
        let mut memory = Memory::new();
        let x = memory.alloc("x", &[99u32; 64]);
        let launch = Launch::new([50, 1, 1], [1, 1, 1]).workers(workers);
        let report =
            module.kernels()[0].launch(&mut memory, &launch, &[x.into()]).expect("a launch");
        all.push((
            memory.read::<u32>(x),
            report.findings,
            report.lines,
            report.total,
            report.completed,
        ));
    }
    assert_eq!(all[0].0[18], 37);
    assert_eq!(all[0].0[19], 99, "block 38 counts as never started");
    assert!(all.iter().all(|outcome| *outcome == all[0]));
}
