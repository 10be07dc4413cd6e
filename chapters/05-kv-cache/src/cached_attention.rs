use crate::given::{KvCache, expect_chunk};
use attn_core::Mask;
use ch03_scaled_dot_product::attention;
use ndarray::{Array3, ArrayView3, Axis, s};

// ANCHOR: cached_attention
/// Causal attention of a chunk's queries to everything that a cache holds, in every head. The queries
/// are those of the last n tokens in the cache.
///
/// Shapes: `q` (h, n, d), turned already; m = `cache.len` keys and values, n ≤ m; out (h, n, d_v).
/// With n = m it reads a whole prompt, with n = 1 it is a step of decoding. Costs at most
/// h·2·n·m·(d + d_v) FLOPs.
///
/// ```
/// use ch05_kv_cache::{cached_attention, given::KvCache};
/// use ndarray::{Array3, array};
/// // Two tokens with equal keys; the second sees both values, the first its own alone.
/// let mut cache = KvCache::new(1, 8, 1, 1);
/// cache.values[[0, 0, 0]] = 2.0;
/// cache.values[[0, 1, 0]] = 4.0;
/// cache.len = 2;
/// let step = cached_attention(Array3::ones((1, 1, 1)).view(), &cache); // the second token alone
/// assert_eq!(step, array![[[3.0]]]);
/// let both = cached_attention(Array3::ones((1, 2, 1)).view(), &cache);
/// assert_eq!(both, array![[[2.0], [3.0]]]);
/// ```
#[track_caller]
pub fn cached_attention(q: ArrayView3<f32>, cache: &KvCache) -> Array3<f32> {
    expect_chunk(q, cache);
    // SOLUTION 5.3: in every head, attend to the places in use, as far as each query may see
    let (h, n, _) = q.dim();
    let keys = cache.keys.slice(s![.., ..cache.len, ..]); // (h, m, d), no copy
    let values = cache.values.slice(s![.., ..cache.len, ..]);
    let mut out = Array3::zeros((h, n, values.dim().2));
    for (head, mut out) in out.outer_iter_mut().enumerate() {
        let [q, k, v] = [q, keys, values].map(|x| x.index_axis_move(Axis(0), head));
        // Bottom-right: query i of n stands at key m − n + i.
        out.assign(&attention(q, k, v, &Mask::Causal).out);
    }
    out
    // END SOLUTION
}
// ANCHOR_END: cached_attention
