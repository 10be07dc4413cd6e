//! What the kernels ask of an instruction set, each step in the fewest instructions that it has.

use pulp::{Scalar128b, Simd};

#[cfg(target_arch = "aarch64")]
use pulp::aarch64::Neon;
#[cfg(target_arch = "x86_64")]
use pulp::{
    bytemuck::cast,
    x86::{V3, V4},
};

/// An instruction set for which the kernels are compiled.
pub trait Registers: Simd {
    /// `x · y + z`, rounded once where the processor has an instruction for that.
    #[inline(always)]
    fn multiply_add(self, x: Self::f32s, y: Self::f32s, z: Self::f32s) -> Self::f32s {
        self.mul_add_e_f32s(x, y, z)
    }

    /// The larger one; `y` if one of them is NaN. The instruction for it agrees on that on one
    /// architecture only, so this compares and selects.
    #[inline(always)]
    fn larger(self, x: Self::f32s, y: Self::f32s) -> Self::f32s {
        self.select_f32s(self.greater_than_f32s(x, y), x, y)
    }

    /// 2^x for x ≤ 0, with an error below 2e-7 of the result; 0 from −127 down, NaN for NaN.
    ///
    /// x = i + f with a whole i and |f| ≤ ½: a polynomial for 2^f, and i goes straight into the bits
    /// of the exponent.
    #[inline(always)]
    fn exp2(self, x: Self::f32s) -> Self::f32s {
        // Adding 1.5·2²³ rounds to a whole number and leaves it in the last bits of the sum; 127 is
        // the exponent's bias.
        const ROUND: f32 = 12_582_912.0 + 127.0;
        let x = self.larger(self.splat_f32s(-127.0), x);
        let rounded = self.add_f32s(x, self.splat_f32s(ROUND));
        let f = self.sub_f32s(x, self.sub_f32s(rounded, self.splat_f32s(ROUND)));
        let power = polynomial(self, f);
        // At x = −127 the exponent's bits are 0, which makes the product 0. A NaN stays one in the
        // power, whatever its bits make of the factor.
        let bits = self.transmute_u32s_f32s(rounded);
        let factor = self.wrapping_dyn_shl_u32s(bits, self.splat_u32s(23));
        self.mul_f32s(power, self.transmute_f32s_u32s(factor))
    }
}

/// 2^f on [−½, ½]: least error relative to the result, 2⁰ = 1 exactly.
#[inline(always)]
fn polynomial<S: Registers>(simd: S, f: S::f32s) -> S::f32s {
    const C: [f32; 5] = [0.693147, 0.24022242, 0.055507336, 0.009671513, 0.0013264727];
    let mut power = simd.splat_f32s(C[4]);
    for c in [C[3], C[2], C[1], C[0], 1.0] {
        power = simd.multiply_add(power, f, simd.splat_f32s(c));
    }
    power
}

#[cfg(target_arch = "x86_64")]
impl Registers for V4 {
    #[inline(always)]
    fn larger(self, x: Self::f32s, y: Self::f32s) -> Self::f32s {
        self.max_f32s(x, y)
    }

    /// Two instructions do what takes six elsewhere: one takes the nearest whole number away, one
    /// multiplies by a power of 2, down to 0.
    #[inline(always)]
    fn exp2(self, x: Self::f32s) -> Self::f32s {
        const NEAREST: i32 = 0;
        let f = cast(self.avx512dq._mm512_reduce_ps::<NEAREST>(cast(x)));
        let power = polynomial(self, f);
        let whole = self.sub_f32s(x, f);
        cast(self.avx512f._mm512_scalef_ps(cast(power), cast(whole)))
    }
}

#[cfg(target_arch = "x86_64")]
impl Registers for V3 {
    #[inline(always)]
    fn larger(self, x: Self::f32s, y: Self::f32s) -> Self::f32s {
        self.max_f32s(x, y)
    }
}

#[cfg(target_arch = "aarch64")]
impl Registers for Neon {}

impl Registers for Scalar128b {
    /// Rounded twice: without an instruction for it, one rounding is a call of the C library, which
    /// takes ten times as long as all the rest.
    #[inline(always)]
    fn multiply_add(self, x: Self::f32s, y: Self::f32s, z: Self::f32s) -> Self::f32s {
        self.add_f32s(self.mul_f32s(x, y), z)
    }
}
