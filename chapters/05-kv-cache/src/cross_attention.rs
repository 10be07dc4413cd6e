use crate::given::{MemoryKv, Projections};
use attn_core::Mask;
use ch04_multi_head::attend_heads;
use ndarray::{Array2, ArrayView2};

// ANCHOR: cross_attention
/// Cross-attention with a cache: the rows `x` of new tokens look at a memory that is the same in
/// every step. The first call fills `kept`, later ones find the memory's keys and values there.
///
/// Shapes: `x` n × d_model, the new tokens alone; `memory` m × d_memory; out n × d_model. Every token
/// sees all of the memory. Over T tokens in any number of calls, T rows go through W_q and W_o, and m
/// rows, once, through W_k and W_v.
///
/// ```
/// use ch05_kv_cache::{cross_attention, given::{AttentionLayer, Projections}};
/// use ndarray::{Array2, array};
/// // Queries of zero look at all keys alike: what is found is the mean of the memory.
/// let (zero, same) = (Array2::zeros((1, 1)), Array2::eye(1));
/// let layer = AttentionLayer { w_q: zero, w_k: same.clone(), w_v: same.clone(), w_o: same, h: 1 };
/// let (mut layer, mut kept) = (Projections::new(layer), None);
/// let memory = array![[1.0], [3.0]];
/// for token in [5.0, 6.0, 7.0] {
///     let out = cross_attention(&mut layer, &mut kept, array![[token]].view(), memory.view());
///     assert_eq!(out, array![[2.0]]);
/// }
/// assert_eq!((layer.rows.queries, layer.rows.keys), (3, 2));
/// ```
pub fn cross_attention(
    layer: &mut Projections,
    kept: &mut Option<MemoryKv>,
    x: ArrayView2<f32>,
    memory: ArrayView2<f32>,
) -> Array2<f32> {
    // SOLUTION 5.7: the memory's keys and values once, then attention to them in every call
    let q = layer.queries(x); // (h, n, d)
    let MemoryKv { keys, values } = kept.get_or_insert_with(|| MemoryKv {
        keys: layer.keys(memory),     // (h, m, d)
        values: layer.values(memory), // (h, m, d_v)
    });
    let heads = attend_heads(q.view(), keys.view(), values.view(), &Mask::None);
    layer.outputs(heads.view())
    // END SOLUTION
}
// ANCHOR_END: cross_attention
