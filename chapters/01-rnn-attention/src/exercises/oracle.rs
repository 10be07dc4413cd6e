//! The chapter once more as plain loops over any float: in f64 it is the judges' oracle, in f32 the
//! sequential order of summation that the tolerance is measured with. It shares no code with the
//! reference.

use crate::given::{Gru, Rnn};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, NdFloat};

/// `x` in another width of float.
pub fn to<F: NdFloat>(x: f32) -> F {
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

/// Softmax of one vector.
pub fn softmax<F: NdFloat>(scores: &[F]) -> Vec<F> {
    let mut top = F::neg_infinity();
    for &s in scores {
        if s > top {
            top = s;
        }
    }
    let mut sum = F::zero();
    for &s in scores {
        sum += (s - top).exp();
    }
    scores.iter().map(|&s| (s - top).exp() / sum).collect()
}

/// One step of a plain recurrent network.
pub fn rnn_step<F: NdFloat>(rnn: &Rnn, x: &[F], state: &[F]) -> Vec<F> {
    let entry = |c| (product(x, &rnn.w_x, c) + product(state, &rnn.w_h, c) + to(rnn.b[c])).tanh();
    (0..rnn.b.len()).map(entry).collect()
}

/// One step of a gated recurrent unit, PyTorch's way.
pub fn gru_step<F: NdFloat>(gru: &Gru, x: &[F], state: &[F]) -> Vec<F> {
    let d = state.len();
    let one = F::one();
    let sigmoid = |a: F| one / (one + (-a).exp());
    let from_x = |c: usize| product(x, &gru.w_x, c) + to(gru.b_x[c]);
    let from_h = |c: usize| product(state, &gru.w_h, c) + to(gru.b_h[c]);
    let entry = |c: usize| {
        let r = sigmoid(from_x(c) + from_h(c));
        let z = sigmoid(from_x(d + c) + from_h(d + c));
        let n = (from_x(2 * d + c) + r * from_h(2 * d + c)).tanh();
        (one - z) * n + z * state[c]
    };
    (0..d).map(entry).collect()
}

/// The rows as one matrix of this width.
fn matrix<F: NdFloat>(rows: Vec<Vec<F>>, width: usize) -> Array2<F> {
    let shape = (rows.len(), width);
    Array2::from_shape_vec(shape, rows.concat()).expect("rows of one width")
}

/// The state after each input, from zeros.
pub fn encode<F: NdFloat>(rnn: &Rnn, inputs: ArrayView2<f32>) -> Array2<F> {
    let mut state = vec![F::zero(); rnn.b.len()];
    let mut states = Vec::new();
    for x in inputs.rows() {
        state = rnn_step(rnn, &vector(x), &state);
        states.push(state.clone());
    }
    matrix(states, rnn.b.len())
}

/// The states of a decoder with a fixed context.
pub fn decode<F: NdFloat>(rnn: &Rnn, z: ArrayView1<f32>, inputs: ArrayView2<f32>) -> Array2<F> {
    let z = vector::<F>(z);
    let mut state = z.clone();
    let mut states = Vec::new();
    for y in inputs.rows() {
        let x = [vector(y), z.clone()].concat();
        state = rnn_step(rnn, &x, &state);
        states.push(state.clone());
    }
    matrix(states, z.len())
}

/// The context of one look back, and the weights.
pub fn attend_all<F: NdFloat>(state: &[F], states: ArrayView2<f32>) -> (Vec<F>, Vec<F>) {
    let mut scores = Vec::new();
    for row in states.rows() {
        let mut score = F::zero();
        for (&a, &b) in row.iter().zip(state) {
            score += to::<F>(a) * b;
        }
        scores.push(score);
    }
    let weights = softmax(&scores);
    let mut context = vec![F::zero(); state.len()];
    for (&weight, row) in weights.iter().zip(states.rows()) {
        for (sum, &x) in context.iter_mut().zip(row) {
            *sum += weight * to(x);
        }
    }
    (context, weights)
}

/// The states and the weights of a decoder that looks back before each step.
pub fn decode_attending<F: NdFloat>(
    rnn: &Rnn,
    states: ArrayView2<f32>,
    inputs: ArrayView2<f32>,
) -> (Array2<F>, Array2<F>) {
    let (m, d) = states.dim();
    let mut state = vector::<F>(states.row(m - 1));
    let (mut after, mut looked) = (Vec::new(), Vec::new());
    for y in inputs.rows() {
        let (context, weights) = attend_all(&state, states);
        state = rnn_step(rnn, &[vector(y), context].concat(), &state);
        after.push(state.clone());
        looked.push(weights);
    }
    (matrix(after, d), matrix(looked, m))
}

/// `−ln p` of each target, averaged, where row t of `logits` was given for target t.
pub fn loss<F: NdFloat>(logits: &[ArrayView1<f32>], targets: &[usize]) -> F {
    let mut sum = F::zero();
    for (logits, &target) in logits.iter().zip(targets) {
        sum -= softmax(&vector::<F>(*logits))[target].ln();
    }
    sum / F::from(targets.len()).expect("a size")
}

/// A vector of any float as an array.
pub fn array<F: NdFloat>(x: Vec<F>) -> Array1<F> {
    Array1::from(x)
}
