use crate::{
    given::{Attended, Decoded, Rnn, expect_states},
    rnn_step, softmax,
};
use ndarray::{Array2, ArrayView1, ArrayView2, Axis, concatenate};

// ANCHOR: attend_all
/// One look back at every state of the encoder, with dot products as scores.
///
// SOLUTION
/// The weights are the softmax of the scores `states · state`, and the context is the mean of the
/// states under them.
///
// END SOLUTION
/// Shapes: `state` d, `states` m×d with m ≥ 1; `context` d, `weights` m. Costs 4·m·d FLOPs.
///
/// Bahdanau et al., arXiv:1409.0473, §3.1, Equations 5 and 6; with the dot product as the score
/// (Luong et al., arXiv:1508.04025, §3.1).
///
/// ```
/// use ch01_rnn_attention::attend_all;
/// use ndarray::array;
/// let attended = attend_all(array![0.0].view(), array![[2.0], [4.0]].view());
/// assert_eq!(attended.weights, array![0.5, 0.5]); // both states fit equally well
/// assert_eq!(attended.context, array![3.0]);
/// ```
#[track_caller]
pub fn attend_all(state: ArrayView1<f32>, states: ArrayView2<f32>) -> Attended {
    expect_states(state, states);
    // SOLUTION 1.5: score every state, normalise the scores, average the states
    let scores = states.dot(&state); // m
    let weights = softmax(scores.view()); // m
    let context = weights.dot(&states); // d
    Attended { context, weights }
    // END SOLUTION
}
// ANCHOR_END: attend_all

// ANCHOR: decode_attending
/// Runs a decoder that looks back before each step. The state before the first step is the last
/// state of the encoder. Each step looks back with the state that it *starts* from, and then reads
/// its input followed by the context it found, in one row of width d_in + d.
///
/// Shapes: `states` m×d with m ≥ 1, `inputs` n×d_in, `rnn` for inputs of width d_in + d; n×d states
/// and n×m weights.
///
/// Bahdanau et al., arXiv:1409.0473, §3.1: `s_{i−1}`, the state “just before emitting y_i”, scores.
///
/// ```
/// use attn_core::random::Random;
/// use ch01_rnn_attention::{Rnn, decode_attending};
/// let random = &mut Random::new(1);
/// let (rnn, states) = (Rnn::random(3 + 4, 4, random), random.normal((6, 4)));
/// let decoded = decode_attending(&rnn, states.view(), random.normal((5, 3)).view());
/// assert_eq!(decoded.weights.dim(), (5, 6)); // five steps, each over six states
/// ```
#[track_caller]
pub fn decode_attending(rnn: &Rnn, states: ArrayView2<f32>, inputs: ArrayView2<f32>) -> Decoded {
    let (m, d) = states.dim();
    rnn.expect_shapes(inputs.ncols() + d, d);
    assert!(m > 0, "no states to attend to");
    // SOLUTION 1.6: as in 1.4, but with a context of its own for each step
    let n = inputs.nrows();
    let mut state = states.row(m - 1).to_owned();
    let mut decoded = Decoded { states: Array2::zeros((n, d)), weights: Array2::zeros((n, m)) };
    for (t, y) in inputs.rows().into_iter().enumerate() {
        let Attended { context, weights } = attend_all(state.view(), states);
        let x = concatenate![Axis(0), y, context]; // d_in + d
        state = rnn_step(rnn, x.view(), state.view());
        decoded.states.row_mut(t).assign(&state);
        decoded.weights.row_mut(t).assign(&weights);
    }
    decoded
    // END SOLUTION
}
// ANCHOR_END: decode_attending
