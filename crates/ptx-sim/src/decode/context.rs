//! What every part of the decoder works on, and the small steps that they share.

use super::modifiers::Modifiers;
use crate::{
    instruction::{Action, Needs},
    lane::Formula,
    module::Kernel,
    operand::Operand,
    register::Guard,
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
        Decoded { action, flops: 0, target: None }
    }
}

/// A formula with its operands, of the number and classes that it wants.
pub(super) fn compute(
    cx: &mut Context,
    formula: Formula,
    needs: Needs,
    operands: &[Operand],
) -> Result<Action, String> {
    count(operands, formula.classes.len())?;
    let mut registers = vec![cx.scope.destination_of(&operands[0], formula.classes[0])?];
    for (operand, class) in operands.iter().zip(formula.classes).skip(1) {
        registers.push(cx.scope.register(cx.kernel, operand, *class)?);
    }
    Ok(Action::Compute { formula, operands: registers, needs })
}

/// A predicate operand, perhaps negated.
pub(crate) fn predicate(cx: &mut Context, operand: &Operand) -> Result<Guard, String> {
    let (operand, negated) = match operand {
        Operand::Not(inner) => (&**inner, true),
        operand => (operand, false),
    };
    Ok(Guard { register: cx.scope.register(cx.kernel, operand, Class::Pred)?, negated })
}

/// An error unless there are exactly so many operands.
pub(super) fn count(operands: &[Operand], wanted: usize) -> Result<(), String> {
    if operands.len() == wanted {
        Ok(())
    } else {
        Err(format!("operands needed: {wanted}, given: {}", operands.len()))
    }
}

/// The class of 32-bit values, by the name that most opcodes know it by.
pub(super) const B32: Class = Class::B32;

/// An error unless the type is one of those.
pub(super) fn only(m: &Modifiers, kind: Type, kinds: &[Type]) -> Result<(), String> {
    if kinds.contains(&kind) { Ok(()) } else { Err(m.unsupported(kind)) }
}
