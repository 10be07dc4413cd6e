//! Arithmetic with a carry (PTX ISA, “Extended-Precision Integer Arithmetic Instructions”): how wider
//! integers are added and multiplied.
//! `.cc` keeps the carry of a result, the opcodes that end in `c` take it in. The flag is a
//! predicate of the kernel.

use super::{
    context::{Context, count},
    modifiers::Modifiers,
};
use crate::{
    instruction::{Action, Needs},
    lane::Formula,
    module::Value,
    operand::Operand,
    types::{Class, Type},
};

/// A formula that takes a carry in and gives one out: the last two operands, after the listed ones.
macro_rules! carrying {
    ($type:ty, $class:expr, |$($x:ident),+; $carry:ident| $body:expr) => {
        Formula {
            run: |registers, operands, mask| {
                use crate::lane::{LANES, Lane};
                let mut next = 1..;
                $(let $x = <$type as Lane>::get(registers, operands[next.next().expect("endless")]);)+
                let [taken, given] = operands[operands.len() - 2..] else { return };
                let carries = bool::get(registers, taken);
                let (mut out, mut carried) = ([<$type>::default(); LANES], [false; LANES]);
                for lane in 0..LANES {
                    let ($($x,)+ $carry) = ($($x[lane],)+ carries[lane]);
                    (out[lane], carried[lane]) = $body;
                }
                <$type as Lane>::set(registers, operands[0], &out, mask);
                bool::set(registers, given, &carried, mask);
            },
            classes: &[$class, $({ let _ = stringify!($x); $class }),+],
        }
    };
}

macro_rules! sums {
    ($m:expr, $high:expr, $type:ty, $wide:ty, $class:expr) => {
        match ($m.opcode, $high) {
            ("add" | "addc", _) => carrying!($type, $class, |a, b; carry| a.carrying(b, carry)),
            ("sub" | "subc", _) => carrying!($type, $class, |a, b; carry| a.borrowing(b, carry)),
            (_, false) => carrying!($type, $class, |a, b, c; carry| a.wrapping_mul(b).carrying(c, carry)),
            (_, true) => carrying!($type, $class, |a, b, c; carry| {
                ((<$wide>::from(a) * <$wide>::from(b) >> <$type>::BITS) as $type).carrying(c, carry)
            }),
        }
    };
}

/// Sums and differences with a carry.
trait Carry: Sized {
    fn carrying(self, other: Self, carry: bool) -> (Self, bool);
    fn borrowing(self, other: Self, borrow: bool) -> (Self, bool);
}

macro_rules! carry {
    ($($type:ty)+) => {$(
        impl Carry for $type {
            fn carrying(self, other: Self, carry: bool) -> (Self, bool) {
                let (sum, over) = self.overflowing_add(other);
                let (sum, again) = sum.overflowing_add(carry.into());
                (sum, over || again)
            }
            fn borrowing(self, other: Self, borrow: bool) -> (Self, bool) {
                let (rest, under) = self.overflowing_sub(other);
                let (rest, again) = rest.overflowing_sub(borrow.into());
                (rest, under || again)
            }
        }
    )+};
}
carry! { u32 u64 }

/// Whether the opcode has to do with carries at all.
pub(crate) fn is_one(opcode: &str, keeps: bool) -> bool {
    matches!(opcode, "addc" | "subc" | "madc") || (keeps && matches!(opcode, "add" | "sub" | "mad"))
}

/// Decodes one; `keeps` says that `.cc` was there.
pub(crate) fn decode(
    cx: &mut Context,
    m: &mut Modifiers,
    keeps: bool,
    operands: &[Operand],
) -> Result<Action, String> {
    let high = match m.opcode {
        "mad" | "madc" => m.need(&[("lo", false), ("hi", true)])?,
        _ => false,
    };
    let kind = m.kind()?;
    let formula = match kind {
        Type::S32 | Type::S64 if high => return Err(m.unsupported(kind)),
        Type::U32 | Type::S32 => sums!(m, high, u32, u64, Class::B32),
        Type::U64 | Type::S64 => sums!(m, high, u64, u128, Class::B64),
        kind => return Err(m.unsupported(kind)),
    };
    count(operands, formula.classes.len())?;
    let mut registers = vec![cx.scope.destination_of(&operands[0], formula.classes[0])?];
    for (operand, class) in operands.iter().zip(formula.classes).skip(1) {
        registers.push(cx.scope.register(cx.kernel, operand, *class)?);
    }
    let flag = cx.scope.carry();
    let never = cx.scope.constant(cx.kernel, Class::Pred, Value::Bits(0));
    registers.push(if m.opcode.ends_with('c') { flag } else { never });
    registers.push(if keeps { flag } else { cx.scope.fresh(Class::Pred).index });
    Ok(Action::Compute { formula, operands: registers, needs: Needs::All })
}
