use crate::given::expect_keys;
use attn_core::shape::expect_equal;
use ndarray::{Array2, ArrayView2};

// ANCHOR: top_k_attention
/// Attention of each query to the `keep` keys with the highest scores of an indexer, as if there were no
/// others. A key with the score −∞ is never taken, even if fewer than `keep` are left; of two equal ones
/// the earlier is taken. The indexer's scores choose; the weights come from q and k, with scores divided
/// by √d.
///
/// Shapes: q n×d, k m×d, v m×d_v, `index` n×m; out n×d_v. A query that has no key gets zeros. Costs
/// 2·n·keep·(d + d_v) FLOPs and a selection among m for each query. (DeepSeek-AI,
/// [arXiv:2512.02556](https://arxiv.org/abs/2512.02556), Eq 2.)
///
/// ```
/// use ch12_sparse::top_k_attention;
/// use ndarray::array;
/// let (q, k, v) = (array![[0.0]], array![[1.0], [2.0], [3.0]], array![[2.0], [4.0], [8.0]]);
/// let out = top_k_attention(q.view(), k.view(), v.view(), array![[0.3, 0.1, 0.2]].view(), 2);
/// assert_eq!(out, array![[5.0]]); // keys 0 and 2, with equal scores of their own
/// ```
#[track_caller]
pub fn top_k_attention(
    q: ArrayView2<f64>,
    k: ArrayView2<f64>,
    v: ArrayView2<f64>,
    index: ArrayView2<f64>,
    keep: usize,
) -> Array2<f64> {
    expect_keys(q, k, v);
    expect_equal(("rows of the index", index.nrows()), ("queries", q.nrows()));
    expect_equal(("columns of the index", index.ncols()), ("keys", k.nrows()));
    // SOLUTION 12.11: choose by the index, then attend to those that were chosen
    let root = (q.ncols() as f64).sqrt();
    let mut out = Array2::zeros((q.nrows(), v.ncols()));
    for (i, index) in index.rows().into_iter().enumerate() {
        let mut chosen: Vec<usize> =
            (0..k.nrows()).filter(|&j| index[j] > f64::NEG_INFINITY).collect();
        // The sort is stable: equal ones stay in their order.
        chosen.sort_by(|&a, &b| index[b].total_cmp(&index[a]));
        chosen.truncate(keep);
        let scores: Vec<f64> = chosen.iter().map(|&j| q.row(i).dot(&k.row(j)) / root).collect();
        let most = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let weights: Vec<f64> = scores.iter().map(|score| (score - most).exp()).collect();
        let sum: f64 = weights.iter().sum();
        for (&j, weight) in chosen.iter().zip(weights) {
            out.row_mut(i).scaled_add(weight / sum, &v.row(j));
        }
    }
    out
    // END SOLUTION
}
// ANCHOR_END: top_k_attention
