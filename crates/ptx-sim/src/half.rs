//! Sixteen-bit floats: IEEE 754 `binary16` (f16) and bfloat16, to and from f32 and f64, rounding to
//! nearest even.

/// The value of an f16. Exact.
pub(crate) fn f16_to_f32(bits: u16) -> f32 {
    let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
    let (exponent, fraction) = ((bits >> 10) & 0x1f, f32::from(bits & 0x3ff));
    match exponent {
        0 => sign * fraction * 2f32.powi(-24),
        0x1f if fraction == 0.0 => sign * f32::INFINITY,
        0x1f => f32::NAN,
        _ => sign * (1024.0 + fraction) * 2f32.powi(i32::from(exponent) - 25),
    }
}

/// The value of a bfloat16: the upper half of an f32. Exact.
pub(crate) fn bf16_to_f32(bits: u16) -> f32 {
    f32::from_bits(u32::from(bits) << 16)
}

/// The nearest f16, ties to even.
pub(crate) fn f64_to_f16(value: f64) -> u16 {
    round_to(value, 10, -14, 15)
}

/// The nearest bfloat16, ties to even.
pub(crate) fn f64_to_bf16(value: f64) -> u16 {
    round_to(value, 7, -126, 127)
}

/// Rounds to a format of sixteen bits with `fraction` bits after the point and normal exponents
/// `low..=high`.
fn round_to(value: f64, fraction: i32, low: i32, high: i32) -> u16 {
    let sign = u16::from(value.is_sign_negative()) << 15;
    let infinity = ((high - low + 2) as u16) << fraction;
    if value.is_nan() {
        return 0x7fff;
    }
    let size = value.abs();
    if size == 0.0 || size.is_infinite() {
        return sign | if size == 0.0 { 0 } else { infinity };
    }
    // Below `low` the spacing stays that of the smallest normal numbers (subnormals).
    let exponent = (((size.to_bits() >> 52) as i32) - 1023).max(low);
    let steps = (size * 2f64.powi(fraction - exponent)).round_ties_even() as u32;
    // A carry out of the fraction lands in the exponent, where it belongs.
    let bits = (((exponent - low) as u32) << fraction) + steps;
    sign | (bits.min(u32::from(infinity)) as u16)
}

/// a·b + c, wrong by at most what makes it odd: rounding the result once more to sixteen bits is
/// then the same as rounding the exact value once (Boldo and Melquiond, “Emulation of FMA and
/// correctly rounded sums”, 2008).
pub(crate) fn fma_to_odd(a: f32, b: f32, c: f32) -> f64 {
    let (sum, rest) = fma_with_error(a, b, c);
    if rest == 0.0 || !sum.is_finite() || sum.to_bits() & 1 == 1 {
        return sum;
    }
    if (rest > 0.0) == (sum > 0.0) {
        f64::from_bits(sum.to_bits() + 1)
    } else {
        f64::from_bits(sum.to_bits() - 1)
    }
}

/// a·b + c as a rounded f64 and what the rounding left out, exactly (the product of two f32 is
/// exact in f64; the sum by Knuth's two-sum).
pub(crate) fn fma_with_error(a: f32, b: f32, c: f32) -> (f64, f64) {
    let (product, c) = (f64::from(a) * f64::from(b), f64::from(c));
    let sum = product + c;
    let kept = sum - product;
    (sum, (product - (sum - kept)) + (c - kept))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_f16_survives_the_round_trip() {
        for bits in 0..=u16::MAX {
            let value = f16_to_f32(bits);
            if value.is_nan() {
                assert_eq!(f64_to_f16(value.into()) & 0x7fff, 0x7fff);
            } else {
                assert_eq!(f64_to_f16(value.into()), bits, "{value}");
            }
        }
    }

    #[test]
    fn every_bf16_survives_the_round_trip() {
        for bits in 0..=u16::MAX {
            let value = bf16_to_f32(bits);
            if !value.is_nan() {
                assert_eq!(f64_to_bf16(value.into()), bits, "{value}");
            }
        }
    }

    #[test]
    fn f16_rounds_to_the_nearest_and_ties_to_even() {
        for bits in 0..0x7bffu16 {
            let (low, high) = (f64::from(f16_to_f32(bits)), f64::from(f16_to_f32(bits + 1)));
            let middle = (low + high) / 2.0;
            assert_eq!(f64_to_f16(middle), if bits % 2 == 0 { bits } else { bits + 1 });
            assert_eq!(f64_to_f16(middle + (high - low) * 1e-9), bits + 1);
            assert_eq!(f64_to_f16(middle - (high - low) * 1e-9), bits);
        }
        assert_eq!(f64_to_f16(65519.0), 0x7bff);
        assert_eq!(f64_to_f16(65520.0), 0x7c00);
        assert_eq!(f64_to_f16(-1e300), 0xfc00);
        assert_eq!(f64_to_f16(2f64.powi(-25)), 0);
        assert_eq!(f64_to_f16(2f64.powi(-25) * 1.0001), 1);
    }

    #[test]
    fn a_sum_that_rounds_twice_is_rounded_once() {
        // 1 + 2⁻⁸ is halfway between two bfloat16; the tiny addend decides, and f64 alone would
        // lose it.
        let (one, tiny) = (1.0 + 2f32.powi(-8), 2f32.powi(-80));
        assert_eq!(f64_to_bf16(fma_to_odd(one, 1.0, tiny)), 0x3f81);
        assert_eq!(f64_to_bf16(fma_to_odd(one, 1.0, -tiny)), 0x3f80);
        assert_eq!(f64_to_bf16(fma_to_odd(one, 1.0, 0.0)), 0x3f80);
    }
}
