use crate::given::{ROOT, chain};
use std::collections::BTreeMap;

// ANCHOR: cached_prefix
/// The blocks that hold the beginning of a prompt already: full blocks alone, in the order of the text,
/// and never the whole prompt, since somebody has to compute the row that says what comes next.
///
/// `index` gives the block of every hash: [`chain`] of the hash of the block before it and its tokens.
///
/// Costs the hash of every token at most.
///
/// ```
/// use ch10_paged::{cached_prefix, given::{ROOT, chain}};
/// let first = chain(ROOT, &[1, 2]);
/// let index = [(first, 7), (chain(first, &[3, 4]), 5)].into();
/// assert_eq!(cached_prefix(&index, &[1, 2, 3, 4, 9], 2), [7, 5]);
/// assert_eq!(cached_prefix(&index, &[1, 2, 3, 4], 2), [7]); // token 4 is left to compute, and 3 with it
/// ```
pub fn cached_prefix(index: &BTreeMap<u64, usize>, prompt: &[usize], size: usize) -> Vec<usize> {
    // SOLUTION 10.8: block by block, as long as the chain is known, and one token is left
    let (mut hash, mut found) = (ROOT, Vec::new());
    let shareable = prompt.len().saturating_sub(1) / size;
    for tokens in prompt.chunks_exact(size).take(shareable) {
        hash = chain(hash, tokens);
        match index.get(&hash) {
            Some(&block) => found.push(block),
            None => break,
        }
    }
    found
    // END SOLUTION
}
// ANCHOR_END: cached_prefix
