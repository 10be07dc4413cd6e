//! What the inputs of a rung are made of, and how far its result may be from exact.

use crate::{Error, Inputs, Sizes};
use attn_core::Mask;
use attn_oracle as oracle;
use ndarray::{Array1, Array2, Array3, ArrayView2, Axis, s};

/// What queries, keys and values are made of. The result is always f32.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Numbers {
    /// 24 bits of precision.
    F32,
    /// 8 bits of precision, and the range of f32: bfloat16.
    Bf16,
}

/// The largest relative error of rounding to a bfloat16: half of its spacing.
const ROUNDING: f64 = 1.0 / 256.0;

/// How far the exponentials, `ex2.approx`, and the sums of f32 may be from exact, for each unit of a result of one or more.
pub const SINGLE: f64 = 1e-5;

/// The error of one `mma`, for each unit of its largest term, that a GPU may make: 17 addends are cut off at the last bit of
/// the largest, and so is their sum (Fasi et al., PeerJ Computer Science 7:e330, 2021). The simulator rounds once.
const STEP: f64 = 18.0 / (1 << 23) as f64;

/// Keys of the largest tile: a tile's room is multiplied whole.
const TILE: usize = 64;

impl Numbers {
    /// The inputs as a kernel sees them: each number rounded to the nearest, ties to even.
    ///
    /// ```
    /// use ch09_flash_cuda::{Inputs, Sizes, precision::Numbers};
    ///
    /// let mut inputs = Inputs::random(1, Sizes { heads: 1, kv_heads: 1, n: 1, m: 1, d: 64 }, false);
    /// inputs.q[[0, 0, 0]] = 1.0 + 3.0 / 256.0; // halfway between 1 + 2/256 and 1 + 4/256
    /// assert_eq!(Numbers::Bf16.rounded(&inputs).q[[0, 0, 0]], 1.0 + 4.0 / 256.0);
    /// assert_eq!(Numbers::F32.rounded(&inputs).q, inputs.q);
    /// ```
    pub fn rounded(self, inputs: &Inputs) -> Inputs {
        let round = |array: &Array3<f32>| match self {
            Numbers::F32 => array.clone(),
            Numbers::Bf16 => array.mapv(|x| f32::from_bits(u32::from(bf16(x)) << 16)),
        };
        let Inputs { q, k, v, causal } = inputs;
        Inputs { q: round(q), k: round(k), v: round(v), causal: *causal }
    }

    /// The words of a buffer: each number, or two of 16 bits, the first in the lower half.
    pub(crate) fn words(self, values: Vec<f32>) -> Vec<f32> {
        let halves = |pair: &[f32]| {
            let halves = pair.iter().rev().fold(0, |bits, x| bits << 16 | u32::from(bf16(*x)));
            f32::from_bits(halves)
        };
        match self {
            Numbers::F32 => values,
            Numbers::Bf16 => values.chunks(2).map(halves).collect(),
        }
    }
}

/// The nearest bfloat16, ties to even.
fn bf16(x: f32) -> u16 {
    let bits = x.to_bits();
    if x.is_nan() { 0x7fff } else { ((bits + 0x7fff + (bits >> 16 & 1)) >> 16) as u16 }
}

/// The exact result, and how far each of its numbers may be from it.
#[derive(Clone, Debug)]
pub struct Expected {
    /// `out` (h, n, d).
    pub out: Array3<f64>,
    /// The log-sum-exp of every row (h, n).
    pub lse: Array2<f64>,
    /// The allowed error of `out`.
    pub out_allowed: Array3<f64>,
    /// The allowed error of `lse`.
    pub lse_allowed: Array2<f64>,
}

/// What a kernel has to give for inputs that it sees as they are, in plain loops over f64, and the errors that it may make.
///
/// For f32 that is [`SINGLE`] of a result of one or more, as the exponentials have it.
///
/// For bf16 the inputs are exact and so are the products, and what is rounded is
/// 1. the scores, which grow in d/16 steps, each with an error of at most `STEP` of the largest term. With
///    T = |q| · maxⱼ |kⱼ| / √d that is at most ε = d/16 · STEP · T for a score and for the largest of them. So `lse` is off by at
///    most ε, and a weight by a share of 2ε, as is their sum;
/// 2. the weights, to bf16 before they meet the values: a share of 2⁻⁸. Their sum is of the weights before that;
/// 3. the output, which grows in a step for every 16 keys.
///
/// With W = Σⱼ wⱼ|vⱼ| the error of an entry of `out` is at most W · (2⁻⁸ + 4ε + m/16 · STEP), and what f32 allows besides.
///
/// Costs O(h n m d).
///
/// # Errors
/// [`Error::Sizes`], for inputs that do not fit together.
pub fn expected(numbers: Numbers, inputs: &Inputs) -> Result<Expected, Error> {
    let Sizes { heads, n, m, d, .. } = inputs.sizes()?;
    let group = inputs.sizes()?.group();
    let mask = if inputs.causal { Mask::Causal } else { Mask::None };
    let mut all = Expected {
        out: Array3::zeros((heads, n, d)),
        lse: Array2::zeros((heads, n)),
        out_allowed: Array3::zeros((heads, n, d)),
        lse_allowed: Array2::zeros((heads, n)),
    };
    let single = |exact: f64| SINGLE * if exact.is_finite() { exact.abs().max(1.0) } else { 0.0 };
    for head in 0..heads {
        let of = |array: &Array3<f32>, head: usize| array.slice(s![head, .., ..]).to_owned();
        let q = of(&inputs.q, head);
        let [k, v] = [&inputs.k, &inputs.v].map(|array| of(array, head / group));
        let mut weights = oracle::scores::<f64>(q.view(), k.view(), &mask);
        let mut lse = Array1::zeros(n);
        for (mut row, lse) in weights.rows_mut().into_iter().zip(&mut lse) {
            let (sum, softmax) = oracle::softmax(&row.to_vec());
            *lse = sum;
            row.assign(&Array1::from(softmax));
        }
        let out = oracle::product(&weights, v.view());
        let mut out_allowed = out.mapv(single);
        let mut lse_allowed = lse.mapv(single);
        if numbers == Numbers::Bf16 {
            let scores = largest(q.view(), k.view()) * ((d / 16) as f64 * STEP);
            let weighted = oracle::product(&weights, v.mapv(f32::abs).view());
            let steps = (m.div_ceil(TILE) * TILE / 16) as f64;
            for ((i, c), allowed) in out_allowed.indexed_iter_mut() {
                *allowed += weighted[[i, c]] * (ROUNDING + 4.0 * scores[i] + steps * STEP);
            }
            lse_allowed += &scores;
        }
        all.out.slice_mut(s![head, .., ..]).assign(&out);
        all.lse.slice_mut(s![head, ..]).assign(&lse);
        all.out_allowed.slice_mut(s![head, .., ..]).assign(&out_allowed);
        all.lse_allowed.slice_mut(s![head, ..]).assign(&lse_allowed);
    }
    Ok(all)
}

/// For each query what the terms of a score may add up to, whatever their signs, and whatever the mask: |q| · max |k| / √d
/// (Cauchy and Schwarz).
fn largest(q: ArrayView2<f32>, k: ArrayView2<f32>) -> Array1<f64> {
    let lengths = |rows: ArrayView2<f32>| {
        rows.map_axis(Axis(1), |row| row.fold(0.0, |sum, x| sum + f64::from(*x).powi(2)).sqrt())
    };
    let longest = lengths(k).fold(0.0, |most: f64, length| most.max(*length));
    lengths(q) * (longest / (q.ncols() as f64).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bfloat16_rounds_to_the_nearest_and_ties_to_even() {
        for (x, bits) in [
            (0.0, 0),
            (-0.0, 0x8000),
            (1.0, 0x3f80),
            (1.0 + 1.0 / 256.0, 0x3f80),
            (1.0 + 3.0 / 256.0, 0x3f82),
            (1.0 + 1.1 / 256.0, 0x3f81),
            (f32::MAX, 0x7f80),
            (f32::NEG_INFINITY, 0xff80),
            (f32::NAN, 0x7fff),
            (f32::from_bits(0x8000), 0),
            (f32::from_bits(0x8001), 1),
        ] {
            assert_eq!(bf16(x), bits, "{x}");
        }
        let words = Numbers::Bf16.words(vec![1.0, -2.0, 3.0]);
        assert_eq!(
            words.iter().map(|word| word.to_bits()).collect::<Vec<_>>(),
            [0xc000_3f80, 0x4040]
        );
    }

    /// Rounding the weights alone, in f64, comes near the allowed error and not beyond it.
    #[test]
    fn the_allowed_error_is_that_of_rounded_weights() {
        let sizes = Sizes { heads: 1, kv_heads: 1, n: 8, m: 3, d: 64 };
        let mut most = 0.0f64;
        for seed in 0..20 {
            let inputs = Numbers::Bf16.rounded(&Inputs::random(seed, sizes, false));
            let expected = expected(Numbers::Bf16, &inputs).expect("sizes that fit");
            let of = |array: &Array3<f32>| array.slice(s![0, .., ..]).to_owned();
            let scores =
                oracle::scores::<f64>(of(&inputs.q).view(), of(&inputs.k).view(), &Mask::None);
            for (i, row) in scores.rows().into_iter().enumerate() {
                let shift = row.fold(f64::NEG_INFINITY, |most, score| most.max(*score));
                let weights = row.mapv(|score| (score - shift).exp());
                let rounded =
                    weights.mapv(|w| f64::from(f32::from_bits(u32::from(bf16(w as f32)) << 16)));
                for c in 0..64 {
                    let sum: f64 =
                        (0..3).map(|j| rounded[j] * f64::from(inputs.v[[0, j, c]])).sum();
                    let error = (sum / weights.sum() - expected.out[[0, i, c]]).abs();
                    let share = error / expected.out_allowed[[0, i, c]];
                    assert!(share <= 1.0, "{share}");
                    most = most.max(share);
                }
            }
        }
        assert!(most > 0.5, "the allowed error is {} times too large", 1.0 / most);
    }
}
