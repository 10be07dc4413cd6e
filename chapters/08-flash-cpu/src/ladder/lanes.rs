//! Arithmetic on a few registers at a time, in safe Rust.
//!
//! A register is an array of `W` floats, and every operation is a loop over it that the compiler
//! turns into one instruction, if the function that all of this is inlined into may use registers
//! of that width. `FUSED` says whether that function has a fused multiply-add; without one,
//! `f32::mul_add` would be a slow call into the C library.

/// `V` registers of `W` lanes side by side, on a cache line's border: an unaligned load of 64 bytes
/// would touch two lines.
#[derive(Clone, Copy)]
#[repr(align(64))]
pub struct Lanes<const W: usize, const V: usize>(pub [[f32; W]; V]);

impl<const W: usize, const V: usize> Lanes<W, V> {
    /// The same number in every lane.
    #[inline(always)]
    pub fn splat(x: f32) -> Self {
        Lanes([[x; W]; V])
    }

    /// All lanes in a row.
    #[inline(always)]
    pub fn as_slice(&self) -> &[f32] {
        self.0.as_flattened()
    }

    /// All lanes in a row, to write to.
    #[inline(always)]
    pub fn as_mut_slice(&mut self) -> &mut [f32] {
        self.0.as_flattened_mut()
    }

    /// `f` of each lane.
    #[inline(always)]
    pub fn map(self, f: impl Fn(f32) -> f32) -> Self {
        // Not by the array's own `map`, which would not be inlined into this.
        self.zip(self, |x, _| f(x))
    }

    /// `f` of each lane of both.
    #[inline(always)]
    pub fn zip(self, other: Self, f: impl Fn(f32, f32) -> f32) -> Self {
        let mut result = self;
        for v in 0..V {
            for w in 0..W {
                result.0[v][w] = f(self.0[v][w], other.0[v][w]);
            }
        }
        result
    }

    /// `self + x · y`.
    #[inline(always)]
    pub fn plus_product<const FUSED: bool>(self, x: Self, y: f32) -> Self {
        self.zip(x, |sum, x| multiply_add::<FUSED>(x, y, sum))
    }
}

/// `x · y + z`, rounded once if there is an instruction for that.
#[inline(always)]
pub fn multiply_add<const FUSED: bool>(x: f32, y: f32, z: f32) -> f32 {
    if FUSED { x.mul_add(y, z) } else { x * y + z }
}

/// The larger one, and a NaN if `y` is one: what the instruction does, where `f32::max` would need
/// two more.
#[inline(always)]
pub fn larger(x: f32, y: f32) -> f32 {
    if x > y { x } else { y }
}

/// 2^x for x ≤ 0, with an error below 2e-7 of the result; 0 from −127 down, NaN for NaN.
///
/// x = i + f with a whole i and |f| ≤ ½: a polynomial for 2^f, and i goes straight into the bits of
/// the exponent.
#[inline(always)]
pub fn exp2<const FUSED: bool>(x: f32) -> f32 {
    // Adding 1.5·2²³ rounds to a whole number and leaves it in the last bits of the sum; 127 is the
    // exponent's bias.
    const ROUND: f32 = 12_582_912.0 + 127.0;
    // 2^f on [−½, ½], least error relative to the result, 2⁰ = 1 exactly.
    const C: [f32; 5] = [0.693147, 0.24022242, 0.055507336, 0.009671513, 0.0013264727];
    let x = larger(-127.0, x);
    let rounded = x + ROUND;
    let f = x - (rounded - ROUND);
    let mut p = C[4];
    for c in [C[3], C[2], C[1], C[0], 1.0] {
        p = multiply_add::<FUSED>(p, f, c);
    }
    // At x = −127 the exponent's bits are 0, which makes the product 0. A NaN stays one in p,
    // whatever its bits make of the factor.
    p * f32::from_bits(rounded.to_bits() << 23)
}
