//! Arithmetic on a few registers at a time.
//!
//! `S` is an instruction set of `pulp`, which says how wide a register is and what can be done with
//! one. A value of it can only be had on a processor that has the instructions, which is why all of
//! this is safe.

use pulp::{Simd, bytemuck};

/// `V` registers side by side, on a cache line's border: an unaligned load of 64 bytes would touch
/// two lines.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub struct Lanes<S: Simd, const V: usize>(pub [S::f32s; V]);

impl<S: Simd, const V: usize> Lanes<S, V> {
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
            self.0[v] = larger(simd, other.0[v], self.0[v]);
        }
        self
    }

    /// `2^(self − shift)`, lane by lane.
    #[inline(always)]
    pub fn exp2_from(mut self, simd: S, shift: Self) -> Self {
        for v in 0..V {
            self.0[v] = exp2(simd, simd.sub_f32s(self.0[v], shift.0[v]));
        }
        self
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

/// `x · y + z`, rounded once where the processor has an instruction for that. `pulp` would call a
/// function of the C library where it has none, which takes ten times as long as the rest.
#[inline(always)]
pub fn multiply_add<S: Simd>(simd: S, x: S::f32s, y: S::f32s, z: S::f32s) -> S::f32s {
    let portable = S::F32_LANES == 4 && cfg!(not(target_arch = "aarch64"));
    if portable {
        simd.add_f32s(simd.mul_f32s(x, y), z)
    } else {
        simd.mul_add_e_f32s(x, y, z)
    }
}

/// The larger one; `y` if one of them is NaN. The instruction for it agrees on that on one
/// architecture only, so this compares and selects.
#[inline(always)]
pub fn larger<S: Simd>(simd: S, x: S::f32s, y: S::f32s) -> S::f32s {
    simd.select_f32s(simd.greater_than_f32s(x, y), x, y)
}

/// 2^x for x ≤ 0, with an error below 2e-7 of the result; 0 from −127 down, NaN for NaN.
///
/// x = i + f with a whole i and |f| ≤ ½: a polynomial for 2^f, and i goes straight into the bits of
/// the exponent.
#[inline(always)]
pub fn exp2<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    // Adding 1.5·2²³ rounds to a whole number and leaves it in the last bits of the sum; 127 is the
    // exponent's bias.
    const ROUND: f32 = 12_582_912.0 + 127.0;
    // 2^f on [−½, ½], least error relative to the result, 2⁰ = 1 exactly.
    #[allow(clippy::approx_constant)] // the best polynomial's is near ln 2, not ln 2
    const C: [f32; 5] = [0.693147, 0.24022242, 0.055507336, 0.009671513, 0.0013264727];
    let x = larger(simd, simd.splat_f32s(-127.0), x);
    let rounded = simd.add_f32s(x, simd.splat_f32s(ROUND));
    let f = simd.sub_f32s(x, simd.sub_f32s(rounded, simd.splat_f32s(ROUND)));
    let mut p = simd.splat_f32s(C[4]);
    for c in [C[3], C[2], C[1], C[0], 1.0] {
        p = multiply_add(simd, p, f, simd.splat_f32s(c));
    }
    // At x = −127 the exponent's bits are 0, which makes the product 0. A NaN stays one in p,
    // whatever its bits make of the factor.
    let bits = simd.transmute_u32s_f32s(rounded);
    let factor = simd.wrapping_dyn_shl_u32s(bits, simd.splat_u32s(23));
    simd.mul_f32s(p, simd.transmute_f32s_u32s(factor))
}
