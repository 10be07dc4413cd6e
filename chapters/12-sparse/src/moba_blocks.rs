use attn_core::shape::expect_equal;
use ndarray::{Array2, ArrayView2, Axis};

// ANCHOR: moba_blocks
/// Which blocks of `block` tokens each token attends to, as in Mixture of Block Attention: its own block
/// always, and of the blocks before it those whose mean key has the largest product with its query, until
/// there are `count` in all. Of two equal ones, the earlier. The last block may be shorter.
///
/// Shapes: q and k n×d; n×⌈n/block⌉ out, true where the block was chosen. Costs 2·n·⌈n/block⌉·d FLOPs. (Lu
/// et al., [arXiv:2502.13189](https://arxiv.org/abs/2502.13189), §2.2.)
///
/// # Panics
/// If `block` or `count` is 0.
///
/// ```
/// use ch12_sparse::moba_blocks;
/// use ndarray::array;
/// let (q, k) = (array![[1.0], [1.0], [1.0]], array![[3.0], [5.0], [9.0]]);
/// let chosen = moba_blocks(q.view(), k.view(), 1, 2);
/// assert_eq!(chosen.row(2), array![false, true, true]); // of 0 and 1, key 1 has the larger product
/// ```
#[track_caller]
pub fn moba_blocks(
    q: ArrayView2<f64>,
    k: ArrayView2<f64>,
    block: usize,
    count: usize,
) -> Array2<bool> {
    expect_equal(("keys", k.nrows()), ("queries", q.nrows()));
    expect_equal(("key width", k.ncols()), ("query width", q.ncols()));
    assert!(block > 0 && count > 0, "{count} blocks of {block} tokens");
    // SOLUTION 12.12: the block of the token itself, and the best of those that are over
    let n = q.nrows();
    let means: Vec<_> = k
        .axis_chunks_iter(Axis(0), block)
        .map(|keys| keys.sum_axis(Axis(0)) / keys.nrows() as f64)
        .collect();
    let mut chosen = Array2::from_elem((n, n.div_ceil(block)), false);
    for t in 0..n {
        let own = t / block;
        let gates: Vec<f64> = means[..own].iter().map(|mean| q.row(t).dot(mean)).collect();
        let mut past: Vec<usize> = (0..own).collect();
        past.sort_by(|&a, &b| gates[b].total_cmp(&gates[a]));
        chosen[[t, own]] = true;
        past.into_iter().take(count - 1).for_each(|b| chosen[[t, b]] = true);
    }
    chosen
    // END SOLUTION
}
// ANCHOR_END: moba_blocks
