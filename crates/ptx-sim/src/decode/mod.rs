//! From an opcode with modifiers and operands to an [`Instruction`]: the list of everything that is
//! supported.
//!
//! Each part takes the modifiers it knows; what is left over is an error. So is an operand of the
//! wrong register class.

mod carry;
mod compare;
mod control;
mod convert;
mod float;
mod integer;
mod logic;
mod memory;
mod modifiers;
mod moves;
mod warp;

pub(crate) use modifiers::Modifiers;

use crate::{
    instruction::{Action, Guard, Join},
    lane::Formula,
    module::Kernel,
    operand::Operand,
    scope::Scope,
    types::{Class, Type},
};

/// The kernel that an instruction is decoded for.
pub(crate) struct Context<'s, 'm> {
    pub(crate) kernel: &'s mut Kernel,
    pub(crate) scope: &'s mut Scope<'m>,
}

/// The action of an instruction, its floating-point operations a lane, and the label it jumps to.
pub(crate) struct Decoded<'a> {
    pub(crate) action: Action,
    pub(crate) flops: u64,
    pub(crate) target: Option<&'a str>,
}

impl From<Action> for Decoded<'_> {
    fn from(action: Action) -> Self {
        Decoded {
            action,
            flops: 0,
            target: None,
        }
    }
}

/// Decodes one instruction, its guard left out.
pub(crate) fn instruction<'a>(
    cx: &mut Context,
    word: &'a str,
    operands: &[Operand<'a>],
) -> Result<Decoded<'a>, String> {
    let mut m = Modifiers::split(word);
    let keeps = m.take("cc");
    if carry::is_one(m.opcode, keeps) {
        let action = carry::decode(cx, &mut m, keeps, operands)?;
        m.finish()?;
        return Ok(action.into());
    }
    if keeps {
        return Err(format!("modifier `.cc` of `{}` is not supported", m.opcode));
    }
    let decoded = match m.opcode {
        "bra" | "ret" | "exit" | "trap" | "bar" | "barrier" | "membar" | "fence" | "nanosleep" => {
            control::decode(cx, &mut m, operands)?
        }
        "ld" | "ldu" | "st" | "atom" | "red" | "prefetch" | "prefetchu" => {
            memory::decode(cx, &mut m, operands)?.into()
        }
        "shfl" | "vote" | "match" | "redux" | "activemask" => {
            warp::decode(cx, &mut m, operands)?.into()
        }
        "mov" | "cvta" | "isspacep" => moves::decode(cx, &mut m, operands)?.into(),
        "setp" => setp(cx, &mut m, operands)?.into(),
        _ => computation(cx, &mut m, operands)?,
    };
    m.finish()?;
    Ok(decoded)
}

fn computation<'a>(
    cx: &mut Context,
    m: &mut Modifiers,
    operands: &[Operand],
) -> Result<Decoded<'a>, String> {
    let (formula, flops) = if m.opcode == "cvt" {
        (convert::find(m)?, 0)
    } else if !KNOWN.contains(&m.opcode) {
        return Err(format!("opcode `{}` is not supported", m.opcode));
    } else {
        let kind = m.kind()?;
        let found = match logic::find(m, kind)? {
            Some(formula) => Some((formula, 0)),
            None if kind.is_float() => float::find(m, kind)?,
            None => integer::find(m, kind)?.map(|formula| (formula, 0)),
        };
        found.ok_or_else(|| m.unsupported(kind))?
    };
    Ok(Decoded {
        action: compute(cx, formula, operands)?,
        flops,
        target: None,
    })
}

/// Every opcode that computes lane by lane, whatever its types; conversions and carries come
/// before.
const KNOWN: &[&str] = &[
    "add", "sub", "mul", "mad", "fma", "div", "rem", "neg", "abs", "min", "max", "sad", "dp4a",
    "popc", "clz", "brev", "bfind", "bfe", "bfi", "and", "or", "xor", "not", "cnot", "shl", "shr",
    "shf", "selp", "prmt", "lop3", "rcp", "sqrt", "rsqrt", "ex2", "lg2", "sin", "cos", "tanh",
    "copysign", "testp",
];

/// A formula with its operands, of the number and classes that it wants.
fn compute(cx: &mut Context, formula: Formula, operands: &[Operand]) -> Result<Action, String> {
    count(operands, formula.classes.len())?;
    let mut registers = vec![cx.scope.destination_of(&operands[0], formula.classes[0])?];
    for (operand, class) in operands.iter().zip(formula.classes).skip(1) {
        registers.push(cx.scope.register(cx.kernel, operand, *class)?);
    }
    Ok(Action::Compute {
        formula,
        operands: registers,
    })
}

fn setp(cx: &mut Context, m: &mut Modifiers, operands: &[Operand]) -> Result<Action, String> {
    let kind = m.kind()?;
    let join = m.choose(&[("and", Join::And), ("or", Join::Or), ("xor", Join::Xor)]);
    let test = compare::find(m, kind)?;
    count(operands, if join.is_some() { 4 } else { 3 })?;
    let (into, inverse) = match &operands[0] {
        Operand::Pair(first, second) => (
            cx.scope.destination_of(first, Class::Pred)?,
            Some(cx.scope.destination_of(second, Class::Pred)?),
        ),
        operand => (cx.scope.destination_of(operand, Class::Pred)?, None),
    };
    let left = cx
        .scope
        .register(cx.kernel, &operands[1], test.classes[0])?;
    let right = cx
        .scope
        .register(cx.kernel, &operands[2], test.classes[1])?;
    let join = join
        .map(|join| Ok::<_, String>((join, predicate(cx, &operands[3])?)))
        .transpose()?;
    Ok(Action::Compare {
        test,
        operands: [left, right],
        join,
        into,
        inverse,
    })
}

/// A predicate operand, perhaps negated.
pub(crate) fn predicate(cx: &mut Context, operand: &Operand) -> Result<Guard, String> {
    let (operand, negated) = match operand {
        Operand::Not(inner) => (&**inner, true),
        operand => (operand, false),
    };
    Ok(Guard {
        register: cx.scope.register(cx.kernel, operand, Class::Pred)?,
        negated,
    })
}

/// An error unless there are exactly so many operands.
fn count(operands: &[Operand], wanted: usize) -> Result<(), String> {
    if operands.len() == wanted {
        Ok(())
    } else {
        Err(format!(
            "operands needed: {wanted}, given: {}",
            operands.len()
        ))
    }
}

/// The class of 32-bit values, by the name that most opcodes know it by.
const B32: Class = Class::B32;

/// An error unless the type is one of those.
fn only(m: &Modifiers, kind: Type, kinds: &[Type]) -> Result<(), String> {
    if kinds.contains(&kind) {
        Ok(())
    } else {
        Err(m.unsupported(kind))
    }
}
