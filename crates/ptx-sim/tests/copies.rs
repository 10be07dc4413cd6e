//! `cp.async`: what it brings, when it is there, and what is wrong if it is read before.

mod common;

use common::{kinds, run};
use ptx_sim::{Kind, Report};

/// Two shared arrays of 64 words, `%s` and `%r` the thread's own words of them, and `%m` another thread's of the
/// first: of the other warp, or of the neighbour in a block of one warp.
const START: &str = ".shared .align 16 .b8 s[256]; .shared .align 16 .b8 other[256]; .reg .b64 %s, %r, %m; mul.wide.u32 %s, %i, 4; mov.u64 %b, other;
    add.s64 %r, %b, %s; mov.u64 %b, s; add.s64 %s, %b, %s; mov.u32 %z, %ntid.x; setp.gt.u32 %t, %z, 32; selp.u32 %z, 32, 1, %t; xor.b32 %z, %i, %z; mul.wide.u32 %m, %z, 4; add.s64 %m, %b, %m;\n";

const COPY: &str = "\n.loc 1 4 1\ncp.async.ca.shared.global [%s], [%a], 4;\n";
const GROUP: &str = "cp.async.commit_group;\n";
/// Reads the thread's own word, another's, and stores it.
const READ: &str = "\n.loc 1 9 1\nld.shared.u32 %x, [%s];\nst.global.u32 [%a], %x;\n";
const OTHERS: &str = "\n.loc 1 9 1\nld.shared.u32 %x, [%m];\n";

fn numbers() -> Vec<u32> {
    (100..164).collect()
}

fn ran(threads: u32, parts: &[&str]) -> (Vec<u32>, Report) {
    run(threads, 1, &numbers(), &format!("{START}{}", parts.concat()))
}

#[track_caller]
fn right(threads: u32, parts: &[&str]) -> Vec<u32> {
    let (words, report) = ran(threads, parts);
    assert_eq!(report.findings, [], "{parts:?}");
    words
}

#[track_caller]
fn one(threads: u32, parts: &[&str]) -> (Kind, String) {
    let (_, report) = ran(threads, parts);
    assert_eq!(report.findings.len(), 1, "{:?}", report.findings);
    (report.findings[0].kind, report.findings[0].to_string())
}

#[test]
fn a_copy_is_there_after_the_wait() {
    for wait in ["cp.async.commit_group; cp.async.wait_group 0;", "cp.async.wait_all;"] {
        let swapped = "mul.wide.u32 %b, %z, 4; .reg .b64 %q; add.s64 %q, %p, %b; bar.sync 0; st.global.u32 [%q], %x;";
        assert_eq!(right(64, &[COPY, wait, "ld.shared.u32 %x, [%s];", swapped])[..2], [132, 133]);
        // For others after a barrier besides.
        right(64, &[COPY, wait, "bar.sync 0;", OTHERS]);
        right(32, &[COPY, wait, "bar.warp.sync -1;", OTHERS]);
    }
}

#[test]
fn sizes_and_zeros() {
    // Sixteen bytes for each of the first 16 threads, and of the last of them only as many as told.
    let copy = |form: &str, bytes: &str| {
        format!(
            "setp.lt.u32 %t, %i, 16; mul.wide.u32 %m, %i, 16; add.s64 %s, %b, %m; .reg .b64 %q; add.s64 %q, %p, %m; setp.eq.u32 %u, %i, 15; selp.u32 %y, {bytes}, 16, %u;
             @%t cp.async.{form}.shared.global.L2::128B [%s], [%q], 16, %y; cp.async.wait_all; bar.sync 0; mul.wide.u32 %m, %i, 4; add.s64 %s, %b, %m;"
        )
    };
    for (bytes, last) in [
        ("16", [160, 161, 162, 163]),
        ("8", [160, 161, 0, 0]),
        ("4", [160, 0, 0, 0]),
        // 161 is a number of one byte.
        ("5", [160, 161, 0, 0]),
        ("0", [0; 4]),
    ] {
        for form in ["ca", "cg"] {
            let words = right(64, &[&copy(form, bytes), READ]);
            assert_eq!((words[59], &words[60..]), (159, &last[..]), "{form} {bytes}");
        }
    }
    let eight = "setp.lt.u32 %t, %i, 32; mul.wide.u32 %m, %i, 8; add.s64 %s, %b, %m; .reg .b64 %q; add.s64 %q, %p, %m; @%t cp.async.ca.shared.global [%s], [%q], 8;
        cp.async.wait_all; bar.sync 0; mul.wide.u32 %m, %i, 4; add.s64 %s, %b, %m;";
    assert_eq!(right(64, &[eight, READ]), numbers());
    // Whatever the address, nothing is read for no bytes.
    right(
        64,
        &[
            "mov.u64 %a, 3; mov.u32 %y, 0; cp.async.ca.shared.global [%s], [%a], 4, %y; cp.async.wait_all; ld.shared.u32 %x, [%s];",
        ],
    );
}

#[test]
fn bytes_and_wavefronts_are_counted() {
    let (_, report) = ran(64, &[COPY, "cp.async.wait_all;"]);
    let counts = report.line(4);
    assert_eq!((counts.read_bytes, counts.sectors, counts.written_bytes), (256, 8, 0));
    assert_eq!((counts.wavefronts, counts.ideal_wavefronts), (2, 2));
    let half = "setp.lt.u32 %t, %i, 16; selp.u32 %y, 4, 0, %t;\n.loc 1 4 1\ncp.async.ca.shared.global [%s], [%a], 4, %y;\n.loc 1 5 1\ncp.async.wait_all;";
    let (_, report) = ran(32, &[half]);
    assert_eq!((report.line(4).read_bytes, report.line(4).sectors), (64, 2));
}

#[test]
fn read_before_the_wait() {
    let (kind, text) = one(32, &[COPY, GROUP, READ]);
    assert_eq!(kind, Kind::UnawaitedCopy);
    assert!(
        text.starts_with("copy not waited for, line 9: `s[0]` is read before the copy of line 4 has been waited for: block (0, 0, 0), thread (0, 0, 0)"),
        "{text}"
    );
    // What was there before is what is read.
    let (words, _) = ran(32, &["st.shared.u32 [%s], 7;", COPY, GROUP, READ]);
    assert_eq!(words[0], 7);
    // A barrier is no wait.
    assert_eq!(one(32, &[COPY, GROUP, "bar.sync 0;", READ]).0, Kind::UnawaitedCopy);
    // Nor is the wait of another thread.
    let half = "setp.lt.u32 %t, %i, 32; @%t cp.async.wait_all; bar.sync 0;";
    let (_, report) = ran(64, &[COPY, GROUP, half, READ]);
    assert_eq!(kinds(&report), [Kind::UnawaitedCopy]);
    assert!(report.findings[0].text.contains("thread (32, 0, 0)"), "{}", report.findings[0]);
    // By ldmatrix, which reads for the whole warp.
    let matrix = "mul.wide.u32 %m, %i, 16; and.b64 %m, %m, 127; add.s64 %m, %b, %m;\n.loc 1 9 1\nldmatrix.sync.aligned.m8n8.x1.shared.b16 {%x}, [%m];";
    let (kind, text) = one(32, &[COPY, GROUP, matrix]);
    assert_eq!(kind, Kind::UnawaitedCopy);
    assert!(text.contains("line 9: `s[0]` is read before the copy of line 4"), "{text}");
    assert_eq!(ran(32, &[COPY, "cp.async.wait_all; bar.warp.sync -1;", matrix]).1.findings, []);
}

#[test]
fn waits_that_are_too_short() {
    let two = "cp.async.ca.shared.global [%r], [%a], 4; cp.async.commit_group;";
    let wait = |left: u32| format!("\n.loc 1 6 1\ncp.async.wait_group {left};\n");
    // Of two groups the last may go on: it is that of the other array.
    right(32, &[COPY, GROUP, two, &wait(1), READ]);
    let (kind, text) = one(32, &[two, COPY, GROUP, &wait(1), READ]);
    assert_eq!(kind, Kind::ShortWait);
    assert!(
        text.starts_with("wait too short, line 9: `s[0]` is read, and the wait of line 6 is not for the copy of line 4, for the last group may go on, and the copy is in it"),
        "{text}"
    );
    let (kind, text) = one(32, &[COPY, GROUP, two, &wait(2), READ]);
    assert_eq!(kind, Kind::ShortWait);
    assert!(
        text.contains("for the last 2 groups may go on, and the copy is in one of them"),
        "{text}"
    );
    // In no group.
    let (kind, text) = one(32, &[COPY, &wait(0), READ]);
    assert_eq!(kind, Kind::ShortWait);
    assert!(text.contains("for the copy is in no group yet"), "{text}");
    // Groups without a copy count too: the last two are empty.
    right(32, &[COPY, GROUP, GROUP, GROUP, &wait(2), READ]);
    // A later wait mends it.
    right(32, &[COPY, GROUP, &wait(1), &wait(0), READ]);
}

#[test]
fn the_others_have_to_be_met_after_the_wait() {
    // Barrier and wait in the wrong order: the first warp reads what the second has not waited for, and the second
    // what the first has waited for since the barrier.
    let (_, report) = ran(64, &[COPY, GROUP, "bar.sync 0; cp.async.wait_group 0;", OTHERS]);
    assert_eq!(kinds(&report), [Kind::UnawaitedCopy, Kind::SharedRace]);
    let (_, report) = ran(32, &[COPY, "cp.async.wait_all;", OTHERS]);
    assert_eq!(kinds(&report), [Kind::WarpRace]);
    assert!(report.findings[0].text.contains("line 4"), "{}", report.findings[0]);
}

#[test]
fn what_another_warp_still_reads_is_overwritten() {
    let stage = "st.shared.u32 [%s], %i; bar.sync 0;";
    let reads = "\n.loc 1 3 1\nld.shared.u32 %x, [%m];\n";
    let (_, report) = ran(64, &[stage, reads, COPY, "cp.async.wait_all;"]);
    // The first warp copies to where the second reads later, and the second to where the first has read.
    assert_eq!(kinds(&report), [Kind::SharedRace; 2]);
    let text = report.findings[1].to_string();
    assert!(
        text.starts_with(
            "race between warps, line 4: two warps touch `s[32]` between barriers: line 3"
        ),
        "{text}"
    );
    // The other way round: it is no matter of the wait, which comes before the first copy's.
    let (_, report) =
        ran(64, &[stage, COPY, GROUP, "\n.loc 1 6 1\ncp.async.wait_group 1;\n", OTHERS]);
    assert_eq!(kinds(&report), [Kind::SharedRace; 2]);
    right(64, &[stage, "ld.shared.u32 %x, [%m]; bar.sync 0;", COPY, "cp.async.wait_all;"]);
}

#[test]
fn what_is_still_being_copied_is_overwritten() {
    let (kind, text) = one(
        32,
        &[
            COPY,
            GROUP,
            "\n.loc 1 8 1\ncp.async.ca.shared.global [%s], [%a], 4;\ncp.async.wait_all;",
        ],
    );
    assert_eq!(kind, Kind::UnawaitedCopy);
    assert!(text.contains("line 8: `s[0]` is written before the copy of line 4"), "{text}");
    assert_eq!(one(32, &[COPY, "\n.loc 1 8 1\nst.shared.u32 [%s], 1;"]).0, Kind::UnawaitedCopy);
}

#[test]
fn copies_from_and_to_nowhere() {
    let (kind, text) = one(64, &["\n.loc 1 4 1\ncp.async.ca.shared.global [%s], [%a+4], 4;"]);
    assert_eq!(kind, Kind::OutOfBounds);
    assert!(text.contains("line 4: reads byte 256 of `x`, which has 256"), "{text}");
    let (kind, text) = one(64, &["cp.async.ca.shared.global [%s+4], [%a], 4;"]);
    assert_eq!(kind, Kind::OutOfBounds);
    assert!(text.contains("writes byte 256 of `s`, which has 256"), "{text}");
    let (kind, text) = one(1, &["cp.async.cg.shared.global [%s], [%a+8], 16;"]);
    assert_eq!(kind, Kind::Misaligned);
    assert!(text.contains("16 bytes at byte 8 of `x`"), "{text}");
    let (kind, text) = one(1, &["cp.async.cg.shared.global [%s+4], [%a], 16;"]);
    assert_eq!(kind, Kind::Misaligned);
    assert!(text.contains("16 bytes at byte 4 of `s`"), "{text}");
    let (kind, text) = one(1, &["mov.u32 %y, 5; cp.async.ca.shared.global [%s], [%a], 4, %y;"]);
    assert_eq!(kind, Kind::OutOfBounds);
    assert!(text.contains("a copy of 4 bytes is to read 5"), "{text}");
    assert_eq!(
        one(1, &["cp.async.ca.shared.global [%s], [%a], 4, %y;"]).0,
        Kind::UninitialisedVariable
    );
}
