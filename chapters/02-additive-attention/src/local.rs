use crate::given::Pointer;
use ch01_rnn_attention::softmax;
use ndarray::{Array1, Array2, ArrayView2};

// ANCHOR: local_weights
/// Local weights with a predicted position (local-p): each query points at a position, and looks at
/// the keys that are at most `half` (D) away from it.
///
// SOLUTION
/// Query i points at `p_i = m · sigmoid(v_p · tanh(q_i W_p))`, a real number between 0 and m. Keys are
/// at the positions 0 … m − 1. Those further from `p_i` than D get no weight. Among the others
///
/// ```text
/// weights[i,j] = softmax over the window of scores[i,·], at j  ·  exp(−(j − p_i)² / (2σ²)),  σ = D/2
/// ```
///
// END SOLUTION
/// The result is not normalised again: a row sums to less than one.
///
/// Shapes: `q` n×d_q, `scores` n×m with m ≥ 1; n×m. `half` ≥ 1. The scores are of ordinary size,
/// between −80 and 80.
///
/// Luong et al., arXiv:1508.04025, §3.2, Equations 9 and 10.
///
/// ```
/// use ch02_additive_attention::{Pointer, local_weights};
/// use ndarray::array;
/// // Without weights a query points at the middle, at 2 of 4. Keys 1 to 3 are in the window.
/// let pointer = Pointer { w_p: array![[0.0]], v_p: array![0.0] };
/// let weights = local_weights(&pointer, array![[1.0]].view(), array![[0.0, 0.0, 0.0, 0.0]].view(), 1);
/// assert!(weights[[0, 0]] == 0.0 && weights[[0, 1]] == weights[[0, 3]]);
/// ```
#[track_caller]
pub fn local_weights(
    pointer: &Pointer,
    q: ArrayView2<f32>,
    scores: ArrayView2<f32>,
    half: usize,
) -> Array2<f32> {
    pointer.expect_shapes(q, scores, half);
    // SOLUTION 2.5: point, cut the window out, softmax inside it, and fade towards its edges
    let m = scores.ncols();
    let sigma = half as f32 / 2.0;
    let mut weights = Array2::zeros(scores.raw_dim());
    for (i, p) in positions(pointer, q, m).into_iter().enumerate() {
        let distance = |j: usize| (j as f32 - p).abs();
        let window: Vec<usize> = (0..m).filter(|&j| distance(j) <= half as f32).collect();
        let window_scores: Array1<f32> = window.iter().map(|&j| scores[[i, j]]).collect();
        for (&j, align) in window.iter().zip(softmax(window_scores.view())) {
            let bell = (-distance(j).powi(2) / (2.0 * sigma * sigma)).exp();
            weights[[i, j]] = align * bell;
        }
    }
    weights
    // END SOLUTION
}

// SOLUTION
/// Where each query points: `m · sigmoid(v_p · tanh(q W_p))`, n real numbers between 0 and m.
pub fn positions(pointer: &Pointer, q: ArrayView2<f32>, m: usize) -> Array1<f32> {
    let hidden = q.dot(&pointer.w_p).mapv(f32::tanh); // n×a
    let sigmoid = |x: f32| 1.0 / (1.0 + (-x).exp());
    hidden.dot(&pointer.v_p).mapv(|x| m as f32 * sigmoid(x))
}
// END SOLUTION
// ANCHOR_END: local_weights
