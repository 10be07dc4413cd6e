//! Loads, stores and atomics (PTX ISA, `ld`, `st`, `atom` and `red`).

use super::{
    context::{Context, count, only},
    modifiers::Modifiers,
};
use crate::{
    instruction::{Action, Address, Change},
    operand::Operand,
    register::Register,
    types::{Class, Space, Type},
};

const SPACES: [(&str, Space); 6] = [
    ("global", Space::Global),
    ("shared", Space::Shared),
    ("shared::cta", Space::Shared),
    ("local", Space::Local),
    ("param", Space::Param),
    ("const", Space::Const),
];

/// Hints and orderings that change nothing here: caches are not simulated, and every access goes to
/// memory.
const HINTS: [&str; 12] = [
    "nc",
    "ca",
    "cg",
    "cs",
    "lu",
    "cv",
    "wb",
    "wt",
    "volatile",
    "weak",
    "L1::no_allocate",
    "L1::evict_last",
];

pub(crate) fn decode(
    cx: &mut Context,
    m: &mut Modifiers,
    operands: &[Operand],
) -> Result<Action, String> {
    if m.opcode.starts_with("prefetch") {
        m.choose(&SPACES);
        m.need(&[("L1", ()), ("L2", ())])?;
        count(operands, 1)?;
        return Ok(Action::Nothing);
    }
    let space = m.choose(&SPACES).unwrap_or(Space::Generic);
    if matches!(m.opcode, "atom" | "red") {
        return atomic(cx, m, space, operands);
    }
    for hint in HINTS {
        m.take(hint);
    }
    let width = m.choose(&[("v2", 2), ("v4", 4)]).unwrap_or(1);
    let kind = m.kind()?;
    if kind == Type::Pred || kind.size() * width > 16 {
        return Err(m.unsupported(kind));
    }
    count(operands, 2)?;
    if m.opcode == "st" {
        if matches!(space, Space::Param | Space::Const) {
            return Err("parameters and constants cannot be written".into());
        }
        let address = address(cx, space, &operands[0])?;
        let from = values(cx, &operands[1], kind, width, false)?;
        return Ok(Action::Store { space, kind, from, address });
    }
    let into = values(cx, &operands[0], kind, width, true)?;
    let address = address(cx, space, &operands[1])?;
    Ok(Action::Load { space, kind, into, address })
}

/// The registers of a vector, or of the one value. A register may be wider than the value in
/// memory.
fn values(
    cx: &mut Context,
    operand: &Operand,
    kind: Type,
    width: usize,
    write: bool,
) -> Result<Vec<Register>, String> {
    let one = std::slice::from_ref(operand);
    let parts = match operand {
        Operand::Vector(parts) => parts.as_slice(),
        _ => one,
    };
    count(parts, width)?;
    parts
        .iter()
        .map(|part| {
            let register = if write {
                cx.scope.destination(part)?.unwrap_or_else(|| cx.scope.fresh(kind.class()))
            } else {
                cx.scope.any(cx.kernel, part, kind.class())?
            };
            let fits = match register.class {
                Class::Pred => false,
                Class::B32 => kind.size() <= 4,
                Class::B64 => true,
            };
            if fits { Ok(register) } else { Err(format!("`{part}` is too narrow for the value")) }
        })
        .collect()
}

pub(super) fn address(
    cx: &mut Context,
    space: Space,
    operand: &Operand,
) -> Result<Address, String> {
    let Operand::Address(base, offset) = operand else {
        return Err(format!("`{operand}` is no address"));
    };
    if space == Space::Param {
        let name = base.to_string();
        let known = cx.kernel.parameters.iter().find(|parameter| parameter.name == name);
        let start = known.ok_or_else(|| format!("`{name}` is no parameter"))?.offset;
        let index =
            cx.scope.constant(cx.kernel, Class::B64, crate::module::Value::Bits(start as u64));
        return Ok(Address { base: Register { class: Class::B64, index }, offset: *offset });
    }
    let base = cx.scope.any(cx.kernel, base, Class::B64)?;
    match base.class {
        Class::B64 => Ok(Address { base, offset: *offset }),
        Class::B32 if matches!(space, Space::Shared | Space::Local | Space::Const) => {
            Ok(Address { base, offset: *offset })
        }
        class => Err(format!("an address of this space cannot be {}", class.words())),
    }
}

fn atomic(
    cx: &mut Context,
    m: &mut Modifiers,
    space: Space,
    operands: &[Operand],
) -> Result<Action, String> {
    if matches!(space, Space::Local | Space::Param | Space::Const) {
        return Err("atomics work on global and shared memory".into());
    }
    for ordering in ["relaxed", "acquire", "release", "acq_rel", "gpu", "cta", "sys"] {
        m.take(ordering);
    }
    let change = m.need(&CHANGES)?;
    m.take("noftz");
    let kind = m.kind()?;
    use Type::*;
    match change {
        Change::Add => only(m, kind, &[U32, S32, U64, F32, F64, F16, Bf16, F16x2, Bf16x2])?,
        Change::Min | Change::Max => only(m, kind, &[U32, S32, U64, S64])?,
        Change::Increment | Change::Decrement => only(m, kind, &[U32])?,
        _ => only(m, kind, &[B32, B64])?,
    }
    let given = if change == Change::CompareAndSwap { 2 } else { 1 };
    let returns = usize::from(m.opcode == "atom");
    count(operands, returns + 1 + given)?;
    let into = if m.opcode == "atom" { cx.scope.destination(&operands[0])? } else { None };
    let address = address(cx, space, &operands[returns])?;
    let mut from = Vec::new();
    for operand in &operands[returns + 1..] {
        from.push(Register {
            class: kind.class(),
            index: cx.scope.register(cx.kernel, operand, kind.class())?,
        });
    }
    if into.is_some_and(|register| register.class != kind.class()) {
        return Err(format!("`{}` must be {}", operands[0], kind.class().words()));
    }
    Ok(Action::Atomic { space, kind, change, into, address, operands: from })
}

const CHANGES: [(&str, Change); 10] = [
    ("add", Change::Add),
    ("min", Change::Min),
    ("max", Change::Max),
    ("and", Change::And),
    ("or", Change::Or),
    ("xor", Change::Xor),
    ("exch", Change::Exchange),
    ("cas", Change::CompareAndSwap),
    ("inc", Change::Increment),
    ("dec", Change::Decrement),
];
