use crate::given::State;
use attn_core::shape::expect_equal;
use ndarray::ArrayView1;

// ANCHOR: push
/// Takes in one more key: `state` becomes the state over the keys so far and this one, as if all of
/// them had been there from the start. Neither the keys nor their number are kept.
///
/// After each call `row_max` is the largest score so far, and `row_sum` and `out` belong to it, as
/// [`State`] says. A score of −∞ changes nothing, not even the empty state. Scores are never +∞ or
/// NaN.
///
/// Shapes: `value` and `state.out` d_v. Costs two exponentials and 2·d_v multiplications. (Milakov
/// and Gimelshein, Algorithm 3, for the maximum and the sum.)
///
/// ```
/// use ch08_flash_cpu::{given::State, push};
/// use ndarray::array;
/// let mut state = State::empty(1);
/// push(&mut state, 0.0, array![1.0].view());
/// push(&mut state, 0.0, array![4.0].view());
/// assert_eq!(state.finish().0, array![2.5]); // two equal scores: the mean of the values
/// ```
#[track_caller]
pub fn push(state: &mut State, score: f32, value: ArrayView1<f32>) {
    expect_equal(("value width", value.len()), ("output width", state.out.len()));
    // SOLUTION 8.8: bring the state to the new maximum where it grows, then add the key
    // A key with the score −∞ weighs nothing, and before the first key −∞ − (−∞) would be NaN.
    if score == f32::NEG_INFINITY {
        return;
    }
    let row_max = state.row_max.max(score);
    let (old, new) = ((state.row_max - row_max).exp(), (score - row_max).exp());
    state.row_max = row_max;
    state.row_sum = old * state.row_sum + new;
    state.out *= old;
    state.out.scaled_add(new, &value);
    // END SOLUTION
}
// ANCHOR_END: push
