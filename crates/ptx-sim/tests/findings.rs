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
    assert!(
        text.contains("writes byte 256 of `s`, which has 256"),
        "{text}"
    );
    let (kind, _) = one(
        1,
        1,
        ".local .align 4 .b8 l[8]; mov.u64 %b, l; st.local.u32 [%b+8], %i;",
    );
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
    let (kind, _) = one(
        1,
        1,
        ".reg .b32 %v<4>; ld.global.v4.u32 {%v0, %v1, %v2, %v3}, [%a+8];",
    );
    assert_eq!(
        kind,
        Kind::Misaligned,
        "a vector is aligned to its whole size"
    );
}

#[test]
fn unwritten_memory() {
    let (kind, text) = one(1, 1, &format!("{SHARED} ld.shared.u32 %x, [%s+12];"));
    assert_eq!(kind, Kind::Uninitialised);
    assert!(
        text.contains("`s[3]` of shared memory was never written"),
        "{text}"
    );
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
    assert!(
        report.findings[0]
            .text
            .contains("byte 4 of `out` of global memory was never written")
    );
}

#[test]
fn races_between_warps() {
    let read_after_write = format!("{SHARED} st.shared.u32 [%s], %i; ld.shared.u32 %x, [s];");
    let (_, report) = run(64, 1, &[0; 64], &read_after_write);
    assert!(kinds(&report).contains(&Kind::SharedRace));
    let text = report
        .findings
        .iter()
        .find(|f| f.kind == Kind::SharedRace)
        .expect("found")
        .to_string();
    assert!(
        text.contains("two warps touch `s[0]` between barriers"),
        "{text}"
    );
    assert!(
        text.contains("thread (0, 0, 0)") && text.contains("thread (32, 0, 0)"),
        "{text}"
    );
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
    assert_eq!(
        run(32, 1, &[0; 64], &exchange("bar.warp.sync -1;"))
            .1
            .findings,
        []
    );
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
    assert!(
        text.contains("thread (9, 0, 0)") && text.contains("thread (0, 0, 0)"),
        "{text}"
    );
    assert_eq!(
        run(32, 1, &[0; 64], &body("bar.warp.sync -1;")).1.findings,
        []
    );
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
    assert!(
        text.contains("blocks (0, 0, 0) and (1, 0, 0) touch byte 8 of `x`"),
        "{text}"
    );
    let reads = "mov.u32 %x, %ctaid.x; mul.wide.u32 %b, %x, 4; add.s64 %b, %b, %p; st.global.u32 [%b], %x; ld.global.u32 %y, [%p];";
    assert_eq!(one(1, 2, reads).0, Kind::BlockRace);
    assert_eq!(
        run(1, 4, &[0; 64], "red.global.add.u32 [%p], 1;")
            .1
            .findings,
        []
    );
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
    assert!(text.contains("16 of 32 threads have ended"), "{text}");
    let (kind, text) = one(
        32,
        1,
        "setp.lt.u32 %t, %i, 16; @%t bra $A; bar.sync 0; ret; $A: bar.sync 0;",
    );
    assert_eq!(kind, Kind::BarrierDivergence);
    assert!(
        text.contains("16 of the 32 lanes of warp 0 reach this barrier"),
        "{text}"
    );
    // A branch may lie behind the barrier where its lanes meet the others.
    let behind =
        "setp.lt.u32 %t, %i, 16; @%t bra $A; $B: bar.sync 0; ret; $A: add.u32 %x, %i, 1; bra $B;";
    assert_eq!(run(32, 1, &[0; 64], behind).1.findings, []);
    let (kind, text) = one(
        64,
        1,
        "setp.lt.u32 %t, %i, 32; @%t bra $A; bar.sync 0; ret; $A: bar.sync 0;",
    );
    assert_eq!(kind, Kind::BarrierDivergence);
    assert!(
        text.contains("warp 0 waits at this barrier while warp 1 waits at another"),
        "{text}"
    );
    let (kind, text) = one(64, 1, "setp.lt.u32 %t, %i, 32; @%t ret; bar.sync 0;");
    assert_eq!(kind, Kind::BarrierDivergence);
    assert!(text.contains("32 of 64 threads have ended"), "{text}");
}

#[test]
fn absent_lanes() {
    let (kind, text) = one(
        32,
        1,
        "setp.lt.u32 %t, %i, 16; @%t shfl.sync.idx.b32 %x, %i, 0, 31, -1;",
    );
    assert_eq!(kind, Kind::AbsentLanes);
    assert!(
        text.contains("names lanes that are elsewhere (0xffff0000)"),
        "{text}"
    );
    assert_eq!(
        one(
            32,
            1,
            "setp.lt.u32 %t, %i, 16; @%t vote.sync.any.pred %u, %t, -1;"
        )
        .0,
        Kind::AbsentLanes
    );
    let (_, text) = one(32, 1, "shfl.sync.bfly.b32 %x, %i, 1, 31, 0xffff;");
    assert!(text.contains("leaves out lanes that are here"), "{text}");
    let (_, text) = one(
        32,
        1,
        "setp.lt.u32 %t, %i, 16; @%t shfl.sync.idx.b32 %x, %i, 20, 31, 0xffff;",
    );
    assert!(
        text.contains("reads a register of lane 20, which is not here"),
        "{text}"
    );
    // Lanes that have ended are excused.
    assert_eq!(
        run(16, 1, &[0; 64], "shfl.sync.idx.b32 %x, %i, 0, 31, -1;")
            .1
            .findings,
        []
    );
}

#[test]
fn endless_kernels_and_traps() {
    let (_, report) = run(32, 2, &[0; 64], "$L: bra $L;");
    assert_eq!(kinds(&report), [Kind::StepLimit]);
    let text = &report.findings[0].text;
    assert!(text.starts_with("after 100,000 instructions"), "{text}");
    assert!(!report.completed);
    assert_eq!(
        report.total.instructions, 100_001,
        "only the first block counts"
    );
    assert_eq!(one(1, 1, "trap;").0, Kind::Trap);
}

#[test]
fn a_finding_names_the_source_line() {
    let (_, report) = run(64, 1, &[0; 64], ".loc 1 41 5\n ld.global.u32 %x, [%a+4];");
    assert_eq!(report.findings[0].place.source, Some(41));
    assert!(
        report.findings[0]
            .to_string()
            .starts_with("out of bounds, line 41: ")
    );
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
    assert_eq!(
        (report.line(5).instructions, report.line(9).instructions),
        (1, 1)
    );
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
        let report = module.kernels()[0]
            .launch(&mut memory, &launch, &[x.into()])
            .expect("a launch");
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
