//! Chapter 3 · Scaled dot-product attention: your answers.
//!
//! Replace each `todo!`, save, and run `cargo attn check 3`. Stuck? `cargo attn hint 3.1`.
//! Add helpers and imports as you like; keep the headings and the first line of each function.
#![allow(unused)] // what is imported below waits to be used

use attn_core::{Mask, random::Random, shape::expect_equal};
use ch03_scaled_dot_product::given::{Gradients, Output, expect_mask, expect_shapes};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, Zip, array, s};

// ━━ 3.1 A softmax that cannot overflow · 10 points · about 15 minutes ━━

/// Softmax of each row: `y[i,j] = exp(x[i,j]) / Σ_j exp(x[i,j])`.
///
/// Shapes: n×m in, n×m out; every row of the result sums to one. Scores of ±10 000 must neither
/// overflow nor give NaN. A row in which every score is −∞ (nothing may be attended to) becomes
/// zeros.
///
/// ```
/// use ch03_scaled_dot_product::softmax_rows;
/// use ndarray::array;
/// assert_eq!(softmax_rows(array![[7.0, 7.0]].view()), array![[0.5, 0.5]]);
/// ```
pub fn softmax_rows(x: ArrayView2<f32>) -> Array2<f32> {
    todo!("3.1: turn each row of scores into weights that sum to one")
}

// ━━ 3.2 What a mask means · 15 points · about 25 minutes ━━

/// Which keys each of `n` queries may attend to, among `m` keys: `table[i,j]` is `true` where query
/// `i` may attend to key `j`.
///
/// * `Mask::None`: all of them.
/// * `Mask::Causal`: keys `j ≤ m − n + i`, so that the last query sees the last key. With more
///   queries than keys the limit of the first ones is negative, and they see nothing.
/// * `Mask::Prefix(p)`: the first `p` keys, and also whatever `Causal` allows.
/// * `Mask::Padding(keys)`: keys `j` with `keys[j]`.
/// * `Mask::Dense(table)`: the table itself.
/// * `Mask::All(masks)`: what all of the masks allow; everything, if there are none.
///
/// ```
/// use {attn_core::Mask, ch03_scaled_dot_product::allowed, ndarray::array};
/// // Two queries, three keys: the last query sees all of them.
/// assert_eq!(allowed(&Mask::Causal, 2, 3), array![[true, true, false], [true, true, true]]);
/// ```
#[track_caller]
pub fn allowed(mask: &Mask, n: usize, m: usize) -> Array2<bool> {
    expect_mask(mask, n, m);
    todo!("3.2: the n×m table of who may attend to whom")
}

// ━━ 3.3 Scaled dot-product attention · 25 points · about 35 minutes ━━

/// Scaled dot-product attention: `out = softmax(q kᵀ / √d + mask) v`, where the mask is 0 for keys
/// that may be attended to and −∞ for the others.
///
/// Shapes: `q` n×d, `k` m×d, `v` m×d_v; `out` n×d_v, `lse` n. `lse[i]` is the log-sum-exp of row
/// `i` of the masked scores, `ln Σ_j exp(score[i,j])`, finite whenever the scores are. A query that
/// may attend to nothing gives a row of zeros and −∞.
///
/// ```
/// use {attn_core::Mask, ch03_scaled_dot_product::attention, ndarray::array};
/// // Both keys fit the query equally well: the mean of the values.
/// let [q, k, v] = [array![[1.0]], array![[2.0], [2.0]], array![[0.0], [4.0]]];
/// assert_eq!(attention(q.view(), k.view(), v.view(), &Mask::None).out, array![[2.0]]);
/// ```
#[track_caller]
pub fn attention(
    q: ArrayView2<f32>,
    k: ArrayView2<f32>,
    v: ArrayView2<f32>,
    mask: &Mask,
) -> Output {
    expect_shapes(q, k, v, mask);
    todo!("3.3: score, scale, mask, softmax, weigh the values; and the log-sum-exp of each row")
}

// ━━ 3.4 Dropout on the weights · 10 points · about 10 minutes ━━

/// Dropout on attention weights: each weight is set to zero with probability `p`, and those that
/// remain are scaled so that the expectation stays what it was (“inverted” dropout).
///
/// Shapes: n×m in, n×m out. `Random::new(seed).uniform((n, m))` gives one draw in [0, 1) for each weight;
/// a weight is kept where its draw is at least `p`. `p` is in [0, 1]; at 1 everything is dropped.
///
/// ```
/// use ch03_scaled_dot_product::dropout;
/// use ndarray::array;
/// assert_eq!(dropout(array![[0.5, 0.5]].view(), 0.0, 1), array![[0.5, 0.5]]);
/// ```
#[track_caller]
pub fn dropout(weights: ArrayView2<f32>, p: f32, seed: u64) -> Array2<f32> {
    assert!((0.0..=1.0).contains(&p), "probability {p} is not in [0, 1]");
    todo!("3.4: drop the weights whose draw is below p, scale the others")
}

// ━━ 3.5 Back through the softmax · 15 points · about 25 minutes ━━

/// The gradient of a row-wise softmax: from `weights = softmax_rows(scores)` and the loss's
/// gradient with respect to the weights, the gradient with respect to the scores.
///
/// `d_scores[i,j] = weights[i,j] · (d_weights[i,j] − Σ_l weights[i,l] · d_weights[i,l])`. Shapes:
/// all n×m. Every row of the result sums to zero: adding a constant to all scores of a row changes
/// nothing.
///
/// ```
/// use ch03_scaled_dot_product::softmax_backward;
/// use ndarray::array;
/// // The second score takes from the first what it gives to itself.
/// let (weights, d_weights) = (array![[0.5, 0.5]], array![[0.0, 1.0]]);
/// assert_eq!(softmax_backward(weights.view(), d_weights.view()), array![[-0.25, 0.25]]);
/// ```
#[track_caller]
pub fn softmax_backward(weights: ArrayView2<f32>, d_weights: ArrayView2<f32>) -> Array2<f32> {
    expect_equal(("gradient rows", d_weights.nrows()), ("weight rows", weights.nrows()));
    expect_equal(("gradient columns", d_weights.ncols()), ("weight columns", weights.ncols()));
    todo!("3.5: back through the softmax of each row")
}

// ━━ 3.6 Back through attention · 25 points · about 40 minutes ━━

/// The gradients of attention: from the inputs and the loss's gradient with respect to `out`, those
/// with respect to `q`, `k` and `v`.
///
/// Shapes: `q` n×d, `k` m×d, `v` m×d_v, `d_out` n×d_v; each gradient in the shape of its input.
/// The weights are computed again from `q`, `k` and the mask.
///
/// ```
/// use {attn_core::Mask, ch03_scaled_dot_product::attention_backward, ndarray::array};
/// // One key: its weight is 1 whatever its score, so only the value gets a gradient.
/// let [q, k, v, d_out] = [array![[1.0]], array![[2.0]], array![[3.0]], array![[5.0]]];
/// let gradients = attention_backward(q.view(), k.view(), v.view(), &Mask::None, d_out.view());
/// assert_eq!((gradients.dq, gradients.dv), (array![[0.0]], array![[5.0]]));
/// ```
#[track_caller]
pub fn attention_backward(
    q: ArrayView2<f32>,
    k: ArrayView2<f32>,
    v: ArrayView2<f32>,
    mask: &Mask,
    d_out: ArrayView2<f32>,
) -> Gradients {
    expect_shapes(q, k, v, mask);
    expect_equal(("gradient rows", d_out.nrows()), ("query count", q.nrows()));
    expect_equal(("gradient width", d_out.ncols()), ("value width", v.ncols()));
    todo!("3.6: back through the weighted sum, the softmax, the scale and the product")
}
