//! `mov`, which also splits and merges registers, and `cvta`, which changes the kind of an address.

use super::{
    context::{Context, compute, count},
    modifiers::Modifiers,
};
use crate::{
    instruction::{Action, Needs},
    lane::{Formula, lanes},
    operand::Operand,
    register::Register,
    types::{CONST_WINDOW, Class, LOCAL_WINDOW, SHARED_WINDOW, Space, Type},
};

pub(crate) fn decode(
    cx: &mut Context,
    m: &mut Modifiers,
    operands: &[Operand],
) -> Result<Action, String> {
    match m.opcode {
        "mov" => mov(cx, m, operands),
        "cvta" => {
            let formula = cvta(m)?;
            compute(cx, formula, Needs::All, operands)
        }
        _ => {
            let formula = isspacep(m)?;
            compute(cx, formula, Needs::All, operands)
        }
    }
}

fn mov(cx: &mut Context, m: &mut Modifiers, operands: &[Operand]) -> Result<Action, String> {
    let kind = m.kind()?;
    count(operands, 2)?;
    match (&operands[0], &operands[1]) {
        (Operand::Vector(parts), from) => {
            let bits = part_bits(kind, parts.len())?;
            let from = Register {
                class: kind.class(),
                index: cx.scope.register(cx.kernel, from, kind.class())?,
            };
            let parts = parts
                .iter()
                .map(|part| {
                    let class = class_of(bits);
                    Ok(Register { class, index: cx.scope.destination_of(part, class)? })
                })
                .collect::<Result<_, String>>()?;
            Ok(Action::Split { parts, from, bits })
        }
        (into, Operand::Vector(parts)) => {
            let bits = part_bits(kind, parts.len())?;
            let parts = parts
                .iter()
                .map(|part| {
                    let class = class_of(bits);
                    Ok(Register { class, index: cx.scope.register(cx.kernel, part, class)? })
                })
                .collect::<Result<_, String>>()?;
            let into = Register {
                class: kind.class(),
                index: cx.scope.destination_of(into, kind.class())?,
            };
            Ok(Action::Merge { into, parts, bits })
        }
        (into, Operand::Name("%clock" | "%clock64")) => Ok(Action::Clock {
            into: Register {
                class: kind.class(),
                index: cx.scope.destination_of(into, kind.class())?,
            },
        }),
        _ => compute(cx, copy(kind), Needs::All, operands),
    }
}

fn class_of(bits: u32) -> Class {
    if bits == 64 { Class::B64 } else { Class::B32 }
}

fn part_bits(kind: Type, parts: usize) -> Result<u32, String> {
    let bits = 8 * kind.size() as u32;
    match (kind, parts) {
        (Type::B16, 2) | (Type::B32, 2 | 4) | (Type::B64, 2 | 4) => Ok(bits / parts as u32),
        _ => Err(format!("{parts} parts of {bits} bits are not supported")),
    }
}

fn copy(kind: Type) -> Formula {
    match kind.class() {
        Class::Pred => lanes!(|a: bool| -> bool { a }),
        Class::B32 if kind.size() == 2 => lanes!(|a: u16| -> u16 { a }),
        Class::B32 => lanes!(|a: u32| -> u32 { a }),
        Class::B64 => lanes!(|a: u64| -> u64 { a }),
    }
}

/// Global addresses are generic as they are; the other spaces are windows at fixed addresses.
fn cvta(m: &mut Modifiers) -> Result<Formula, String> {
    let to_space = m.take("to");
    let space = m.need(&SPACES)?;
    let kind = m.kind()?;
    if kind != Type::U64 {
        return Err(m.unsupported(kind));
    }
    Ok(match (space, to_space) {
        (Space::Shared, false) => lanes!(|a: u64| -> u64 { a.wrapping_add(SHARED_WINDOW) }),
        (Space::Shared, true) => lanes!(|a: u64| -> u64 { a.wrapping_sub(SHARED_WINDOW) }),
        (Space::Local, false) => lanes!(|a: u64| -> u64 { a.wrapping_add(LOCAL_WINDOW) }),
        (Space::Local, true) => lanes!(|a: u64| -> u64 { a.wrapping_sub(LOCAL_WINDOW) }),
        (Space::Const, false) => lanes!(|a: u64| -> u64 { a.wrapping_add(CONST_WINDOW) }),
        (Space::Const, true) => lanes!(|a: u64| -> u64 { a.wrapping_sub(CONST_WINDOW) }),
        _ => lanes!(|a: u64| -> u64 { a }),
    })
}

const SPACES: [(&str, Space); 4] = [
    ("global", Space::Global),
    ("shared", Space::Shared),
    ("local", Space::Local),
    ("const", Space::Const),
];

fn isspacep(m: &mut Modifiers) -> Result<Formula, String> {
    Ok(match m.need(&SPACES)? {
        Space::Shared => lanes!(|a: u64| -> bool { a >> 60 == SHARED_WINDOW >> 60 }),
        Space::Local => lanes!(|a: u64| -> bool { a >> 60 == LOCAL_WINDOW >> 60 }),
        Space::Const => lanes!(|a: u64| -> bool { a >> 60 == CONST_WINDOW >> 60 }),
        _ => lanes!(|a: u64| -> bool { a >> 60 == 0 }),
    })
}
