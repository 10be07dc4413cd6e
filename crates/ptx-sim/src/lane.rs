//! Thirty-two lanes at once: the registers of a warp, and the formulas that work on them.
//!
//! An instruction that computes is one line, `lanes!(|a: f32, b: f32| -> f32 { a + b })`: the types
//! say which register file each operand comes from, and how its bits are read.

use crate::{
    half::{bf16_to_f32, f16_to_f32, f64_to_bf16, f64_to_f16},
    register::{Guard, Register},
    types::Class,
};

/// Threads in a warp.
pub(crate) const LANES: usize = 32;

/// All lanes.
pub(crate) const FULL: u32 = u32::MAX;

/// The registers of one warp. Constants and special registers are registers too, filled before the
/// warp starts.
#[derive(Clone, Debug)]
pub(crate) struct Registers {
    /// One bit a lane.
    pub(crate) pred: Vec<u32>,
    pub(crate) b32: Vec<[u32; LANES]>,
    pub(crate) b64: Vec<[u64; LANES]>,
}

impl Registers {
    /// The lanes of a register as 64-bit integers, whatever its class.
    pub(crate) fn wide(&self, register: Register) -> [u64; LANES] {
        let index = register.index;
        match register.class {
            Class::B64 => self.b64[index as usize],
            Class::B32 => self.b32[index as usize].map(u64::from),
            Class::Pred => bool::get(self, index).map(u64::from),
        }
    }

    /// Writes the lanes of `mask` in a register of any class.
    pub(crate) fn set_wide(&mut self, register: Register, values: &[u64; LANES], mask: u32) {
        let index = register.index;
        match register.class {
            Class::B64 => u64::set(self, index, values, mask),
            Class::B32 => u32::set(self, index, &values.map(|value| value as u32), mask),
            Class::Pred => bool::set(self, index, &values.map(|value| value != 0), mask),
        }
    }

    /// The lanes for which a predicate, perhaps negated, holds.
    pub(crate) fn holds(&self, guard: Guard) -> u32 {
        let bits = self.pred[guard.register as usize];
        if guard.negated { !bits } else { bits }
    }
}

/// The lanes of a mask, from the lowest.
pub(crate) fn each(mask: u32) -> impl Iterator<Item = usize> {
    let mut left = mask;
    std::iter::from_fn(move || {
        let lane = left.trailing_zeros();
        left &= left.wrapping_sub(1);
        (lane < 32).then_some(lane as usize)
    })
}

/// How a type is read from the registers, and written to the lanes of a mask.
pub(crate) trait Lane: Copy + Default {
    const CLASS: Class;
    fn get(registers: &Registers, register: u32) -> [Self; LANES];
    fn set(registers: &mut Registers, register: u32, values: &[Self; LANES], mask: u32);
}

fn write<T: Copy>(into: &mut [T; LANES], values: &[T; LANES], mask: u32) {
    if mask == FULL {
        *into = *values;
    } else {
        for lane in each(mask) {
            into[lane] = values[lane];
        }
    }
}

impl Lane for u32 {
    const CLASS: Class = Class::B32;
    fn get(registers: &Registers, register: u32) -> [u32; LANES] {
        registers.b32[register as usize]
    }
    fn set(registers: &mut Registers, register: u32, values: &[u32; LANES], mask: u32) {
        write(&mut registers.b32[register as usize], values, mask);
    }
}

impl Lane for u64 {
    const CLASS: Class = Class::B64;
    fn get(registers: &Registers, register: u32) -> [u64; LANES] {
        registers.b64[register as usize]
    }
    fn set(registers: &mut Registers, register: u32, values: &[u64; LANES], mask: u32) {
        write(&mut registers.b64[register as usize], values, mask);
    }
}

impl Lane for bool {
    const CLASS: Class = Class::Pred;
    fn get(registers: &Registers, register: u32) -> [bool; LANES] {
        let bits = registers.pred[register as usize];
        std::array::from_fn(|lane| bits >> lane & 1 == 1)
    }
    fn set(registers: &mut Registers, register: u32, values: &[bool; LANES], mask: u32) {
        let bits = gather(values);
        let into = &mut registers.pred[register as usize];
        *into = (*into & !mask) | (bits & mask);
    }
}

/// One bit a lane.
pub(crate) fn gather(values: &[bool; LANES]) -> u32 {
    let mut bits = 0;
    for (lane, value) in values.iter().enumerate() {
        bits |= u32::from(*value) << lane;
    }
    bits
}

/// Types that are kept in the bits of another: `$read` and `$write` convert.
macro_rules! kept_in {
    ($bits:ty: $($type:ty, |$b:ident| $read:expr, |$v:ident| $write:expr;)+) => {$(
        impl Lane for $type {
            const CLASS: Class = <$bits as Lane>::CLASS;
            fn get(registers: &Registers, register: u32) -> [$type; LANES] {
                <$bits as Lane>::get(registers, register).map(|$b| $read)
            }
            fn set(registers: &mut Registers, register: u32, values: &[$type; LANES], mask: u32) {
                <$bits as Lane>::set(registers, register, &values.map(|$v| $write), mask);
            }
        }
    )+};
}

/// An f32 whose subnormals count as zeros of their sign, read and written (`.ftz`).
#[derive(Clone, Copy, Default)]
pub(crate) struct Flushed(pub(crate) f32);
/// An f32 clamped to [0, 1] when it is written, NaN to 0 (`.sat`).
#[derive(Clone, Copy, Default)]
pub(crate) struct Saturated(pub(crate) f32);
/// An f16, computed with as f32.
#[derive(Clone, Copy, Default)]
pub(crate) struct F16(pub(crate) f64);
/// A bfloat16, computed with as f32.
#[derive(Clone, Copy, Default)]
pub(crate) struct Bf16(pub(crate) f64);
/// Two f16, the first in the lower half.
#[derive(Clone, Copy, Default)]
pub(crate) struct F16x2(pub(crate) [f64; 2]);
/// Two bfloat16, the first in the lower half.
#[derive(Clone, Copy, Default)]
pub(crate) struct Bf16x2(pub(crate) [f64; 2]);

pub(crate) fn flush(x: f32) -> f32 {
    if x.is_subnormal() { 0f32.copysign(x) } else { x }
}

/// Clamped to [0, 1]; NaN and −0 to +0.
pub(crate) fn saturate(x: f32) -> f32 {
    if x > 0.0 { x.min(1.0) } else { 0.0 }
}

fn halves(bits: u32) -> [u16; 2] {
    [bits as u16, (bits >> 16) as u16]
}

fn joined(low: u16, high: u16) -> u32 {
    u32::from(low) | u32::from(high) << 16
}

// A narrow signed integer is sign-extended to the width of its register when it is written (PTX
// ISA, section 9.4.1).
kept_in! { u32:
    i32, |b| b as i32, |v| v as u32;
    u16, |b| b as u16, |v| v.into();
    i16, |b| b as i16, |v| v as i32 as u32;
    u8, |b| b as u8, |v| v.into();
    i8, |b| b as i8, |v| v as i32 as u32;
    f32, |b| f32::from_bits(b), |v| v.to_bits();
    Flushed, |b| Flushed(flush(f32::from_bits(b))), |v| flush(v.0).to_bits();
    Saturated, |b| Saturated(f32::from_bits(b)), |v| saturate(v.0).to_bits();
    F16, |b| F16(f16_to_f32(b as u16).into()), |v| f64_to_f16(v.0).into();
    Bf16, |b| Bf16(bf16_to_f32(b as u16).into()), |v| f64_to_bf16(v.0).into();
    F16x2, |b| F16x2(halves(b).map(|h| f16_to_f32(h).into())), |v| joined(f64_to_f16(v.0[0]), f64_to_f16(v.0[1]));
    Bf16x2, |b| Bf16x2(halves(b).map(|h| bf16_to_f32(h).into())), |v| joined(f64_to_bf16(v.0[0]), f64_to_bf16(v.0[1]));
}
kept_in! { u64:
    i64, |b| b as i64, |v| v as u64;
    f64, |b| f64::from_bits(b), |v| v.to_bits();
}

/// What an instruction computes, and the register file of each operand, the destination first.
#[derive(Clone, Copy)]
pub(crate) struct Formula {
    /// Computes all lanes, writes those of the mask.
    pub(crate) run: fn(&mut Registers, &[u32], u32),
    pub(crate) classes: &'static [Class],
}

/// What a comparison computes: the lanes for which it holds. Operands only.
#[derive(Clone, Copy)]
pub(crate) struct Test {
    pub(crate) run: fn(&Registers, &[u32]) -> u32,
    pub(crate) classes: &'static [Class],
}

/// A [`Formula`] from the formula of one lane.
macro_rules! lanes {
    (|$($x:ident: $type:ty),+| -> $out:ty $body:block) => {
        $crate::lane::Formula {
            run: |registers, operands, mask| {
                use $crate::lane::Lane;
                let mut next = 1..;
                $(let $x = <$type as Lane>::get(registers, operands[next.next().expect("endless")]);)+
                let mut out = [<$out>::default(); $crate::lane::LANES];
                for lane in 0..$crate::lane::LANES {
                    $(let $x = $x[lane];)+
                    out[lane] = $body;
                }
                <$out as Lane>::set(registers, operands[0], &out, mask);
            },
            classes: &[<$out as $crate::lane::Lane>::CLASS, $(<$type as $crate::lane::Lane>::CLASS),+],
        }
    };
}

/// A [`Test`] of two operands from the test of one lane.
macro_rules! test {
    (|$a:ident, $b:ident: $type:ty| $body:expr) => {
        $crate::lane::Test {
            run: |registers, operands| {
                use $crate::lane::Lane;
                let (left, right) = (
                    <$type as Lane>::get(registers, operands[0]),
                    <$type as Lane>::get(registers, operands[1]),
                );
                let mut out = [false; $crate::lane::LANES];
                for lane in 0..$crate::lane::LANES {
                    let ($a, $b) = (left[lane], right[lane]);
                    out[lane] = $body;
                }
                $crate::lane::gather(&out)
            },
            classes: &[<$type as $crate::lane::Lane>::CLASS, <$type as $crate::lane::Lane>::CLASS],
        }
    };
}
pub(crate) use {lanes, test};
