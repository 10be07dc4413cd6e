use crate::{
    given::{Output, State, expect_shapes, seen},
    push,
};
use attn_core::shape::expect_equal;
use ndarray::{Array1, Array2, ArrayView2};

// ANCHOR: sink_attention
/// Attention of one head with a *sink*: a number that joins each query's scores, takes its share of
/// the softmax, and has no value to give. Scores are divided by √d, the sink is taken as it is. The
/// weights of the keys sum to less than one.
///
/// Shapes: `q` n×d, `k` m×d, `v` m×d_v; `out` n×d_v, `lse` n, in which the sink counts. Causal is
/// aligned bottom-right. A query that sees no key gives zeros, and its log-sum-exp is the sink. A sink
/// of −∞ is none. Costs one exponential per query more than
/// attention without.
///
/// Source: the reference implementation of gpt-oss (OpenAI, 2025), which has a learned sink for each
/// head; a sink of 0 is Miller's “softmax₁”.
///
/// ```
/// use ndarray::array;
/// // A key with the score 0 and a sink of 0 share evenly.
/// let (q, k, v) = (array![[1.0]], array![[0.0]], array![[4.0]]);
/// let result = ch08_flash_cpu::sink_attention(q.view(), k.view(), v.view(), false, 0.0);
/// assert_eq!(result.out, array![[2.0]]);
/// ```
#[track_caller]
pub fn sink_attention(
    q: ArrayView2<f32>,
    k: ArrayView2<f32>,
    v: ArrayView2<f32>,
    causal: bool,
    sink: f32,
) -> Output {
    expect_shapes(q, k, v);
    // SOLUTION 8.9: attention in a single pass, with a sink
    let ((n, d), (m, d_v)) = (q.dim(), v.dim());
    let scale = 1.0 / (d as f32).sqrt();
    let mut result = Output { out: Array2::zeros((n, d_v)), lse: Array1::zeros(n) };
    for i in 0..n {
        // A key of score `sink` whose value is zero.
        let mut state = State::of_key(sink, Array1::zeros(d_v).view());
        for j in 0..seen(i, n, m, causal) {
            push(&mut state, q.row(i).dot(&k.row(j)) * scale, v.row(j));
        }
        let (out, lse) = state.finish();
        result.out.row_mut(i).assign(&out);
        result.lse[i] = lse;
    }
    result
    // END SOLUTION
}
// ANCHOR_END: sink_attention

// ANCHOR: sink_gradient
/// The gradient of the loss with respect to the sink of [`sink_attention`], from what that gave and
/// from the gradient with respect to its output. Queries, keys and values are not needed. A sink of
/// −∞ has the gradient 0.
///
/// Shapes: `forward` and `d_out` as they were on the way forward, n×d_v. Costs n exponentials and
/// 2·n·d_v FLOPs.
///
/// ```
/// use ch08_flash_cpu::{sink_attention, sink_gradient};
/// use ndarray::array;
/// // out = 4 · 1 / (1 + e^sink): at 0, its slope is −1.
/// let (q, k, v) = (array![[1.0]], array![[0.0]], array![[4.0]]);
/// let forward = sink_attention(q.view(), k.view(), v.view(), false, 0.0);
/// let d_sink = sink_gradient(&forward, array![[1.0]].view(), 0.0);
/// assert!((d_sink + 1.0).abs() < 1e-6);
/// ```
#[track_caller]
pub fn sink_gradient(forward: &Output, d_out: ArrayView2<f32>, sink: f32) -> f32 {
    expect_equal(("gradient rows", d_out.nrows()), ("output rows", forward.out.nrows()));
    expect_equal(("gradient width", d_out.ncols()), ("output width", forward.out.ncols()));
    // SOLUTION 8.10: how much of each row's gradient the sink has taken
    let rows = forward.out.rows().into_iter().zip(d_out.rows()).zip(&forward.lse);
    rows.map(|((out, d_out), &lse)| {
        // Without a sink nor a key, −∞ − (−∞) would be NaN.
        let weight = if sink == f32::NEG_INFINITY { 0.0 } else { (sink - lse).exp() };
        -weight * out.dot(&d_out)
    })
    .sum()
    // END SOLUTION
}
// ANCHOR_END: sink_gradient
