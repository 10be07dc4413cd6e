use crate::given::expect_positions;
use ch01_rnn_attention::softmax;
use ndarray::{Array2, ArrayView2, s};

// ANCHOR: location_weights
/// Location weights: each query has a score for each position, whatever the key there is.
///
// SOLUTION
/// The softmax runs over the m positions that there are: `weights[i] = softmax((q_i W)[..m])`.
///
// END SOLUTION
/// Shapes: `w` d_q×s for at most s positions, `q` n×d_q, m ≤ s; n×m. Costs 2·n·d_q·s FLOPs.
/// The scores are of ordinary size, between −80 and 80.
///
/// Luong et al., arXiv:1508.04025, §3.1, Equation 8.
///
/// ```
/// use ch02_additive_attention::location_weights;
/// use ndarray::array;
/// // Weights for at most four positions, of which two exist; the query has the same score for each.
/// let weights = location_weights(array![[5.0, 5.0, 5.0, 5.0]].view(), array![[1.0]].view(), 2);
/// assert_eq!(weights, array![[0.5, 0.5]]);
/// ```
#[track_caller]
pub fn location_weights(w: ArrayView2<f32>, q: ArrayView2<f32>, m: usize) -> Array2<f32> {
    expect_positions(w, q, m);
    // SOLUTION 2.4: the softmax of the first m scores of each query
    let mut weights = q.dot(&w.slice(s![.., ..m])); // n×m
    for mut row in weights.rows_mut() {
        let softened = softmax(row.view());
        row.assign(&softened);
    }
    weights
    // END SOLUTION
}
// ANCHOR_END: location_weights
