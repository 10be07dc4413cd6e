use attn_core::random::Random;
use ndarray::{Array2, ArrayView2, Zip, s};

// ANCHOR: dropout
/// Inverted dropout on attention weights: each weight is set to zero with probability `p`, and the
/// others are made larger, so that over many seeds the mean of every entry is what it was.
///
/// Shapes: n×m in, n×m out. The weights are rows `first_row …` of a larger table, which has one
/// draw in [0, 1) for each of its entries, row by row: `Random::new(seed).uniform((rows, m))` for a
/// table of that many rows. A weight is kept where its own draw is at least `p`. So a table may come
/// whole or in blocks of rows, and the same weights are dropped. `p` is in [0, 1]; at 1 everything
/// is dropped.
///
/// ```
/// use ch03_scaled_dot_product::dropout;
/// use ndarray::array;
/// assert_eq!(dropout(array![[0.5, 0.5]].view(), 0.0, 1, 0), array![[0.5, 0.5]]);
/// ```
#[track_caller]
pub fn dropout(weights: ArrayView2<f32>, p: f32, seed: u64, first_row: usize) -> Array2<f32> {
    assert!((0.0..=1.0).contains(&p), "probability {p} is not in [0, 1]");
    // SOLUTION 3.4: drop the weights whose draw is below p, make the others larger
    let (n, m) = weights.dim();
    let table = Random::new(seed).uniform((first_row + n, m)); // the draws of the rows before, too
    let draws = table.slice(s![first_row.., ..]); // n×m
    let scale = 1.0 / (1.0 - p);
    Zip::from(weights)
        .and(draws)
        .map_collect(|&weight, &draw| if draw < p { 0.0 } else { weight * scale })
    // END SOLUTION
}
// ANCHOR_END: dropout
