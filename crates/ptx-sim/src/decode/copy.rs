//! Copies that nobody waits for until told so (`cp.async`; PTX ISA 9.2, sections 9.7.9.25.3.1 to 9.7.9.25.3.3).

use super::{
    context::{B32, Context, count},
    memory::address,
    modifiers::Modifiers,
};
use crate::{instruction::Action, operand::Operand, types::Space};

pub(crate) fn decode(
    cx: &mut Context,
    m: &mut Modifiers,
    operands: &[Operand],
) -> Result<Action, String> {
    m.need(&[("async", ())])?;
    if m.take("commit_group") {
        count(operands, 0)?;
        return Ok(Action::CommitCopies);
    }
    if m.take("wait_all") {
        count(operands, 0)?;
        return Ok(Action::WaitForCopies { left: None });
    }
    if m.take("wait_group") {
        count(operands, 1)?;
        let left = match operands[0] {
            Operand::Integer(left) => u32::try_from(left).ok(),
            _ => None,
        };
        let left = left.ok_or_else(|| format!("`{}` is no number of groups", operands[0]))?;
        return Ok(Action::WaitForCopies { left: Some(left) });
    }
    let only_large = m.need(&[("ca", false), ("cg", true)])?;
    m.need(&[("shared", ()), ("shared::cta", ())])?;
    m.need(&[("global", ())])?;
    // How much the second cache fetches besides.
    m.choose(&[("L2::64B", ()), ("L2::128B", ()), ("L2::256B", ())]);
    count(operands, if operands.len() == 4 { 4 } else { 3 })?;
    let size = match operands[2] {
        Operand::Integer(16) => 16,
        Operand::Integer(size @ (4 | 8)) if !only_large => size as usize,
        _ if only_large => return Err("`cp.async.cg` copies 16 bytes".into()),
        _ => return Err("`cp.async.ca` copies 4, 8 or 16 bytes".into()),
    };
    let into = address(cx, Space::Shared, &operands[0])?;
    let from = address(cx, Space::Global, &operands[1])?;
    let bytes = match operands.get(3) {
        Some(operand) => Some(cx.scope.register(cx.kernel, operand, B32)?),
        None => None,
    };
    Ok(Action::Copy { size, into, from, bytes })
}
