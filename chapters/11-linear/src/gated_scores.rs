use crate::given::expect_tokens;
use attn_core::shape::expect_equal;
use ndarray::{Array1, Array2, ArrayView2};

// ANCHOR: gated_scores
/// The scores within a chunk where every channel of the state forgets at its own rate: between the
/// writing of token j and the reading of token i, a channel has passed the gates of tokens j + 1 to i.
/// Above the diagonal they are 0.
///
/// Shapes: q, k and log_gates n × d, out n × n. A log-gate is the logarithm of a gate, at most 0; −∞, a
/// gate that lets nothing through, is allowed. Costs about 3·n²·d FLOPs. (Yang et al.,
/// [arXiv:2312.06635](https://arxiv.org/abs/2312.06635), §4.)
///
/// # Panics
/// Names sizes that do not fit.
///
/// ```
/// use ch11_linear::gated_scores;
/// use ndarray::{Array2, array};
/// let ones = Array2::ones((2, 1));
/// let gates = array![[0.0], [-(2.0_f64.ln())]]; // the second token halves what is held
/// let scores = gated_scores(ones.view(), ones.view(), gates.view());
/// assert_eq!(scores, array![[1.0, 0.0], [0.5, 1.0]]);
/// ```
#[track_caller]
pub fn gated_scores(
    q: ArrayView2<f64>,
    k: ArrayView2<f64>,
    log_gates: ArrayView2<f64>,
) -> Array2<f64> {
    expect_tokens(q, k, log_gates);
    expect_equal(("gate width", log_gates.ncols()), ("key width", k.ncols()));
    // SOLUTION 11.6: pass every gate between a key and its query, and no other
    let mut scores = Array2::<f64>::zeros((q.nrows(), k.nrows()));
    for i in 0..q.nrows() {
        // Sums of what lies between, never differences of sums from the start: −∞ − (−∞) would be NaN.
        let mut passed = Array1::<f64>::zeros(q.ncols());
        for j in (0..=i).rev() {
            scores[[i, j]] = (0..q.ncols()).map(|c| q[[i, c]] * k[[j, c]] * passed[c].exp()).sum();
            passed += &log_gates.row(j);
        }
    }
    scores
    // END SOLUTION
}
// ANCHOR_END: gated_scores
