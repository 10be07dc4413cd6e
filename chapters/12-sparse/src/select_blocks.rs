use ndarray::ArrayView1;

// ANCHOR: select_blocks
/// Which blocks of `block` tokens the query of token `t` attends to, in ascending order: the first one,
/// its own and the one before its own; then the most important of the others before it, until there are
/// `count` in all. Of two that are equally important, the earlier one.
///
/// Shapes: `importance` has a number for each block. Costs a sort of the blocks. (Yuan et al.,
/// [arXiv:2502.11089](https://arxiv.org/abs/2502.11089), Eqs 11 and 12 and §4.1.)
///
/// # Panics
/// If `count` is below 3, `block` is 0, or `t` lies in no block.
///
/// ```
/// use ch12_sparse::select_blocks;
/// use ndarray::array;
/// let importance = array![0.0, 0.2, 0.5, 0.1, 0.0, 0.9];
/// assert_eq!(select_blocks(importance.view(), 19, 4, 4), [0, 2, 3, 4]); // 19 is in block 4
/// ```
#[track_caller]
pub fn select_blocks(
    importance: ArrayView1<f64>,
    t: usize,
    block: usize,
    count: usize,
) -> Vec<usize> {
    assert!(count >= 3, "{count} blocks; three are always chosen");
    assert!(block > 0 && t / block < importance.len(), "token {t} is in no block");
    // SOLUTION 12.9: those that are always chosen, then the most important of the rest
    let own = t / block;
    let mut chosen: Vec<usize> = vec![0, own.saturating_sub(1), own];
    chosen.dedup();
    let mut rest: Vec<usize> = (1..own.saturating_sub(1)).collect();
    // The sort is stable: equal ones stay in their order.
    rest.sort_by(|&a, &b| importance[b].total_cmp(&importance[a]));
    chosen.extend(rest.into_iter().take(count - chosen.len()));
    chosen.sort();
    chosen
    // END SOLUTION
}
// ANCHOR_END: select_blocks
