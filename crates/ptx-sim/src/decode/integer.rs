//! Integer arithmetic and bit fields (PTX ISA, “Integer Arithmetic Instructions”).

use super::modifiers::Modifiers;
use crate::{
    lane::{Formula, lanes},
    types::Type,
};

/// One formula for every integer type; `u16 u32 u64` for the unsigned ones, `i16 i32 i64` for the
/// signed.
macro_rules! integers {
    ($m:expr, $kind:expr, |$($x:ident),+| $body:expr) => {
        match $kind {
            Type::U16 => lanes!(|$($x: u16),+| -> u16 { $body }),
            Type::S16 => lanes!(|$($x: i16),+| -> i16 { $body }),
            Type::U32 => lanes!(|$($x: u32),+| -> u32 { $body }),
            Type::S32 => lanes!(|$($x: i32),+| -> i32 { $body }),
            Type::U64 => lanes!(|$($x: u64),+| -> u64 { $body }),
            Type::S64 => lanes!(|$($x: i64),+| -> i64 { $body }),
            kind => return Err($m.unsupported(kind)),
        }
    };
}

/// The half of a product or multiply-add that is kept.
#[derive(Clone, Copy, PartialEq)]
enum Part {
    Low,
    High,
    Wide,
}

const PARTS: [(&str, Part); 3] = [("lo", Part::Low), ("hi", Part::High), ("wide", Part::Wide)];

/// The formula of an integer opcode, or none if the opcode is not one.
pub(crate) fn find(m: &mut Modifiers, kind: Type) -> Result<Option<Formula>, String> {
    let formula = match m.opcode {
        "add" => integers!(m, kind, |a, b| a.wrapping_add(b)),
        "sub" => integers!(m, kind, |a, b| a.wrapping_sub(b)),
        "min" => integers!(m, kind, |a, b| a.min(b)),
        "max" => integers!(m, kind, |a, b| a.max(b)),
        "mul" => match m.need(&PARTS)? {
            Part::Low => integers!(m, kind, |a, b| a.wrapping_mul(b)),
            Part::High => product_high(m, kind)?,
            Part::Wide => product_wide(m, kind)?,
        },
        "mad" => match m.need(&PARTS)? {
            Part::Low => integers!(m, kind, |a, b, c| a.wrapping_mul(b).wrapping_add(c)),
            Part::High => product_high_plus(m, kind)?,
            Part::Wide => product_wide_plus(m, kind)?,
        },
        // The hardware answers a division by zero with all ones, and its remainder with the
        // dividend.
        "div" => integers!(m, kind, |a, b| if b == 0 { !b } else { a.wrapping_div(b) }),
        "rem" => integers!(m, kind, |a, b| if b == 0 { a } else { a.wrapping_rem(b) }),
        "neg" => match kind {
            Type::S16 => lanes!(|a: i16| -> i16 { a.wrapping_neg() }),
            Type::S32 => lanes!(|a: i32| -> i32 { a.wrapping_neg() }),
            Type::S64 => lanes!(|a: i64| -> i64 { a.wrapping_neg() }),
            kind => return Err(m.unsupported(kind)),
        },
        "abs" => match kind {
            Type::S16 => lanes!(|a: i16| -> i16 { a.wrapping_abs() }),
            Type::S32 => lanes!(|a: i32| -> i32 { a.wrapping_abs() }),
            Type::S64 => lanes!(|a: i64| -> i64 { a.wrapping_abs() }),
            kind => return Err(m.unsupported(kind)),
        },
        "sad" => match kind {
            Type::U16 => lanes!(|a: u16, b: u16, c: u16| -> u16 { c.wrapping_add(a.abs_diff(b)) }),
            Type::S16 => {
                lanes!(|a: i16, b: i16, c: i16| -> i16 { c.wrapping_add_unsigned(a.abs_diff(b)) })
            }
            Type::U32 => lanes!(|a: u32, b: u32, c: u32| -> u32 { c.wrapping_add(a.abs_diff(b)) }),
            Type::S32 => {
                lanes!(|a: i32, b: i32, c: i32| -> i32 { c.wrapping_add_unsigned(a.abs_diff(b)) })
            }
            Type::U64 => lanes!(|a: u64, b: u64, c: u64| -> u64 { c.wrapping_add(a.abs_diff(b)) }),
            Type::S64 => {
                lanes!(|a: i64, b: i64, c: i64| -> i64 { c.wrapping_add_unsigned(a.abs_diff(b)) })
            }
            kind => return Err(m.unsupported(kind)),
        },
        "dp4a" => match (kind, m.kind()?) {
            (Type::U32, Type::U32) => {
                lanes!(|a: u32, b: u32, c: u32| -> u32 { dot_of_bytes(a, b, c, false, false) })
            }
            (Type::U32, Type::S32) => {
                lanes!(|a: u32, b: u32, c: u32| -> u32 { dot_of_bytes(a, b, c, false, true) })
            }
            (Type::S32, Type::U32) => {
                lanes!(|a: u32, b: u32, c: u32| -> u32 { dot_of_bytes(a, b, c, true, false) })
            }
            (Type::S32, Type::S32) => {
                lanes!(|a: u32, b: u32, c: u32| -> u32 { dot_of_bytes(a, b, c, true, true) })
            }
            (kind, _) => return Err(m.unsupported(kind)),
        },
        "popc" => match kind {
            Type::B32 => lanes!(|a: u32| -> u32 { a.count_ones() }),
            Type::B64 => lanes!(|a: u64| -> u32 { a.count_ones() }),
            kind => return Err(m.unsupported(kind)),
        },
        "clz" => match kind {
            Type::B32 => lanes!(|a: u32| -> u32 { a.leading_zeros() }),
            Type::B64 => lanes!(|a: u64| -> u32 { a.leading_zeros() }),
            kind => return Err(m.unsupported(kind)),
        },
        "brev" => match kind {
            Type::B32 => lanes!(|a: u32| -> u32 { a.reverse_bits() }),
            Type::B64 => lanes!(|a: u64| -> u64 { a.reverse_bits() }),
            kind => return Err(m.unsupported(kind)),
        },
        "bfind" => bfind(m, kind)?,
        "bfe" => match kind {
            Type::U32 => lanes!(|a: u32, at: u32, n: u32| -> u32 {
                extract(a.into(), 32, false, at, n) as u32
            }),
            Type::S32 => {
                lanes!(|a: i32, at: u32, n: u32| -> u32 {
                    extract(a as i64 as u64, 32, true, at, n) as u32
                })
            }
            Type::U64 => lanes!(|a: u64, at: u32, n: u32| -> u64 { extract(a, 64, false, at, n) }),
            Type::S64 => lanes!(|a: u64, at: u32, n: u32| -> u64 { extract(a, 64, true, at, n) }),
            kind => return Err(m.unsupported(kind)),
        },
        "bfi" => match kind {
            Type::B32 => {
                lanes!(|a: u32, b: u32, at: u32, n: u32| -> u32 {
                    insert(a.into(), b.into(), 32, at, n) as u32
                })
            }
            Type::B64 => {
                lanes!(|a: u64, b: u64, at: u32, n: u32| -> u64 { insert(a, b, 64, at, n) })
            }
            kind => return Err(m.unsupported(kind)),
        },
        _ => return Ok(None),
    };
    Ok(Some(formula))
}

/// c plus the products of the four bytes of a and b, each signed or not.
fn dot_of_bytes(a: u32, b: u32, c: u32, a_signed: bool, b_signed: bool) -> u32 {
    let value = |byte: u8, signed| {
        if signed { i32::from(byte as i8) } else { i32::from(byte) }
    };
    let pairs = a.to_le_bytes().into_iter().zip(b.to_le_bytes());
    pairs.fold(c, |sum, (a, b)| sum.wrapping_add((value(a, a_signed) * value(b, b_signed)) as u32))
}

fn product_high(m: &Modifiers, kind: Type) -> Result<Formula, String> {
    Ok(match kind {
        Type::U16 => {
            lanes!(|a: u16, b: u16| -> u16 { ((u32::from(a) * u32::from(b)) >> 16) as u16 })
        }
        Type::S16 => {
            lanes!(|a: i16, b: i16| -> i16 { ((i32::from(a) * i32::from(b)) >> 16) as i16 })
        }
        Type::U32 => {
            lanes!(|a: u32, b: u32| -> u32 { ((u64::from(a) * u64::from(b)) >> 32) as u32 })
        }
        Type::S32 => {
            lanes!(|a: i32, b: i32| -> i32 { ((i64::from(a) * i64::from(b)) >> 32) as i32 })
        }
        Type::U64 => {
            lanes!(|a: u64, b: u64| -> u64 { ((u128::from(a) * u128::from(b)) >> 64) as u64 })
        }
        Type::S64 => {
            lanes!(|a: i64, b: i64| -> i64 { ((i128::from(a) * i128::from(b)) >> 64) as i64 })
        }
        kind => return Err(m.unsupported(kind)),
    })
}

fn product_high_plus(m: &Modifiers, kind: Type) -> Result<Formula, String> {
    Ok(match kind {
        Type::U32 => lanes!(|a: u32, b: u32, c: u32| -> u32 {
            (((u64::from(a) * u64::from(b)) >> 32) as u32).wrapping_add(c)
        }),
        Type::S32 => lanes!(|a: i32, b: i32, c: i32| -> i32 {
            (((i64::from(a) * i64::from(b)) >> 32) as i32).wrapping_add(c)
        }),
        Type::U64 => lanes!(|a: u64, b: u64, c: u64| -> u64 {
            (((u128::from(a) * u128::from(b)) >> 64) as u64).wrapping_add(c)
        }),
        Type::S64 => lanes!(|a: i64, b: i64, c: i64| -> i64 {
            (((i128::from(a) * i128::from(b)) >> 64) as i64).wrapping_add(c)
        }),
        kind => return Err(m.unsupported(kind)),
    })
}

fn product_wide(m: &Modifiers, kind: Type) -> Result<Formula, String> {
    Ok(match kind {
        Type::U16 => lanes!(|a: u16, b: u16| -> u32 { u32::from(a) * u32::from(b) }),
        Type::S16 => lanes!(|a: i16, b: i16| -> i32 { i32::from(a) * i32::from(b) }),
        Type::U32 => lanes!(|a: u32, b: u32| -> u64 { u64::from(a) * u64::from(b) }),
        Type::S32 => lanes!(|a: i32, b: i32| -> i64 { i64::from(a) * i64::from(b) }),
        kind => return Err(m.unsupported(kind)),
    })
}

fn product_wide_plus(m: &Modifiers, kind: Type) -> Result<Formula, String> {
    Ok(match kind {
        Type::U16 => lanes!(|a: u16, b: u16, c: u32| -> u32 {
            (u32::from(a) * u32::from(b)).wrapping_add(c)
        }),
        Type::S16 => lanes!(|a: i16, b: i16, c: i32| -> i32 {
            (i32::from(a) * i32::from(b)).wrapping_add(c)
        }),
        Type::U32 => lanes!(|a: u32, b: u32, c: u64| -> u64 {
            (u64::from(a) * u64::from(b)).wrapping_add(c)
        }),
        Type::S32 => lanes!(|a: i32, b: i32, c: i64| -> i64 {
            (i64::from(a) * i64::from(b)).wrapping_add(c)
        }),
        kind => return Err(m.unsupported(kind)),
    })
}

/// The place of the highest bit that differs from the sign, or all ones; with `.shiftamt` the shift
/// that brings it to the top.
fn bfind(m: &mut Modifiers, kind: Type) -> Result<Formula, String> {
    let shift = m.take("shiftamt");
    Ok(match (kind, shift) {
        (Type::U32, false) => lanes!(|a: u32| -> u32 { a.checked_ilog2().unwrap_or(u32::MAX) }),
        (Type::U32, true) => {
            lanes!(|a: u32| -> u32 { a.checked_ilog2().map_or(u32::MAX, |top| 31 - top) })
        }
        (Type::S32, false) => {
            lanes!(|a: i32| -> u32 { ((a ^ (a >> 31)) as u32).checked_ilog2().unwrap_or(u32::MAX) })
        }
        (Type::S32, true) => {
            lanes!(|a: i32| -> u32 {
                ((a ^ (a >> 31)) as u32).checked_ilog2().map_or(u32::MAX, |top| 31 - top)
            })
        }
        (Type::U64, false) => lanes!(|a: u64| -> u32 { a.checked_ilog2().unwrap_or(u32::MAX) }),
        (Type::U64, true) => {
            lanes!(|a: u64| -> u32 { a.checked_ilog2().map_or(u32::MAX, |top| 63 - top) })
        }
        (Type::S64, false) => {
            lanes!(|a: i64| -> u32 { ((a ^ (a >> 63)) as u64).checked_ilog2().unwrap_or(u32::MAX) })
        }
        (Type::S64, true) => {
            lanes!(|a: i64| -> u32 {
                ((a ^ (a >> 63)) as u64).checked_ilog2().map_or(u32::MAX, |top| 63 - top)
            })
        }
        (kind, _) => return Err(m.unsupported(kind)),
    })
}

/// `n` bits from bit `at`; beyond the value come zeros, or copies of its sign; signed fields are
/// sign-extended.
fn extract(a: u64, width: u32, signed: bool, at: u32, n: u32) -> u64 {
    let (at, n) = (at & 0xff, n & 0xff);
    if n == 0 {
        return 0;
    }
    let negative = signed && a >> (width - 1) & 1 == 1;
    let above = if negative { !0u128 << width } else { 0 };
    let bits = (above | u128::from(a) & ((1u128 << width) - 1)) >> at.min(64);
    if n >= width {
        return bits as u64;
    }
    let field = bits & ((1 << n) - 1);
    // The sign is the field's top bit, or the value's where the field reaches beyond it.
    let top = signed && a >> (at + n - 1).min(width - 1) & 1 == 1;
    (if top { field | !0 << n } else { field }) as u64
}

/// `b` with its `n` bits from bit `at` replaced by the lowest of `a`.
fn insert(a: u64, b: u64, width: u32, at: u32, n: u32) -> u64 {
    let (at, n) = (at & 0xff, n & 0xff);
    if at >= width || n == 0 {
        return b;
    }
    let field = ((1u128 << n.min(width)) - 1) << at;
    ((u128::from(b) & !field) | (u128::from(a) << at & field)) as u64
}
