use crate::given::State;

// ANCHOR: merge
/// Joins what is known of one query after two sets of keys into what is known after both. The maximum
/// is the larger of the two; sums and outputs are brought to it before they are added.
///
/// The empty state (−∞, 0, 0) on either side changes nothing, two empty states give an empty one.
/// Both states have the same d_v. Costs 2·d_v multiplications and two exponentials. (Milakov and
/// Gimelshein, §3.1, Eq. 4, for the maximum and the sum; the output goes with the sum.)
///
/// ```
/// use ch08_flash_cpu::{given::State, merge};
/// let key = State::of_key(0.5, ndarray::array![3.0].view());
/// assert_eq!(merge(&State::empty(1), &key), key); // nothing changes nothing
/// ```
pub fn merge(a: &State, b: &State) -> State {
    // SOLUTION 8.1: one state from two: take both to the larger maximum, then add
    let row_max = a.row_max.max(b.row_max);
    // Without a key on either side there is nothing to rescale, and −∞ − (−∞) would be NaN.
    let factor = |state: &State| match state.row_max {
        f32::NEG_INFINITY => 0.0,
        old => (old - row_max).exp(),
    };
    let (factor_a, factor_b) = (factor(a), factor(b));
    State {
        row_max,
        row_sum: factor_a * a.row_sum + factor_b * b.row_sum,
        out: factor_a * &a.out + factor_b * &b.out,
    }
    // END SOLUTION
}
// ANCHOR_END: merge
