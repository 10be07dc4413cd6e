use crate::{
    cache_bytes,
    given::{Cost, Machine, Model},
};

// ANCHOR: decode_cost
/// What one step of decoding costs at least, in which each of `batch` texts gets one more token. Each
/// of them has `tokens` tokens in the cache, the new one included.
///
/// The weights are read once for all texts, and each text's cache once. What is computed are the
/// products with the weights, and in each head those with the keys and the values. Reading and
/// computing go on at the same time. (Williams et al., “Roofline”, Communications of the ACM 52(4),
/// 2009.)
///
/// ```
/// use ch05_kv_cache::{decode_cost, given::{Machine, Model}};
/// let model = Model {
///     layers: 1, d_model: 1, heads: 1, kv_heads: 1, head_dim: 1, parameters: 100, number_bytes: 1,
/// };
/// let machine = Machine { bandwidth: 10.0, peak: 1000.0 };
/// let cost = decode_cost(&model, machine, 10, 1);
/// assert_eq!((cost.bytes, cost.flop, cost.seconds), (120, 240, 12.0)); // reading takes longer
/// ```
pub fn decode_cost(model: &Model, machine: Machine, tokens: u64, batch: u64) -> Cost {
    // SOLUTION 5.9: the bytes, the FLOPs, and the longer of the two times
    let bytes = model.parameters * model.number_bytes + cache_bytes(model, tokens, batch);
    let of_a_key = 4 * model.layers * model.heads * model.head_dim;
    let flop = batch * (2 * model.parameters + of_a_key * tokens);
    let (reading, computing) = (bytes as f64 / machine.bandwidth, flop as f64 / machine.peak);
    Cost { bytes, flop, seconds: reading.max(computing) }
    // END SOLUTION
}
// ANCHOR_END: decode_cost
