use crate::{
    given::{Gradients, expect_shapes},
    masked_scores, softmax_rows,
};
use attn_core::{Mask, shape::expect_equal};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis};

// ANCHOR: softmax_backward
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
    // SOLUTION 3.5: back through the softmax of each row, and through its log-sum-exp
    // ∂w_l/∂s_j = w_l (δ_lj − w_j) and ∂lse/∂s_j = w_j: each row needs a single number beside them.
    let row_dot = (&weights * &d_weights).sum_axis(Axis(1)); // n
    let row_term = (&d_lse - &row_dot).insert_axis(Axis(1)); // n×1
    &weights * &(&d_weights + &row_term)
    // END SOLUTION
}
// ANCHOR_END: softmax_backward

// ANCHOR: attention_backward
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
    // SOLUTION 3.6: back through the weighted sum, the softmax, the scale and the product
    let weights = softmax_rows(masked_scores(q, k, mask).view()); // n×m
    let d_weights = d_out.dot(&v.t()); // n×m
    let scale = 1.0 / (q.ncols() as f32).sqrt();
    let d_lse = Array1::zeros(q.nrows()); // the loss does not look at it
    let d_scores = softmax_backward(weights.view(), d_weights.view(), d_lse.view()); // n×m
    let d_products = d_scores * scale; // n×m, of q kᵀ
    Gradients { dq: d_products.dot(&k), dk: d_products.t().dot(&q), dv: weights.t().dot(&d_out) }
    // END SOLUTION
}
// ANCHOR_END: attention_backward
