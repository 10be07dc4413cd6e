//! Beam search: of all texts that may follow a prompt, a few of the likeliest, found step by step.

use super::request::Text;
use ndarray::ArrayView1;

/// A search: its texts are members of the engine like all others, but that they go on together.
#[derive(Clone, Debug)]
pub(super) struct Search {
    /// The numbers of its texts, the likeliest first when it ends. As many as it is wide.
    pub ids: Vec<usize>,
    /// Those among the likeliest that have ended: their scores and all their tokens.
    pub ended: Vec<(f64, Vec<usize>)>,
}

/// A text that goes on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Child {
    /// Which of the members it goes on from.
    pub parent: usize,
    /// With which token.
    pub token: usize,
    /// The logarithm of its probability, given the prompt.
    pub score: f64,
}

impl Search {
    /// The likeliest of those that have ended and of all that go on from the members by one token, as many
    /// as the search is wide. Of equally likely ones those that have ended come first, then the children
    /// of earlier members.
    pub fn choose(&mut self, members: &[Text], stop: Option<usize>) -> Vec<Child> {
        enum Candidate {
            Ended(Vec<usize>),
            Child(Child),
        }
        let mut candidates: Vec<(f64, Candidate)> = Vec::new();
        for (score, tokens) in std::mem::take(&mut self.ended) {
            candidates.push((score, Candidate::Ended(tokens)));
        }
        for (parent, text) in members.iter().enumerate() {
            for &(token, likely) in text.best.iter().flatten() {
                let score = text.score + likely;
                candidates.push((score, Candidate::Child(Child { parent, token, score })));
            }
        }
        candidates.sort_by(|(a, _), (b, _)| b.total_cmp(a));
        let mut children = Vec::new();
        for (score, candidate) in candidates.into_iter().take(self.ids.len()) {
            match candidate {
                Candidate::Ended(tokens) => self.ended.push((score, tokens)),
                Candidate::Child(Child { parent, token, .. }) if stop == Some(token) => {
                    self.ended.push((score, members[parent].tokens.clone()));
                }
                Candidate::Child(child) => children.push(child),
            }
        }
        children
    }
}

/// The likeliest tokens with the logarithms of their probabilities, the likeliest first.
pub(super) fn likeliest(logits: ArrayView1<f32>, count: usize) -> Vec<(usize, f64)> {
    let max = logits.fold(f32::NEG_INFINITY, |max, &x| max.max(x));
    let sum: f64 = logits.iter().map(|&x| f64::from(x - max).exp()).sum();
    let mut tokens: Vec<usize> = (0..logits.len()).collect();
    tokens.sort_by(|&a, &b| logits[b].total_cmp(&logits[a]));
    tokens.truncate(count);
    tokens.into_iter().map(|token| (token, f64::from(logits[token] - max) - sum.ln())).collect()
}
