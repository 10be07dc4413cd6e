use ndarray::{Array1, ArrayView1};

// ANCHOR: softmax
/// Softmax of one vector.
///
// SOLUTION
/// `weights[j] = exp(scores[j]) / Σ_l exp(scores[l])`.
///
// END SOLUTION
/// Shapes: m in, m out; the weights are positive and sum to one. The scores are of ordinary size,
/// between −80 and 80.
///
/// ```
/// use ch01_rnn_attention::softmax;
/// use ndarray::array;
/// let weights = softmax(array![3.0, 3.0].view());
/// assert_eq!(weights, array![0.5, 0.5]); // equal scores, equal weights
/// ```
pub fn softmax(scores: ArrayView1<f32>) -> Array1<f32> {
    // SOLUTION 1.1: turn the scores into weights that sum to one
    // Taking the largest off first changes no weight, and no score can overflow then: chapter 3.
    let largest = scores.fold(f32::NEG_INFINITY, |most, &s| most.max(s));
    let exp = scores.mapv(|s| (s - largest).exp());
    let sum = exp.sum();
    exp / sum
    // END SOLUTION
}
// ANCHOR_END: softmax
