use crate::given::{Work, expect_keys};
use attn_core::shape::expect_equal;
use ndarray::{Array2, ArrayView2};

// ANCHOR: sparse_attention
/// Attention that computes what a pattern allows, and nothing else. `rows[i]` are the keys that query i
/// sees; the softmax runs over these. Every product of a query and a key is computed by `work`, which
/// counts it.
///
/// Shapes: q n×d, k m×d, v m×d_v, out n×d_v. A query that sees nothing gets zeros. Costs 2·Σ(d + d_v)
/// FLOPs over the lengths of the rows.
///
/// ```
/// use ch12_sparse::{given::Work, sparse_attention};
/// use ndarray::array;
/// let mut work = Work::default();
/// let same = array![[1.0], [1.0], [1.0]];
/// let rows = [vec![0], vec![0, 1], vec![0, 2]];
/// let out = sparse_attention(same.view(), same.view(), array![[2.0], [4.0], [8.0]].view(), &rows, &mut work);
/// assert_eq!(out, array![[2.0], [3.0], [5.0]]); // equal scores: means of the values
/// assert_eq!(work.products, 5);
/// ```
#[track_caller]
pub fn sparse_attention(
    q: ArrayView2<f64>,
    k: ArrayView2<f64>,
    v: ArrayView2<f64>,
    rows: &[Vec<usize>],
    work: &mut Work,
) -> Array2<f64> {
    expect_keys(q, k, v);
    expect_equal(("rows", rows.len()), ("queries", q.nrows()));
    // SOLUTION 12.4: for each query, a softmax over the keys of its row
    let root = (q.ncols() as f64).sqrt();
    let mut out = Array2::zeros((q.nrows(), v.ncols()));
    for (i, row) in rows.iter().enumerate() {
        let scores: Vec<f64> =
            row.iter().map(|&j| work.product(q.row(i), k.row(j)) / root).collect();
        let most = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let weights: Vec<f64> = scores.iter().map(|score| (score - most).exp()).collect();
        let sum: f64 = weights.iter().sum();
        for (&j, weight) in row.iter().zip(weights) {
            out.row_mut(i).scaled_add(weight / sum, &v.row(j));
        }
    }
    out
    // END SOLUTION
}
// ANCHOR_END: sparse_attention
