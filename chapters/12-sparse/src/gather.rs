//! Sparse attention by gathering: the way that frameworks without a kernel for it take.

use crate::given::expect_keys;
use ndarray::{Array2, Array3, ArrayView2, Axis, s};

/// The same rows as [`sparse_attention`](crate::sparse_attention), by way of copies: the keys and values that
/// each query sees are copied next to each other, into two tensors of n × w rows, where w is the length of
/// the longest row; then all is one batch of products.
///
/// Shapes: q n×d, k m×d, v m×d_v, out n×d_v. Holds n·w·(d + d_v) numbers beside the result: that is more than
/// a table of n·m scores as soon as w·(d + d_v) > m.
///
/// ```
/// use ch12_sparse::gather::gather_attention;
/// use ndarray::array;
/// let same = array![[1.0], [1.0], [1.0]];
/// let rows = [vec![0], vec![0, 1], vec![0, 2]];
/// let out = gather_attention(same.view(), same.view(), array![[2.0], [4.0], [8.0]].view(), &rows);
/// assert_eq!(out, array![[2.0], [3.0], [5.0]]);
/// ```
#[track_caller]
pub fn gather_attention(
    q: ArrayView2<f64>,
    k: ArrayView2<f64>,
    v: ArrayView2<f64>,
    rows: &[Vec<usize>],
) -> Array2<f64> {
    expect_keys(q, k, v);
    let (n, root) = (q.nrows(), (q.ncols() as f64).sqrt());
    let w = rows.iter().map(Vec::len).max().unwrap_or(0);
    let gathered = |x: ArrayView2<f64>| {
        let mut copies = Array3::zeros((n, w, x.ncols()));
        for (row, mut copies) in rows.iter().zip(copies.axis_iter_mut(Axis(0))) {
            for (&j, mut copy) in row.iter().zip(copies.rows_mut()) {
                copy.assign(&x.row(j));
            }
        }
        copies
    };
    let (keys, values) = (gathered(k), gathered(v));
    let mut out = Array2::zeros((n, v.ncols()));
    for (i, row) in rows.iter().enumerate().filter(|(_, row)| !row.is_empty()) {
        let seen = s![i, ..row.len(), ..];
        let mut weights = keys.slice(seen).dot(&q.row(i)) / root;
        let most = weights.fold(f64::NEG_INFINITY, |most, &score| most.max(score));
        weights.mapv_inplace(|score| (score - most).exp());
        weights /= weights.sum();
        out.row_mut(i).assign(&weights.dot(&values.slice(seen)));
    }
    out
}
