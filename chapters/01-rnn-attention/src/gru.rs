use crate::given::Gru;
use ndarray::{Array1, ArrayView1, s};

// ANCHOR: gru_step
/// One step of a gated recurrent unit, with the gates as in PyTorch's `nn.GRU`:
///
/// ```text
/// r = σ(x W_x[r] + b_x[r] + state W_h[r] + b_h[r])          the reset gate
/// z = σ(x W_x[z] + b_x[z] + state W_h[z] + b_h[z])          the update gate
/// n = tanh(x W_x[n] + b_x[n] + r ⊙ (state W_h[n] + b_h[n]))  the candidate
/// state after = (1 − z) ⊙ n + z ⊙ state
/// ```
///
/// Shapes: `x` d_in, `state` d; the state after, d. Costs 6·d·(d_in + d) FLOPs.
///
/// Cho et al., arXiv:1406.1078, §2.3, resets the state before the product with W_h, not after it.
#[track_caller]
pub fn gru_step(gru: &Gru, x: ArrayView1<f32>, state: ArrayView1<f32>) -> Array1<f32> {
    gru.expect_shapes(x.len(), state.len());
    // SOLUTION 1.7: the two gates, the candidate, and the mixture of candidate and old state
    let d = state.len();
    let (r, z, n) = (s![..d], s![d..2 * d], s![2 * d..]);
    let from_x = x.dot(&gru.w_x) + &gru.b_x; // 3d
    let from_h = state.dot(&gru.w_h) + &gru.b_h; // 3d
    let reset = (&from_x.slice(r) + &from_h.slice(r)).mapv(sigmoid);
    let update = (&from_x.slice(z) + &from_h.slice(z)).mapv(sigmoid);
    let candidate = (&from_x.slice(n) + &reset * &from_h.slice(n)).mapv(f32::tanh);
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
