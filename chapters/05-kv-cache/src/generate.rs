use crate::given::{PromptError, check_prompt};
use ndarray::Array2;

// ANCHOR: generate
/// Greedy decoding with a cache: the model reads the prompt, writes the token that it thinks most
/// likely, reads that, and goes on, until it writes `stop`, or the prompt and what was written are
/// `context` tokens together.
///
/// `step(tokens, start)` runs the model on some new tokens, the first of which stands at position
/// `start`. It keeps their keys and values, and gives one row of logits for each of them: row i says
/// what may come after token i. Every token is fed once, in order, and only if a row is needed
/// that has seen it. Of equally large logits the first counts.
///
/// The result is what was written, without the prompt and without `stop`.
///
/// # Errors
/// When the prompt is empty, or longer than the context.
///
/// ```
/// use ch05_kv_cache::generate;
/// use ndarray::Array2;
/// // A model of five tokens that counts: after a token it thinks the next number most likely.
/// let mut counts = |tokens: &[usize], _start: usize| {
///     Array2::from_shape_fn((tokens.len(), 5), |(i, token)| f32::from(token == tokens[i] + 1))
/// };
/// assert_eq!(generate(&mut counts, &[0, 1], 4, 10).unwrap(), [2, 3]);
/// assert_eq!(generate(&mut counts, &[0, 1], 4, 3).unwrap(), [2]); // the context is full
/// ```
pub fn generate(
    step: &mut dyn FnMut(&[usize], usize) -> Array2<f32>,
    prompt: &[usize],
    stop: usize,
    context: usize,
) -> Result<Vec<usize>, PromptError> {
    check_prompt(prompt, context)?;
    // SOLUTION 5.5: the prompt in one piece, then each token that was written; the last row decides
    let mut written = Vec::new();
    let mut start = 0;
    let mut new = prompt.to_vec(); // what the model has not read yet
    while start + new.len() < context {
        let logits = step(&new, start); // one row for each new token
        start += new.len();
        let row = logits.row(logits.nrows() - 1);
        let mut token = 0;
        for (other, &logit) in row.iter().enumerate() {
            if logit > row[token] {
                token = other;
            }
        }
        if token == stop {
            break;
        }
        written.push(token);
        new = vec![token];
    }
    Ok(written)
    // END SOLUTION
}
// ANCHOR_END: generate
