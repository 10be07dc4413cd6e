//! The tensor cores' instructions: which lane holds what, what comes out, what it costs, and what is wrong.

mod common;

use common::{f, kernel, kinds, run};
use ptx_sim::{Bound, Device, Kind, Launch, Memory, Module, Report};

/// Registers of all lanes, as `[register][lane]`.
type Lanes = Vec<[u32; 32]>;

/// Runs `op` on one warp: its inputs are the given registers, and its outputs come back.
fn on_a_warp(op: &str, inputs: &Lanes, outputs: usize) -> (Lanes, Report) {
    let mut body = format!(
        ".reg .b64 %p, %q; .reg .b32 %l, %i<{}>, %o<{}>; ld.param.u64 %p, [p]; mov.u32 %l, %tid.x; mul.wide.u32 %q, %l, 4; add.s64 %p, %p, %q; ld.param.u64 %q, [q];
        .reg .b64 %w; mul.wide.u32 %w, %l, 4; add.s64 %q, %q, %w;\n",
        inputs.len() + 1,
        outputs + 1
    );
    for at in 0..inputs.len() {
        body += &format!("ld.global.u32 %i{at}, [%p+{}];\n", 128 * at);
    }
    body += &format!("{op}\n");
    for at in 0..outputs {
        body += &format!("st.global.u32 [%q+{}], %o{at};\n", 128 * at);
    }
    let ptx = kernel(".param .u64 p, .param .u64 q", &body);
    let module = Module::parse(&ptx).unwrap_or_else(|error| panic!("{op}: {error}"));
    let mut memory = Memory::new();
    let words: Vec<u32> = inputs.concat();
    let p = memory.alloc("in", &words);
    let q = memory.alloc_uninit::<u32>("out", 32 * outputs);
    let launch = Launch::new([1; 3], [32, 1, 1]);
    let report =
        module.kernels()[0].launch(&mut memory, &launch, &[p.into(), q.into()]).expect("a launch");
    let words = memory.read::<u32>(q);
    let out = words.chunks_exact(32).map(|lanes| lanes.try_into().expect("32"));
    (out.collect(), report)
}

/// `mma` with these fragments: four registers of A, two of B, four of C.
fn mma(shape: &str, kind: &str, a: &Lanes, b: &Lanes, c: &Lanes) -> Lanes {
    let op = format!(
        "mma.sync.aligned.{shape}.row.col.f32.{kind}.{kind}.f32 {{%o0, %o1, %o2, %o3}}, {{%i0, %i1, %i2, %i3}}, {{%i4, %i5}}, {{%i6, %i7, %i8, %i9}};"
    );
    let (out, report) = on_a_warp(&op, &[a.clone(), b.clone(), c.clone()].concat(), 4);
    assert_eq!(report.findings, [], "{op}");
    out
}

fn zeros(registers: usize) -> Lanes {
    vec![[0; 32]; registers]
}

/// A one in one place of A, a three in one place of B, and the place of the three in D. All by hand, from
/// the figures of PTX ISA 9.2, 9.7.14.5.8: lane, register, half.
#[test]
fn who_holds_which_half() {
    for (a, b, d) in [
        // A[0][0] · B[0][0]
        ((0, 0, 0), (0, 0, 0), (0, 0)),
        // A[1][3] · B[3][1] = D[1][1]
        ((5, 0, 1), (5, 0, 1), (4, 1)),
        // A[9][2] · B[2][1] = D[9][1]
        ((5, 1, 0), (5, 0, 0), (4, 3)),
        // A[1][10] · B[10][0] = D[1][0]
        ((5, 2, 0), (1, 1, 0), (4, 0)),
        // A[9][11] · B[11][6] = D[9][6]
        ((5, 3, 1), (25, 1, 1), (7, 2)),
        // A[15][15] · B[15][7] = D[15][7]
        ((31, 3, 1), (31, 1, 1), (31, 3)),
        // A[8][7] · B[7][4] = D[8][4]
        ((3, 1, 1), (19, 0, 1), (2, 2)),
        // A[7][8] · B[8][5] = D[7][5]
        ((28, 2, 0), (20, 1, 0), (30, 1)),
    ] {
        for (kind, one, three) in [("bf16", 0x3f80, 0x4040), ("f16", 0x3c00, 0x4200)] {
            let (mut left, mut right) = (zeros(4), zeros(2));
            left[a.1][a.0] = one << (16 * a.2);
            right[b.1][b.0] = three << (16 * b.2);
            let mut want = zeros(4);
            want[d.1][d.0] = f(3.0) as u32;
            assert_eq!(mma("m16n8k16", kind, &left, &right, &zeros(4)), want, "{kind} {a:?} {b:?}");
        }
    }
    // One column off on either side, and nothing meets.
    let (mut left, mut right) = (zeros(4), zeros(2));
    (left[0][0], right[0][0]) = (0x3f80, 0x4040 << 16);
    assert_eq!(mma("m16n8k16", "bf16", &left, &right, &zeros(4)), zeros(4));
}

/// The same for tf32, whose registers hold one number: PTX ISA 9.2, 9.7.14.5.7.
#[test]
fn who_holds_which_tf32() {
    for (a, b, d) in [
        // A[0][0] · B[0][0]
        ((0, 0), (0, 0), (0, 0)),
        // A[9][1] · B[1][3] = D[9][3]
        ((5, 1), (13, 0), (5, 3)),
        // A[1][5] · B[5][7] = D[1][7]
        ((5, 2), (29, 1), (7, 1)),
        // A[15][7] · B[7][6] = D[15][6]
        ((31, 3), (27, 1), (31, 2)),
    ] {
        let (mut left, mut right, mut want) = (zeros(4), zeros(2), zeros(4));
        left[a.1][a.0] = f(1.0) as u32;
        right[b.1][b.0] = f(3.0) as u32;
        want[d.1][d.0] = f(3.0) as u32;
        assert_eq!(mma("m16n8k8", "tf32", &left, &right, &zeros(4)), want, "{a:?} {b:?}");
    }
}

/// Whole matrices, laid out by the formulas of the manual, element by element.
#[test]
fn whole_products() {
    let value = |seed: usize| (seed * 37 % 23) as f32 - 11.0;
    let a = |row: usize, k: usize| value(16 * row + k);
    let b = |k: usize, column: usize| value(8 * k + column + 5);
    let c = |row: usize, column: usize| 100.0 * value(8 * row + column + 2);
    let place =
        |i: usize, lane: usize| (lane / 4 + if i < 2 { 0 } else { 8 }, lane % 4 * 2 + (i & 1));
    for (shape, kind, depth) in
        [("m16n8k16", "bf16", 16), ("m16n8k16", "f16", 16), ("m16n8k8", "tf32", 8)]
    {
        let bits = |x: f32| match kind {
            "bf16" => x.to_bits() >> 16,
            "tf32" => x.to_bits(),
            // A whole number below 2048 in size: an f16 has ten bits after the point.
            _ if x == 0.0 => 0,
            _ => {
                let bits = x.to_bits();
                (bits >> 16 & 0x8000) | (((bits >> 23 & 0xff) - 112) << 10) | (bits >> 13 & 0x3ff)
            }
        };
        let (mut left, mut right, mut sum) = (zeros(4), zeros(2), zeros(4));
        for lane in 0..32 {
            let (group, number) = (lane / 4, lane % 4);
            if depth == 16 {
                for i in 0..8 {
                    let row = if i < 2 || (4..6).contains(&i) { group } else { group + 8 };
                    let k = number * 2 + (i & 1) + if i < 4 { 0 } else { 8 };
                    left[i / 2][lane] |= bits(a(row, k)) << (16 * (i & 1));
                }
                for i in 0..4 {
                    let k = number * 2 + (i & 1) + if i < 2 { 0 } else { 8 };
                    right[i / 2][lane] |= bits(b(k, group)) << (16 * (i & 1));
                }
            } else {
                for (i, left) in left.iter_mut().enumerate() {
                    let row = if i == 0 || i == 2 { group } else { group + 8 };
                    left[lane] = bits(a(row, if i < 2 { number } else { number + 4 }));
                }
                for (i, right) in right.iter_mut().enumerate() {
                    right[lane] = bits(b(number + 4 * i, group));
                }
            }
            for (i, sum) in sum.iter_mut().enumerate() {
                let (row, column) = place(i, lane);
                sum[lane] = c(row, column).to_bits();
            }
        }
        let got = mma(shape, kind, &left, &right, &sum);
        for (lane, i) in (0..32).flat_map(|lane| (0..4).map(move |i| (lane, i))) {
            let (row, column) = place(i, lane);
            let want: f32 =
                (0..depth).map(|k| a(row, k) * b(k, column)).sum::<f32>() + c(row, column);
            assert_eq!(f32::from_bits(got[i][lane]), want, "{kind} D[{row}][{column}]");
        }
    }
}

/// D[0][0] = C[0][0] + A[0][0] · B[0][0] + A[0][1] · B[1][0], the other products +0.
#[test]
fn edges_of_the_types() {
    const NAN: f32 = f32::NAN;
    const INF: f32 = f32::INFINITY;
    let low = f32::from_bits;
    type Row = (&'static str, [u32; 2], [u32; 2], f32, f32);
    let rows: [Row; 24] = [
        // Zeros and their signs: −0 + 0 is +0, as everywhere.
        ("bf16", [0x8000, 0], [0x3f80, 0], -0.0, 0.0),
        ("f16", [0x8000, 0], [0x3c00, 0], 5.0, 5.0),
        // The smallest subnormals are kept, of factors and of sums.
        ("bf16", [0x0001, 0], [0x3f80, 0], 0.0, low(1 << 16)),
        ("bf16", [0x8001, 0], [0x3f80, 0], 0.0, -low(1 << 16)),
        ("f16", [0x0001, 0], [0x3c00, 0], 0.0, 1.0 / 16_777_216.0),
        ("f16", [0x03ff, 0], [0x03ff, 0], 0.0, 1023.0 * 1023.0 / 16_777_216.0 / 16_777_216.0),
        ("bf16", [0, 0], [0, 0], low(1), low(1)),
        // Below half of the smallest sum.
        ("bf16", [0x0001, 0], [0x0001, 0], 0.0, 0.0),
        // The largest.
        ("f16", [0x7bff, 0x7bff], [0x7bff, 0x7bff], 0.0, 2.0 * 65_504.0 * 65_504.0),
        ("bf16", [0x7f7f, 0], [0x3f80, 0], 0.0, low(0x7f7f_0000)),
        ("bf16", [0x7f7f, 0], [0x4000, 0], 0.0, INF),
        ("bf16", [0xff7f, 0], [0x7f7f, 0], 0.0, -INF),
        // Too large for a sum on the way, but not at the end; the one is lost beside them.
        ("bf16", [0x7f7f, 0xff7f], [0x7f7f, 0x7f7f], 1.0, 0.0),
        // Infinities and NaN.
        ("bf16", [0x7f80, 0], [0xbf80, 0], 1.0, -INF),
        ("f16", [0x7c00, 0], [0x3c00, 0], -INF, NAN),
        ("bf16", [0x7f80, 0x7f80], [0x3f80, 0xbf80], 0.0, NAN),
        ("bf16", [0x7f80, 0], [0, 0], 0.0, NAN),
        ("f16", [0x7e00, 0], [0, 0], 0.0, NAN),
        ("bf16", [0x7fc0, 0], [0x3f80, 0], 0.0, NAN),
        ("bf16", [0x3f80, 0], [0x3f80, 0], NAN, NAN),
        // Rounded once, at the end, to the nearest and on a tie to the even: 2⁻²⁴ alone is lost, twice it is not.
        ("bf16", [0x3380, 0], [0x3f80, 0], 1.0, 1.0),
        ("bf16", [0x3380, 0x3380], [0x3f80, 0x3f80], 1.0, 1.0 + f32::EPSILON),
        ("bf16", [0x3380, 0x0080], [0x3f80, 0x3f80], 1.0, 1.0),
        ("bf16", [0x3380, 0x2b80], [0x3f80, 0x3f80], 1.0, 1.0 + f32::EPSILON),
    ];
    for (kind, a, b, c, want) in rows {
        let (mut left, mut right, mut sum) = (zeros(4), zeros(2), zeros(4));
        left[0][0] = a[0] | a[1] << 16;
        right[0][0] = b[0] | b[1] << 16;
        sum[0][0] = c.to_bits();
        let got = f32::from_bits(mma("m16n8k16", kind, &left, &right, &sum)[0][0]);
        let same = got.to_bits() == want.to_bits() || got.is_nan() && want.is_nan();
        assert!(same, "{kind} {a:x?} {b:x?} {c}: {got}, should be {want}");
    }
    // Of a tf32 the lowest 13 bits do not count.
    for (a, b, c, want) in [
        (1.0 + 2f32.powi(-11), 1.0f32, 0.0f32, 1.0),
        (1.0 + 2f32.powi(-10), 1.0, 0.0, 1.0 + 2f32.powi(-10)),
        (1e38, 1e38, 0.0, INF),
        (-0.0, 2.0, -0.0, 0.0),
        (INF, 0.0, 1.0, NAN),
        (1e-40, 1.0, 0.0, low(1e-40f32.to_bits() & !0x1fff)),
    ] {
        let (mut left, mut right, mut sum) = (zeros(4), zeros(2), zeros(4));
        (left[0][0], right[0][0], sum[0][0]) = (a.to_bits(), b.to_bits(), c.to_bits());
        let got = f32::from_bits(mma("m16n8k8", "tf32", &left, &right, &sum)[0][0]);
        let same = got.to_bits() == want.to_bits() || got.is_nan() && want.is_nan();
        assert!(same, "tf32 {a} {b} {c}: {got}, should be {want}");
    }
}

/// A 32 · 8 table of halves in shared memory, `s[row][column]` = 8 row + column, and `%s` the address of row
/// `%i % 32`. In one warp the rows are written and then read by others, so the warp waits.
const TABLE: &str = ".shared .align 16 .b8 s[512]; .reg .b64 %s; .reg .b32 %r, %v, %m<4>; and.b32 %r, %i, 31;
    mul.wide.u32 %s, %r, 16; mov.u64 %b, s; add.s64 %s, %b, %s; shl.b32 %r, %r, 3; add.s32 %v, %r, 1; shl.b32 %v, %v, 16; or.b32 %v, %v, %r;
    st.shared.u32 [%s], %v; add.s32 %v, %v, 0x20002; st.shared.u32 [%s+4], %v; add.s32 %v, %v, 0x20002; st.shared.u32 [%s+8], %v;
    add.s32 %v, %v, 0x20002; st.shared.u32 [%s+12], %v; bar.warp.sync -1;\n";

/// Stores `%m0` in the buffer.
const OUT: &str = "st.global.u32 [%a], %m0;\n";

#[test]
fn matrices_are_loaded_row_by_row() {
    let halves = |low: usize, high: usize| (low | high << 16) as u32;
    let load = |form: &str, registers: &str, register: usize, from: &str| {
        let body = format!(
            "{TABLE} ldmatrix.sync.aligned.m8n8.{form}.shared.b16 {{{registers}}}, [{from}]; mov.b32 %m0, %m{register}; {OUT}"
        );
        let (words, report) = run(32, 1, &[0; 64], &body);
        assert_eq!(report.findings, [], "{form}");
        words
    };
    // By hand: lane 4 holds row 1, columns 0 and 1; transposed it holds column 1, rows 0 and 1.
    assert_eq!(load("x1", "%m0", 0, "%s")[4], halves(8, 9));
    assert_eq!(load("x1.trans", "%m0", 0, "%s")[4], halves(1, 9));
    assert_eq!(load("x1.trans", "%m0", 0, "%s")[31], halves(55, 63));
    for (form, registers, matrices) in
        [("x1", "%m0", 1), ("x2", "%m0, %m1", 2), ("x4", "%m0, %m1, %m2, %m3", 4)]
    {
        for matrix in 0..matrices {
            let plain = load(form, registers, matrix, "%s");
            let turned = load(&format!("{form}.trans"), registers, matrix, "%s");
            for lane in 0..32 {
                let (row, column) = (lane / 4, 2 * (lane % 4));
                let of = |row: usize, column: usize| 64 * matrix + 8 * row + column;
                assert_eq!(plain[lane], halves(of(row, column), of(row, column + 1)));
                assert_eq!(turned[lane], halves(of(column, row), of(column + 1, row)));
            }
        }
    }
    // The rows may lie anywhere: here from the last to the first, by an address of 32 bits.
    let backwards = format!(
        "{TABLE} .reg .b32 %j; sub.s32 %j, 31, %i; shl.b32 %j, %j, 4; .reg .b32 %k; mov.u32 %k, s; add.s32 %j, %j, %k;
         ldmatrix.sync.aligned.m8n8.x4.shared.b16 {{%m0, %m1, %m2, %m3}}, [%j]; {OUT}"
    );
    assert_eq!(run(32, 1, &[0; 64], &backwards).0[4], halves(8 * 30, 8 * 30 + 1));
    // Of the addresses that no row is read from, nothing is asked.
    let wild = format!(
        "{TABLE} setp.gt.u32 %t, %i, 7; @%t mov.u64 %s, 3; ldmatrix.sync.aligned.m8n8.x1.shared.b16 {{%m0}}, [%s]; {OUT}"
    );
    assert_eq!(run(32, 1, &[0; 64], &wild).1.findings, []);
}

#[test]
fn matrices_are_turned_and_stored() {
    let turn = format!(
        "{TABLE} ldmatrix.sync.aligned.m8n8.x1.shared.b16 {{%m0}}, [%s]; movmatrix.sync.aligned.m8n8.trans.b16 %m0, %m0; {OUT}"
    );
    let trans =
        format!("{TABLE} ldmatrix.sync.aligned.m8n8.x1.trans.shared.b16 {{%m0}}, [%s]; {OUT}");
    let (turned, report) = run(32, 1, &[0; 64], &turn);
    assert_eq!(
        (turned[..32].to_vec(), report.findings.len()),
        (run(32, 1, &[0; 64], &trans).0[..32].to_vec(), 0)
    );
    assert_eq!(turned[4], 1 | 9 << 16);
    // Stored and read back by words: row `r` of matrix 1 of 2, columns 4 and 5.
    let store = |form: &str| {
        let body = format!(
            "{TABLE} ldmatrix.sync.aligned.m8n8.x2.shared.b16 {{%m0, %m1}}, [%s];
             stmatrix.sync.aligned.m8n8.x2{form}.shared.b16 [%s], {{%m0, %m1}}; bar.warp.sync -1; ld.shared.u32 %m0, [%s+8]; {OUT}"
        );
        let (words, report) = run(32, 1, &[0; 64], &body);
        assert_eq!(report.findings, []);
        words
    };
    assert_eq!(store("")[9], (8 * 9 + 4) | (8 * 9 + 5) << 16);
    assert_eq!(store(".trans")[9], (64 + 8 * 4 + 1) | (64 + 8 * 5 + 1) << 16);
}

/// A product counts 2 · 16 · 8 · 16 operations, apart from those of the other units.
#[test]
fn tensor_operations_are_counted_apart() {
    let product = |shape: &str, kind: &str| {
        let op = format!(
            "mma.sync.aligned.{shape}.row.col.f32.{kind}.{kind}.f32 {{%o0, %o1, %o2, %o3}}, {{%i0, %i1, %i2, %i3}}, {{%i0, %i1}}, {{%i0, %i1, %i2, %i3}}; add.f32 %o0, %o0, %o1;"
        );
        let (_, report) = on_a_warp(&op, &zeros(4), 4);
        (report.total.tensor_flops, report.total.flops)
    };
    assert_eq!(product("m16n8k16", "bf16"), (4096, 32));
    assert_eq!(product("m16n8k8", "tf32"), (2048, 32));
}

/// The second roof: one of an A100's 108 multiprocessors has the 108th part of 312 TFLOP/s.
#[test]
fn tensor_operations_have_a_bound_of_their_own() {
    let op = format!(
        "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {OUTPUTS}, {{%i0, %i1, %i2, %i3}}, {{%i0, %i1}}, {{%i0, %i1, %i2, %i3}};"
    );
    let (_, report) = on_a_warp(&op, &zeros(4), 4);
    let a100 = Device::KNOWN[1];
    assert_eq!((a100.architecture, a100.peak_tensor_flops()), (80, 312e12));
    let bound = a100.bound(&report);
    assert_eq!((bound.arithmetic, bound.tensor), (0.0, 4096.0 * 108.0 / 312e12));
    let longest = Bound { tensor: 1.0, ..bound };
    assert_eq!(longest.limit(), (1.0, "tensor cores"));
}

const OUTPUTS: &str = "{%o0, %o1, %o2, %o3}";

/// Eight rows of 16 bytes are a phase: in one wavefront if they lie in different banks.
#[test]
fn bank_conflicts_of_a_phase() {
    let count = |stride: u32, swizzle: &str, form: &str, registers: &str| {
        let body = format!(
            ".shared .align 16 .b8 s[8192]; .reg .b32 %k, %r, %m<4>; mov.u32 %k, s; .reg .b32 %j; mov.u32 %j, %i;
             $L: shl.b32 %r, %j, 2; add.s32 %r, %r, %k; st.shared.u32 [%r], %i; add.s32 %j, %j, 32; setp.lt.u32 %t, %j, 2048; @%t bra $L;
             bar.warp.sync -1; mul.lo.s32 %r, %i, {stride}; {swizzle} add.s32 %r, %r, %k;\n.loc 1 7 1\nldmatrix.sync.aligned.m8n8.{form}.shared.b16 {{{registers}}}, [%r];"
        );
        let (_, report) = run(32, 1, &[0; 64], &body);
        assert_eq!(report.findings, []);
        (report.line(7).wavefronts, report.line(7).ideal_wavefronts)
    };
    let four = "%m0, %m1, %m2, %m3";
    assert_eq!(count(16, "", "x4", four), (4, 4));
    assert_eq!(count(128, "", "x4", four), (32, 4));
    assert_eq!(count(128, "", "x1", "%m0"), (8, 1));
    assert_eq!(count(64, "", "x2", "%m0, %m1"), (8, 2));
    assert_eq!(count(144, "", "x4", four), (4, 4));
    assert_eq!(
        count(128, "and.b32 %j, %i, 7; shl.b32 %j, %j, 4; xor.b32 %r, %r, %j;", "x4", four),
        (4, 4)
    );
}

/// The one finding of a kernel on 64 words.
#[track_caller]
fn one(threads: u32, body: &str) -> (Kind, String) {
    let (_, report) = run(threads, 1, &[0; 64], body);
    assert_eq!(report.findings.len(), 1, "{:?}", report.findings);
    (report.findings[0].kind, report.findings[0].to_string())
}

const MMA: &str = "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%f, %g, %c, %d}, {%x, %x, %x, %x}, {%x, %x}, {%f, %g, %c, %d};";

#[test]
fn a_part_of_a_warp() {
    let start = ".reg .f32 %c, %d; mov.u32 %x, 0; mov.f32 %f, 0f00000000; mov.f32 %g, %f; mov.f32 %c, %f; mov.f32 %d, %f;";
    let load = format!(
        "{TABLE} setp.lt.u32 %t, %i, 16;\n.loc 1 9 1\n@%t ldmatrix.sync.aligned.m8n8.x1.shared.b16 {{%m0}}, [%s];"
    );
    let (kind, text) = one(32, &load);
    assert_eq!(kind, Kind::PartialWarp);
    assert!(text.starts_with("part of a warp, line 9: 16 of 32 lanes"), "{text}");
    let (kind, text) = one(
        32,
        &format!("{start} setp.ge.u32 %t, %i, 31; @%t bra $A;\n.loc 1 5 1\n{MMA} $A: ret;"),
    );
    assert_eq!(kind, Kind::PartialWarp);
    assert!(
        text.contains(
            "31 of 32 lanes multiply or move matrices, the others are elsewhere (mask 0x7fffffff)"
        ),
        "{text}"
    );
    let (kind, text) = one(32, &format!("{start} setp.ge.u32 %t, %i, 31; @%t ret; {MMA}"));
    assert_eq!(kind, Kind::PartialWarp);
    assert!(text.contains("the others have ended"), "{text}");
    assert_eq!(one(16, &format!("{start} {MMA}")).0, Kind::PartialWarp);
    let turn = "setp.eq.u32 %t, %i, 3; @!%t movmatrix.sync.aligned.m8n8.trans.b16 %x, %i;";
    assert_eq!(one(32, turn).0, Kind::PartialWarp);
    // All or none.
    let none = format!("{start} setp.gt.u32 %t, %i, 99; @%t {MMA} @!%t {MMA}");
    assert_eq!(run(32, 1, &[0; 64], &none).1.findings, []);
}

#[test]
fn rows_that_are_misaligned_outside_or_never_written() {
    let load = |setup: &str, address: &str| {
        format!(
            "{TABLE} {setup}\n.loc 1 9 1\nldmatrix.sync.aligned.m8n8.x4.shared.b16 {{%m0, %m1, %m2, %m3}}, [{address}];"
        )
    };
    let (kind, text) = one(32, &load("", "%s+8"));
    assert_eq!(kind, Kind::Misaligned);
    assert!(text.starts_with("misaligned, line 9: 16 bytes at byte 8 of `s`, which has 512: that is no multiple of 16"), "{text}");
    let (kind, text) = one(32, &load("", "%s+16"));
    assert_eq!(kind, Kind::OutOfBounds);
    assert!(
        text.contains("reads byte 512 of `s`, which has 512: block (0, 0, 0), thread (31, 0, 0)"),
        "{text}"
    );
    let unwritten = ".shared .align 16 .b8 s[512]; .reg .b32 %k, %m; mov.u32 %k, s; shl.b32 %y, %i, 4; add.s32 %k, %k, %y; st.shared.v4.u32 [%k], {%i, %i, %i, %i};
        bar.warp.sync -1; and.b32 %y, %y, 127; mov.u32 %k, s; add.s32 %k, %k, %y; ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%m}, [%k+0];";
    assert_eq!(run(32, 1, &[0; 64], unwritten).1.findings, []);
    let unwritten = unwritten.replace("st.shared", "setp.lt.u32 %t, %i, 3; @%t st.shared");
    let (kind, text) = one(32, &unwritten);
    assert_eq!(kind, Kind::Uninitialised);
    assert!(
        text.contains("`s[12]` of shared memory was never written")
            && text.contains("thread (3, 0, 0)"),
        "{text}"
    );
}

/// Every lane gets a part of every row: whoever wrote it, the warp has to wait.
#[test]
fn rows_that_others_wrote() {
    let within = format!(
        "{} ldmatrix.sync.aligned.m8n8.x1.shared.b16 {{%m0}}, [%s];",
        TABLE.replace("bar.warp.sync -1;", "")
    );
    let (_, report) = run(32, 1, &[0; 64], &within);
    assert!(
        !report.findings.is_empty() && kinds(&report).iter().all(|kind| *kind == Kind::WarpRace)
    );
    let between = format!("{TABLE} ldmatrix.sync.aligned.m8n8.x1.shared.b16 {{%m0}}, [%s];");
    let (_, report) = run(64, 1, &[0; 64], &between);
    assert!(kinds(&report).contains(&Kind::SharedRace), "{:?}", report.findings);
    let later = format!(
        "{TABLE} bar.sync 0; ldmatrix.sync.aligned.m8n8.x1.shared.b16 {{%m0}}, [%s]; st.shared.u32 [%s], %i;"
    );
    assert!(kinds(&run(64, 1, &[0; 64], &later).1).contains(&Kind::SharedRace));
    // In one warp none of its lanes goes on before all have read; what they write then is nobody's business.
    let alone = later.replace("bar.sync 0;", "bar.warp.sync -1;");
    assert_eq!(run(32, 1, &[0; 64], &alone).1.findings, []);
}

#[test]
fn sums_that_start_from_nothing() {
    let start =
        ".reg .f32 %c, %d; mov.u32 %x, 0; mov.f32 %f, 0f00000000; mov.f32 %g, %f; mov.f32 %c, %f;";
    let (kind, text) =
        one(32, &format!("{start}\n.loc 1 5 1\n{MMA}\n.loc 1 8 1\nst.global.f32 [%a], %d;"));
    assert_eq!(kind, Kind::UninitialisedVariable);
    assert!(
        text.starts_with("uninitialised variable, line 5")
            && text.contains("what is stored at line 8"),
        "{text}"
    );
    // The other sums do not depend on it.
    assert_eq!(
        run(32, 1, &[0; 64], &format!("{start} {MMA} st.global.f32 [%a], %c;")).1.findings,
        []
    );
    // A row of A that nobody gave a value: rows 8 to 15 here, which are in the second two registers.
    let row = |stored: &str| {
        format!(
            "{start} mov.f32 %d, %f; mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {{%f, %g, %c, %d}}, {{%x, %y, %x, %y}}, {{%x, %x}}, {{%f, %g, %c, %d}}; st.global.f32 [%a], {stored};"
        )
    };
    assert_eq!(run(32, 1, &[0; 64], &row("%g")).1.findings, []);
    assert_eq!(one(32, &row("%c")).0, Kind::UninitialisedVariable);
    // A column of B: that of the four lanes 4 to 7.
    let column = |lanes: &str| {
        format!(
            "{start} mov.f32 %d, %f; setp.ne.u32 %t, %i, 5; @%t mov.u32 %y, 0; mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {{%f, %g, %c, %d}}, {{%x, %x, %x, %x}}, {{%x, %y}}, {{%f, %g, %c, %d}};
             and.b32 %z, %i, 3; setp.{lanes} %t, %z, 0; @%t st.global.f32 [%a], %g;"
        )
    };
    assert_eq!(one(32, &column("eq.u32")).0, Kind::UninitialisedVariable);
    assert_eq!(run(32, 1, &[0; 64], &column("ne.u32")).1.findings, []);
    let turned = |lane: u32| {
        format!(
            "setp.ne.u32 %t, %i, 5; @%t mov.u32 %y, 0; movmatrix.sync.aligned.m8n8.trans.b16 %x, %y; setp.eq.u32 %t, %i, {lane}; @%t st.global.u32 [%a], %x;"
        )
    };
    // Lane 5 holds row 1, columns 2 and 3: they go to lanes 8 and 12.
    assert_eq!(one(32, &turned(8)).0, Kind::UninitialisedVariable);
    assert_eq!(one(32, &turned(12)).0, Kind::UninitialisedVariable);
    assert_eq!(run(32, 1, &[0; 64], &turned(9)).1.findings, []);
}
