//! Arithmetic on a few registers at a time.
//!
//! `S` is an instruction set of `pulp`, which says how wide a register is and what can be done with
//! one. A value of it can only be had on a processor that has the instructions, which is why all of
//! this is safe.

use super::registers::Registers;
use pulp::bytemuck;

/// `V` registers side by side, on a cache line's border: an unaligned load of 64 bytes would touch
/// two lines.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub struct Lanes<S: Registers, const V: usize>(pub [S::f32s; V]);

impl<S: Registers, const V: usize> Lanes<S, V> {
    /// How many numbers there are.
    pub const COUNT: usize = V * S::F32_LANES;

    /// The same number in every lane.
    #[inline(always)]
    pub fn splat(simd: S, x: f32) -> Self {
        Lanes([simd.splat_f32s(x); V])
    }

    /// All lanes in a row.
    #[inline(always)]
    pub fn as_slice(&self) -> &[f32] {
        bytemuck::cast_slice(&self.0)
    }

    /// All lanes in a row, to write to.
    #[inline(always)]
    pub fn as_mut_slice(&mut self) -> &mut [f32] {
        bytemuck::cast_slice_mut(&mut self.0)
    }

    /// The numbers of a row, which may be fewer than there are lanes; then zeros.
    #[inline(always)]
    pub fn load(simd: S, row: &[f32]) -> Self {
        let mut lanes = Self::splat(simd, 0.0);
        if row.len() == Self::COUNT {
            // Registers of known number: no call to copy them.
            let (registers, _) = S::as_simd_f32s(row);
            for v in 0..V {
                lanes.0[v] = registers[v];
            }
        } else {
            lanes.as_mut_slice()[..row.len()].copy_from_slice(row);
        }
        lanes
    }

    /// Writes a row, which may be shorter.
    #[inline(always)]
    pub fn store(self, row: &mut [f32]) {
        if row.len() == Self::COUNT {
            let (registers, _) = S::as_mut_simd_f32s(row);
            for v in 0..V {
                registers[v] = self.0[v];
            }
        } else {
            row.copy_from_slice(&self.as_slice()[..row.len()]);
        }
    }

    // No closures below: one that is not inlined is compiled for the plain processor, and passes its
    // registers through memory.

    /// Sum, lane by lane.
    #[inline(always)]
    pub fn plus(mut self, simd: S, other: Self) -> Self {
        for v in 0..V {
            self.0[v] = simd.add_f32s(self.0[v], other.0[v]);
        }
        self
    }

    /// Product, lane by lane.
    #[inline(always)]
    pub fn times(mut self, simd: S, other: Self) -> Self {
        for v in 0..V {
            self.0[v] = simd.mul_f32s(self.0[v], other.0[v]);
        }
        self
    }

    /// The larger one, lane by lane; where one of them is NaN, what stands in `self`.
    #[inline(always)]
    pub fn larger(mut self, simd: S, other: Self) -> Self {
        for v in 0..V {
            self.0[v] = simd.larger(other.0[v], self.0[v]);
        }
        self
    }

    /// `2^(self − shift)`, lane by lane.
    #[inline(always)]
    pub fn exp2_from(mut self, simd: S, shift: Self) -> Self {
        for v in 0..V {
            self.0[v] = simd.exp2(simd.sub_f32s(self.0[v], shift.0[v]));
        }
        self
    }

    /// The largest of all lanes: across the registers, then across the one that is left.
    #[inline(always)]
    pub fn largest(self, simd: S) -> f32 {
        let mut one = self.0[0];
        for v in 1..V {
            one = simd.larger(self.0[v], one);
        }
        simd.reduce_max_f32s(one)
    }

    /// The sum of all lanes.
    #[inline(always)]
    pub fn sum(self, simd: S) -> f32 {
        let mut one = self.0[0];
        for v in 1..V {
            one = simd.add_f32s(one, self.0[v]);
        }
        simd.reduce_sum_f32s(one)
    }

    /// Zero where `self` is −∞: what can be subtracted from −∞ without making NaN of it.
    #[inline(always)]
    pub fn or_zero(mut self, simd: S) -> Self {
        let least = simd.splat_f32s(f32::NEG_INFINITY);
        for v in 0..V {
            let some = simd.greater_than_f32s(self.0[v], least);
            self.0[v] = simd.select_f32s(some, self.0[v], simd.splat_f32s(0.0));
        }
        self
    }
}
