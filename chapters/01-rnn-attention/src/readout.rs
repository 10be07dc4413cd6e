use crate::{
    given::{Readout, ReadoutGradients},
    softmax,
};
use ndarray::{Array2, ArrayView2, Axis};

// ANCHOR: readout_backward
/// The gradients of the loss at the read-out: of the mean of `−ln p` over n targets, where p is the
/// softmax of `state W + b`, with respect to the weights, the bias and the states.
///
// SOLUTION
/// With `d_logits[t] = (p[t] − onehot(targets[t])) / n`, they are `dw = statesᵀ d_logits`, `db` the sum
/// of the rows of `d_logits`, and `d_states = d_logits Wᵀ`.
///
// END SOLUTION
/// Shapes: `states` n×d with n ≥ 1, one target for each; `dw` d×vocab, `db` vocab, `d_states` n×d.
/// The logits lie between −80 and 80. Costs 6·n·d·vocab FLOPs: one product to make the logits, and
/// two of the same size to come back.
///
/// ```
/// use ch01_rnn_attention::{Readout, readout_backward};
/// use ndarray::{Array1, Array2, array};
/// // Without weights both tokens have the probability 1/2. Token 1 is right, and should get more.
/// let readout = Readout { w: Array2::zeros((1, 2)), b: Array1::zeros(2) };
/// let gradients = readout_backward(&readout, array![[3.0]].view(), &[1]);
/// assert_eq!(gradients.db, array![0.5, -0.5]);
/// assert_eq!(gradients.dw, array![[1.5, -1.5]]);
/// ```
#[track_caller]
pub fn readout_backward(
    readout: &Readout,
    states: ArrayView2<f32>,
    targets: &[usize],
) -> ReadoutGradients {
    readout.expect_shapes(states, targets);
    // SOLUTION 1.11: the gradients of the mean loss: of the weights, the bias and the states
    let mut d_logits: Array2<f32> = states.dot(&readout.w) + &readout.b; // n×vocab: the logits, so far
    for (mut row, &target) in d_logits.rows_mut().into_iter().zip(targets) {
        let p = softmax(row.view());
        row.assign(&p);
        row[target] -= 1.0;
    }
    d_logits /= targets.len() as f32;
    ReadoutGradients {
        dw: states.t().dot(&d_logits),
        db: d_logits.sum_axis(Axis(0)),
        d_states: d_logits.dot(&readout.w.t()),
    }
    // END SOLUTION
}
// ANCHOR_END: readout_backward
