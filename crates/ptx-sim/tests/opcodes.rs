//! Every opcode that computes, on the edges of its types.

mod common;

use common::{d, eval, f, i, l, table};

const B16: [&str; 4] = ["b16"; 4];
const B32: [&str; 5] = ["b32"; 5];
const B64: [&str; 4] = ["b64"; 4];
const NAN: f32 = f32::NAN;
const INF: f32 = f32::INFINITY;
const MAX32: u64 = 0x7fff_ffff;
const MIN32: u64 = 0x8000_0000;
const ONES32: u64 = 0xffff_ffff;
const MIN64: u64 = 1 << 63;
const TINY: f32 = 1e-40; // subnormal

#[test]
fn integer_sums_wrap() {
    table("add.s32", &B32[..3], &[(&[MAX32, 1], MIN32), (&[ONES32, 1], 0), (&[i(-5), 3], i(-2))]);
    table("add.u16", &B16[..3], &[(&[0xffff, 1], 0), (&[7, 8], 15)]);
    table("add.s16", &B16[..3], &[(&[0x7fff, 1], 0x8000)]);
    table("add.s64", &B64[..3], &[(&[u64::MAX, 1], 0), (&[MIN64, MIN64], 0)]);
    table("add.u64", &B64[..3], &[(&[u64::MAX, 2], 1)]);
    table("sub.s32", &B32[..3], &[(&[0, 1], ONES32), (&[MIN32, 1], MAX32)]);
    table("sub.u64", &B64[..3], &[(&[0, 1], u64::MAX)]);
}

#[test]
fn integer_products_keep_the_half_that_is_asked_for() {
    table("mul.lo.s32", &B32[..3], &[(&[0x1_0001, 0x1_0001], 0x2_0001), (&[i(-3), 5], i(-15))]);
    table("mul.hi.u32", &B32[..3], &[(&[ONES32, ONES32], 0xffff_fffe), (&[1 << 16, 1 << 16], 1)]);
    table("mul.hi.s32", &B32[..3], &[(&[i(-1), 1], ONES32), (&[MIN32, MIN32], 0x4000_0000)]);
    table("mul.hi.u16", &B16[..3], &[(&[0xffff, 0xffff], 0xfffe)]);
    table("mul.hi.u64", &B64[..3], &[(&[u64::MAX, u64::MAX], u64::MAX - 1)]);
    table("mul.hi.s64", &B64[..3], &[(&[l(-1), 2], u64::MAX), (&[MIN64, MIN64], 1 << 62)]);
    table(
        "mul.wide.s32",
        &["b64", "b32", "b32"],
        &[(&[i(-2), 3], l(-6)), (&[MIN32, MIN32], 1 << 62)],
    );
    table("mul.wide.u32", &["b64", "b32", "b32"], &[(&[ONES32, ONES32], 0xffff_fffe_0000_0001)]);
    table("mul.wide.s16", &["b32", "b16", "b16"], &[(&[0xffff, 2], i(-2))]);
    table("mul.wide.u16", &["b32", "b16", "b16"], &[(&[0xffff, 2], 0x1_fffe)]);
    table("mad.lo.s32", &B32[..4], &[(&[3, 4, 5], 17), (&[i(-1), 1, 0], ONES32)]);
    table("mad.hi.u32", &B32[..4], &[(&[ONES32, ONES32, 1], ONES32)]);
    table("mad.wide.s32", &["b64", "b32", "b32", "b64"], &[(&[i(-1), 4, 1], l(-3))]);
    table("mad.lo.u64", &B64[..4], &[(&[u64::MAX, u64::MAX, u64::MAX], 0)]);
}

#[test]
fn integer_division_truncates_and_zero_gives_what_the_hardware_gives() {
    table(
        "div.s32",
        &B32[..3],
        &[(&[i(-7), 2], i(-3)), (&[7, i(-2)], i(-3)), (&[MIN32, i(-1)], MIN32), (&[5, 0], ONES32)],
    );
    table("div.u32", &B32[..3], &[(&[i(-7), 2], 0x7fff_fffc), (&[5, 0], ONES32)]);
    table(
        "rem.s32",
        &B32[..3],
        &[(&[i(-7), 2], i(-1)), (&[7, i(-2)], 1), (&[MIN32, i(-1)], 0), (&[5, 0], 5)],
    );
    table("rem.u64", &B64[..3], &[(&[u64::MAX, 10], 5), (&[5, 0], 5)]);
    table("div.s64", &B64[..3], &[(&[MIN64, l(-1)], MIN64)]);
}

#[test]
fn integer_signs_and_extremes() {
    table("neg.s32", &B32[..2], &[(&[1], ONES32), (&[MIN32], MIN32)]);
    table("abs.s32", &B32[..2], &[(&[i(-1)], 1), (&[MIN32], MIN32)]);
    table("abs.s64", &B64[..2], &[(&[l(-9)], 9)]);
    table("min.s32", &B32[..3], &[(&[i(-1), 1], i(-1))]);
    table("min.u32", &B32[..3], &[(&[i(-1), 1], 1)]);
    table("max.s32", &B32[..3], &[(&[i(-1), 1], 1)]);
    table("max.u64", &B64[..3], &[(&[l(-1), 1], l(-1))]);
    table("max.s64", &B64[..3], &[(&[l(-1), 1], 1)]);
}

#[test]
fn bits_are_counted_turned_and_found() {
    table("popc.b32", &B32[..2], &[(&[0], 0), (&[ONES32], 32), (&[0x8000_0001], 2)]);
    table("popc.b64", &["b32", "b64"], &[(&[u64::MAX], 64)]);
    table("clz.b32", &B32[..2], &[(&[0], 32), (&[1], 31), (&[ONES32], 0)]);
    table("clz.b64", &["b32", "b64"], &[(&[0], 64), (&[1], 63)]);
    table("brev.b32", &B32[..2], &[(&[1], MIN32), (&[0xf0], 0x0f00_0000)]);
    table("brev.b64", &B64[..2], &[(&[1], MIN64)]);
    table("bfind.u32", &B32[..2], &[(&[0], ONES32), (&[0x100], 8), (&[ONES32], 31)]);
    table("bfind.s32", &B32[..2], &[(&[i(-1)], ONES32), (&[i(-2)], 0), (&[0x100], 8)]);
    table("bfind.shiftamt.u32", &B32[..2], &[(&[0x100], 23), (&[0], ONES32)]);
    table("bfind.u64", &["b32", "b64"], &[(&[1 << 40], 40)]);
    table(
        "bfe.u32",
        &B32[..4],
        &[(&[0xabcd, 4, 8], 0xbc), (&[ONES32, 28, 8], 0xf), (&[5, 0, 0], 0), (&[5, 99, 4], 0)],
    );
    table(
        "bfe.s32",
        &B32[..4],
        &[(&[0x80, 4, 4], i(-8)), (&[MIN32, 28, 8], i(-8)), (&[MIN32, 99, 4], ONES32)],
    );
    table("bfe.u64", &["b64", "b64", "b32", "b32"], &[(&[u64::MAX, 60, 8], 0xf), (&[9, 0, 64], 9)]);
    table("bfe.s64", &["b64", "b64", "b32", "b32"], &[(&[MIN64, 60, 8], l(-8))]);
    table(
        "bfi.b32",
        &B32[..5],
        &[
            (&[0xff, 0, 4, 8], 0xff0),
            (&[0, ONES32, 31, 4], MAX32),
            (&[1, 7, 32, 1], 7),
            (&[1, 7, 0, 0], 7),
        ],
    );
    let wide = ["b64", "b64", "b64", "b32", "b32"];
    table("bfi.b64", &wide, &[(&[1, 0, 63, 9], MIN64)]);
}

#[test]
fn sums_of_differences_and_of_bytes() {
    table("sad.u32", &B32[..4], &[(&[3, 10, 100], 107), (&[10, 3, 100], 107)]);
    table("sad.s32", &B32[..4], &[(&[MIN32, MAX32, 1], 0)]);
    table("sad.u64", &B64[..4], &[(&[0, u64::MAX, 1], 0)]);
    table("sad.s16", &B16[..4], &[(&[0xffff, 1, 5], 7)]);
    table(
        "dp4a.u32.u32",
        &B32[..4],
        &[(&[0x0102_0304, 0x0101_0101, 5], 15), (&[0xff, 0xff, 0], 0xfe01)],
    );
    table("dp4a.s32.s32", &B32[..4], &[(&[0xff, 0xff, 0], 1)]);
    table("dp4a.s32.u32", &B32[..4], &[(&[0xff, 0xff, 0], i(-255))]);
}

#[test]
fn carries() {
    // 64-bit sums, differences and products out of 32-bit halves.
    let pair = |first: &str, second: &str, rows: &[(&[u64], u64)]| {
        let op = format!(".reg .b32 %l, %h; {first}; {second}; mov.b64 %v0, {{%l, %h}}; mov.b64");
        let inputs: Vec<Vec<u64>> = rows.iter().map(|row| [row.0, &[0]].concat()).collect();
        let inputs: Vec<&[u64]> = inputs.iter().map(Vec::as_slice).collect();
        let classes = ["b64", "b32", "b32", "b32", "b32", "b64"];
        // What `eval` writes after the body would be `mov.b64 %v0, %v1, …`: the body ends in a
        // comment instead.
        let got = eval(&format!("{} //", op.trim_end_matches("mov.b64")), &classes, &inputs);
        assert_eq!(got, rows.iter().map(|row| row.1).collect::<Vec<_>>());
    };
    pair(
        "add.cc.u32 %l, %v1, %v3",
        "addc.u32 %h, %v2, %v4",
        &[
            (&[ONES32, 0, 1, 0], 1 << 32),
            (&[1, 2, 3, 4], 6 << 32 | 4),
            (&[ONES32, ONES32, 1, 0], 0),
        ],
    );
    pair(
        "sub.cc.u32 %l, %v1, %v3",
        "subc.u32 %h, %v2, %v4",
        &[(&[0, 1, 1, 0], ONES32), (&[0, 0, 1, 0], u64::MAX), (&[5, 5, 5, 5], 0)],
    );
    pair(
        "mad.lo.cc.u32 %l, %v1, %v3, %v2",
        "madc.hi.u32 %h, %v1, %v3, %v4",
        &[
            (&[ONES32, ONES32, ONES32, 0], 0xffff_fffe_0000_0001 + ONES32),
            (&[2, 1, 3, 9], 9 << 32 | 7),
        ],
    );
    // Three words: the carry passes through the middle one.
    pair(
        "add.cc.u32 %h, %v1, %v3",
        "addc.cc.u32 %l, %v2, %v4; addc.u32 %h, 0, 0",
        &[(&[ONES32, ONES32, 1, 0], 1 << 32), (&[ONES32, 5, 1, 0], 6)],
    );
}

#[test]
fn logic() {
    let pred = ["pred"; 4];
    table("and.b32", &B32[..3], &[(&[0b1100, 0b1010], 0b1000)]);
    table("or.b16", &B16[..3], &[(&[0b1100, 0b1010], 0b1110)]);
    table("xor.b64", &B64[..3], &[(&[u64::MAX, 1], u64::MAX - 1)]);
    table("not.b32", &B32[..2], &[(&[0], ONES32)]);
    table("not.pred", &pred[..2], &[(&[0], 1), (&[1], 0)]);
    table("and.pred", &pred[..3], &[(&[1, 1], 1), (&[1, 0], 0)]);
    table("or.pred", &pred[..3], &[(&[0, 0], 0), (&[1, 0], 1)]);
    table("xor.pred", &pred[..3], &[(&[1, 1], 0), (&[1, 0], 1)]);
    table("cnot.b32", &B32[..2], &[(&[0], 1), (&[5], 0)]);
    table(
        "lop3.b32",
        &B32[..5],
        &[
            (&[0b1100, 0b1010, 0b0110, 0x80], 0b0000),
            (&[0b1100, 0b1010, 0b0110, 0x96], 0b0000),
            (&[12, 10, 1, 0xfe], 15),
        ],
    );
    table(
        "prmt.b32",
        &B32[..4],
        &[
            (&[0x3322_1100, 0x7766_5544, 0x0123], 0x0011_2233),
            (&[0x80, 0, 0x8888], ONES32),
            (&[0x80, 0, 0x0004], 0x8080_8000),
        ],
    );
    table("selp.b32", &["b32", "b32", "b32", "pred"], &[(&[1, 2, 1], 1), (&[1, 2, 0], 2)]);
    table("selp.f64", &["b64", "b64", "b64", "pred"], &[(&[d(1.0), d(2.0), 0], d(2.0))]);
    table("selp.b16", &["b16", "b16", "b16", "pred"], &[(&[1, 2, 1], 1)]);
}

#[test]
fn shifts_by_the_width_and_more() {
    let (s16, s64) = (["b16", "b16", "b32"], ["b64", "b64", "b32"]);
    table("shl.b32", &B32[..3], &[(&[1, 31], MIN32), (&[1, 32], 0), (&[1, ONES32], 0)]);
    table("shl.b16", &s16, &[(&[1, 15], 0x8000), (&[1, 16], 0)]);
    table("shl.b64", &s64, &[(&[1, 63], MIN64), (&[1, 64], 0)]);
    table("shr.u32", &B32[..3], &[(&[MIN32, 31], 1), (&[ONES32, 32], 0)]);
    table("shr.s32", &B32[..3], &[(&[MIN32, 31], ONES32), (&[MIN32, 99], ONES32), (&[8, 99], 0)]);
    table("shr.s64", &s64, &[(&[MIN64, 64], u64::MAX)]);
    table("shr.u64", &s64, &[(&[MIN64, 63], 1)]);
    table("shr.s16", &s16, &[(&[0x8000, 3], 0xf000)]);
    table("shf.l.wrap.b32", &B32[..4], &[(&[MIN32, 1, 1], 3), (&[5, 6, 32], 6)]);
    table("shf.l.clamp.b32", &B32[..4], &[(&[5, 6, 32], 5), (&[5, 6, 99], 5)]);
    table("shf.r.wrap.b32", &B32[..4], &[(&[2, 1, 1], 0x8000_0001), (&[5, 6, 32], 5)]);
    table("shf.r.clamp.b32", &B32[..4], &[(&[5, 6, 32], 6)]);
}

#[test]
fn single_precision() {
    table(
        "add.f32",
        &B32[..3],
        &[
            (&[f(1.0), f(2f32.powi(-24))], f(1.0)),
            (&[f(INF), f(-INF)], f(NAN)),
            (&[f(-0.0), f(-0.0)], f(-0.0)),
        ],
    );
    table("sub.f32", &B32[..3], &[(&[f(1.5), f(0.25)], f(1.25))]);
    table("mul.f32", &B32[..3], &[(&[f(1e20), f(1e20)], f(INF)), (&[f(0.0), f(INF)], f(NAN))]);
    table(
        "add.ftz.f32",
        &B32[..3],
        &[(&[f(TINY), f(TINY)], f(0.0)), (&[f(-TINY), f(-0.0)], f(-0.0))],
    );
    table("add.f32", &B32[..3], &[(&[f(TINY), f(TINY)], f(TINY + TINY))]);
    table(
        "add.sat.f32",
        &B32[..3],
        &[(&[f(1.0), f(2.0)], f(1.0)), (&[f(-1.0), f(0.5)], f(0.0)), (&[f(NAN), f(0.5)], f(0.0))],
    );
    table(
        "fma.rn.f32",
        &B32[..4],
        &[
            (&[f(1.0 + 2f32.powi(-12)), f(1.0 - 2f32.powi(-12)), f(-1.0)], f(-(2f32.powi(-24)))),
            (&[f(INF), f(0.0), f(1.0)], f(NAN)),
        ],
    );
    table("mad.rn.f32", &B32[..4], &[(&[f(2.0), f(3.0), f(4.0)], f(10.0))]);
    table(
        "div.rn.f32",
        &B32[..3],
        &[
            (&[f(1.0), f(3.0)], f(1.0 / 3.0)),
            (&[f(1.0), f(0.0)], f(INF)),
            (&[f(0.0), f(0.0)], f(NAN)),
        ],
    );
    table("div.full.f32", &B32[..3], &[(&[f(6.0), f(2.0)], f(3.0))]);
    table("div.approx.ftz.f32", &B32[..3], &[(&[f(6.0), f(2.0)], f(3.0))]);
    table("rcp.rn.f32", &B32[..2], &[(&[f(4.0)], f(0.25)), (&[f(-0.0)], f(-INF))]);
    table("rcp.approx.ftz.f32", &B32[..2], &[(&[f(TINY)], f(INF))]);
    table(
        "sqrt.rn.f32",
        &B32[..2],
        &[(&[f(2.0)], f(2f32.sqrt())), (&[f(-1.0)], f(NAN)), (&[f(-0.0)], f(-0.0))],
    );
    table("rsqrt.approx.f32", &B32[..2], &[(&[f(4.0)], f(0.5)), (&[f(0.0)], f(INF))]);
    table(
        "ex2.approx.f32",
        &B32[..2],
        &[
            (&[f(-INF)], f(0.0)),
            (&[f(0.5)], f(std::f32::consts::SQRT_2)),
            (&[f(10.0)], f(1024.0)),
            (&[f(NAN)], f(NAN)),
        ],
    );
    table("ex2.approx.ftz.f32", &B32[..2], &[(&[f(-130.0)], f(0.0)), (&[f(3.0)], f(8.0))]);
    table(
        "lg2.approx.f32",
        &B32[..2],
        &[(&[f(0.0)], f(-INF)), (&[f(8.0)], f(3.0)), (&[f(-1.0)], f(NAN))],
    );
    table("sin.approx.f32", &B32[..2], &[(&[f(0.0)], f(0.0)), (&[f(1.0)], f(1f64.sin() as f32))]);
    table("cos.approx.f32", &B32[..2], &[(&[f(0.0)], f(1.0))]);
    table(
        "tanh.approx.f32",
        &B32[..2],
        &[(&[f(INF)], f(1.0)), (&[f(0.5)], f(0.5f64.tanh() as f32))],
    );
    table("neg.f32", &B32[..2], &[(&[f(0.0)], f(-0.0))]);
    table("abs.f32", &B32[..2], &[(&[f(-INF)], f(INF))]);
    table(
        "min.f32",
        &B32[..3],
        &[
            (&[f(NAN), f(1.0)], f(1.0)),
            (&[f(1.0), f(NAN)], f(1.0)),
            (&[f(0.0), f(-0.0)], f(-0.0)),
            (&[f(-1.0), f(1.0)], f(-1.0)),
        ],
    );
    table(
        "max.f32",
        &B32[..3],
        &[
            (&[f(NAN), f(1.0)], f(1.0)),
            (&[f(-0.0), f(0.0)], f(0.0)),
            (&[f(-INF), f(-5.0)], f(-5.0)),
            (&[f(NAN), f(NAN)], f(NAN)),
        ],
    );
    table("max.NaN.f32", &B32[..3], &[(&[f(NAN), f(1.0)], f(NAN)), (&[f(2.0), f(1.0)], f(2.0))]);
    table("min.NaN.f32", &B32[..3], &[(&[f(1.0), f(NAN)], f(NAN))]);
    table(
        "copysign.f32",
        &B32[..3],
        &[(&[f(-1.0), f(5.0)], f(-5.0)), (&[f(1.0), f(-5.0)], f(5.0))],
    );
    for (test, rows) in [
        ("finite", [1, 0, 0, 1, 1]),
        ("infinite", [0, 1, 0, 0, 0]),
        ("number", [1, 1, 0, 1, 1]),
        ("notanumber", [0, 0, 1, 0, 0]),
        ("normal", [1, 0, 0, 0, 1]),
        ("subnormal", [0, 0, 0, 1, 0]),
    ] {
        let inputs = [&[f(1.0)][..], &[f(INF)], &[f(NAN)], &[f(TINY)], &[f(0.0)]];
        assert_eq!(eval(&format!("testp.{test}.f32"), &["pred", "b32"], &inputs), rows, "{test}");
    }
}

#[test]
fn directed_rounding() {
    let (up, down) = (1f32.next_up(), 1f32.next_down());
    let tiny = f(2f32.powi(-80));
    table(
        "add.rp.f32",
        &B32[..3],
        &[(&[f(1.0), tiny], f(up)), (&[f(-1.0), tiny], f(-down)), (&[f(1.0), f(1.0)], f(2.0))],
    );
    table(
        "add.rm.f32",
        &B32[..3],
        &[
            (&[f(1.0), tiny], f(1.0)),
            (&[f(-1.0), f(-(2f32.powi(-80)))], f(-up)),
            (&[f(1.0), f(-1.0)], f(-0.0)),
        ],
    );
    table(
        "add.rz.f32",
        &B32[..3],
        &[(&[f(1.0), f(-(2f32.powi(-80)))], f(down)), (&[f(-1.0), tiny], f(-down))],
    );
    table("sub.rp.f32", &B32[..3], &[(&[f(1.0), f(-(2f32.powi(-80)))], f(up))]);
    table(
        "mul.rz.f32",
        &B32[..3],
        &[(&[f(1e30), f(1e30)], f(f32::MAX)), (&[f(0.0), f(1.0)], f(0.0))],
    );
    table("mul.rp.f32", &B32[..3], &[(&[f(1e-30), f(1e-30)], 1)]);
    table(
        "fma.rm.f32",
        &B32[..4],
        &[(&[f(3.0), f(1.0), f(-(2f32.powi(-60)))], f(3f32.next_down()))],
    );
    table("fma.rz.f32", &B32[..4], &[(&[f(3.0), f(1.0), f(2f32.powi(-60))], f(3.0))]);
}

#[test]
fn double_precision() {
    table("add.f64", &B64[..3], &[(&[d(0.1), d(0.2)], d(0.1 + 0.2))]);
    table("sub.rn.f64", &B64[..3], &[(&[d(1.0), d(1.0)], d(0.0))]);
    table("mul.f64", &B64[..3], &[(&[d(1e200), d(1e200)], d(f64::INFINITY))]);
    table("fma.rn.f64", &B64[..4], &[(&[d(0.1), d(10.0), d(-1.0)], d(0.1f64.mul_add(10.0, -1.0)))]);
    table("div.rn.f64", &B64[..3], &[(&[d(1.0), d(3.0)], d(1.0 / 3.0))]);
    table("rcp.rn.f64", &B64[..2], &[(&[d(8.0)], d(0.125))]);
    table("rcp.approx.ftz.f64", &B64[..2], &[(&[d(8.0)], d(0.125)), (&[1], d(f64::INFINITY))]);
    table("sqrt.rn.f64", &B64[..2], &[(&[d(2.0)], d(2f64.sqrt()))]);
    table("rsqrt.approx.f64", &B64[..2], &[(&[d(4.0)], d(0.5))]);
    table("neg.f64", &B64[..2], &[(&[d(1.0)], d(-1.0))]);
    table("abs.f64", &B64[..2], &[(&[d(-1.0)], d(1.0))]);
    table("min.f64", &B64[..3], &[(&[d(f64::NAN), d(1.0)], d(1.0))]);
    table("max.f64", &B64[..3], &[(&[d(-0.0), d(0.0)], d(0.0))]);
    table("copysign.f64", &B64[..3], &[(&[d(-1.0), d(2.0)], d(-2.0))]);
}

/// f16: 1 = 3c00, 2 = 4000, 3 = 4200, −1 = bc00, ∞ = 7c00, largest = 7bff. bf16 is the upper half
/// of an f32.
#[test]
fn halves() {
    table("add.f16", &B16[..3], &[(&[0x3c00, 0x4000], 0x4200), (&[0x7bff, 0x7bff], 0x7c00)]);
    table("sub.f16", &B16[..3], &[(&[0x4200, 0x4000], 0x3c00)]);
    table("mul.f16", &B16[..3], &[(&[0x4000, 0x4200], 0x4600)]);
    table("fma.rn.f16", &B16[..4], &[(&[0x4000, 0x4200, 0xbc00], 0x4500)]);
    table("neg.f16", &B16[..2], &[(&[0x3c00], 0xbc00)]);
    table("abs.bf16", &B16[..2], &[(&[0xbf80], 0x3f80)]);
    table("max.f16", &B16[..3], &[(&[0x7e00, 0x3c00], 0x3c00)]);
    table("min.bf16", &B16[..3], &[(&[0x3f80, 0xbf80], 0xbf80)]);
    table("fma.rn.bf16", &B16[..4], &[(&[0x4000, 0x4040, 0xbf80], 0x40a0)]);
    table("add.f16x2", &B32[..3], &[(&[0x3c00_4000, 0x4000_3c00], 0x4200_4200)]);
    table("fma.rn.f16x2", &B32[..4], &[(&[0x4000_3c00, 0x4200_3c00, 0xbc00_3c00], 0x4500_4000)]);
    table("mul.bf16x2", &B32[..3], &[(&[0x4000_3f80, 0x4000_4000], 0x4080_4000)]);
    // Both halves at once: zeros with signs, the smallest subnormal, the largest, ∞ and NaN.
    let (zeros, tiny, largest, infinite) = (0x8000_0000, 0x0001_8001, 0x7bff_fbff, 0x7c00_fc00);
    table(
        "add.f16x2",
        &B32[..3],
        &[
            (&[zeros, zeros], zeros),
            (&[zeros, 0], 0),
            (&[tiny, tiny], 0x0002_8002),
            (&[largest, largest], infinite),
            (&[infinite, 0xfc00_7c00], 0x7fff_7fff),
            (&[0x7e00_3c00, 0x3c00_3c00], 0x7fff_4000),
        ],
    );
    // Of bfloat16 the largest is 7f7f.
    table(
        "fma.rn.bf16x2",
        &B32[..4],
        &[
            (&[zeros, 0x3f80_3f80, zeros], zeros),
            (&[tiny, 0x3f80_3f80, tiny], 0x0002_8002),
            (&[0x7f7f_ff7f, 0x4000_4000, 0], 0x7f80_ff80),
            (&[0x7f80_0000, 0x0000_7f80, 0], 0x7fff_7fff),
            // Rounded once: the product alone would end on a tie, and then lose the addend.
            (&[0x3f80_3f81, 0x3f80_3f81, 0x3b80_3b80], 0x3f80_3f83),
        ],
    );
    table("min.NaN.bf16x2", &B32[..3], &[(&[0x7fc0_3f80, 0x3f80_bf80], 0x7fff_bf80)]);
    table("max.NaN.f16x2", &B32[..3], &[(&[0x7e00_3c00, 0x3c00_bc00], 0x7fff_3c00)]);
    table("max.bf16x2", &B32[..3], &[(&[0x7fc0_8000, 0x3f80_0000], 0x3f80_0000)]);
    table("neg.bf16x2", &B32[..2], &[(&[0x8000_7f80], 0x0000_ff80)]);
    table(
        "ex2.approx.ftz.bf16x2",
        &B32[..2],
        &[(&[0x0000_3f80], 0x3f80_4000), (&[0xff80_c300], 0), (&[0x7f80_c2fc], 0x7f80_0080)],
    );
    table("ex2.approx.f16", &B16[..2], &[(&[0x3c00], 0x4000)]);
    table("tanh.approx.f16", &B16[..2], &[(&[0x7c00], 0x3c00)]);
}

#[test]
fn conversions_between_integers() {
    table("cvt.s64.s32", &["b64", "b32"], &[(&[i(-1)], u64::MAX)]);
    table("cvt.u64.u32", &["b64", "b32"], &[(&[i(-1)], ONES32)]);
    table("cvt.u32.u64", &["b32", "b64"], &[(&[0x1_0000_0005], 5)]);
    table("cvt.s32.s8", &["b32", "b32"], &[(&[0x80], i(-128)), (&[0x17f], 127)]);
    table("cvt.u32.u8", &["b32", "b32"], &[(&[0x180], 0x80)]);
    table("cvt.u16.u32", &["b16", "b32"], &[(&[0x1_2345], 0x2345)]);
    table("cvt.s32.s16", &["b32", "b16"], &[(&[0x8000], i(-32768))]);
}

#[test]
fn conversions_from_and_to_floats() {
    table(
        "cvt.rn.f32.s32",
        &B32[..2],
        &[
            (&[i(-7)], f(-7.0)),
            (&[0x0100_0001], f(16_777_216.0)),
            (&[0x0100_0003], f(16_777_220.0)),
        ],
    );
    table("cvt.rn.f32.u32", &B32[..2], &[(&[ONES32], f(4_294_967_296.0))]);
    table("cvt.rn.f64.u64", &B64[..2], &[(&[u64::MAX], d(18_446_744_073_709_551_616.0))]);
    table("cvt.rn.f32.u64", &["b32", "b64"], &[(&[1 << 40], f(2f32.powi(40)))]);
    table(
        "cvt.rzi.s32.f32",
        &B32[..2],
        &[(&[f(-1.9)], i(-1)), (&[f(1e20)], MAX32), (&[f(-1e20)], MIN32), (&[f(NAN)], 0)],
    );
    table("cvt.rni.s32.f32", &B32[..2], &[(&[f(2.5)], 2), (&[f(3.5)], 4), (&[f(-2.5)], i(-2))]);
    table("cvt.rmi.s32.f32", &B32[..2], &[(&[f(-1.1)], i(-2))]);
    table("cvt.rpi.s32.f32", &B32[..2], &[(&[f(1.1)], 2)]);
    table("cvt.rzi.u32.f32", &B32[..2], &[(&[f(-5.0)], 0), (&[f(3e9)], 3_000_000_000)]);
    table("cvt.rzi.s64.f64", &B64[..2], &[(&[d(-1e300)], MIN64), (&[d(7.9)], 7)]);
    table("cvt.rzi.ftz.u32.f32", &B32[..2], &[(&[f(TINY)], 0)]);
}

#[test]
fn conversions_between_floats() {
    table("cvt.f64.f32", &["b64", "b32"], &[(&[f(0.1)], d(0.1f32.into()))]);
    table("cvt.rn.f32.f64", &["b32", "b64"], &[(&[d(0.1)], f(0.1)), (&[d(1e300)], f(INF))]);
    table("cvt.rni.f32.f32", &B32[..2], &[(&[f(2.5)], f(2.0))]);
    table("cvt.rzi.f32.f32", &B32[..2], &[(&[f(-2.7)], f(-2.0))]);
    table("cvt.rmi.f32.f32", &B32[..2], &[(&[f(-2.1)], f(-3.0))]);
    table("cvt.rpi.f64.f64", &B64[..2], &[(&[d(2.1)], d(3.0))]);
    table(
        "cvt.sat.f32.f32",
        &B32[..2],
        &[(&[f(2.5)], f(1.0)), (&[f(NAN)], f(0.0)), (&[f(-1.0)], f(0.0)), (&[f(0.3)], f(0.3))],
    );
    table("cvt.ftz.f32.f32", &B32[..2], &[(&[f(TINY)], f(0.0))]);
    table(
        "cvt.rn.f16.f32",
        &["b16", "b32"],
        &[(&[f(1.0)], 0x3c00), (&[f(65_520.0)], 0x7c00), (&[f(2f32.powi(-25))], 0)],
    );
    table(
        "cvt.rn.bf16.f32",
        &["b16", "b32"],
        &[(&[f(1.0)], 0x3f80), (&[f(1.0 + 2f32.powi(-8))], 0x3f80)],
    );
    table("cvt.f32.f16", &["b32", "b16"], &[(&[0x3c00], f(1.0)), (&[1], f(2f32.powi(-24)))]);
    table("cvt.f32.bf16", &["b32", "b16"], &[(&[0x4049], f(3.140_625))]);
    table("cvt.rn.f16x2.f32", &B32[..3], &[(&[f(1.0), f(2.0)], 0x3c00_4000)]);
    table(
        "cvt.rn.bf16x2.f32",
        &B32[..3],
        &[
            (&[f(1.0), f(2.0)], 0x3f80_4000),
            (&[f(-0.0), f(TINY)], 0x8000_0001),
            (&[f(INF), f(NAN)], 0x7f80_7fff),
            // The largest f32 is more than the largest bfloat16 and half a step.
            (&[f(f32::MAX), f(3.389e38)], 0x7f80_7f7f),
            (&[f(1.0 + 2f32.powi(-8)), f(1.0 + 3.0 * 2f32.powi(-8))], 0x3f80_3f82),
        ],
    );
    // Ties away from zero, in both directions; ∞ and NaN stay what they are.
    table(
        "cvt.rna.tf32.f32",
        &B32[..2],
        &[
            (&[f(1.0 + 2f32.powi(-11))], f(1.0 + 2f32.powi(-10))),
            (&[f(-1.0 - 2f32.powi(-11))], f(-1.0 - 2f32.powi(-10))),
            (&[f(1.0 + 2f32.powi(-12))], f(1.0)),
            (&[f(-0.0)], f(-0.0)),
            (&[f(f32::MAX)], f(INF)),
            (&[f(-INF)], f(-INF)),
            (&[f(NAN)], f(NAN)),
        ],
    );
}

#[test]
fn comparisons_know_signs_and_nan() {
    let (c32, c64) = (["pred", "b32", "b32"], ["pred", "b64", "b64"]);
    table("setp.lt.s32", &c32, &[(&[i(-1), 1], 1), (&[1, 1], 0)]);
    table("setp.lt.u32", &c32, &[(&[i(-1), 1], 0)]);
    table("setp.lo.u32", &c32, &[(&[1, i(-1)], 1)]);
    table("setp.hs.u64", &c64, &[(&[l(-1), 1], 1)]);
    table("setp.ge.s64", &c64, &[(&[l(-1), 1], 0)]);
    table("setp.ne.b16", &["pred", "b16", "b16"], &[(&[1, 2], 1)]);
    let pairs =
        [[f(1.0), f(2.0)], [f(2.0), f(1.0)], [f(1.0), f(1.0)], [f(NAN), f(1.0)], [f(0.0), f(-0.0)]];
    for (order, want) in [
        ("eq", [0, 0, 1, 0, 1]),
        ("ne", [1, 1, 0, 0, 0]),
        ("lt", [1, 0, 0, 0, 0]),
        ("le", [1, 0, 1, 0, 1]),
        ("gt", [0, 1, 0, 0, 0]),
        ("ge", [0, 1, 1, 0, 1]),
        ("equ", [0, 0, 1, 1, 1]),
        ("neu", [1, 1, 0, 1, 0]),
        ("ltu", [1, 0, 0, 1, 0]),
        ("leu", [1, 0, 1, 1, 1]),
        ("gtu", [0, 1, 0, 1, 0]),
        ("geu", [0, 1, 1, 1, 1]),
        ("num", [1, 1, 1, 0, 1]),
        ("nan", [0, 0, 0, 1, 0]),
    ] {
        let rows: Vec<&[u64]> = pairs.iter().map(|pair| pair.as_slice()).collect();
        assert_eq!(eval(&format!("setp.{order}.f32"), &c32, &rows), want, "{order}");
    }
    table("setp.eq.ftz.f32", &c32, &[(&[f(TINY), f(0.0)], 1)]);
    table("setp.lt.f64", &c64, &[(&[d(1.0), d(2.0)], 1)]);
    table("setp.lt.f16", &["pred", "b16", "b16"], &[(&[0xbc00, 0x3c00], 1)]);
    table("setp.eq.and.s32", &["pred", "b32", "b32", "pred"], &[(&[1, 1, 1], 1), (&[1, 1, 0], 0)]);
    table("setp.eq.or.s32", &["pred", "b32", "b32", "pred"], &[(&[1, 2, 1], 1), (&[1, 2, 0], 0)]);
    table("setp.eq.xor.s32", &["pred", "b32", "b32", "pred"], &[(&[1, 1, 1], 0), (&[1, 2, 1], 1)]);
}

#[test]
fn moves_copy_bits() {
    table("mov.u32", &B32[..2], &[(&[ONES32], ONES32)]);
    table("mov.f64", &B64[..2], &[(&[d(-0.0)], d(-0.0))]);
    table("mov.b16", &B16[..2], &[(&[0xbeef], 0xbeef)]);
    table("mov.pred", &["pred", "pred"], &[(&[1], 1), (&[0], 0)]);
    table("cvta.to.global.u64", &B64[..2], &[(&[1 << 40], 1 << 40)]);
    table("isspacep.global", &["pred", "b64"], &[(&[1 << 40], 1), (&[1 << 60], 0)]);
    table("isspacep.shared", &["pred", "b64"], &[(&[1 << 60], 1), (&[0], 0)]);
}

/// No opcode is decoded that this file does not test.
#[test]
fn every_opcode_is_in_a_table() {
    let decoder = include_str!("../src/decode/mod.rs");
    let known =
        decoder.split_once("const KNOWN").expect("the list").1.split_once("];").expect("its end").0;
    for opcode in known.split('"').skip(1).step_by(2) {
        let there =
            include_str!("opcodes.rs").contains(&format!("\"{opcode}.")) || opcode == "testp";
        assert!(there, "`{opcode}` is not tested");
    }
}
