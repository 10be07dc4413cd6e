//! Right answers in other styles: none of them may be refused. A judge that only accepts the
//! reference's order of summation would teach that a network has one spelling.

use ch01_rnn_attention::{
    Attended, Decoded, Gru, Rnn,
    exercises::{
        attend_all, decode, decode_attending, encode, greedy, gru_step, rnn_step, softmax,
        teacher_forcing,
    },
};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, Zip, concatenate, s};

mod softmaxes {
    use super::*;

    /// As the formula stands.
    pub fn as_written(scores: ArrayView1<f32>) -> Array1<f32> {
        let exp = scores.mapv(f32::exp);
        &exp / exp.sum()
    }

    pub fn in_f64(scores: ArrayView1<f32>) -> Array1<f32> {
        let exp: Vec<f64> = scores.iter().map(|&s| f64::from(s).exp()).collect();
        let sum: f64 = exp.iter().rev().sum();
        exp.iter().map(|e| (e / sum) as f32).collect()
    }

    pub fn by_log_of_sum(scores: ArrayView1<f32>) -> Array1<f32> {
        let log_sum = scores.iter().map(|s| s.exp()).sum::<f32>().ln();
        scores.mapv(|s| (s - log_sum).exp())
    }

    pub fn by_reciprocal(scores: ArrayView1<f32>) -> Array1<f32> {
        let mut weights = Array1::zeros(scores.len());
        let mut sum = 0.0;
        for j in (0..scores.len()).rev() {
            weights[j] = scores[j].exp();
            sum += weights[j];
        }
        weights * sum.recip()
    }
}

#[test]
fn softmax_in_other_styles() {
    use softmaxes::*;
    softmax::exercise().assert_accepts(&[
        ("as written", as_written as softmax::Body),
        ("in f64", in_f64),
        ("exp(s − ln Σ)", by_log_of_sum),
        ("a loop from the end, and the reciprocal", by_reciprocal),
    ]);
}

/// `x w`, by plain loops.
fn product(x: ArrayView1<f32>, w: ArrayView2<f32>) -> Array1<f32> {
    let entry = |c: usize| (0..x.len()).map(|r| x[r] * w[[r, c]]).sum();
    (0..w.ncols()).map(entry).collect()
}

mod steps {
    use super::*;

    pub fn loops(rnn: &Rnn, x: ArrayView1<f32>, state: ArrayView1<f32>) -> Array1<f32> {
        let sums = product(x, rnn.w_x.view()) + product(state, rnn.w_h.view());
        Zip::from(&sums)
            .and(&rnn.b)
            .map_collect(|s, b| (s + b).tanh())
    }

    /// The transpose from the left.
    pub fn transposed(rnn: &Rnn, x: ArrayView1<f32>, state: ArrayView1<f32>) -> Array1<f32> {
        let sum = &rnn.b + &rnn.w_x.t().dot(&x) + rnn.w_h.t().dot(&state);
        sum.tanh()
    }

    /// One product with input and state side by side.
    pub fn stacked(rnn: &Rnn, x: ArrayView1<f32>, state: ArrayView1<f32>) -> Array1<f32> {
        let w = concatenate![Axis(0), rnn.w_x, rnn.w_h];
        let both = concatenate![Axis(0), x, state];
        (both.dot(&w) + &rnn.b).mapv(|a| {
            // tanh by exponentials, in f64
            let e = (2.0 * f64::from(a)).exp();
            ((e - 1.0) / (e + 1.0)) as f32
        })
    }
}

#[test]
fn rnn_step_in_other_styles() {
    use steps::*;
    rnn_step::exercise().assert_accepts(&[
        ("loops", loops as rnn_step::Body),
        ("transposed from the left", transposed),
        ("one product of both", stacked),
    ]);
}

mod readers {
    use super::*;

    pub fn by_index(rnn: &Rnn, inputs: ArrayView2<f32>) -> Array2<f32> {
        let mut states = Array2::<f32>::zeros((inputs.nrows(), rnn.b.len()));
        for t in 0..inputs.nrows() {
            let before = match t {
                0 => Array1::zeros(rnn.b.len()),
                t => states.row(t - 1).to_owned(),
            };
            let after = steps::loops(rnn, inputs.row(t), before.view());
            states.row_mut(t).assign(&after);
        }
        states
    }

    /// All inputs projected at once, the states pushed row by row.
    pub fn projected_at_once(rnn: &Rnn, inputs: ArrayView2<f32>) -> Array2<f32> {
        let from_x = inputs.dot(&rnn.w_x) + &rnn.b;
        let mut states = Array2::zeros((0, rnn.b.len()));
        let mut state = Array1::zeros(rnn.b.len());
        for row in from_x.rows() {
            state = (&row + &state.dot(&rnn.w_h)).tanh();
            states.push_row(state.view()).expect("one width");
        }
        states
    }
}

#[test]
fn encode_in_other_styles() {
    use readers::*;
    encode::exercise().assert_accepts(&[
        ("by index", by_index as encode::Body),
        ("all inputs projected at once", projected_at_once),
    ]);
}

mod writers {
    use super::*;

    pub fn by_index(rnn: &Rnn, z: ArrayView1<f32>, inputs: ArrayView2<f32>) -> Array2<f32> {
        let mut states: Vec<Array1<f32>> = vec![z.to_owned()];
        for y in inputs.rows() {
            let x: Array1<f32> = y.iter().chain(z.iter()).copied().collect();
            let before = states.last().expect("at least z");
            states.push(steps::loops(rnn, x.view(), before.view()));
        }
        Array2::from_shape_fn((inputs.nrows(), z.len()), |(t, c)| states[t + 1][c])
    }

    /// What z adds is the same at every step: computed once.
    pub fn context_once(rnn: &Rnn, z: ArrayView1<f32>, inputs: ArrayView2<f32>) -> Array2<f32> {
        let (w_y, w_z) = rnn.w_x.view().split_at(Axis(0), inputs.ncols());
        let from_z = z.dot(&w_z) + &rnn.b;
        let mut state = z.to_owned();
        let mut states = Array2::zeros((inputs.nrows(), z.len()));
        for (y, mut row) in inputs.rows().into_iter().zip(states.rows_mut()) {
            state = (y.dot(&w_y) + state.dot(&rnn.w_h) + &from_z).tanh();
            row.assign(&state);
        }
        states
    }

    pub fn looking(rnn: &Rnn, states: ArrayView2<f32>, inputs: ArrayView2<f32>) -> Decoded {
        let (n, (m, d)) = (inputs.nrows(), states.dim());
        let mut decoded = Decoded {
            states: Array2::zeros((n, d)),
            weights: Array2::zeros((n, m)),
        };
        let mut state = states.row(m - 1).to_owned();
        for t in 0..n {
            let Attended { context, weights } = lookers::loops(state.view(), states);
            let x: Vec<f32> = inputs.row(t).iter().chain(&context).copied().collect();
            state = steps::loops(rnn, ArrayView1::from(&x), state.view());
            decoded.states.row_mut(t).assign(&state);
            decoded.weights.row_mut(t).assign(&weights);
        }
        decoded
    }
}

#[test]
fn decode_in_other_styles() {
    use writers::*;
    decode::exercise().assert_accepts(&[
        ("by index", by_index as decode::Body),
        ("the context's part computed once", context_once),
    ]);
    decode_attending::exercise().assert_accepts(&[("loops", looking as decode_attending::Body)]);
}

mod lookers {
    use super::*;

    pub fn loops(state: ArrayView1<f32>, states: ArrayView2<f32>) -> Attended {
        let score =
            |row: ArrayView1<f32>| -> f32 { row.iter().zip(&state).map(|(a, b)| a * b).sum() };
        let scores: Array1<f32> = states.rows().into_iter().map(score).collect();
        let weights = softmaxes::in_f64(scores.view());
        let mut context = Array1::zeros(states.ncols());
        for (weight, row) in weights.iter().zip(states.rows()) {
            context.scaled_add(*weight, &row);
        }
        Attended { context, weights }
    }

    /// The division comes last, once, on the sum.
    pub fn divided_last(state: ArrayView1<f32>, states: ArrayView2<f32>) -> Attended {
        let exp = state.dot(&states.t()).exp();
        let sum = exp.sum();
        let weighted = &states * &exp.view().insert_axis(Axis(1));
        Attended {
            context: weighted.sum_axis(Axis(0)) / sum,
            weights: exp / sum,
        }
    }
}

#[test]
fn attend_all_in_other_styles() {
    use lookers::*;
    attend_all::exercise().assert_accepts(&[
        ("loops", loops as attend_all::Body),
        ("divided last", divided_last),
    ]);
}

mod gates {
    use super::*;

    fn sigmoid(a: f32) -> f32 {
        1.0 / (1.0 + (-a).exp())
    }

    /// One coordinate at a time.
    pub fn loops(gru: &Gru, x: ArrayView1<f32>, state: ArrayView1<f32>) -> Array1<f32> {
        let d = state.len();
        let from_x = product(x, gru.w_x.view()) + &gru.b_x;
        let from_h = product(state, gru.w_h.view()) + &gru.b_h;
        let entry = |c: usize| {
            let r = sigmoid(from_x[c] + from_h[c]);
            let z = sigmoid(from_x[d + c] + from_h[d + c]);
            let n = (from_x[2 * d + c] + r * from_h[2 * d + c]).tanh();
            n + z * (state[c] - n)
        };
        (0..d).map(entry).collect()
    }

    /// A product for each gate.
    pub fn apart(gru: &Gru, x: ArrayView1<f32>, state: ArrayView1<f32>) -> Array1<f32> {
        let d = state.len();
        let from = |k: usize| {
            let block = s![.., k * d..(k + 1) * d];
            let bias = s![k * d..(k + 1) * d];
            let from_x = x.dot(&gru.w_x.slice(block)) + gru.b_x.slice(bias);
            let from_h = state.dot(&gru.w_h.slice(block)) + gru.b_h.slice(bias);
            (from_x, from_h)
        };
        // The sigmoid by way of the tanh.
        let gate = |k| {
            let (from_x, from_h) = from(k);
            (from_x + from_h).mapv(|a: f32| 0.5 + 0.5 * (0.5 * a).tanh())
        };
        let (r, z) = (gate(0), gate(1));
        let (from_x, from_h) = from(2);
        let n = (from_x + &r * &from_h).tanh();
        &z * &state + (1.0 - &z) * n
    }
}

#[test]
fn gru_step_in_other_styles() {
    use gates::*;
    gru_step::exercise().assert_accepts(&[
        ("loops, n + z (state − n)", loops as gru_step::Body),
        ("a product for each gate, sigmoid by tanh", apart),
    ]);
}

type Step<'a> = &'a mut dyn FnMut(usize) -> Array1<f32>;

fn with_a_for_loop(step: Step, start: usize, end: usize, limit: usize) -> Vec<usize> {
    let mut tokens = Vec::new();
    for _ in 0..limit {
        let fed = tokens.last().copied().unwrap_or(start);
        let logits = step(fed);
        // max_by takes the last of equals; from the end, that is the first.
        let order = |a: &usize, b: &usize| logits[*a].total_cmp(&logits[*b]);
        let token = (0..logits.len()).rev().max_by(order).expect("a vocabulary");
        if token == end {
            return tokens;
        }
        tokens.push(token);
    }
    tokens
}

/// The largest probability instead of the largest logit, with a softmax that cannot overflow.
fn by_probability(step: Step, start: usize, end: usize, limit: usize) -> Vec<usize> {
    let (mut tokens, mut token) = (vec![], start);
    loop {
        if tokens.len() == limit {
            return tokens;
        }
        let p = ch01_rnn_attention::softmax(step(token).view());
        token = (1..p.len()).fold(0, |best, next| if p[next] > p[best] { next } else { best });
        if token == end {
            return tokens;
        }
        tokens.push(token);
    }
}

#[test]
fn greedy_in_other_styles() {
    greedy::exercise().assert_accepts(&[
        ("a for loop", with_a_for_loop as greedy::Body),
        ("by probability", by_probability),
    ]);
}

/// `lse − logit`, without a probability.
fn by_log_sum_exp(step: Step, start: usize, targets: &[usize]) -> f32 {
    let inputs = std::iter::once(&start).chain(targets);
    let losses = inputs.zip(targets).map(|(&fed, &target)| {
        let logits = step(fed);
        logits.mapv(f32::exp).sum().ln() - logits[target]
    });
    losses.sum::<f32>() / targets.len() as f32
}

fn in_f64(step: Step, start: usize, targets: &[usize]) -> f32 {
    let mut loss = 0.0;
    for (t, &target) in targets.iter().enumerate() {
        let logits = step(if t == 0 { start } else { targets[t - 1] });
        let exp = logits.mapv(|s| f64::from(s).exp());
        loss -= (exp[target] / exp.sum()).ln();
    }
    (loss / targets.len() as f64) as f32
}

#[test]
fn teacher_forcing_in_other_styles() {
    teacher_forcing::exercise().assert_accepts(&[
        ("log-sum-exp", by_log_sum_exp as teacher_forcing::Body),
        ("by index, in f64", in_f64),
    ]);
}
