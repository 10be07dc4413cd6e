use attn_core::shape::expect_equal;
use ndarray::{Array2, ArrayView2, ArrayView3, Axis};

// ANCHOR: index_scores
/// The scores of DeepSeek's lightning indexer: how much query t wants key s, by small heads of its own.
/// `score[t, s] = Σ_j w[t, j] · max(0, q[j, t] · k[s])` for s ≤ t, and −∞ behind the query. The key is the
/// same for all heads.
///
/// Shapes: q h×n×d, k n×d, w n×h; n×n out. Costs n²·h·(d + 1) FLOPs (half of 2·n²·h·(d + 1), since it is causal). (DeepSeek-AI,
/// [arXiv:2512.02556](https://arxiv.org/abs/2512.02556), Eq 1.)
///
/// ```
/// use ch12_sparse::index_scores;
/// use ndarray::array;
/// let q = array![[[1.0], [2.0]], [[1.0], [-1.0]]]; // two heads, two tokens
/// let scores = index_scores(q.view(), array![[3.0], [1.0]].view(), array![[1.0, 1.0], [0.5, 9.0]].view());
/// assert_eq!(scores, array![[6.0, f64::NEG_INFINITY], [3.0, 1.0]]);
/// ```
#[track_caller]
pub fn index_scores(q: ArrayView3<f64>, k: ArrayView2<f64>, w: ArrayView2<f64>) -> Array2<f64> {
    let (h, n, d) = q.dim();
    expect_equal(("keys", k.nrows()), ("queries", n));
    expect_equal(("key width", k.ncols()), ("query width", d));
    expect_equal(("rows of weights", w.nrows()), ("queries", n));
    expect_equal(("weights", w.ncols()), ("heads", h));
    // SOLUTION 12.10: head by head, what is positive of q·k, times the query's weight for the head
    let mut scores = Array2::zeros((n, n));
    for (j, q) in q.axis_iter(Axis(0)).enumerate() {
        let products = q.dot(&k.t());
        for ((t, s), score) in scores.indexed_iter_mut() {
            *score += w[[t, j]] * products[[t, s]].max(0.0);
        }
    }
    scores
        .indexed_iter_mut()
        .filter(|((t, s), _)| s > t)
        .for_each(|(_, score)| *score = f64::NEG_INFINITY);
    scores
    // END SOLUTION
}
// ANCHOR_END: index_scores
