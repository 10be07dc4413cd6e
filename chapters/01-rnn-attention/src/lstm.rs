use crate::given::{Lstm, Remembered};
use ndarray::{Array1, ArrayView1, s};

// ANCHOR: lstm_step
/// One step of a long short-term memory, with the forget gate and PyTorch's order of the gates:
/// input, forget, candidate, output.
///
// SOLUTION
/// ```text
/// input     = sigmoid(x W_x[input] + b_x[input] + state W_h[input] + b_h[input])
/// forget    = sigmoid(x W_x[forget] + b_x[forget] + state W_h[forget] + b_h[forget])
/// candidate = tanh(x W_x[candidate] + b_x[candidate] + state W_h[candidate] + b_h[candidate])
/// output    = sigmoid(x W_x[output] + b_x[output] + state W_h[output] + b_h[output])
/// cell after  = forget ⊙ cell + input ⊙ candidate
/// state after = output ⊙ tanh(cell after)
/// ```
///
// END SOLUTION
/// The gates see the state, not the cell. The cell is not squeezed on its way from one step to the
/// next; only what is shown of it is.
///
/// Shapes: `x` d_in, `state` d, `cell` d; both after, d each. Costs 8·d·(d_in + d) FLOPs.
///
/// Hochreiter and Schmidhuber, *Long Short-Term Memory*, Neural Computation 9(8), 1997, without the
/// forget gate; with it, Gers, Schmidhuber and Cummins, *Learning to Forget*, Neural Computation
/// 12(10), 2000.
///
/// ```
/// use ch01_rnn_attention::{Lstm, lstm_step};
/// use ndarray::{Array1, Array2, array};
/// let (w, b) = (Array2::zeros((1, 4)), Array1::zeros(4)); // zeros: all gates are half open
/// let lstm = Lstm { w_x: w.clone(), w_h: w, b_x: b.clone(), b_h: b };
/// let (x, state, cell) = (array![7.0], array![0.8], array![6.0]);
/// let after = lstm_step(&lstm, x.view(), state.view(), cell.view());
/// assert_eq!(after.cell, array![3.0]);
/// assert_eq!(after.state, array![0.5 * 3.0_f32.tanh()]);
/// ```
#[track_caller]
pub fn lstm_step(
    lstm: &Lstm,
    x: ArrayView1<f32>,
    state: ArrayView1<f32>,
    cell: ArrayView1<f32>,
) -> Remembered {
    lstm.expect_shapes(x.len(), state.len(), cell.len());
    // SOLUTION 1.12: the three gates, the candidate, the cell after, and what is shown of it
    let d = state.len();
    let sums = x.dot(&lstm.w_x) + &lstm.b_x + state.dot(&lstm.w_h) + &lstm.b_h; // 4d
    let block = |k: usize| sums.slice(s![k * d..(k + 1) * d]);
    let (input, forget, output) =
        (block(0).mapv(logistic), block(1).mapv(logistic), block(3).mapv(logistic));
    let candidate = block(2).mapv(f32::tanh);
    let cell: Array1<f32> = forget * cell + input * candidate;
    Remembered { state: output * cell.mapv(f32::tanh), cell }
    // END SOLUTION
}

// SOLUTION
/// `1 / (1 + exp(−a))`: the sigmoid, under its other name, since 1.7 has a helper of that name.
fn logistic(a: f32) -> f32 {
    1.0 / (1.0 + (-a).exp())
}
// END SOLUTION
// ANCHOR_END: lstm_step
