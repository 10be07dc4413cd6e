//! How often a decoder computes each token, with and without a cache.

use crate::generate;
use ndarray::Array2;

/// How often the row of each position was computed, and how many pairs of tokens were compared, in
/// one head of one layer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// For each position that was computed at all.
    pub times: Vec<u64>,
    /// Scores.
    pub pairs: u64,
}

impl Work {
    /// All rows that were computed.
    pub fn rows(&self) -> u64 {
        self.times.iter().sum()
    }

    fn count(&mut self, start: usize, tokens: usize) {
        let end = start + tokens;
        self.times.resize(self.times.len().max(end), 0);
        for position in start..end {
            self.times[position] += 1;
            self.pairs += position as u64 + 1;
        }
    }
}

/// What it takes to write `written` tokens behind a prompt: with a cache, and by reading everything
/// again in each step.
///
/// # Panics
/// If the prompt has no token.
pub fn work(prompt: usize, written: usize) -> [Work; 2] {
    let text = vec![0; prompt];
    let never = usize::MAX;
    let (mut with, mut without) = (Work::default(), Work::default());
    let mut step = |tokens: &[usize], start: usize| {
        with.count(start, tokens.len());
        without.count(0, start + tokens.len());
        Array2::zeros((tokens.len(), 1))
    };
    let made = generate(&mut step, &text, never, prompt + written).expect("a prompt that fits");
    assert_eq!(made.len(), written);
    [with, without]
}
