//! The chapter once more in plain loops over any float. In f64 it is the judges' oracle; in f32 it is
//! the sequential order of summation that the tolerance is measured with. It shares no code with the
//! reference.

use crate::given::{Gru, Lstm, Readout, Rnn};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, NdFloat};

fn to<F: NdFloat>(x: f32) -> F {
    F::from(x).expect("f32 fits every float")
}

/// A vector in another width of float.
pub fn vector<F: NdFloat>(x: ArrayView1<f32>) -> Vec<F> {
    x.iter().map(|&x| to(x)).collect()
}

/// Entry `c` of `x w`.
fn product<F: NdFloat>(x: &[F], w: &Array2<f32>, c: usize) -> F {
    let mut sum = F::zero();
    for (r, &x) in x.iter().enumerate() {
        sum += x * to(w[[r, c]]);
    }
    sum
}

/// One step of a plain recurrent network.
pub fn rnn_step<F: NdFloat>(rnn: &Rnn, x: &[F], state: &[F]) -> Vec<F> {
    let entry = |c| (product(x, &rnn.w_x, c) + product(state, &rnn.w_h, c) + to(rnn.b[c])).tanh();
    (0..rnn.b.len()).map(entry).collect()
}

/// One step of a gated recurrent unit, with PyTorch's gates.
pub fn gru_step<F: NdFloat>(gru: &Gru, x: &[F], state: &[F]) -> Vec<F> {
    let d = state.len();
    let one = F::one();
    let sigmoid = |a: F| one / (one + (-a).exp());
    let from_x = |c: usize| product(x, &gru.w_x, c) + to(gru.b_x[c]);
    let from_h = |c: usize| product(state, &gru.w_h, c) + to(gru.b_h[c]);
    let entry = |c: usize| {
        let reset = sigmoid(from_x(c) + from_h(c));
        let update = sigmoid(from_x(d + c) + from_h(d + c));
        let candidate = (from_x(2 * d + c) + reset * from_h(2 * d + c)).tanh();
        (one - update) * candidate + update * state[c]
    };
    (0..d).map(entry).collect()
}

/// One step of a long short-term memory, with PyTorch's gates: the state and the cell after it.
pub fn lstm_step<F: NdFloat>(lstm: &Lstm, x: &[F], state: &[F], cell: &[F]) -> (Vec<F>, Vec<F>) {
    let d = state.len();
    let sigmoid = |a: F| F::one() / (F::one() + (-a).exp());
    let sum = |c: usize| {
        product(x, &lstm.w_x, c) + to(lstm.b_x[c]) + product(state, &lstm.w_h, c) + to(lstm.b_h[c])
    };
    let (mut after, mut cell_after) = (Vec::new(), Vec::new());
    for c in 0..d {
        let written = sigmoid(sum(c)) * sum(2 * d + c).tanh();
        cell_after.push(sigmoid(sum(d + c)) * cell[c] + written);
        after.push(sigmoid(sum(3 * d + c)) * cell_after[c].tanh());
    }
    (after, cell_after)
}

/// The state after each input. A step reads its input, followed by what `context` gives for the
/// state that it starts from.
fn run<F: NdFloat>(
    rnn: &Rnn,
    mut state: Vec<F>,
    inputs: ArrayView2<f32>,
    mut context: impl FnMut(&[F]) -> Vec<F>,
) -> Array2<F> {
    let mut states = Array2::zeros((inputs.nrows(), state.len()));
    for (input, mut row) in inputs.rows().into_iter().zip(states.rows_mut()) {
        let x = [vector(input), context(&state)].concat();
        state = rnn_step(rnn, &x, &state);
        row.assign(&ArrayView1::from(&state));
    }
    states
}

/// The state after each input, from zeros.
pub fn encode<F: NdFloat>(rnn: &Rnn, inputs: ArrayView2<f32>) -> Array2<F> {
    run(rnn, vec![F::zero(); rnn.b.len()], inputs, |_| Vec::new())
}

/// The states of a decoder with a fixed context.
pub fn decode<F: NdFloat>(rnn: &Rnn, z: ArrayView1<f32>, inputs: ArrayView2<f32>) -> Array2<F> {
    run(rnn, vector(z), inputs, |_| vector(z))
}

/// The context of one look back, and the weights.
pub fn attend_all<F: NdFloat>(state: &[F], states: ArrayView2<f32>) -> (Array1<F>, Array1<F>) {
    let turned = states.t().to_owned();
    let scores: Vec<F> = (0..states.nrows()).map(|j| product(state, &turned, j)).collect();
    let (_, weights) = attn_oracle::softmax(&scores);
    let states = states.to_owned();
    let context = (0..states.ncols()).map(|c| product(&weights, &states, c));
    (context.collect(), Array1::from(weights))
}

/// The states and the weights of a decoder that looks back before each step.
pub fn decode_attending<F: NdFloat>(
    rnn: &Rnn,
    states: ArrayView2<f32>,
    inputs: ArrayView2<f32>,
) -> (Array2<F>, Array2<F>) {
    let mut looked = Array2::zeros((0, states.nrows()));
    let last = vector(states.row(states.nrows() - 1));
    let after = run(rnn, last, inputs, |state| {
        let (context, weights) = attend_all(state, states);
        looked.push_row(weights.view()).expect("m weights");
        context.to_vec()
    });
    (after, looked)
}

/// The mean of `−ln p` over the targets, where row t of `logits` was given for target t.
pub fn loss<F: NdFloat>(logits: &[ArrayView1<f32>], targets: &[usize]) -> F {
    let mut sum = F::zero();
    for (logits, &target) in logits.iter().zip(targets) {
        let (_, probabilities) = attn_oracle::softmax(&vector::<F>(*logits));
        sum -= probabilities[target].ln();
    }
    sum / F::from(targets.len()).expect("a size")
}

/// The gradients of the mean of `−ln p` over the targets, number by number: with respect to the weights, the bias and the states.
pub fn readout_backward<F: NdFloat>(
    readout: &Readout,
    states: ArrayView2<f32>,
    targets: &[usize],
) -> (Array2<F>, Array1<F>, Array2<F>) {
    let (d, vocab) = readout.w.dim();
    let steps = F::from(targets.len()).expect("a size");
    let (mut dw, mut db) = (Array2::zeros((d, vocab)), Array1::zeros(vocab));
    let mut d_states = Array2::zeros(states.raw_dim());
    for (t, &target) in targets.iter().enumerate() {
        let state: Vec<F> = vector(states.row(t));
        let logits: Vec<F> =
            (0..vocab).map(|c| product(&state, &readout.w, c) + to(readout.b[c])).collect();
        let (_, p) = attn_oracle::softmax(&logits);
        for c in 0..vocab {
            // ∂p_target/∂logit_c is p_target (δ − p_c), and ∂(−ln p)/∂p is −1/p: p_target cancels.
            let same = if c == target { F::one() } else { F::zero() };
            let d_logit = (p[c] - same) / steps;
            db[c] += d_logit;
            for r in 0..d {
                dw[[r, c]] += state[r] * d_logit;
                d_states[[t, r]] += to::<F>(readout.w[[r, c]]) * d_logit;
            }
        }
    }
    (dw, db, d_states)
}
