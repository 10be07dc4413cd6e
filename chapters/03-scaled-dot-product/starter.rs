//! Chapter 3 · Scaled dot-product attention: your answers.
//!
//! Replace each `todo!`, save, and run `cargo attn check 3`. Stuck? `cargo attn hint 3.1`.
//! Add helpers and imports as you like; keep the headings and the first line of each function.
#![allow(unused)] // what is imported below waits to be used

use attn_core::{Mask, random::Random, shape::expect_equal};
use ch03_scaled_dot_product::given::{Gradients, Output, expect_kept, expect_mask, expect_shapes};
use half::f16;
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, Zip, array, s};

// ━━ 3.1 A softmax that cannot overflow · 10 points · about 15 minutes ━━

/// Softmax of each row: the exponential of each score over the sum of its row's exponentials.
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
/// * `Mask::Causal`: the keys up to the query's own. The last query belongs to the last key, the one
///   before it to the key before; with more queries than keys the first ones see nothing.
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

/// Scaled dot-product attention: for each query the mean of the values, weighted by the softmax of
/// its scaled scores for the keys that it may attend to.
///
/// Shapes: `q` n×d, `k` m×d, `v` m×d_v; `out` n×d_v, `lse` n. `lse[i]` is the log-sum-exp of row
/// `i` of the masked scores, finite whenever the scores are. A query that may attend to nothing
/// gives a row of zeros and −∞. Costs 2·n·m·(d + d_v) FLOP. (Vaswani et al., 2017, §3.2.1, Equation
/// 1.)
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

// ━━ 3.4 Dropout on the weights · 10 points · about 20 minutes ━━

/// Inverted dropout on attention weights: each weight is set to zero with probability `p`, and the
/// others are made larger, so that over many seeds the mean of every entry is what it was.
///
/// Shapes: n×m in, n×m out. The weights are rows `first_row …` of a larger table, which has one
/// draw in [0, 1) for each of its entries, row by row: `Random::new(seed).uniform((rows, m))` for a
/// table of that many rows. A weight is kept where its own draw is at least `p`. So a table may come
/// whole or in blocks of rows, and the same weights are dropped. `p` is in [0, 1]; at 1 everything
/// is dropped.
///
/// ```
/// use ch03_scaled_dot_product::dropout;
/// use ndarray::array;
/// assert_eq!(dropout(array![[0.5, 0.5]].view(), 0.0, 1, 0), array![[0.5, 0.5]]);
/// ```
#[track_caller]
pub fn dropout(weights: ArrayView2<f32>, p: f32, seed: u64, first_row: usize) -> Array2<f32> {
    assert!((0.0..=1.0).contains(&p), "probability {p} is not in [0, 1]");
    todo!("3.4: drop the weights whose draw is below p, make the others larger")
}

// ━━ 3.5 Back through the softmax · 15 points · about 25 minutes ━━

/// The gradient of a row-wise softmax and of its log-sum-exp: from `weights = softmax_rows(scores)`,
/// the loss's gradient with respect to the weights, and that with respect to the log-sum-exp of each
/// row of scores, the gradient with respect to the scores.
///
/// Shapes: `weights` and `d_weights` n×m, `d_lse` n; n×m out. Both the weights and the log-sum-exp
/// depend on the scores, so the loss does in two ways. A row of weights that is all zero gets zeros.
/// Costs about 5·n·m operations, if no Jacobian is built.
///
/// ```
/// use ch03_scaled_dot_product::softmax_backward;
/// use ndarray::array;
/// // The second score takes from the first what it gives to itself.
/// let (weights, d_weights) = (array![[0.5, 0.5]], array![[0.0, 1.0]]);
/// let d_scores = softmax_backward(weights.view(), d_weights.view(), array![0.0].view());
/// assert_eq!(d_scores, array![[-0.25, 0.25]]);
/// ```
#[track_caller]
pub fn softmax_backward(
    weights: ArrayView2<f32>,
    d_weights: ArrayView2<f32>,
    d_lse: ArrayView1<f32>,
) -> Array2<f32> {
    expect_equal(("gradient rows", d_weights.nrows()), ("weight rows", weights.nrows()));
    expect_equal(("gradient columns", d_weights.ncols()), ("weight columns", weights.ncols()));
    expect_equal(("log-sum-exp gradients", d_lse.len()), ("weight rows", weights.nrows()));
    todo!("3.5: back through the softmax of each row, and through its log-sum-exp")
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

// ━━ 3.7 Attention with dropout · 10 points · about 20 minutes ━━

/// Attention as it runs in training, with dropout on its weights: those that `kept` does not keep
/// are not there, and the others are scaled as in `dropout`.
///
/// Shapes: `q` n×d, `k` m×d, `v` m×d_v, `kept` n×m; `out` n×d_v, `lse` n. `p` is the probability with
/// which weights were dropped, in [0, 1); `kept` was drawn before, with this p. `lse` is what it was
/// without dropout: the log-sum-exp of all scores that the mask allows, kept or not. Costs one
/// multiplication per weight more than attention.
///
/// ```
/// use {attn_core::Mask, ch03_scaled_dot_product::attention_dropout, ndarray::array};
/// // Two equal keys, and the first is dropped: half of the second value, doubled.
/// let [q, k, v] = [array![[1.0]], array![[2.0], [2.0]], array![[0.0], [4.0]]];
/// let kept = array![[false, true]];
/// let output = attention_dropout(q.view(), k.view(), v.view(), &Mask::None, kept.view(), 0.5);
/// assert_eq!(output.out, array![[4.0]]);
/// ```
#[track_caller]
pub fn attention_dropout(
    q: ArrayView2<f32>,
    k: ArrayView2<f32>,
    v: ArrayView2<f32>,
    mask: &Mask,
    kept: ArrayView2<bool>,
    p: f32,
) -> Output {
    expect_shapes(q, k, v, mask);
    expect_kept(kept, p, q.nrows(), k.nrows());
    todo!("3.7: attention without the weights that are not kept, and the log-sum-exp of each row")
}

// ━━ 3.8 Back through dropout · 20 points · about 35 minutes ━━

/// The gradients of `attention_dropout`: from its inputs, with the same `kept` and `p`, and the
/// loss's gradient with respect to `out`, those with respect to `q`, `k` and `v`.
///
/// Shapes: `q` n×d, `k` m×d, `v` m×d_v, `kept` n×m, `d_out` n×d_v; each gradient in the shape of its
/// input. The weights are computed again from `q`, `k` and the mask. Costs five products, as without
/// dropout.
///
/// ```
/// use {attn_core::Mask, ch03_scaled_dot_product::dropout_backward, ndarray::array};
/// // One key: its weight is 1 whatever its score, so only the value gets a gradient: doubled.
/// let [q, k, v, d_out] = [array![[1.0]], array![[2.0]], array![[3.0]], array![[5.0]]];
/// let (kept, mask) = (array![[true]], Mask::None);
/// let gradients = dropout_backward(
///     q.view(), k.view(), v.view(), &mask, kept.view(), 0.5, d_out.view(),
/// );
/// assert_eq!((gradients.dq, gradients.dv), (array![[0.0]], array![[10.0]]));
/// ```
#[track_caller]
pub fn dropout_backward(
    q: ArrayView2<f32>,
    k: ArrayView2<f32>,
    v: ArrayView2<f32>,
    mask: &Mask,
    kept: ArrayView2<bool>,
    p: f32,
    d_out: ArrayView2<f32>,
) -> Gradients {
    expect_shapes(q, k, v, mask);
    expect_kept(kept, p, q.nrows(), k.nrows());
    expect_equal(("gradient rows", d_out.nrows()), ("query count", q.nrows()));
    expect_equal(("gradient width", d_out.ncols()), ("value width", v.ncols()));
    todo!("3.8: back through the sum, the dropout, the softmax, the scale and the product")
}

// ━━ 3.9 Scores in half precision · 10 points · about 15 minutes ━━

/// The second half of attention in half precision: from scores and values in `f16`, the values'
/// means under the softmax of each row of scores.
///
/// Shapes: `scores` n×m, scaled and masked, `v` m×d_v; n×d_v out. The array of weights is in `f16`
/// as well. A row of scores that is all −∞ gives zeros. Costs 2·n·m·d_v FLOP and n·m exponentials.
///
/// ```
/// use {ch03_scaled_dot_product::attend_half, half::f16, ndarray::array};
/// // Equal scores: the mean of the values, although exp(12) is more than an f16 can hold.
/// let (scores, v) = (array![[12.0, 12.0]], array![[0.0], [4.0]]);
/// let (scores, v) = (scores.mapv(f16::from_f32), v.mapv(f16::from_f32));
/// assert_eq!(attend_half(scores.view(), v.view()), array![[f16::from_f32(2.0)]]);
/// ```
#[track_caller]
pub fn attend_half(scores: ArrayView2<f16>, v: ArrayView2<f16>) -> Array2<f16> {
    expect_equal(("value count", v.nrows()), ("score columns", scores.ncols()));
    todo!("3.9: softmax and weighted mean of what is stored in f16")
}
