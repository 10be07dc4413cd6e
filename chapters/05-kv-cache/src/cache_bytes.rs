use crate::given::Model;

// ANCHOR: cache_bytes
/// How many bytes the caches of all layers take: a key and a value for each token, in each layer and
/// each head of keys and values.
///
/// `tokens` is the length of one text, `batch` how many texts of that length are held at once. What
/// queries, scores and outputs take is gone after each step, and does not count.
///
/// ```
/// use ch05_kv_cache::{cache_bytes, given::Model};
/// // One layer with one head of width 1, in single bytes: a key and a value for each of 10 tokens.
/// let model = Model {
///     layers: 1, d_model: 4, heads: 4, kv_heads: 1, head_dim: 1, parameters: 99, number_bytes: 1,
/// };
/// assert_eq!(cache_bytes(&model, 10, 1), 20);
/// ```
pub fn cache_bytes(model: &Model, tokens: u64, batch: u64) -> u64 {
    // SOLUTION 5.1: two rows for each token, layer and head of keys and values, in bytes
    let Model { layers, kv_heads, head_dim, number_bytes, .. } = *model;
    let of_a_token = 2 * layers * kv_heads * head_dim * number_bytes;
    of_a_token * tokens * batch
    // END SOLUTION
}
// ANCHOR_END: cache_bytes
