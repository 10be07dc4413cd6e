//! What atomics and reductions make of two values (PTX ISA, `atom` and `red`).

use crate::{
    half::{bf16_to_f32, f16_to_f32, f64_to_bf16, f64_to_f16},
    instruction::Change,
    types::Type,
};

/// The new value from the old one; `second` is the value that compare-and-swap puts in.
pub(crate) fn changed(change: Change, kind: Type, old: u64, given: u64, second: u64) -> u64 {
    let (x, y) = (old as u32, given as u32);
    match change {
        Change::Add => sum(kind, old, given),
        Change::Min => match kind {
            Type::S32 => (x as i32).min(y as i32) as u32 as u64,
            Type::S64 => (old as i64).min(given as i64) as u64,
            _ => old.min(given),
        },
        Change::Max => match kind {
            Type::S32 => (x as i32).max(y as i32) as u32 as u64,
            Type::S64 => (old as i64).max(given as i64) as u64,
            _ => old.max(given),
        },
        Change::And => old & given,
        Change::Or => old | given,
        Change::Xor => old ^ given,
        Change::Exchange => given,
        Change::CompareAndSwap => {
            if old == given {
                second
            } else {
                old
            }
        }
        // Up to the given limit and round to zero; down from it.
        Change::Increment => u64::from(if x >= y { 0 } else { x + 1 }),
        Change::Decrement => u64::from(if x == 0 || x > y { y } else { x - 1 }),
    }
}

fn sum(kind: Type, a: u64, b: u64) -> u64 {
    let f16 = |a: u64, b: u64| {
        let sum = f64::from(f16_to_f32(a as u16)) + f64::from(f16_to_f32(b as u16));
        u64::from(f64_to_f16(sum))
    };
    let bf16 = |a: u64, b: u64| {
        let sum = crate::half::fma_to_odd(bf16_to_f32(a as u16), 1.0, bf16_to_f32(b as u16));
        u64::from(f64_to_bf16(sum))
    };
    match kind {
        Type::F32 => (f32::from_bits(a as u32) + f32::from_bits(b as u32)).to_bits().into(),
        Type::F64 => (f64::from_bits(a) + f64::from_bits(b)).to_bits(),
        Type::F16 => f16(a, b),
        Type::Bf16 => bf16(a, b),
        Type::F16x2 => f16(a, b) | f16(a >> 16, b >> 16) << 16,
        Type::Bf16x2 => bf16(a, b) | bf16(a >> 16, b >> 16) << 16,
        kind if kind.size() == 4 => u64::from((a as u32).wrapping_add(b as u32)),
        _ => a.wrapping_add(b),
    }
}
