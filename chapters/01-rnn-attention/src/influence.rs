//! How much the first token still matters at the end of a sequence, measured: what is left of a
//! difference in the first token after a recurrence has read on, and what a look back finds of it.
//!
//! **The condition.** `tanh` never lengthens a difference, and a row times `w_h` lengthens it by at
//! most the matrix's spectral norm ρ. So two states that read the *same* token come at least as
//! close as `‖s′ − t′‖ ≤ ρ ‖s − t‖`. Where ρ < 1 the recurrence is *contractive*, and a difference in
//! the first token is at most `ρ^(m−1)` of what it was, m − 1 tokens later.

use crate::{Rnn, oracle, rnn::spectral_norm};
use attn_core::random::Random;
use ndarray::{Array2, ArrayView1, s};

/// The widths of input and state.
pub const WIDTH: usize = 32;
/// The longest sequence.
pub const LONGEST: usize = 64;

/// What is left of a difference in the first token, m − 1 tokens after it, for m = 1, 2, …: as a
/// share of the difference in the state just after it.
#[derive(Clone, Debug, PartialEq)]
pub struct Influence {
    /// In the last state, which is all that a decoder without attention gets.
    pub last_state: Vec<f64>,
    /// In the context of a look back over all m states by a state of its own.
    pub context: Vec<f64>,
}

/// A random network whose recurrence has the spectral norm `rho`.
pub fn network(rho: f64, random: &mut Random) -> Rnn {
    let mut rnn = Rnn::random(WIDTH, WIDTH, random);
    let norm = spectral_norm(rnn.w_h.view());
    rnn.w_h *= (rho / norm) as f32;
    rnn
}

/// The mean influence over `pairs` of sequences that differ in their first token alone, each pair
/// with a network of its own. Computed in f64, where small differences survive.
///
/// Costs about `pairs`·64·4·32² operations.
pub fn influence(rho: f64, pairs: usize, seed: u64) -> Influence {
    let mut random = Random::new(seed);
    let mut mean = Influence { last_state: vec![0.0; LONGEST], context: vec![0.0; LONGEST] };
    for _ in 0..pairs {
        let rnn = network(rho, &mut random);
        let one = random.normal((LONGEST, WIDTH));
        let mut other = one.clone();
        other.row_mut(0).assign(&random.normal(WIDTH));
        let asks = oracle::vector::<f64>(random.normal(WIDTH).view());
        let [a, b] = [one, other].map(|inputs| oracle::encode::<f64>(&rnn, inputs.view()));
        let first = distance(a.row(0), b.row(0));
        for m in 1..=LONGEST {
            mean.last_state[m - 1] += distance(a.row(m - 1), b.row(m - 1)) / first / pairs as f64;
            let [c_a, c_b] = [&a, &b].map(|states| context(&asks, states, m));
            mean.context[m - 1] +=
                distance(ArrayView1::from(&c_a), ArrayView1::from(&c_b)) / first / pairs as f64;
        }
    }
    mean
}

/// The context over the first m states.
fn context(asks: &[f64], states: &Array2<f64>, m: usize) -> Vec<f64> {
    let states = states.slice(s![..m, ..]);
    let scores = states.dot(&ArrayView1::from(asks));
    let (_, weights) = attn_oracle::softmax(&scores.to_vec());
    ArrayView1::from(&weights).dot(&states).to_vec()
}

fn distance(a: ArrayView1<f64>, b: ArrayView1<f64>) -> f64 {
    (&a - &b).mapv(|x| x * x).sum().sqrt()
}
