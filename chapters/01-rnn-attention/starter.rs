//! Chapter 1 · RNN attention: why look back: your answers.
//!
//! Replace each `todo!`, save, and run `cargo attn check 1`. Stuck? `cargo attn hint 1.1`.
//! Add helpers and imports as you like; keep the headings and the first line of each function.
#![allow(unused)] // what is imported below waits to be used

use ch01_rnn_attention::given::{Attended, Decoded, Gru, Rnn, expect_states};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, array, concatenate, s};

// ━━ 1.1 From scores to weights · 5 points · about 10 minutes ━━

/// Softmax of one vector: `weights[j] = exp(scores[j]) / Σ_l exp(scores[l])`.
///
/// Shapes: m in, m out; the weights are positive and sum to one. The scores are of ordinary size,
/// between −80 and 80.
pub fn softmax(scores: ArrayView1<f32>) -> Array1<f32> {
    todo!("1.1: turn the scores into weights that sum to one")
}

// ━━ 1.2 One step of a recurrent network · 10 points · about 15 minutes ━━

/// One step of a plain recurrent network: `tanh(x W_x + state W_h + b)`.
///
/// Shapes: `x` d_in, `state` d; the state after, d. Costs 2·d·(d_in + d) FLOPs.
///
/// Elman, *Finding Structure in Time*, 1990; PyTorch's `nn.RNN`, whose two biases are added here.
#[track_caller]
pub fn rnn_step(rnn: &Rnn, x: ArrayView1<f32>, state: ArrayView1<f32>) -> Array1<f32> {
    rnn.expect_shapes(x.len(), state.len());
    todo!("1.2: the state after reading x")
}

// ━━ 1.3 Reading a sequence · 10 points · about 20 minutes ━━

/// Reads a sequence, one input a row, and gives the state after each of them. The state before the
/// first input is zeros.
///
/// Shapes: `inputs` m×d_in; the states, m×d. Costs 2·m·d·(d_in + d) FLOPs, one step after another.
#[track_caller]
pub fn encode(rnn: &Rnn, inputs: ArrayView2<f32>) -> Array2<f32> {
    rnn.expect_shapes(inputs.ncols(), rnn.width());
    todo!("1.3: the state after each input")
}

// ━━ 1.4 Writing from one vector · 10 points · about 20 minutes ━━

/// Runs a decoder on a fixed context: the state before the first step is `z`, and each step reads
/// its input followed by `z`, in one row of width d_in + d.
///
/// Shapes: `z` d, `inputs` n×d_in, `rnn` for inputs of width d_in + d; the state after each step,
/// n×d. The inputs are given, not the decoder's own choices: this is teacher forcing.
///
/// Cho et al., arXiv:1406.1078, §2.2: the context enters every step.
#[track_caller]
pub fn decode(rnn: &Rnn, z: ArrayView1<f32>, inputs: ArrayView2<f32>) -> Array2<f32> {
    rnn.expect_shapes(inputs.ncols() + z.len(), z.len());
    todo!("1.4: the state after each step, always with the same context z")
}

// ━━ 1.5 A look back · 15 points · about 15 minutes ━━

/// One look back: the state is compared with every state of the encoder by a dot product, the
/// softmax of these scores gives the weights, and the context is the mean of the states under them.
///
/// Shapes: `state` d, `states` m×d with m ≥ 1; `context` d, `weights` m. Costs 4·m·d FLOPs.
///
/// Bahdanau et al., arXiv:1409.0473, §3.1, Equations 5 and 6; with the dot product as the score
/// (Luong et al., arXiv:1508.04025, §3.1).
#[track_caller]
pub fn attend_all(state: ArrayView1<f32>, states: ArrayView2<f32>) -> Attended {
    expect_states(state, states);
    todo!("1.5: score every state, normalise the scores, average the states")
}

// ━━ 1.6 A decoder that looks back · 20 points · about 30 minutes ━━

/// Runs a decoder that looks back before each step. The state before the first step is the last
/// state of the encoder. Each step looks back with the state that it *starts* from, and then reads
/// its input followed by the context it found, in one row of width d_in + d.
///
/// Shapes: `states` m×d with m ≥ 1, `inputs` n×d_in, `rnn` for inputs of width d_in + d; n×d states
/// and n×m weights.
///
/// Bahdanau et al., arXiv:1409.0473, §3.1: `s_{i−1}`, the state “just before emitting y_i”, scores.
#[track_caller]
pub fn decode_attending(rnn: &Rnn, states: ArrayView2<f32>, inputs: ArrayView2<f32>) -> Decoded {
    let (m, d) = states.dim();
    rnn.expect_shapes(inputs.ncols() + d, d);
    assert!(m > 0, "no states to attend to");
    todo!("1.6: as in 1.4, but with a context of its own for each step")
}

// ━━ 1.7 A step that can leave things alone · 15 points · about 25 minutes ━━

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
    todo!("1.7: the two gates, the candidate, and the mixture of candidate and old state")
}

// ━━ 1.8 Writing on one's own · 10 points · about 15 minutes ━━

/// Greedy decoding: feed `start`, take the token with the largest logit (the first of equals), feed
/// that, and so on. It stops when the token is `end`, which is not part of the result, or when the
/// result has `limit` tokens.
///
/// `step(token)` feeds one token to the decoder, which keeps its own state, and gives one logit for
/// each token of the vocabulary. Logits are compared, and may be of any size.
pub fn greedy(
    step: &mut dyn FnMut(usize) -> Array1<f32>,
    start: usize,
    end: usize,
    limit: usize,
) -> Vec<usize> {
    todo!("1.8: the tokens that the decoder writes when it is fed its own choices")
}

// ━━ 1.9 Writing with the teacher's hand · 10 points · about 15 minutes ━━

/// Teacher forcing: feed `start`, and after it the *true* tokens, whatever the decoder would have
/// chosen. The last target is not fed. The result is the loss: the mean over the targets of `−ln p`, where p is the probability
/// that the decoder gave to the target.
///
/// `step(token)` is as for `greedy`; the softmax of its logits are the probabilities. `targets` are
/// the tokens that should come out, at least one. In nats.
pub fn teacher_forcing(
    step: &mut dyn FnMut(usize) -> Array1<f32>,
    start: usize,
    targets: &[usize],
) -> f32 {
    assert!(
        !targets.is_empty(),
        "no targets, so their mean means nothing"
    );
    todo!("1.9: the mean loss when the decoder is fed the true tokens")
}
