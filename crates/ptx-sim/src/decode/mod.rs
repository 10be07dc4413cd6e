//! From an opcode with modifiers and operands to an [`Instruction`]: the list of everything that is
//! supported.
//!
//! Each part takes the modifiers it knows; what is left over is an error. So is an operand of the
//! wrong register class.

mod carry;
mod compare;
mod context;
mod control;
mod convert;
mod copy;
mod float;
mod integer;
mod logic;
mod matrix;
mod memory;
mod modifiers;
mod moves;
mod warp;

pub(crate) use context::{Context, predicate};

use self::{
    context::{Decoded, compute, count},
    modifiers::Modifiers,
};
use crate::{
    instruction::{Action, Join, Needs},
    operand::Operand,
    types::{Class, Type},
};

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
        "mma" | "ldmatrix" | "stmatrix" | "movmatrix" => {
            let (action, flops) = matrix::decode(cx, &mut m, operands)?;
            Decoded { action, flops, target: None }
        }
        "cp" => copy::decode(cx, &mut m, operands)?.into(),
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
    let mut needs = Needs::All;
    let (formula, flops) = if m.opcode == "cvt" {
        (convert::find(m)?, 0)
    } else if !KNOWN.contains(&m.opcode) {
        return Err(format!("opcode `{}` is not supported", m.opcode));
    } else {
        let kind = m.kind()?;
        needs = match m.opcode {
            "selp" => Needs::Chosen,
            "and" if kind == Type::Pred => Needs::UntilFalse,
            "or" if kind == Type::Pred => Needs::UntilTrue,
            _ => Needs::All,
        };
        let found = match logic::find(m, kind)? {
            Some(formula) => Some((formula, 0)),
            None if kind.is_float() => float::find(m, kind)?,
            None => integer::find(m, kind)?.map(|formula| (formula, 0)),
        };
        found.ok_or_else(|| m.unsupported(kind))?
    };
    Ok(Decoded { action: compute(cx, formula, needs, operands)?, flops, target: None })
}

/// Every opcode that computes lane by lane, whatever its types; conversions and carries come
/// before.
const KNOWN: &[&str] = &[
    "add", "sub", "mul", "mad", "fma", "div", "rem", "neg", "abs", "min", "max", "sad", "dp4a",
    "popc", "clz", "brev", "bfind", "bfe", "bfi", "and", "or", "xor", "not", "cnot", "shl", "shr",
    "shf", "selp", "prmt", "lop3", "rcp", "sqrt", "rsqrt", "ex2", "lg2", "sin", "cos", "tanh",
    "copysign", "testp",
];

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
    let left = cx.scope.register(cx.kernel, &operands[1], test.classes[0])?;
    let right = cx.scope.register(cx.kernel, &operands[2], test.classes[1])?;
    let join =
        join.map(|join| Ok::<_, String>((join, predicate(cx, &operands[3])?))).transpose()?;
    Ok(Action::Compare { test, operands: [left, right], join, into, inverse })
}
