//! Greedy writing, whatever the attention is.

use crate::{SmolLm, Tokens, likeliest};
use attn_lm::Attention;
use ndarray::{Array2, ArrayView1, Axis, concatenate};
use std::time::{Duration, Instant};

/// What was written, and from what.
#[derive(Clone, Debug)]
pub struct Written {
    /// The tokens, without the one that ends a reply.
    pub tokens: Vec<usize>,
    /// The logits that each was chosen from, and after a reply those of its end, steps × vocabulary.
    pub logits: Array2<f32>,
    /// How long reading the prompt took, and each step after it.
    pub steps: Vec<Duration>,
}

/// Reads a prompt at once and writes up to `count` tokens, each the likeliest one.
///
/// # Errors
/// When the attention cannot take the tokens.
///
/// # Panics
/// If the prompt is empty, or `count` is 0.
pub fn write<A: Attention>(
    model: &SmolLm,
    attention: &mut A,
    prompt: &[usize],
    (count, end): (usize, usize),
) -> Result<Written, A::Error> {
    let (mut tokens, mut logits, mut steps) = (Vec::new(), Vec::new(), Vec::new());
    let mut new = prompt.to_vec();
    while tokens.len() < count {
        let begun = Instant::now();
        let row = model.last_logits(&new, attention)?;
        steps.push(begun.elapsed());
        let token = likeliest(&row);
        logits.push(row);
        if token == end {
            break;
        }
        tokens.push(token);
        new = vec![token];
    }
    let rows: Vec<_> = logits.iter().map(|row| row.view()).collect();
    let logits = concatenate(Axis(0), &rows).expect("rows of one width");
    Ok(Written { tokens, logits, steps })
}

impl Written {
    /// How far the logits are from another's where both have written the same before: the largest
    /// difference, as part of the other's range.
    pub fn apart(&self, other: &Written) -> f32 {
        let same = self.tokens.iter().zip(&other.tokens).take_while(|(a, b)| a == b).count();
        let rows = self.logits.nrows().min(other.logits.nrows()).min(same + 1);
        let rows = self.logits.rows().into_iter().zip(other.logits.rows()).take(rows);
        rows.fold(0.0, |most, (a, b)| f32::max(most, apart(a, b)))
    }
}

/// How far logits are from others: the largest difference, as part of the others' range.
pub fn apart(a: ArrayView1<f32>, b: ArrayView1<f32>) -> f32 {
    let (min, max) = b.iter().fold((f32::MAX, f32::MIN), |(min, max), &x| (min.min(x), max.max(x)));
    (&a - &b).fold(0.0_f32, |most, e| most.max(e.abs())) / (max - min)
}

/// Tokens that come one by one, as text. A character may be spread over several of them; it comes with
/// the last.
pub struct Pieces<'a> {
    tokens: &'a Tokens,
    pieces: attn_lm::Pieces,
}

impl<'a> Pieces<'a> {
    /// Nothing has come.
    pub fn new(tokens: &'a Tokens) -> Self {
        Pieces { tokens, pieces: attn_lm::Pieces::default() }
    }

    /// What can be shown when this token has come.
    pub fn next(&mut self, token: usize) -> String {
        self.pieces.next(token, |tokens| self.tokens.decode(tokens))
    }
}
