//! What each lane computes for itself, from its registers into its registers.

use crate::{
    instruction::{Action, Join},
    lane::{LANES, Registers},
    register::{Guard, Register},
};

/// Executes an action that touches nothing but registers. `clock` is the warp's.
pub(crate) fn compute(action: &Action, registers: &mut Registers, mask: u32, clock: u64) {
    match action {
        Action::Compute { formula, operands, .. } => (formula.run)(registers, operands, mask),
        Action::Compare { test, operands, join, into, inverse } => {
            let bits = (test.run)(registers, operands);
            let (first, second) = (joined(registers, bits, *join), joined(registers, !bits, *join));
            set_bits(&mut registers.pred[*into as usize], first, mask);
            if let Some(inverse) = inverse {
                set_bits(&mut registers.pred[*inverse as usize], second, mask);
            }
        }
        Action::Split { parts, from, bits } => {
            let whole = registers.wide(*from);
            for (part, register) in (0..).zip(parts) {
                let values = whole.map(|value| value >> (bits * part) & low(*bits));
                registers.set_wide(*register, &values, mask);
            }
        }
        Action::Merge { into, parts, bits } => {
            let mut whole = [0; LANES];
            for (part, register) in (0..).zip(parts) {
                let values = registers.wide(*register);
                for (whole, value) in whole.iter_mut().zip(values) {
                    *whole |= (value & low(*bits)) << (bits * part);
                }
            }
            registers.set_wide(*into, &whole, mask);
        }
        Action::ActiveMask { into } => {
            registers.set_wide(Register::b32(*into), &[mask.into(); LANES], mask);
        }
        Action::Clock { into } => registers.set_wide(*into, &[clock; LANES], mask),
        _ => {}
    }
}

/// The lowest so many bits, of 1 to 64.
fn low(bits: u32) -> u64 {
    u64::MAX >> (64 - bits)
}

fn joined(registers: &Registers, bits: u32, join: Option<(Join, Guard)>) -> u32 {
    match join {
        None => bits,
        Some((Join::And, with)) => bits & registers.holds(with),
        Some((Join::Or, with)) => bits | registers.holds(with),
        Some((Join::Xor, with)) => bits ^ registers.holds(with),
    }
}

fn set_bits(register: &mut u32, bits: u32, mask: u32) {
    *register = (*register & !mask) | (bits & mask);
}
