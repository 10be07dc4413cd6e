//! Lanes together: shuffles, votes, divergence, barriers, the memories, atomics.

mod common;

use common::{f, i, run};

/// `body` leaves its result in `%x`; what 32 lanes that start from 100 + lane get.
fn lanes(body: &str) -> Vec<u32> {
    let words: Vec<u32> = (100..132).collect();
    let body = format!("ld.global.u32 %x, [%a];\n{body}\nst.global.u32 [%a], %x;");
    let (words, report) = run(32, 1, &words, &body);
    assert_eq!(report.findings, [], "{body}");
    words
}

#[test]
fn shuffles() {
    let up = lanes("shfl.sync.up.b32 %x|%t, %x, 1, 0, -1; @!%t mov.u32 %x, 7;");
    assert_eq!(up[..3], [7, 100, 101]);
    let down = lanes("shfl.sync.down.b32 %x|%t, %x, 2, 31, -1; @!%t mov.u32 %x, 7;");
    assert_eq!(down[28..], [130, 131, 7, 7]);
    let butterfly = lanes("shfl.sync.bfly.b32 %x, %x, 16, 31, -1;");
    assert_eq!((butterfly[0], butterfly[31]), (116, 115));
    let index = lanes("shfl.sync.idx.b32 %x, %x, 5, 31, -1;");
    assert!(index.iter().all(|x| *x == 105));
    // Width 8: c = (32 − 8) << 8 | 31, as `__shfl_sync(…, 8)` compiles.
    let width = lanes("shfl.sync.idx.b32 %x, %x, 1, 0x181f, -1;");
    assert_eq!((width[0], width[9], width[31]), (101, 109, 125));
    // Beyond the warp or the width: of the lane the lowest bits count, and who is led to a later group
    // keeps its own (CUDA C++ Programming Guide, “Warp Shuffle Functions”).
    let beyond = lanes("shfl.sync.idx.b32 %x, %x, 40, 31, -1;");
    assert!(beyond.iter().all(|x| *x == 108));
    let modulo = lanes("shfl.sync.idx.b32 %x, %x, 9, 0x181f, -1;");
    assert_eq!((modulo[0], modulo[9], modulo[31]), (101, 109, 125));
    let own = lanes("shfl.sync.bfly.b32 %x, %x, 8, 0x181f, -1;");
    assert_eq!((own[0], own[8], own[31]), (100, 100, 123));
}

#[test]
fn votes_and_reductions() {
    let odd = "and.b32 %y, %i, 1; setp.eq.u32 %t, %y, 1;";
    assert_eq!(lanes(&format!("{odd} vote.sync.ballot.b32 %x, %t, -1;"))[0], 0xaaaa_aaaa);
    assert_eq!(lanes(&format!("{odd} vote.sync.ballot.b32 %x, !%t, -1;"))[0], 0x5555_5555);
    for (mode, want) in [("any", 1), ("all", 0), ("uni", 0)] {
        let got = lanes(&format!("{odd} vote.sync.{mode}.pred %u, %t, -1; selp.u32 %x, 1, 0, %u;"));
        assert!(got.iter().all(|x| *x == want), "{mode}");
    }
    assert_eq!(lanes("redux.sync.add.u32 %x, %x, -1;")[3], (100..132).sum::<u32>());
    assert_eq!(lanes("redux.sync.max.s32 %x, %x, -1;")[3], 131);
    assert_eq!(lanes("redux.sync.min.u32 %x, %x, -1;")[3], 100);
    assert_eq!(lanes("redux.sync.and.b32 %x, %x, -1;")[3], (100..132).fold(!0, |a, b| a & b));
    assert_eq!(lanes("redux.sync.or.b32 %x, %i, -1;")[3], 31);
    assert_eq!(lanes("redux.sync.xor.b32 %x, %i, -1;")[3], 0);
}

#[test]
fn matches() {
    let got = lanes("and.b32 %y, %i, 3; match.any.sync.b32 %x, %y, -1;");
    assert_eq!((got[0], got[5]), (0x1111_1111, 0x2222_2222));
    let got = lanes("match.all.sync.b32 %x|%t, %i, -1; @%t mov.u32 %x, 9;");
    assert_eq!(got[0], 0);
    let got = lanes("mov.u32 %y, 4; match.all.sync.b32 %x|%t, %y, -1; @!%t mov.u32 %x, 9;");
    assert_eq!(got[0], u32::MAX);
}

#[test]
fn the_whole_block_votes_at_a_barrier() {
    let count = "setp.lt.u32 %t, %i, 40; bar.red.popc.u32 %x, 0, %t; st.global.u32 [%a], %x;";
    let (words, report) = run(64, 1, &[0; 64], count);
    assert_eq!((report.findings.as_slice(), words[0], words[63]), (&[][..], 40, 40));
    assert_eq!(report.total.barriers, 1);
    for (op, want) in [("and", 0), ("or", 1)] {
        let body = format!(
            "setp.lt.u32 %t, %i, 40; bar.red.{op}.pred %u, 0, %t; selp.u32 %x, 1, 0, %u; st.global.u32 [%a], %x;"
        );
        assert_eq!(run(64, 1, &[0; 64], &body).0[50], want, "{op}");
    }
}

#[test]
fn lanes_part_and_meet_again() {
    // Even lanes run a loop as long as their number, odd ones do not; the shuffle behind it finds
    // all.
    let got = lanes(
        "and.b32 %y, %i, 1; setp.eq.u32 %t, %y, 1; mov.u32 %x, 0;
         @%t bra $OUT;
         $LOOP: setp.ge.u32 %u, %x, %i; @%u bra $OUT; add.u32 %x, %x, 1; bra $LOOP;
         $OUT: shfl.sync.bfly.b32 %y, %x, 1, 31, -1; add.u32 %x, %x, %y; activemask.b32 %z; add.u32 %x, %x, %z;",
    );
    // Each pair adds up its even number (odd lanes did not count), plus the mask of all lanes,
    // which is −1.
    assert_eq!(got, (0..32).map(|lane: u32| (lane & !1).wrapping_sub(1)).collect::<Vec<_>>());
}

/// A way that the compiler has moved behind the place where it joins: the shuffle waits for it.
#[test]
fn lanes_meet_where_code_was_moved_to_the_end() {
    let (words, report) = run(
        32,
        1,
        &[0; 64],
        "setp.lt.u32 %t, %i, 16; mov.u32 %x, %i; @%t bra $FAR;
         $JOIN: shfl.sync.bfly.b32 %y, %x, 16, 31, -1; st.global.u32 [%a], %y; ret;
         $FAR: add.u32 %x, %x, 100; bra $JOIN;",
    );
    assert_eq!(report.findings, []);
    assert_eq!((words[0], words[31]), (16, 115));
}

#[test]
fn threads_that_end_leave_the_others_running() {
    let (words, report) = run(
        32,
        1,
        &[5; 32],
        "setp.lt.u32 %t, %i, 8; @%t ret; mov.u32 %x, 9; st.global.u32 [%a], %x;",
    );
    assert_eq!(report.findings, []);
    assert_eq!((words[7], words[8], words[31]), (5, 9, 9));
}

#[test]
fn special_registers() {
    assert_eq!(lanes("mov.u32 %x, %laneid;")[7], 7);
    assert_eq!(lanes("mov.u32 %x, %ntid.x;")[7], 32);
    assert_eq!(lanes("mov.u32 %x, %nctaid.y;")[7], 1);
    assert_eq!(lanes("mov.u32 %x, %lanemask_lt;")[3], 7);
    assert_eq!(lanes("mov.u32 %x, %lanemask_ge;")[3], !7);
    assert_eq!(lanes("mov.u32 %x, %lanemask_gt;")[31], 0);
    assert_eq!(lanes("mov.u32 %x, WARP_SZ;")[0], 32);
    let (words, _) = run(64, 1, &[0; 64], "mov.u32 %x, %warpid; st.global.u32 [%a], %x;");
    assert_eq!((words[31], words[32]), (0, 1));
}

#[test]
fn blocks_and_warps_share_through_a_barrier() {
    // Reverses 64 numbers: each thread reads what another warp wrote.
    let words: Vec<u32> = (0..64).collect();
    let (got, report) = run(
        64,
        1,
        &words,
        ".shared .align 4 .b8 s[256]; .reg .b64 %s;
         ld.global.u32 %x, [%a]; mov.u64 %s, s; mul.wide.u32 %b, %i, 4; add.s64 %b, %b, %s; st.shared.u32 [%b], %x;
         bar.sync 0;
         sub.u32 %y, 63, %i; mul.wide.u32 %b, %y, 4; add.s64 %b, %b, %s; ld.shared.u32 %x, [%b]; st.global.u32 [%a], %x;",
    );
    assert_eq!(report.findings, []);
    assert_eq!(got, (0..64).rev().collect::<Vec<_>>());
    assert_eq!((report.total.barriers, report.total.wavefronts), (1, 4));
}

#[test]
fn vectors_and_narrow_values() {
    let words: Vec<u32> = (0..64).collect();
    let (got, report) = run(
        16,
        1,
        &words,
        ".reg .b32 %v<4>; mul.wide.u32 %a, %i, 16; add.s64 %a, %a, %p;
         ld.global.v4.u32 {%v0, %v1, %v2, %v3}, [%a]; st.global.v4.u32 [%a], {%v3, %v2, %v1, %v0};
         ld.global.v2.u32 {%v0, _}, [%a+8]; st.global.u32 [%a+12], %v0;",
    );
    assert_eq!(report.findings, []);
    assert_eq!(got[..4], [3, 2, 1, 1]);
    let (got, _) = run(
        1,
        1,
        &[0x8001_ff80, 0, 0, 0],
        "ld.global.s8 %x, [%a]; st.global.u32 [%a+4], %x; ld.global.u16 %x, [%a+2]; st.global.u32 [%a+8], %x;
         ld.global.s16 %x, [%a+2]; st.global.u32 [%a+12], %x; st.global.u8 [%a+1], %x;",
    );
    assert_eq!(got, [0x8001_0180, i(-128) as u32, 0x8001, 0xffff_8001]);
}

#[test]
fn generic_addresses_find_their_memory() {
    let (got, report) = run(
        2,
        1,
        &[10, 20],
        ".shared .align 4 .b8 s[8]; .local .align 8 .b8 l[16]; .reg .b64 %s, %l;
         mov.u64 %l, l; cvta.local.u64 %l, %l; mov.u64 %s, s; cvta.shared.u64 %s, %s;
         mul.wide.u32 %b, %i, 4; add.s64 %s, %s, %b;
         ld.u32 %x, [%a]; st.u32 [%s], %x; st.u32 [%l+4], %i; ld.u32 %y, [%s]; ld.u32 %z, [%l+4];
         add.u32 %y, %y, %z; st.u32 [%a], %y;",
    );
    assert_eq!(report.findings, []);
    assert_eq!(got, [10, 21]);
    assert_eq!(report.total.local_bytes, 16);
}

#[test]
fn registers_split_and_merge() {
    let got = lanes(
        ".reg .b64 %w; .reg .b16 %h<2>; mov.b64 %w, {%x, %i}; mov.b64 {%y, %z}, %w; mov.b32 {%h0, %h1}, %y;
         mov.b32 %x, {%h1, %h0}; add.u32 %x, %x, %z;",
    );
    assert_eq!(got[5], (105 << 16) + 5);
}

#[test]
fn atomics() {
    let all = |op: &str| {
        let (words, report) = run(32, 2, &[50, 0, 0, 0], &format!("{op} [%p], %i; ret;"));
        assert_eq!(report.findings, [], "{op}");
        words[0]
    };
    assert_eq!(all("red.global.add.u32"), 50 + 2 * 31 * 16);
    assert_eq!(all("red.global.max.s32"), 50);
    assert_eq!(all("red.global.min.u32"), 0);
    assert_eq!(all("red.global.or.b32"), 63);
    assert_eq!(all("red.global.and.b32"), 0);
    assert_eq!(all("red.global.xor.b32"), 50);
    assert_eq!(
        all("red.global.inc.u32"),
        31,
        "each lane's number is its limit: to zero, and up by one a lane"
    );
    // The counter that numbers blocks: every block sees those before.
    let (words, report) = run(
        1,
        3,
        &[0; 4],
        "atom.global.add.u32 %x, [%p], 1; mul.wide.u32 %b, %x, 4; add.s64 %b, %b, %p; mov.u32 %y, %ctaid.x; st.global.u32 [%b+4], %y;",
    );
    assert_eq!((report.findings.len(), words), (0, vec![3, 0, 1, 2]));
    let (words, _) =
        run(1, 1, &[7, 8], "atom.global.cas.b32 %x, [%p], 7, 9; st.global.u32 [%p+4], %x;");
    assert_eq!(words, [9, 7]);
    let (words, _) =
        run(1, 1, &[7, 8], "atom.global.exch.b32 %x, [%p], 3; st.global.u32 [%p+4], %x;");
    assert_eq!(words, [3, 7]);
    let one = f(1.0) as u32;
    let (words, _) = run(8, 1, &[0], &format!("mov.b32 %f, {one}; red.global.add.f32 [%p], %f;"));
    assert_eq!(words, [f(8.0) as u32]);
    let (words, report) = run(
        64,
        1,
        &[0; 64],
        ".shared .align 4 .b8 s[4]; mov.u32 %x, 0; st.shared.u32 [s], %x; bar.sync 0;
         atom.shared.add.u32 %x, [s], 1; bar.sync 0; ld.shared.u32 %x, [s]; st.global.u32 [%a], %x;",
    );
    assert_eq!((report.findings.as_slice(), words[63]), (&[][..], 64));
}

#[test]
fn constants_and_globals_of_the_module() {
    use ptx_sim::{Launch, Memory, Module};
    let ptx = ".version 8.4 .target sm_80 .address_size 64
        .const .align 4 .b8 table[8] = {1, 2, 0, 0, 4, 0, 0, 0};
        .global .align 4 .u32 counter = 5;
        .visible .entry k(.param .u64 p) { .reg .b64 %p, %c; .reg .b32 %x, %y;
        ld.param.u64 %p, [p]; mov.u64 %c, table; ld.const.u32 %x, [%c]; st.global.u32 [%p], %x;
        cvta.const.u64 %c, %c; ld.u32 %x, [%c+4]; st.global.u32 [%p+4], %x;
        ld.global.u32 %y, [counter]; add.u32 %y, %y, 1; st.global.u32 [counter], %y; st.global.u32 [%p+8], %y; ret; }";
    let module = Module::parse(ptx).unwrap_or_else(|error| panic!("{error}"));
    let mut memory = Memory::new();
    let out = memory.alloc_uninit::<u32>("out", 3);
    for _ in 0..2 {
        let report = module.kernels()[0]
            .launch(&mut memory, &Launch::new([1; 3], [1; 3]), &[out.into()])
            .expect("a launch");
        assert_eq!(report.findings, []);
        assert_eq!(
            memory.read::<u32>(out),
            [0x201, 4, 6],
            "each launch starts from the initial values"
        );
    }
}
