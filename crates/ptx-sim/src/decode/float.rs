//! Floating-point arithmetic (PTX ISA, “Floating-Point Instructions” and those of half precision).
//!
//! The `.approx` functions are computed as exactly as f32 allows. A GPU's are a little worse:
//! `ex2.approx` errs by up to 2⁻²² of the result. A test that has to hold on both allows for that.

use super::modifiers::Modifiers;
use crate::{
    half::{fma_to_odd, fma_with_error},
    lane::{Bf16, Bf16x2, F16, F16x2, Flushed, Formula, Saturated, flush, lanes},
    types::Type,
};

/// How a result is rounded where it is not exact.
#[derive(Clone, Copy, PartialEq)]
enum Rounding {
    Nearest,
    Zero,
    Down,
    Up,
}

const ROUNDINGS: [(&str, Rounding); 4] = [
    ("rn", Rounding::Nearest),
    ("rz", Rounding::Zero),
    ("rm", Rounding::Down),
    ("rp", Rounding::Up),
];

/// One f32 formula as the modifiers `.ftz` and `.sat` want it.
macro_rules! single {
    ($m:expr, |$($x:ident),+| $body:expr) => {
        match ($m.take("ftz"), $m.take("sat")) {
            (false, false) => lanes!(|$($x: f32),+| -> f32 { $body }),
            (true, false) => lanes!(|$($x: Flushed),+| -> Flushed { $(let $x = $x.0;)+ Flushed($body) }),
            (false, true) => lanes!(|$($x: f32),+| -> Saturated { Saturated($body) }),
            (true, true) => lanes!(|$($x: Flushed),+| -> Saturated { $(let $x = $x.0;)+ Saturated(flush($body)) }),
        }
    };
}

/// One formula for the four half types, from that of one half; the operands are f64 that hold
/// halves.
macro_rules! halves {
    ($kind:expr, |$($x:ident),+| $body:expr) => {
        match $kind {
            Type::F16 => lanes!(|$($x: F16),+| -> F16 { $(let $x = $x.0;)+ F16($body) }),
            Type::Bf16 => lanes!(|$($x: Bf16),+| -> Bf16 { $(let $x = $x.0;)+ Bf16($body) }),
            Type::F16x2 => lanes!(|$($x: F16x2),+| -> F16x2 {
                F16x2([{ $(let $x = $x.0[0];)+ $body }, { $(let $x = $x.0[1];)+ $body }])
            }),
            _ => lanes!(|$($x: Bf16x2),+| -> Bf16x2 {
                Bf16x2([{ $(let $x = $x.0[0];)+ $body }, { $(let $x = $x.0[1];)+ $body }])
            }),
        }
    };
}

/// The formula of a floating-point opcode and its operations a lane, or none if the opcode is not
/// one.
pub(crate) fn find(m: &mut Modifiers, kind: Type) -> Result<Option<(Formula, u64)>, String> {
    let formula = match kind {
        Type::F32 => single(m)?,
        Type::F64 => double(m)?,
        _ => half(m, kind)?,
    };
    let flops = match m.opcode {
        "fma" | "mad" => 2,
        "neg" | "abs" | "copysign" => 0,
        _ => 1,
    };
    let pairs = if matches!(kind, Type::F16x2 | Type::Bf16x2) { 2 } else { 1 };
    Ok(formula.map(|formula| (formula, flops * pairs)))
}

fn single(m: &mut Modifiers) -> Result<Option<Formula>, String> {
    let opcode = m.opcode;
    let formula = match opcode {
        "add" | "sub" | "mul" | "fma" | "mad" => {
            match m.choose(&ROUNDINGS).unwrap_or(Rounding::Nearest) {
                Rounding::Nearest => match m.opcode {
                    "add" => single!(m, |a, b| a + b),
                    "sub" => single!(m, |a, b| a - b),
                    "mul" => single!(m, |a, b| a * b),
                    _ => single!(m, |a, b, c| a.mul_add(b, c)),
                },
                Rounding::Zero => match m.opcode {
                    "add" => single!(m, |a, b| rounded(a, 1.0, b, Rounding::Zero)),
                    "sub" => single!(m, |a, b| rounded(a, 1.0, -b, Rounding::Zero)),
                    "mul" => single!(m, |a, b| rounded_product(a, b, Rounding::Zero)),
                    _ => single!(m, |a, b, c| rounded(a, b, c, Rounding::Zero)),
                },
                Rounding::Down => match m.opcode {
                    "add" => single!(m, |a, b| rounded(a, 1.0, b, Rounding::Down)),
                    "sub" => single!(m, |a, b| rounded(a, 1.0, -b, Rounding::Down)),
                    "mul" => single!(m, |a, b| rounded_product(a, b, Rounding::Down)),
                    _ => single!(m, |a, b, c| rounded(a, b, c, Rounding::Down)),
                },
                Rounding::Up => match m.opcode {
                    "add" => single!(m, |a, b| rounded(a, 1.0, b, Rounding::Up)),
                    "sub" => single!(m, |a, b| rounded(a, 1.0, -b, Rounding::Up)),
                    "mul" => single!(m, |a, b| rounded_product(a, b, Rounding::Up)),
                    _ => single!(m, |a, b, c| rounded(a, b, c, Rounding::Up)),
                },
            }
        }
        "div" => {
            m.need(&[("rn", ()), ("approx", ()), ("full", ())])?;
            single!(m, |a, b| a / b)
        }
        "rcp" => {
            m.need(&[("rn", ()), ("approx", ())])?;
            single!(m, |a| 1.0 / a)
        }
        "sqrt" => {
            m.need(&[("rn", ()), ("approx", ())])?;
            single!(m, |a| a.sqrt())
        }
        // In f64: two roundings in f32 would err by more than the hardware does.
        "rsqrt" => approx(m, |m| Ok(single!(m, |a| (1.0 / f64::from(a).sqrt()) as f32)))?,
        "ex2" => approx(m, |m| Ok(single!(m, |a| f64::from(a).exp2() as f32)))?,
        "lg2" => approx(m, |m| Ok(single!(m, |a| f64::from(a).log2() as f32)))?,
        "sin" => approx(m, |m| Ok(single!(m, |a| f64::from(a).sin() as f32)))?,
        "cos" => approx(m, |m| Ok(single!(m, |a| f64::from(a).cos() as f32)))?,
        "tanh" => approx(m, |m| Ok(single!(m, |a| f64::from(a).tanh() as f32)))?,
        "neg" => single!(m, |a| -a),
        "abs" => single!(m, |a| a.abs()),
        "min" if m.take("NaN") => {
            single!(m, |a, b| if a.is_nan() || b.is_nan() { f32::NAN } else { least(a, b) })
        }
        "max" if m.take("NaN") => {
            single!(m, |a, b| if a.is_nan() || b.is_nan() { f32::NAN } else { most(a, b) })
        }
        "min" => single!(m, |a, b| least(a, b)),
        "max" => single!(m, |a, b| most(a, b)),
        "copysign" => lanes!(|a: f32, b: f32| -> f32 { b.copysign(a) }),
        "testp" => match m.need(&TESTS)? {
            Property::Finite => lanes!(|a: f32| -> bool { a.is_finite() }),
            Property::Infinite => lanes!(|a: f32| -> bool { a.is_infinite() }),
            Property::Number => lanes!(|a: f32| -> bool { !a.is_nan() }),
            Property::NotANumber => lanes!(|a: f32| -> bool { a.is_nan() }),
            Property::Normal => lanes!(|a: f32| -> bool { a.is_normal() || a == 0.0 }),
            Property::Subnormal => lanes!(|a: f32| -> bool { a.is_subnormal() }),
        },
        _ => return Ok(None),
    };
    Ok(Some(formula))
}

#[derive(Clone, Copy)]
enum Property {
    Finite,
    Infinite,
    Number,
    NotANumber,
    Normal,
    Subnormal,
}

const TESTS: [(&str, Property); 6] = [
    ("finite", Property::Finite),
    ("infinite", Property::Infinite),
    ("number", Property::Number),
    ("notanumber", Property::NotANumber),
    ("normal", Property::Normal),
    ("subnormal", Property::Subnormal),
];

fn approx(
    m: &mut Modifiers,
    formula: impl Fn(&mut Modifiers) -> Result<Formula, String>,
) -> Result<Formula, String> {
    m.need(&[("approx", ())])?;
    formula(m)
}

fn double(m: &mut Modifiers) -> Result<Option<Formula>, String> {
    let opcode = m.opcode;
    let formula = match opcode {
        "add" | "sub" | "mul" => {
            m.take("rn");
            match m.opcode {
                "add" => lanes!(|a: f64, b: f64| -> f64 { a + b }),
                "sub" => lanes!(|a: f64, b: f64| -> f64 { a - b }),
                _ => lanes!(|a: f64, b: f64| -> f64 { a * b }),
            }
        }
        "fma" | "mad" => {
            m.need(&[("rn", ())])?;
            lanes!(|a: f64, b: f64, c: f64| -> f64 { a.mul_add(b, c) })
        }
        "div" => {
            m.need(&[("rn", ())])?;
            lanes!(|a: f64, b: f64| -> f64 { a / b })
        }
        "rcp" if m.take("approx") => {
            m.need(&[("ftz", ())])?;
            lanes!(|a: f64| -> f64 { 1.0 / if a.is_subnormal() { 0f64.copysign(a) } else { a } })
        }
        "rcp" => {
            m.need(&[("rn", ())])?;
            lanes!(|a: f64| -> f64 { 1.0 / a })
        }
        "sqrt" => {
            m.need(&[("rn", ())])?;
            lanes!(|a: f64| -> f64 { a.sqrt() })
        }
        "rsqrt" => {
            m.take("ftz");
            approx(m, |_| Ok(lanes!(|a: f64| -> f64 { 1.0 / a.sqrt() })))?
        }
        "neg" => lanes!(|a: f64| -> f64 { -a }),
        "abs" => lanes!(|a: f64| -> f64 { a.abs() }),
        "min" => lanes!(|a: f64, b: f64| -> f64 { least(a, b) }),
        "max" => lanes!(|a: f64, b: f64| -> f64 { most(a, b) }),
        "copysign" => lanes!(|a: f64, b: f64| -> f64 { b.copysign(a) }),
        _ => return Ok(None),
    };
    Ok(Some(formula))
}

/// Halves are computed once in f64 and rounded once: as exact as IEEE 754 asks (see
/// [`fma_to_odd`]).
fn half(m: &mut Modifiers, kind: Type) -> Result<Option<Formula>, String> {
    let opcode = m.opcode;
    let formula = match opcode {
        "add" | "sub" | "mul" | "fma" => {
            m.take("rn");
            match m.opcode {
                "add" => halves!(kind, |a, b| fma_to_odd(a as f32, 1.0, b as f32)),
                "sub" => halves!(kind, |a, b| fma_to_odd(a as f32, 1.0, -b as f32)),
                "mul" => halves!(kind, |a, b| a * b),
                _ => halves!(kind, |a, b, c| fma_to_odd(a as f32, b as f32, c as f32)),
            }
        }
        "neg" => halves!(kind, |a| -a),
        "abs" => halves!(kind, |a| a.abs()),
        "min" if m.take("NaN") => {
            halves!(kind, |a, b| if a.is_nan() || b.is_nan() { f64::NAN } else { least(a, b) })
        }
        "max" if m.take("NaN") => {
            halves!(kind, |a, b| if a.is_nan() || b.is_nan() { f64::NAN } else { most(a, b) })
        }
        "min" => halves!(kind, |a, b| least(a, b)),
        "max" => halves!(kind, |a, b| most(a, b)),
        // Of bfloat16 only with `.ftz`: what it flushes is 0 or 1 then anyway, but for the smallest results.
        "ex2" if matches!(kind, Type::Bf16 | Type::Bf16x2) => {
            m.need(&[("ftz", ())])?;
            approx(m, |_| Ok(halves!(kind, |a| flushed(a.exp2()))))?
        }
        "ex2" => approx(m, |_| Ok(halves!(kind, |a| a.exp2())))?,
        "tanh" => approx(m, |_| Ok(halves!(kind, |a| a.tanh())))?,
        _ => return Ok(None),
    };
    Ok(Some(formula))
}

/// Zero in place of a subnormal bfloat16, which is smaller than the smallest normal f32.
fn flushed(a: f64) -> f64 {
    if a < f64::from(f32::MIN_POSITIVE) { 0.0 } else { a }
}

/// The smaller; the other one where one is NaN; −0 is smaller than +0.
fn least<T: Copy + PartialOrd + Into<f64>>(a: T, b: T) -> T {
    let (x, y): (f64, f64) = (a.into(), b.into());
    if y.is_nan() || x < y || (x == y && x.is_sign_negative()) { a } else { b }
}

/// The larger; the other one where one is NaN; −0 is smaller than +0.
fn most<T: Copy + PartialOrd + Into<f64>>(a: T, b: T) -> T {
    let (x, y): (f64, f64) = (a.into(), b.into());
    if y.is_nan() || x > y || (x == y && y.is_sign_negative()) { a } else { b }
}

/// a·b + c, rounded once as asked.
fn rounded(a: f32, b: f32, c: f32, rounding: Rounding) -> f32 {
    let (sum, rest) = fma_with_error(a, b, c);
    let cancelled = sum == 0.0 && (a * b).is_sign_negative() != c.is_sign_negative();
    if cancelled && rest == 0.0 && rounding == Rounding::Down {
        return -0.0; // IEEE 754, section 6.3
    }
    directed(sum, rest, rounding)
}

fn rounded_product(a: f32, b: f32, rounding: Rounding) -> f32 {
    directed(f64::from(a) * f64::from(b), 0.0, rounding)
}

/// The f32 next to `value + rest` on the side that the rounding wants.
fn directed(value: f64, rest: f64, rounding: Rounding) -> f32 {
    let near = value as f32;
    let back = f64::from(near);
    if !value.is_finite() || (back == value && rest == 0.0) {
        return near;
    }
    let too_high = back > value || (back == value && rest < 0.0);
    let negative = value < 0.0;
    match rounding {
        Rounding::Down if too_high => near.next_down(),
        Rounding::Up if !too_high => near.next_up(),
        Rounding::Zero if !negative && too_high => near.next_down(),
        Rounding::Zero if negative && !too_high => near.next_up(),
        _ => near,
    }
}
