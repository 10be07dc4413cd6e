use crate::{cache_bytes, given::Model};

// ANCHOR: largest_batch
/// How many texts of `tokens` tokens can be written at once by a model in `memory` bytes: as many as
/// have room for their caches beside the weights. 0 if not even the weights fit.
///
/// ```
/// use ch05_kv_cache::{given::Model, largest_batch};
/// // 100 bytes of weights, and 2 bytes of cache for each token.
/// let model = Model {
///     layers: 1, d_model: 1, heads: 1, kv_heads: 1, head_dim: 1, parameters: 100, number_bytes: 1,
/// };
/// assert_eq!(largest_batch(&model, 150, 10), 2); // 50 bytes are left, a text takes 20
/// assert_eq!(largest_batch(&model, 99, 10), 0);
/// ```
#[track_caller]
pub fn largest_batch(model: &Model, memory: u64, tokens: u64) -> u64 {
    assert!(tokens > 0, "a text of 0 tokens takes no memory, and any number of them fits");
    // SOLUTION 5.8: what is left beside the weights, divided by what one text takes
    let weights = model.parameters * model.number_bytes;
    memory.saturating_sub(weights) / cache_bytes(model, tokens, 1)
    // END SOLUTION
}
// ANCHOR_END: largest_batch
