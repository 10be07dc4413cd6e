//! Conversions (PTX ISA, `cvt`).

use super::modifiers::Modifiers;
use crate::{
    lane::{Bf16, Bf16x2, F16, F16x2, Flushed, Formula, flush, lanes, saturate},
    types::Type,
};

/// Rounding to a whole number.
#[derive(Clone, Copy, PartialEq)]
enum Whole {
    Nearest,
    Zero,
    Down,
    Up,
}

const WHOLE: [(&str, Whole); 4] =
    [("rni", Whole::Nearest), ("rzi", Whole::Zero), ("rmi", Whole::Down), ("rpi", Whole::Up)];

/// From `$from`, as a match on the integer type `$to`.
macro_rules! to_integer {
    ($m:expr, $to:expr, |$x:ident: $from:ty| $value:expr) => {
        match $to {
            Type::U8 => lanes!(|$x: $from| -> u8 { $value as u8 }),
            Type::S8 => lanes!(|$x: $from| -> i8 { $value as i8 }),
            Type::U16 => lanes!(|$x: $from| -> u16 { $value as u16 }),
            Type::S16 => lanes!(|$x: $from| -> i16 { $value as i16 }),
            Type::U32 => lanes!(|$x: $from| -> u32 { $value as u32 }),
            Type::S32 => lanes!(|$x: $from| -> i32 { $value as i32 }),
            Type::U64 => lanes!(|$x: $from| -> u64 { $value as u64 }),
            Type::S64 => lanes!(|$x: $from| -> i64 { $value as i64 }),
            kind => return Err($m.unsupported(kind)),
        }
    };
}

/// A match on the integer type `$from`; `$value` makes a formula of the Rust type.
macro_rules! from_integer {
    ($m:expr, $from:expr, $formula:ident $(, $extra:expr)*) => {
        match $from {
            Type::U8 => $formula!($m, u8 $(, $extra)*),
            Type::S8 => $formula!($m, i8 $(, $extra)*),
            Type::U16 => $formula!($m, u16 $(, $extra)*),
            Type::S16 => $formula!($m, i16 $(, $extra)*),
            Type::U32 => $formula!($m, u32 $(, $extra)*),
            Type::S32 => $formula!($m, i32 $(, $extra)*),
            Type::U64 => $formula!($m, u64 $(, $extra)*),
            Type::S64 => $formula!($m, i64 $(, $extra)*),
            kind => return Err($m.unsupported(kind)),
        }
    };
}

/// The formula of `cvt.….to.from`.
pub(crate) fn find(m: &mut Modifiers) -> Result<Formula, String> {
    if m.take("tf32") {
        m.need(&[("rna", ())])?;
        let from = m.kind()?;
        return match from {
            Type::F32 => Ok(lanes!(|a: f32| -> u32 { tf32(a) })),
            kind => Err(m.unsupported(kind)),
        };
    }
    let to = m.kind()?;
    let from = m.kind()?;
    match (from.is_float(), to.is_float()) {
        (false, false) => integer_to_integer(m, to, from),
        (false, true) => integer_to_float(m, to, from),
        (true, false) => float_to_integer(m, to, from),
        (true, true) => float_to_float(m, to, from),
    }
}

/// The nearest tf32, ties away from zero: an f32 whose lowest 13 bits are zeros.
fn tf32(a: f32) -> u32 {
    // A carry out of the fraction lands in the exponent, where it belongs.
    let near = if a.is_finite() { a.to_bits() + 0x1000 } else { a.to_bits() };
    if a.is_nan() { 0x7fff_ffff } else { near & !0x1fff }
}

fn integer_to_integer(m: &mut Modifiers, to: Type, from: Type) -> Result<Formula, String> {
    macro_rules! plain {
        ($m:expr, $from:ty, $to:expr) => {
            to_integer!($m, $to, |a: $from| a)
        };
    }
    Ok(from_integer!(m, from, plain, to))
}

fn integer_to_float(m: &mut Modifiers, to: Type, from: Type) -> Result<Formula, String> {
    m.need(&[("rn", ())])?;
    macro_rules! nearest {
        ($m:expr, $from:ty, $to:expr) => {
            match $to {
                Type::F32 => lanes!(|a: $from| -> f32 { a as f32 }),
                Type::F64 => lanes!(|a: $from| -> f64 { a as f64 }),
                // Exact in f64 up to 32 bits, hence rounded once.
                Type::F16 if from.size() <= 4 => lanes!(|a: $from| -> F16 { F16(a as f64) }),
                Type::Bf16 if from.size() <= 4 => lanes!(|a: $from| -> Bf16 { Bf16(a as f64) }),
                kind => return Err($m.unsupported(kind)),
            }
        };
    }
    Ok(from_integer!(m, from, nearest, to))
}

/// Out of range ends at the nearest value there is, NaN becomes 0: exactly what Rust's `as` does.
fn float_to_integer(m: &mut Modifiers, to: Type, from: Type) -> Result<Formula, String> {
    let whole = m.need(&WHOLE)?;
    macro_rules! rounded {
        ($type:ty, |$x:ident| $value:expr) => {
            match whole {
                Whole::Nearest => to_integer!(m, to, |$x: $type| $value.round_ties_even()),
                Whole::Zero => to_integer!(m, to, |$x: $type| $value.trunc()),
                Whole::Down => to_integer!(m, to, |$x: $type| $value.floor()),
                Whole::Up => to_integer!(m, to, |$x: $type| $value.ceil()),
            }
        };
    }
    Ok(match (from, m.take("ftz")) {
        (Type::F32, false) => rounded!(f32, |a| a),
        (Type::F32, true) => rounded!(Flushed, |a| a.0),
        (Type::F64, false) => rounded!(f64, |a| a),
        (Type::F16, false) => rounded!(F16, |a| a.0),
        (Type::Bf16, false) => rounded!(Bf16, |a| a.0),
        (kind, _) => return Err(m.unsupported(kind)),
    })
}

fn float_to_float(m: &mut Modifiers, to: Type, from: Type) -> Result<Formula, String> {
    let whole = m.choose(&WHOLE);
    let ftz = m.take("ftz");
    let sat = m.take("sat");
    if let Some(whole) = whole {
        return whole_number(m, to, from, whole, ftz);
    }
    if to.size() < from.size() || matches!(to, Type::F16x2 | Type::Bf16x2) {
        m.need(&[("rn", ())])?;
    }
    Ok(match (to, from, ftz, sat) {
        (Type::F32, Type::F32, false, false) => lanes!(|a: f32| -> f32 { a }),
        (Type::F32, Type::F32, true, false) => lanes!(|a: Flushed| -> Flushed { a }),
        (Type::F32, Type::F32, false, true) => lanes!(|a: f32| -> f32 { saturate(a) }),
        (Type::F32, Type::F32, true, true) => lanes!(|a: Flushed| -> f32 { saturate(a.0) }),
        (Type::F64, Type::F32, false, false) => lanes!(|a: f32| -> f64 { a.into() }),
        (Type::F64, Type::F32, true, false) => lanes!(|a: Flushed| -> f64 { a.0.into() }),
        (Type::F32, Type::F64, false, false) => lanes!(|a: f64| -> f32 { a as f32 }),
        (Type::F32, Type::F64, true, false) => lanes!(|a: f64| -> f32 { flush(a as f32) }),
        (Type::F64, Type::F64, false, false) => lanes!(|a: f64| -> f64 { a }),
        (Type::F16, Type::F32, _, false) => lanes!(|a: f32| -> F16 { F16(a.into()) }),
        (Type::Bf16, Type::F32, false, false) => lanes!(|a: f32| -> Bf16 { Bf16(a.into()) }),
        (Type::F16, Type::F64, false, false) => lanes!(|a: f64| -> F16 { F16(a) }),
        (Type::Bf16, Type::F64, false, false) => lanes!(|a: f64| -> Bf16 { Bf16(a) }),
        (Type::F32, Type::F16, _, false) => lanes!(|a: F16| -> f32 { a.0 as f32 }),
        (Type::F32, Type::Bf16, false, false) => lanes!(|a: Bf16| -> f32 { a.0 as f32 }),
        (Type::F64, Type::F16, false, false) => lanes!(|a: F16| -> f64 { a.0 }),
        (Type::F64, Type::Bf16, false, false) => lanes!(|a: Bf16| -> f64 { a.0 }),
        // The first source goes to the upper half.
        (Type::F16x2, Type::F32, false, false) => {
            lanes!(|high: f32, low: f32| -> F16x2 { F16x2([low.into(), high.into()]) })
        }
        (Type::Bf16x2, Type::F32, false, false) => {
            lanes!(|high: f32, low: f32| -> Bf16x2 { Bf16x2([low.into(), high.into()]) })
        }
        _ => {
            return Err(format!(
                "`cvt` from {from:?} to {to:?} with these modifiers is not supported"
            )
            .to_lowercase());
        }
    })
}

fn whole_number(
    m: &Modifiers,
    to: Type,
    from: Type,
    whole: Whole,
    ftz: bool,
) -> Result<Formula, String> {
    Ok(match (to, from, whole) {
        (Type::F32, Type::F32, Whole::Nearest) if ftz => {
            lanes!(|a: Flushed| -> f32 { a.0.round_ties_even() })
        }
        (Type::F32, Type::F32, Whole::Zero) if ftz => lanes!(|a: Flushed| -> f32 { a.0.trunc() }),
        (Type::F32, Type::F32, Whole::Down) if ftz => lanes!(|a: Flushed| -> f32 { a.0.floor() }),
        (Type::F32, Type::F32, Whole::Up) if ftz => lanes!(|a: Flushed| -> f32 { a.0.ceil() }),
        (Type::F32, Type::F32, Whole::Nearest) => lanes!(|a: f32| -> f32 { a.round_ties_even() }),
        (Type::F32, Type::F32, Whole::Zero) => lanes!(|a: f32| -> f32 { a.trunc() }),
        (Type::F32, Type::F32, Whole::Down) => lanes!(|a: f32| -> f32 { a.floor() }),
        (Type::F32, Type::F32, Whole::Up) => lanes!(|a: f32| -> f32 { a.ceil() }),
        (Type::F64, Type::F64, Whole::Nearest) => lanes!(|a: f64| -> f64 { a.round_ties_even() }),
        (Type::F64, Type::F64, Whole::Zero) => lanes!(|a: f64| -> f64 { a.trunc() }),
        (Type::F64, Type::F64, Whole::Down) => lanes!(|a: f64| -> f64 { a.floor() }),
        (Type::F64, Type::F64, Whole::Up) => lanes!(|a: f64| -> f64 { a.ceil() }),
        (kind, ..) => return Err(m.unsupported(kind)),
    })
}
