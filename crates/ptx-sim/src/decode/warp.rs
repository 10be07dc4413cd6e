//! Instructions by which the lanes of a warp talk to each other (PTX ISA, `shfl.sync`,
//! `vote.sync`, `match.sync`, `redux.sync`).

use super::{
    context::{B32, Context, count, only, predicate},
    modifiers::Modifiers,
};
use crate::{
    instruction::{Action, Change, Shuffle, Vote},
    operand::Operand,
    register::Register,
    types::{Class, Type},
};

pub(crate) fn decode(
    cx: &mut Context,
    m: &mut Modifiers,
    operands: &[Operand],
) -> Result<Action, String> {
    if m.opcode == "activemask" {
        let kind = m.kind()?;
        only(m, kind, &[Type::B32])?;
        count(operands, 1)?;
        return Ok(Action::ActiveMask { into: cx.scope.destination_of(&operands[0], B32)? });
    }
    if !m.take("sync") {
        return Err(format!(
            "`{0}` without `.sync` is gone since PTX 6.4: use `{0}.sync`",
            m.opcode
        ));
    }
    match m.opcode {
        "shfl" => shuffle(cx, m, operands),
        "vote" => vote(cx, m, operands),
        "match" => matching(cx, m, operands),
        _ => reduce(cx, m, operands),
    }
}

fn shuffle(cx: &mut Context, m: &mut Modifiers, operands: &[Operand]) -> Result<Action, String> {
    let mode = m.need(&[
        ("up", Shuffle::Up),
        ("down", Shuffle::Down),
        ("bfly", Shuffle::Butterfly),
        ("idx", Shuffle::Index),
    ])?;
    let kind = m.kind()?;
    only(m, kind, &[Type::B32])?;
    count(operands, 5)?;
    let (into, valid) = match &operands[0] {
        Operand::Pair(into, valid) => (
            cx.scope.destination_of(into, B32)?,
            Some(cx.scope.destination_of(valid, Class::Pred)?),
        ),
        into => (cx.scope.destination_of(into, B32)?, None),
    };
    let mut source = |operand| cx.scope.register(cx.kernel, operand, B32);
    let (from, by) = (source(&operands[1])?, source(&operands[2])?);
    let (clamp, members) = (source(&operands[3])?, source(&operands[4])?);
    Ok(Action::Shuffle { mode, into, valid, from, by, clamp, members })
}

fn vote(cx: &mut Context, m: &mut Modifiers, operands: &[Operand]) -> Result<Action, String> {
    let mode = m.need(&[
        ("all", Vote::All),
        ("any", Vote::Any),
        ("uni", Vote::Uniform),
        ("ballot", Vote::Ballot),
    ])?;
    let kind = m.kind()?;
    only(m, kind, &[if mode == Vote::Ballot { Type::B32 } else { Type::Pred }])?;
    count(operands, 3)?;
    let into = Register {
        class: kind.class(),
        index: cx.scope.destination_of(&operands[0], kind.class())?,
    };
    let test = predicate(cx, &operands[1])?;
    let members = cx.scope.register(cx.kernel, &operands[2], B32)?;
    Ok(Action::Vote { mode, into, test, members })
}

fn matching(cx: &mut Context, m: &mut Modifiers, operands: &[Operand]) -> Result<Action, String> {
    let all = m.need(&[("all", true), ("any", false)])?;
    let kind = m.kind()?;
    only(m, kind, &[Type::B32, Type::B64])?;
    count(operands, 3)?;
    let (into, agree) = match &operands[0] {
        Operand::Pair(into, agree) if all => (
            cx.scope.destination_of(into, B32)?,
            Some(cx.scope.destination_of(agree, Class::Pred)?),
        ),
        into => (cx.scope.destination_of(into, B32)?, None),
    };
    let class = kind.class();
    let from = Register { class, index: cx.scope.register(cx.kernel, &operands[1], class)? };
    let members = cx.scope.register(cx.kernel, &operands[2], B32)?;
    Ok(Action::Match { all, into, agree, from, members })
}

fn reduce(cx: &mut Context, m: &mut Modifiers, operands: &[Operand]) -> Result<Action, String> {
    let change = m.need(&[
        ("add", Change::Add),
        ("min", Change::Min),
        ("max", Change::Max),
        ("and", Change::And),
        ("or", Change::Or),
        ("xor", Change::Xor),
    ])?;
    let kind = m.kind()?;
    match change {
        Change::Add | Change::Min | Change::Max => only(m, kind, &[Type::U32, Type::S32])?,
        _ => only(m, kind, &[Type::B32])?,
    }
    count(operands, 3)?;
    let into = cx.scope.destination_of(&operands[0], B32)?;
    let from = cx.scope.register(cx.kernel, &operands[1], B32)?;
    let members = cx.scope.register(cx.kernel, &operands[2], B32)?;
    Ok(Action::Reduce { kind, change, into, from, members })
}
