use crate::given::expect_tokens;
use ndarray::{Array2, ArrayView2, Axis};

// ANCHOR: linear_attention
/// Causal linear attention in its parallel form: the products of features take the place of softmax's
/// exponentials. Each row is a mean of the values up to its own.
///
/// Shapes: features of queries and keys n × r, never negative; values n × d_v; out n × d_v. A row whose
/// weights sum to 0 is zeros. Costs 2·n²·(r + d_v) FLOPs. (Katharopoulos et al.,
/// [arXiv:2006.16236](https://arxiv.org/abs/2006.16236), Eq 9.)
///
/// ```
/// use ch11_linear::linear_attention;
/// use ndarray::array;
/// let features = array![[1.0], [3.0]]; // of the queries and of the keys
/// let out = linear_attention(features.view(), features.view(), array![[0.0], [4.0]].view());
/// assert_eq!(out, array![[0.0], [3.0]]); // weights 3 and 9 of 12
/// ```
#[track_caller]
pub fn linear_attention(q: ArrayView2<f64>, k: ArrayView2<f64>, v: ArrayView2<f64>) -> Array2<f64> {
    expect_tokens(q, k, v);
    // SOLUTION 11.2: weights q kᵀ of the keys so far, divided by their sum
    let mut weights = q.dot(&k.t());
    for (i, mut row) in weights.axis_iter_mut(Axis(0)).enumerate() {
        row.iter_mut().skip(i + 1).for_each(|weight| *weight = 0.0);
        let sum = row.sum();
        if sum != 0.0 {
            row /= sum;
        }
    }
    weights.dot(&v)
    // END SOLUTION
}
// ANCHOR_END: linear_attention
