use ndarray::{Array1, ArrayView1, ArrayView2};

// ANCHOR: weighted_sum
/// The sum of the rows of `values`, each times its weight.
///
// SOLUTION
/// `result[c] = Σ_j weights[j] · values[j,c]`.
///
// END SOLUTION
/// Shapes: `weights` m, `values` m×d_v, the result d_v. The weights are used as they are. They sum to
/// one; or all of them are zero, and then so is the result.
///
/// ```
/// use ch00_primer::weighted_sum;
/// use ndarray::array;
/// let values = array![[10.0, 0.0], [20.0, 4.0]];
/// assert_eq!(weighted_sum(array![0.5, 0.5].view(), values.view()), array![15.0, 2.0]);
/// ```
pub fn weighted_sum(weights: ArrayView1<f32>, values: ArrayView2<f32>) -> Array1<f32> {
    // SOLUTION 0.1: add up the rows, each times its weight
    weights.dot(&values) // m · m×d_v → d_v
    // END SOLUTION
}
// ANCHOR_END: weighted_sum
