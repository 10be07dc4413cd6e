use crate::softmax;
use ndarray::Array1;

// ANCHOR: greedy
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
    // SOLUTION 1.8: the tokens that the decoder writes when it is fed its own choices
    let mut tokens = Vec::new();
    let mut token = start;
    while tokens.len() < limit {
        token = largest(&step(token));
        if token == end {
            break;
        }
        tokens.push(token);
    }
    tokens
    // END SOLUTION
}

// SOLUTION
/// The index of the largest logit, the first of equals.
fn largest(logits: &Array1<f32>) -> usize {
    let mut best = 0;
    for (token, logit) in logits.iter().enumerate() {
        if *logit > logits[best] {
            best = token;
        }
    }
    best
}
// END SOLUTION
// ANCHOR_END: greedy

// ANCHOR: teacher_forcing
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
    // SOLUTION 1.9: the mean loss when the decoder is fed the true tokens
    let mut loss = 0.0;
    let mut token = start;
    for &target in targets {
        let probabilities = softmax(step(token).view());
        loss -= probabilities[target].ln();
        token = target; // the truth, not the decoder's choice
    }
    loss / targets.len() as f32
    // END SOLUTION
}
// ANCHOR_END: teacher_forcing
