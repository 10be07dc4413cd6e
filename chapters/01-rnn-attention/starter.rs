//! Chapter 1 · RNN attention: why look back: your answers.
//!
//! Replace each `todo!`, save, and run `cargo attn check 1`. Stuck? `cargo attn hint 1.1`.
//! Add helpers and imports as you like; keep the headings and the first line of each function.
#![allow(unused)] // what is imported below waits to be used

use ch01_rnn_attention::given::{
    Attended, Decoded, Gru, Lstm, Readout, ReadoutGradients, Remembered, Rnn, expect_states,
};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, array, concatenate, s};

// ━━ 1.1 From scores to weights · 5 points · about 10 minutes ━━

/// Softmax of one vector.
///
/// Shapes: m in, m out; the weights are positive and sum to one. The scores are of ordinary size,
/// between −80 and 80.
///
/// ```
/// use ch01_rnn_attention::softmax;
/// use ndarray::array;
/// let weights = softmax(array![3.0, 3.0].view());
/// assert_eq!(weights, array![0.5, 0.5]); // equal scores, equal weights
/// ```
pub fn softmax(scores: ArrayView1<f32>) -> Array1<f32> {
    todo!("1.1: turn the scores into weights that sum to one")
}

// ━━ 1.2 One step of a recurrent network · 10 points · about 15 minutes ━━

/// One step of a plain recurrent network: the state after reading `x`.
///
/// Shapes: `x` d_in, `state` d; the state after, d. Costs 2·d·(d_in + d) FLOPs.
///
/// Elman, *Finding Structure in Time*, 1990; PyTorch's `nn.RNN`, whose two biases are added here.
///
/// ```
/// use ch01_rnn_attention::{Rnn, rnn_step};
/// use ndarray::{Array2, array};
/// let w = Array2::zeros((1, 1)); // weights of zero: the bias alone counts
/// let rnn = Rnn { w_x: w.clone(), w_h: w, b: array![100.0] };
/// assert_eq!(rnn_step(&rnn, array![7.0].view(), array![0.5].view()), array![1.0]);
/// ```
#[track_caller]
pub fn rnn_step(rnn: &Rnn, x: ArrayView1<f32>, state: ArrayView1<f32>) -> Array1<f32> {
    rnn.expect_shapes(x.len(), state.len());
    todo!("1.2: the state after reading x")
}

// ━━ 1.3 Reading a sequence · 10 points · about 20 minutes ━━

/// Reads a sequence, one input per row, and gives the state after each of them. The state before the
/// first input is zeros.
///
/// Shapes: `inputs` m×d_in; the states, m×d. Costs 2·m·d·(d_in + d) FLOPs, one step after another.
///
/// ```
/// use attn_core::random::Random;
/// use ch01_rnn_attention::{Rnn, encode};
/// let random = &mut Random::new(1);
/// let states = encode(&Rnn::random(3, 4, random), random.normal((5, 3)).view());
/// assert_eq!(states.dim(), (5, 4)); // five inputs of width 3, five states of width 4
/// ```
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
///
/// ```
/// use attn_core::random::Random;
/// use ch01_rnn_attention::{Rnn, decode};
/// let random = &mut Random::new(1);
/// let rnn = Rnn::random(3 + 4, 4, random); // reads an input of width 3 and a context of width 4
/// let states = decode(&rnn, random.normal(4).view(), random.normal((5, 3)).view());
/// assert_eq!(states.dim(), (5, 4));
/// ```
#[track_caller]
pub fn decode(rnn: &Rnn, z: ArrayView1<f32>, inputs: ArrayView2<f32>) -> Array2<f32> {
    rnn.expect_shapes(inputs.ncols() + z.len(), z.len());
    todo!("1.4: the state after each step, always with the same context z")
}

// ━━ 1.5 A look back · 15 points · about 15 minutes ━━

/// One look back at every state of the encoder, with dot products as scores.
///
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
    todo!("1.5: score every state, normalise the scores, average the states")
}

// ━━ 1.10 Keep the best · 15 points · about 20 minutes ━━

/// Softmax over the `keep` largest scores. Every other weight is exactly 0.
///
/// Of equal scores the earlier one is kept first. Where `keep` is m or more, this is the softmax. A
/// score of −∞ gets the weight 0 even if there is room for it. Where nothing is kept, all weights
/// are 0, and sum to 0.
///
/// Shapes: m in, m out, each weight at the place of its score. The scores are of ordinary size,
/// between −80 and 80, or −∞. Costs a sort of m numbers; the m scores were computed before.
///
/// ```
/// use ch01_rnn_attention::top_softmax;
/// use ndarray::array;
/// let scores = array![1.0, 7.0, 0.0, 7.0];
/// assert_eq!(top_softmax(scores.view(), 2), array![0.0, 0.5, 0.0, 0.5]);
/// assert_eq!(top_softmax(scores.view(), 1), array![0.0, 1.0, 0.0, 0.0]); // the earlier of two equals
/// assert_eq!(top_softmax(scores.view(), 0), array![0.0, 0.0, 0.0, 0.0]);
/// ```
pub fn top_softmax(scores: ArrayView1<f32>, keep: usize) -> Array1<f32> {
    todo!("1.10: weights for the largest scores, and exactly 0 for all others")
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
    todo!("1.6: as in 1.4, but with a context of its own for each step")
}

// ━━ 1.7 A step that can leave things alone · 15 points · about 25 minutes ━━

/// One step of a gated recurrent unit, with the gates as in PyTorch's `nn.GRU`.
///
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
    todo!("1.7: the two gates, the candidate, and the mixture of candidate and old state")
}

// ━━ 1.12 A step with a memory of its own · 15 points · about 20 minutes ━━

/// One step of a long short-term memory, with the forget gate and PyTorch's order of the gates:
/// input, forget, candidate, output.
///
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
    todo!("1.12: the three gates, the candidate, the cell after, and what is shown of it")
}

// ━━ 1.8 Writing on one's own · 10 points · about 15 minutes ━━

/// Greedy decoding: feed `start`, take the token with the largest logit (the first of equals), feed
/// that, and so on. It stops when the token is `end`, which is not part of the result, or when the
/// result has `limit` tokens.
///
/// `step(token)` feeds one token to the decoder, which keeps its own state, and gives one logit for
/// each token of the vocabulary. Logits are compared, and may be of any size.
///
/// ```
/// use ch01_rnn_attention::greedy;
/// use ndarray::Array2;
/// let mut counts_on = |token| Array2::eye(5).row(token + 1).to_owned(); // 0, then 1, 2, …
/// assert_eq!(greedy(&mut counts_on, 0, 4, 10), [1, 2, 3]);
/// assert_eq!(greedy(&mut counts_on, 0, 4, 2), [1, 2]); // the limit
/// ```
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
/// chosen. The last target is not fed. The result is the loss: the mean over the targets of `−ln p`,
/// where p is the probability that the decoder gave to the target.
///
/// `step(token)` is as for `greedy`; the softmax of its logits, which lie between −80 and 80, gives
/// the probabilities. `targets` are the tokens that should come out, at least one. The loss is in
/// nats.
///
/// ```
/// use ch01_rnn_attention::teacher_forcing;
/// use ndarray::Array1;
/// let mut undecided = |_| Array1::zeros(8); // all eight tokens are equally likely
/// let loss = teacher_forcing(&mut undecided, 0, &[3, 1, 4]);
/// assert!((loss - 8.0_f32.ln()).abs() < 1e-6);
/// ```
pub fn teacher_forcing(
    step: &mut dyn FnMut(usize) -> Array1<f32>,
    start: usize,
    targets: &[usize],
) -> f32 {
    assert!(!targets.is_empty(), "no targets, so their mean means nothing");
    todo!("1.9: the mean loss when the decoder is fed the true tokens")
}

// ━━ 1.11 Which way to learn · 20 points · about 30 minutes ━━

/// The gradients of the loss at the read-out: of the mean of `−ln p` over n targets, where p is the
/// softmax of `state W + b`, with respect to the weights, the bias and the states.
///
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
    todo!("1.11: the gradients of the mean loss: of the weights, the bias and the states")
}
