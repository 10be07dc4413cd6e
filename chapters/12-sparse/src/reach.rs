use attn_core::shape::expect_equal;
use ndarray::{Array2, ArrayView2};

// ANCHOR: reach
/// From which tokens something can get to which, after so many layers: entry (i, j) says whether the
/// state of token i depends on what token j was at the start. In a layer, a token takes from all that it
/// sees; and it keeps its own state, since what attention gives is added to it.
///
/// Shapes: `sees` n×n, true where query i sees key j; n×n out. Costs at most layers·n³ steps.
///
/// ```
/// use ch12_sparse::reach;
/// use ndarray::array;
/// // Each token sees the one before it.
/// let sees = array![[false, false, false], [true, false, false], [false, true, false]];
/// assert_eq!(reach(sees.view(), 1).row(2), array![false, true, true]);
/// assert_eq!(reach(sees.view(), 2).row(2), array![true, true, true]);
/// ```
#[track_caller]
pub fn reach(sees: ArrayView2<bool>, layers: usize) -> Array2<bool> {
    expect_equal(("keys", sees.ncols()), ("queries", sees.nrows()));
    // SOLUTION 12.3: layer by layer, join what those had that a token sees
    let n = sees.nrows();
    let mut reached = Array2::from_shape_fn((n, n), |(i, j)| i == j);
    for _ in 0..layers {
        let before = reached.clone();
        for ((i, through), _) in sees.indexed_iter().filter(|(_, sees)| **sees) {
            for (after, &before) in reached.row_mut(i).iter_mut().zip(before.row(through)) {
                *after |= before;
            }
        }
    }
    reached
    // END SOLUTION
}
// ANCHOR_END: reach
