use ndarray::{Array2, ArrayView2};

// ANCHOR: block_importance
/// How important each block of `block` tokens is to each query, from the query's weights for the spans of
/// [`compressed_attention`](crate::compressed_attention). Each span gives its weight to the blocks that it
/// overlaps: once for every `stride` tokens that they share.
///
/// Shapes: `weights` n×spans, for the n tokens themselves; n×⌈n/block⌉ out. Costs the product of these sizes at
/// most. (Yuan et al., [arXiv:2502.11089](https://arxiv.org/abs/2502.11089), Eq 9 by its meaning; the index as
/// printed there would be negative for the first block.)
///
/// # Panics
/// Unless `stride` divides `length` and `block`.
///
/// ```
/// use ch12_sparse::block_importance;
/// use ndarray::array;
/// // Six tokens; spans 0–3 and 2–5; blocks 0–3 and 4–5. The second span shares two tokens with each.
/// let weights = ndarray::Array2::from_shape_fn((6, 2), |(_, b)| [0.25, 0.75][b]);
/// let found = block_importance(weights.view(), 4, 2, 4);
/// assert_eq!(found.row(0), array![2.0 * 0.25 + 0.75, 0.75]);
/// ```
#[track_caller]
pub fn block_importance(
    weights: ArrayView2<f64>,
    length: usize,
    stride: usize,
    block: usize,
) -> Array2<f64> {
    assert!(stride > 0 && length > 0 && block > 0, "spans or blocks of no tokens");
    assert!(
        length.is_multiple_of(stride) && block.is_multiple_of(stride),
        "{stride} does not divide {length} and {block}"
    );
    // SOLUTION 12.8: add each span's weight to the blocks that it overlaps
    let n = weights.nrows();
    let mut found = Array2::zeros((n, n.div_ceil(block)));
    for ((t, b), weight) in weights.indexed_iter() {
        for first in (b * stride..b * stride + length).step_by(stride) {
            found[[t, first / block]] += weight;
        }
    }
    found
    // END SOLUTION
}
// ANCHOR_END: block_importance
