//! Branches, barriers, fences and the end of a thread (PTX ISA, “Control Flow Instructions” and
//! “Parallel Synchronization and Communication Instructions”).

use super::{
    context::{B32, Context, Decoded, count, only, predicate},
    modifiers::Modifiers,
};
use crate::{
    instruction::{Action, Vote},
    operand::Operand,
    register::Register,
    types::Type,
};

pub(crate) fn decode<'a>(
    cx: &mut Context,
    m: &mut Modifiers,
    operands: &[Operand<'a>],
) -> Result<Decoded<'a>, String> {
    let opcode = m.opcode;
    let action = match opcode {
        "bra" => {
            m.take("uni"); // a hint: the executor finds out by itself
            count(operands, 1)?;
            let Operand::Name(label) = operands[0] else {
                return Err("a branch needs a label".into());
            };
            return Ok(Decoded {
                action: Action::Branch { target: 0 },
                flops: 0,
                target: Some(label),
            });
        }
        "ret" | "exit" => {
            m.take("uni");
            count(operands, 0)?;
            Action::Exit
        }
        "trap" => Action::Trap,
        "bar" if m.take("warp") => {
            m.need(&[("sync", ())])?;
            count(operands, 1)?;
            Action::WarpBarrier { members: cx.scope.register(cx.kernel, &operands[0], B32)? }
        }
        "bar" | "barrier" => {
            m.take("cta");
            let vote = if m.take("red") {
                let mode =
                    m.need(&[("popc", Vote::Count), ("and", Vote::All), ("or", Vote::Any)])?;
                let kind = m.kind()?;
                only(m, kind, &[if mode == Vote::Count { Type::U32 } else { Type::Pred }])?;
                count(operands, 3)?;
                let index = cx.scope.destination_of(&operands[0], kind.class())?;
                Some((mode, Register { class: kind.class(), index }, predicate(cx, &operands[2])?))
            } else {
                m.need(&[("sync", ())])?;
                count(operands, 1)?;
                None
            };
            m.take("aligned");
            if operands[usize::from(vote.is_some())] != Operand::Integer(0) {
                return Err(
                    "only barrier 0, and with all threads of the block, is supported".into()
                );
            }
            Action::Barrier { vote }
        }
        "membar" => {
            m.need(&[("gl", ()), ("sys", ()), ("cta", ())])?;
            count(operands, 0)?;
            Action::Fence
        }
        "fence" => {
            m.choose(&[("sc", ()), ("acq_rel", ())]);
            m.need(&[("gpu", ()), ("sys", ()), ("cta", ())])?;
            count(operands, 0)?;
            Action::Fence
        }
        _ => {
            m.take("u32");
            Action::Nothing // nanosleep: time is not simulated
        }
    };
    Ok(action.into())
}
