use crate::softmax_rows;
use attn_core::shape::expect_equal;
use half::f16;
use ndarray::{Array2, ArrayView2};

// ANCHOR: attend_half
/// The second half of attention in half precision: from scores and values in `f16`, the values'
/// means under the softmax of each row of scores.
///
/// Shapes: `scores` n×m, scaled and masked, `v` m×d_v; n×d_v out. The array of weights is in `f16`
/// as well. A row of scores that is all −∞ gives zeros. Costs 2·n·m·d_v FLOP and n·m exponentials.
///
/// ```
/// use {ch03_scaled_dot_product::attend_half, half::f16, ndarray::array};
/// // Equal scores: the mean of the values, although exp(12) is more than an f16 can hold.
/// let (scores, v) = (array![[12.0, 12.0]], array![[0.0], [4.0]]);
/// let (scores, v) = (scores.mapv(f16::from_f32), v.mapv(f16::from_f32));
/// assert_eq!(attend_half(scores.view(), v.view()), array![[f16::from_f32(2.0)]]);
/// ```
#[track_caller]
pub fn attend_half(scores: ArrayView2<f16>, v: ArrayView2<f16>) -> Array2<f16> {
    expect_equal(("value count", v.nrows()), ("score columns", scores.ncols()));
    // SOLUTION 3.9: softmax and weighted mean of what is stored in f16
    let weights = softmax_rows(scores.mapv(f32::from).view()).mapv(f16::from_f32); // n×m
    weights.mapv(f32::from).dot(&v.mapv(f32::from)).mapv(f16::from_f32) // n×d_v
    // END SOLUTION
}
// ANCHOR_END: attend_half
