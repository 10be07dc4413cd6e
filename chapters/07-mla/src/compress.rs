use crate::given::{Down, Latents, expect_down, rms_norm, rope};
use ndarray::ArrayView2;

// ANCHOR: compress
/// What is kept of new tokens: the normalised latent of each, and its rotary key, which all heads
/// share. The first of them stands at position `start`.
///
/// Shapes: `x` n × d_model; of each token d_c + d_r numbers are kept. Costs
/// 2·n·d_model·(d_c + d_r) FLOPs.
///
/// Source: DeepSeek-V2, arXiv:2405.04434, Equations 9 and 15; the norm, §3.1.2.
///
/// ```
/// use ch07_mla::{compress, given::Down};
/// use ndarray::{Array2, array};
/// // A token at position 0. The mean of the squares of its latent is 25.
/// let weights = Down { w_dkv: Array2::eye(2), gain: array![5.0, 5.0], w_kr: Array2::eye(2), base: 100.0 };
/// let kept = compress(&weights, array![[1.0, 7.0]].view(), 0);
/// assert!((kept.c[[0, 1]] - 7.0).abs() < 1e-5 && kept.k_r == array![[1.0, 7.0]]);
/// ```
#[track_caller]
pub fn compress(weights: &Down, x: ArrayView2<f64>, start: usize) -> Latents {
    expect_down(weights, x);
    // SOLUTION 7.1: the normalised latent and the rotary key of each token
    Latents {
        c: rms_norm(x.dot(&weights.w_dkv).view(), weights.gain.view()), // n×d_c
        k_r: rope(x.dot(&weights.w_kr).view(), start, weights.base),    // n×d_r
    }
    // END SOLUTION
}
// ANCHOR_END: compress
