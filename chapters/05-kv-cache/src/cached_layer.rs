use crate::{
    append, cached_attention,
    given::{AttentionLayer, CacheError, KvCache, Rotary, expect_layer},
};
use ch04_multi_head::{merge_heads, rope, split_heads};
use ndarray::{Array2, Array3, ArrayView2};

// ANCHOR: cached_layer
/// A layer of causal self-attention with positions, for a chunk of new tokens; the tokens before them
/// are in the cache, and afterwards the new ones are too. However a text is cut into chunks, its rows
/// come out as those of a pass over the whole text.
///
/// Shapes: `x` n × d_model, the new tokens alone; out n × d_model. They stand at the positions behind
/// those that the cache holds. Costs n rows of the four projections, whatever came before, and the
/// attention of n queries to all keys so far.
///
/// # Errors
/// [`CacheError::Full`] if the chunk does not fit into the cache, which is then as it was before.
///
/// ```
/// use ch05_kv_cache::{cached_layer, given::{AttentionLayer, KvCache, Layout, Rotary}};
/// use ndarray::{Array2, array, s};
/// let same = Array2::eye(2);
/// let layer = AttentionLayer { w_q: same.clone(), w_k: same.clone(), w_v: same.clone(), w_o: same, h: 1 };
/// let rotary = Rotary { base: 100.0, layout: Layout::Half };
/// let x = array![[1.0, 2.0], [3.0, 1.0]];
/// let mut cache = KvCache::new(1, 2, 2, 2);
/// let first = cached_layer(&layer, &mut cache, x.slice(s![..1, ..]), rotary).unwrap();
/// assert_eq!(first, array![[1.0, 2.0]]); // the first token sees itself alone
/// cached_layer(&layer, &mut cache, x.slice(s![1.., ..]), rotary).unwrap();
/// assert_eq!(cache.len, 2);
/// ```
pub fn cached_layer(
    layer: &AttentionLayer,
    cache: &mut KvCache,
    x: ArrayView2<f32>,
    rotary: Rotary,
) -> Result<Array2<f32>, CacheError> {
    expect_layer(layer, cache, x);
    // SOLUTION 5.4: project and turn the new tokens, keep them, then attend to all that is kept
    let start = cache.len;
    let q = turned(split_heads(x.dot(&layer.w_q).view(), layer.h), start, rotary); // (h, n, d)
    let k = turned(split_heads(x.dot(&layer.w_k).view(), layer.h), start, rotary); // (h, n, d)
    let v = split_heads(x.dot(&layer.w_v).view(), layer.h); // (h, n, d_v)
    append(cache, k.view(), v.view(), start)?;
    let heads = cached_attention(q.view(), cache); // (h, n, d_v)
    Ok(merge_heads(heads.view()).dot(&layer.w_o))
    // END SOLUTION
}

// SOLUTION
/// Every head turned by itself, from position `start`: (h, n, d) in and out.
fn turned(mut heads: Array3<f32>, start: usize, rotary: Rotary) -> Array3<f32> {
    for mut head in heads.outer_iter_mut() {
        let turned = rope(head.view(), start, rotary);
        head.assign(&turned);
    }
    heads
}
// END SOLUTION
// ANCHOR_END: cached_layer
