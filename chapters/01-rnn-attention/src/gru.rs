use crate::given::Gru;
use ndarray::{Array1, ArrayView1, Axis};

// ANCHOR: gru_step
/// One step of a gated recurrent unit, with the gates as in PyTorch's `nn.GRU`.
///
// SOLUTION
/// ```text
/// reset     = sigmoid(x W_x[reset] + b_x[reset] + state W_h[reset] + b_h[reset])
/// update    = sigmoid(x W_x[update] + b_x[update] + state W_h[update] + b_h[update])
/// candidate = tanh(x W_x[candidate] + b_x[candidate]
///                  + reset ⊙ (state W_h[candidate] + b_h[candidate]))
/// state after = (1 − update) ⊙ candidate + update ⊙ state
/// ```
///
// END SOLUTION
/// The two gates are `reset` and `update`, each a number between 0 and 1 for each of the d entries.
/// PyTorch calls them r and z, and the candidate n.
///
/// Shapes: `x` d_in, `state` d; the state after, d. Costs 6·d·(d_in + d) FLOPs.
///
/// Cho et al., arXiv:1406.1078, §2.3, resets the state before the product with W_h, not after it.
///
/// ```
/// use ch01_rnn_attention::{Gru, gru_step};
/// use ndarray::{Array1, Array2, array};
/// let (w, b) = (Array2::zeros((1, 3)), Array1::zeros(3)); // zeros: both gates are half open
/// let gru = Gru { w_x: w.clone(), w_h: w, b_x: b.clone(), b_h: b };
/// assert_eq!(gru_step(&gru, array![7.0].view(), array![0.8].view()), array![0.4]);
/// ```
#[track_caller]
pub fn gru_step(gru: &Gru, x: ArrayView1<f32>, state: ArrayView1<f32>) -> Array1<f32> {
    gru.expect_shapes(x.len(), state.len());
    // SOLUTION 1.7: the two gates, the candidate, and the mixture of candidate and old state
    let d = state.len();
    let from_x = x.dot(&gru.w_x) + &gru.b_x; // 3d
    let from_h = state.dot(&gru.w_h) + &gru.b_h; // 3d
    let (gates_x, candidate_x) = from_x.view().split_at(Axis(0), 2 * d);
    let (gates_h, candidate_h) = from_h.view().split_at(Axis(0), 2 * d);
    let gates = (&gates_x + &gates_h).mapv(sigmoid); // 2d
    let (reset, update) = gates.view().split_at(Axis(0), d);
    let candidate = (&candidate_x + &reset * &candidate_h).mapv(f32::tanh);
    (1.0 - &update) * candidate + &update * &state
    // END SOLUTION
}

// SOLUTION
/// `1 / (1 + exp(−a))`: between 0 and 1.
fn sigmoid(a: f32) -> f32 {
    1.0 / (1.0 + (-a).exp())
}
// END SOLUTION
// ANCHOR_END: gru_step
