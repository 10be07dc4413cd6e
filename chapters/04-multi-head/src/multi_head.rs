use crate::{
    given::{AttentionLayer, expect_fit},
    merge_heads, split_heads,
};
use attn_core::Mask;
use ch03_scaled_dot_product::attention;
use ndarray::{Array2, Array3, ArrayView2, ArrayView3, Axis};

// ANCHOR: multi_head_attention
/// Multi-head attention from `x` to `memory`: every head attends with queries, keys and values of
/// its own, and `W_o` mixes what they found, side by side.
///
/// Shapes: `x` n × d_model, `memory` m × d_memory; out n × d_model. With `memory = x` it is
/// self-attention, otherwise cross-attention. All heads obey the same mask, n×m.
///
/// Source: Vaswani et al., arXiv:1706.03762, §3.2.2.
///
/// ```
/// use attn_core::Mask;
/// use ch04_multi_head::{AttentionLayer, multi_head_attention};
/// use ndarray::{Array2, array};
/// // Queries of zero look at all keys alike: two heads of width 1 find the means of the memory.
/// let (zero, same) = (Array2::zeros((2, 2)), Array2::eye(2));
/// let layer = AttentionLayer { w_q: zero, w_k: same.clone(), w_v: same.clone(), w_o: same, h: 2 };
/// let memory = array![[1.0, 2.0], [3.0, 6.0]];
/// let out = multi_head_attention(&layer, array![[7.0, 8.0]].view(), memory.view(), &Mask::None);
/// assert_eq!(out, array![[2.0, 4.0]]);
/// ```
#[track_caller]
pub fn multi_head_attention(
    layer: &AttentionLayer,
    x: ArrayView2<f32>,
    memory: ArrayView2<f32>,
    mask: &Mask,
) -> Array2<f32> {
    expect_fit(layer, x, memory, mask);
    // SOLUTION 4.3: project, split, attend in every head, merge, mix
    let q = split_heads(x.dot(&layer.w_q).view(), layer.h); // (h, n, d)
    let k = split_heads(memory.dot(&layer.w_k).view(), layer.h); // (h, m, d)
    let v = split_heads(memory.dot(&layer.w_v).view(), layer.h); // (h, m, d_v)
    let heads = attend_heads(q.view(), k.view(), v.view(), mask); // (h, n, d_v)
    merge_heads(heads.view()).dot(&layer.w_o) // n×d_model
    // END SOLUTION
}

// SOLUTION
/// Attention in every head by itself: (h, n, d_v). Costs h·2·n·m·(d + d_v) FLOPs.
pub fn attend_heads(
    q: ArrayView3<f32>,
    k: ArrayView3<f32>,
    v: ArrayView3<f32>,
    mask: &Mask,
) -> Array3<f32> {
    let (h, n, d_v) = (q.dim().0, q.dim().1, v.dim().2);
    let mut out = Array3::zeros((h, n, d_v));
    for (head, mut out) in out.axis_iter_mut(Axis(0)).enumerate() {
        let [q, k, v] = [q, k, v].map(|x| x.index_axis_move(Axis(0), head));
        out.assign(&attention(q, k, v, mask).out);
    }
    out
}
// END SOLUTION
// ANCHOR_END: multi_head_attention
