//! Logic, shifts and selection (PTX ISA, “Logic and Shift Instructions”, `selp` and
//! `prmt`).

use super::modifiers::Modifiers;
use crate::{
    lane::{Formula, lanes},
    types::{Class, Type},
};

/// One formula for predicates and for untyped bits.
macro_rules! bits {
    ($m:expr, $kind:expr, |$($x:ident),+| $body:expr) => {
        match $kind {
            Type::Pred => lanes!(|$($x: bool),+| -> bool { $body }),
            Type::B16 => lanes!(|$($x: u16),+| -> u16 { $body }),
            Type::B32 => lanes!(|$($x: u32),+| -> u32 { $body }),
            Type::B64 => lanes!(|$($x: u64),+| -> u64 { $body }),
            kind => return Err($m.unsupported(kind)),
        }
    };
}

/// The formula of a logical opcode, or none if the opcode is not one. `lop3` and `prmt` carry a
/// table or a mode: see below.
pub(crate) fn find(m: &mut Modifiers, kind: Type) -> Result<Option<Formula>, String> {
    let formula = match m.opcode {
        "and" => bits!(m, kind, |a, b| a & b),
        "or" => bits!(m, kind, |a, b| a | b),
        "xor" => bits!(m, kind, |a, b| a ^ b),
        "not" => bits!(m, kind, |a| !a),
        "cnot" => match kind {
            Type::B16 => lanes!(|a: u16| -> u16 { u16::from(a == 0) }),
            Type::B32 => lanes!(|a: u32| -> u32 { u32::from(a == 0) }),
            Type::B64 => lanes!(|a: u64| -> u64 { u64::from(a == 0) }),
            kind => return Err(m.unsupported(kind)),
        },
        // A shift by the width or more leaves zeros, or signs.
        "shl" => match kind {
            Type::B16 => lanes!(|a: u16, n: u32| -> u16 { a.checked_shl(n).unwrap_or(0) }),
            Type::B32 => lanes!(|a: u32, n: u32| -> u32 { a.checked_shl(n).unwrap_or(0) }),
            Type::B64 => lanes!(|a: u64, n: u32| -> u64 { a.checked_shl(n).unwrap_or(0) }),
            kind => return Err(m.unsupported(kind)),
        },
        "shr" => match kind {
            Type::B16 | Type::U16 => {
                lanes!(|a: u16, n: u32| -> u16 { a.checked_shr(n).unwrap_or(0) })
            }
            Type::B32 | Type::U32 => {
                lanes!(|a: u32, n: u32| -> u32 { a.checked_shr(n).unwrap_or(0) })
            }
            Type::B64 | Type::U64 => {
                lanes!(|a: u64, n: u32| -> u64 { a.checked_shr(n).unwrap_or(0) })
            }
            Type::S16 => lanes!(|a: i16, n: u32| -> i16 { a >> n.min(15) }),
            Type::S32 => lanes!(|a: i32, n: u32| -> i32 { a >> n.min(31) }),
            Type::S64 => lanes!(|a: i64, n: u32| -> i64 { a >> n.min(63) }),
            kind => return Err(m.unsupported(kind)),
        },
        "shf" => shf(m, kind)?,
        "selp" => match kind.class() {
            Class::B32 if kind.size() == 2 => {
                lanes!(|a: u16, b: u16, p: bool| -> u16 { if p { a } else { b } })
            }
            Class::B32 if kind.size() == 4 => {
                lanes!(|a: u32, b: u32, p: bool| -> u32 { if p { a } else { b } })
            }
            Class::B64 => lanes!(|a: u64, b: u64, p: bool| -> u64 { if p { a } else { b } }),
            _ => return Err(m.unsupported(kind)),
        },
        "prmt" if kind == Type::B32 => {
            lanes!(|a: u32, b: u32, pick: u32| -> u32 { permute(a, b, pick) })
        }
        "lop3" if kind == Type::B32 => {
            lanes!(|a: u32, b: u32, c: u32, table: u32| -> u32 { lop3(a, b, c, table) })
        }
        "prmt" | "lop3" => return Err(m.unsupported(kind)),
        _ => return Ok(None),
    };
    Ok(Some(formula))
}

/// The funnel shift: 64 bits `b:a`, shifted; the left one keeps the upper half, the right one the
/// lower.
fn shf(m: &mut Modifiers, kind: Type) -> Result<Formula, String> {
    if kind != Type::B32 {
        return Err(m.unsupported(kind));
    }
    let left = m.need(&[("l", true), ("r", false)])?;
    let wrap = m.need(&[("wrap", true), ("clamp", false)])?;
    Ok(match (left, wrap) {
        (true, true) => {
            lanes!(|a: u32, b: u32, n: u32| -> u32 { (both(a, b) << (n & 31) >> 32) as u32 })
        }
        (true, false) => {
            lanes!(|a: u32, b: u32, n: u32| -> u32 { (both(a, b) << n.min(32) >> 32) as u32 })
        }
        (false, true) => {
            lanes!(|a: u32, b: u32, n: u32| -> u32 { (both(a, b) >> (n & 31)) as u32 })
        }
        (false, false) => {
            lanes!(|a: u32, b: u32, n: u32| -> u32 { (both(a, b) >> n.min(32)) as u32 })
        }
    })
}

fn both(low: u32, high: u32) -> u64 {
    u64::from(high) << 32 | u64::from(low)
}

/// Four bytes picked from the eight of `b:a`; bit 3 of a pick copies the byte's sign over it.
fn permute(a: u32, b: u32, pick: u32) -> u32 {
    let bytes = both(a, b).to_le_bytes();
    u32::from_le_bytes(std::array::from_fn(|i| {
        let pick = pick >> (4 * i) & 0xf;
        let byte = bytes[pick as usize & 7];
        if pick & 8 == 0 { byte } else { (byte as i8 >> 7) as u8 }
    }))
}

/// Any function of three bits, by its truth table: bit 4a + 2b + c of `table`.
fn lop3(a: u32, b: u32, c: u32, table: u32) -> u32 {
    (0..8).filter(|row| table >> row & 1 == 1).fold(0, |out, row| {
        let side = |bits: u32, at: u32| if row >> at & 1 == 1 { bits } else { !bits };
        out | (side(a, 2) & side(b, 1) & side(c, 0))
    })
}
