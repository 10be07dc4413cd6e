//! The gradient of this chapter against central differences: `cargo attn gradcheck 1`.

mod functions;

use attn_core::random::Random;
use attn_exercise::{Gradcheck, gradcheck};
use ch01_rnn_attention::given::Readout;
use functions::FUNCTIONS;
use ndarray::Array2;
use std::process::ExitCode;

/// The gradients of the mean of −ln p.
pub fn compare(random: &mut Random, check: &mut Gradcheck) {
    let (n, d, vocab) = (4, 3, 5);
    let readout = Readout { w: random.normal((d, vocab)), b: random.normal(vocab) };
    let states = random.normal((n, d));
    let targets: Vec<usize> = (0..n).map(|_| random.below(vocab)).collect();
    let loss = |readout: &Readout, states: &Array2<f32>| {
        let logits = states.dot(&readout.w) + &readout.b;
        let rows = logits.rows().into_iter().zip(&targets);
        let losses = rows.map(|(row, &target)| -f64::from((FUNCTIONS.softmax)(row)[target]).ln());
        losses.sum::<f64>() / n as f64
    };
    check.of("readout_backward (1.11), of the mean of −ln p by softmax (1.1)");
    let gradients = (FUNCTIONS.readout_backward)(&readout, states.view(), &targets);
    let with_w = |w: &Array2<f32>| loss(&Readout { w: w.clone(), ..readout.clone() }, &states);
    check.compare("dw", &readout.w, gradients.dw.view(), with_w);
    check.compare("db", &readout.b, gradients.db.view(), |b| {
        loss(&Readout { b: b.clone(), ..readout.clone() }, &states)
    });
    check.compare("d_states", &states, gradients.d_states.view(), |states| loss(&readout, states));
}

fn main() -> ExitCode {
    gradcheck(compare)
}
