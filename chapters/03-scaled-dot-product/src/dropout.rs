use attn_core::random::Random;
use ndarray::{Array2, ArrayView2, Zip};

// ANCHOR: dropout
/// Dropout on attention weights: each weight is set to zero with probability `p`, and those that
/// remain are scaled so that the expectation stays what it was (“inverted” dropout).
///
/// Shapes: n×m in, n×m out. `Random::new(seed).uniform((n, m))` gives one draw in [0, 1) for each weight;
/// a weight is kept where its draw is at least `p`. `p` is in [0, 1]; at 1 everything is dropped.
///
/// ```
/// use ch03_scaled_dot_product::dropout;
/// use ndarray::array;
/// assert_eq!(dropout(array![[0.5, 0.5]].view(), 0.0, 1), array![[0.5, 0.5]]);
/// ```
#[track_caller]
pub fn dropout(weights: ArrayView2<f32>, p: f32, seed: u64) -> Array2<f32> {
    assert!((0.0..=1.0).contains(&p), "probability {p} is not in [0, 1]");
    // SOLUTION 3.4: drop the weights whose draw is below p, scale the others
    let draws = Random::new(seed).uniform(weights.raw_dim());
    let scale = 1.0 / (1.0 - p);
    Zip::from(weights)
        .and(&draws)
        .map_collect(|&weight, &draw| if draw < p { 0.0 } else { weight * scale })
    // END SOLUTION
}
// ANCHOR_END: dropout
