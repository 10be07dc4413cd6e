//! Two ways to run a decoder: on a target that is known, all at once; or token by token, each one
//! chosen by the model itself.

use crate::{LayerError, Transformer};
use attn_dates::vocabulary::{END, START};
use ch03_scaled_dot_product::softmax_rows;
use ndarray::{Array2, ArrayView1, ArrayView2};

// ANCHOR: teacher_forced
/// Teacher forcing: the decoder reads *start* and the known target, and predicts each of its tokens
/// from the ones before it, and the end after the last. One pass for all of them.
///
/// Shapes: n tokens in, (n + 1) × 14 out.
///
/// # Errors
/// When the target is longer than the model's positions.
pub fn teacher_forced(
    model: &Transformer,
    memory: ArrayView2<f32>,
    target: &[usize],
) -> Result<Array2<f32>, LayerError> {
    let inputs: Vec<usize> = [START].iter().chain(target).copied().collect();
    model.logits(memory, &inputs)
}
// ANCHOR_END: teacher_forced

// ANCHOR: step_by_step
/// What a decoder wrote.
#[derive(Clone, Debug)]
pub struct Written {
    /// The tokens, without start and end.
    pub tokens: Vec<usize>,
    /// The scores that each was chosen from, and those of the end, one row per step.
    pub logits: Array2<f32>,
    /// Whether it came to an end; otherwise it was stopped.
    pub ended: bool,
}

/// Greedy decoding: the model writes the token that it thinks most likely, reads what it has
/// written, and goes on until it writes the end, or `limit` tokens.
///
/// Every step runs the decoder on everything written so far and uses its last row alone: n tokens
/// cost n passes.
///
/// # Errors
/// When `limit` is beyond the model's positions.
pub fn step_by_step(
    model: &Transformer,
    memory: ArrayView2<f32>,
    limit: usize,
) -> Result<Written, LayerError> {
    let mut read = vec![START];
    let mut logits = Array2::zeros((0, model.readout_bias.len()));
    loop {
        let all = model.logits(memory, &read)?;
        let last = all.row(all.nrows() - 1);
        logits.push_row(last).expect("rows of equal length");
        let next = most_likely(last);
        let ended = next == END;
        if ended || read.len() > limit {
            let tokens = read.split_off(1);
            return Ok(Written { tokens, logits, ended });
        }
        read.push(next);
    }
}
// ANCHOR_END: step_by_step

fn most_likely(logits: ArrayView1<f32>) -> usize {
    let mut best = 0;
    for (token, &score) in logits.iter().enumerate() {
        if score > logits[best] {
            best = token;
        }
    }
    best
}

impl Written {
    /// The lowest probability that the model gave to a token that it wrote, the end included.
    pub fn lowest_probability(&self) -> f32 {
        let probabilities = softmax_rows(self.logits.view());
        let chosen = self.tokens.iter().copied().chain([END]);
        let rows = probabilities.rows().into_iter().zip(chosen);
        rows.fold(1.0, |low, (row, token)| row[token].min(low))
    }
}
