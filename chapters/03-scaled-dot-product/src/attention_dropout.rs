use crate::{
    given::{Gradients, Output, expect_kept, expect_shapes},
    log_sum_exp, masked_scores, softmax_backward, softmax_rows,
};
use attn_core::{Mask, shape::expect_equal};
use ndarray::{Array1, Array2, ArrayView2, Zip};

// ANCHOR: attention_dropout
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
    // SOLUTION 3.7: attention without the weights that are not kept, and the log-sum-exp of each row
    let scores = masked_scores(q, k, mask); // n×m
    let weights = softmax_rows(scores.view()); // n×m; the dropped keys are in its denominators
    let lse = scores.rows().into_iter().map(log_sum_exp).collect();
    let out = thin_out(weights.view(), kept, p).dot(&v); // n×d_v
    Output { out, lse }
    // END SOLUTION
}

// SOLUTION
/// `x/(1 − p)` where kept, 0 elsewhere: n×m. The way back through it is the same function.
pub fn thin_out(x: ArrayView2<f32>, kept: ArrayView2<bool>, p: f32) -> Array2<f32> {
    Zip::from(x).and(kept).map_collect(|&x, &kept| if kept { x / (1.0 - p) } else { 0.0 })
}
// END SOLUTION
// ANCHOR_END: attention_dropout

// ANCHOR: dropout_backward
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
    // SOLUTION 3.8: back through the sum, the dropout, the softmax, the scale and the product
    let weights = softmax_rows(masked_scores(q, k, mask).view()); // n×m, before the dropout
    let dropped = thin_out(weights.view(), kept, p); // n×m, after it
    let d_dropped = d_out.dot(&v.t()); // n×m
    let d_weights = thin_out(d_dropped.view(), kept, p); // n×m
    let d_lse = Array1::zeros(q.nrows());
    let scale = 1.0 / (q.ncols() as f32).sqrt();
    let d_scores = softmax_backward(weights.view(), d_weights.view(), d_lse.view()); // n×m
    let d_products = d_scores * scale; // n×m, of q kᵀ
    Gradients { dq: d_products.dot(&k), dk: d_products.t().dot(&q), dv: dropped.t().dot(&d_out) }
    // END SOLUTION
}
// ANCHOR_END: dropout_backward
