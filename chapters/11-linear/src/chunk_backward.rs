use crate::given::{Gradients, expect_state, expect_tokens};
use attn_core::shape::expect_equal;
use ndarray::{Array2, ArrayView2};

// ANCHOR: chunk_backward
/// The gradients of one chunk of linear attention without decay, out = q S + (q kᵀ, causal) v and S′ = S
/// + kᵀ v, from the gradients with respect to its output and to the state that it hands on.
///
/// Shapes: state and d_next d × d_v; q and k n × d; v and d_out n × d_v. Costs about twice what the
/// chunk itself costs. (The chain rule; for the chunkwise form, Yang et al.,
/// [arXiv:2312.06635](https://arxiv.org/abs/2312.06635), §4.)
///
/// # Panics
/// Names sizes that do not fit.
///
/// ```
/// use ch11_linear::chunk_backward;
/// use ndarray::array;
/// // One token, one number: out = q (S + k v), S′ = S + k v, and the loss is out.
/// let x = |x: f64| array![[x]];
/// let found = chunk_backward(x(2.0).view(), x(3.0).view(), x(5.0).view(), x(7.0).view(), x(1.0).view(), x(0.0).view());
/// assert_eq!((found.dq, found.dk), (x(37.0), x(21.0))); // S + k v, and q v
/// ```
#[track_caller]
pub fn chunk_backward(
    state: ArrayView2<f64>,
    q: ArrayView2<f64>,
    k: ArrayView2<f64>,
    v: ArrayView2<f64>,
    d_out: ArrayView2<f64>,
    d_next: ArrayView2<f64>,
) -> Gradients {
    expect_tokens(q, k, v);
    expect_state(state.dim(), k.ncols(), v.ncols());
    expect_equal(("gradients of rows", d_out.nrows()), ("rows", v.nrows()));
    expect_equal(("gradient width", d_out.ncols()), ("value width", v.ncols()));
    expect_state(d_next.dim(), k.ncols(), v.ncols());
    // SOLUTION 11.11: each input's gradient is a sum over the places where it is used
    let causal = |mut scores: Array2<f64>| {
        scores.indexed_iter_mut().for_each(|((i, j), x)| *x = if j <= i { *x } else { 0.0 });
        scores
    };
    let scores = causal(q.dot(&k.t()));
    let d_scores = causal(d_out.dot(&v.t()));
    Gradients {
        dq: d_out.dot(&state.t()) + d_scores.dot(&k),
        dk: d_scores.t().dot(&q) + v.dot(&d_next.t()),
        dv: scores.t().dot(&d_out) + k.dot(&d_next),
        d_state: q.t().dot(&d_out) + d_next,
    }
    // END SOLUTION
}
// ANCHOR_END: chunk_backward
