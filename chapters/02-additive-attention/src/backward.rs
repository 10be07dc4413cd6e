use crate::given::{Additive, AdditiveGradients, expect_d_scores};
use ndarray::{Array1, Array2, ArrayView2};

// ANCHOR: additive_backward
/// The gradients of an additive score's weights: from the inputs and the loss's gradient with
/// respect to the scores, those with respect to `w_q`, `w_k` and `v`.
///
// SOLUTION
/// With the hidden layer `hidden = tanh(q_i W_q + k_j W_k)` of each pair and the gradient of the sum in
/// it, `d_sum = d_scores[i,j] · v ⊙ (1 − hidden²)`: `dv = Σ_ij d_scores[i,j] · hidden`,
/// `dw_q = Σ_i q_iᵀ Σ_j d_sum` and `dw_k = Σ_j k_jᵀ Σ_i d_sum`.
///
// END SOLUTION
/// The hidden layers are computed again from the inputs.
///
/// Shapes: `q` n×d_q, `k` m×d_k, `d_scores` n×m; each gradient in the shape of its weights. Costs
/// about twice what the scores do, if each query's and each key's share is added up before it is
/// multiplied with the query or the key.
///
/// ```
/// use ch02_additive_attention::{Additive, additive_backward};
/// use ndarray::array;
/// // The sum is 0, where the tanh is 0 and has the slope 1: v hardly matters yet, its sign does.
/// let additive = Additive { w_q: array![[0.0]], w_k: array![[0.0]], v: array![2.0] };
/// let gradients =
///     additive_backward(&additive, array![[3.0]].view(), array![[5.0]].view(), array![[1.0]].view());
/// assert_eq!((gradients.dw_q, gradients.dw_k), (array![[6.0]], array![[10.0]]));
/// assert_eq!(gradients.dv, array![0.0]);
/// ```
#[track_caller]
pub fn additive_backward(
    additive: &Additive,
    q: ArrayView2<f32>,
    k: ArrayView2<f32>,
    d_scores: ArrayView2<f32>,
) -> AdditiveGradients {
    additive.expect_shapes(q, k);
    expect_d_scores(q, k, d_scores);
    // SOLUTION 2.7: back through v, the tanh and the two projections
    let from_q = q.dot(&additive.w_q); // n×a
    let from_k = k.dot(&additive.w_k); // m×a
    let mut dv = Array1::zeros(additive.v.len());
    let mut d_from_q = Array2::zeros(from_q.raw_dim());
    let mut d_from_k = Array2::zeros(from_k.raw_dim());
    for ((i, j), &d_score) in d_scores.indexed_iter() {
        let hidden = (&from_q.row(i) + &from_k.row(j)).mapv(f32::tanh); // a
        dv.scaled_add(d_score, &hidden);
        let d_sum = &additive.v * &hidden.mapv(|x| 1.0 - x * x) * d_score; // a
        d_from_q.row_mut(i).scaled_add(1.0, &d_sum);
        d_from_k.row_mut(j).scaled_add(1.0, &d_sum);
    }
    AdditiveGradients { dw_q: q.t().dot(&d_from_q), dw_k: k.t().dot(&d_from_k), dv }
    // END SOLUTION
}
// ANCHOR_END: additive_backward
