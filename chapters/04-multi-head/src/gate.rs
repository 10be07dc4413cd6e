use crate::{
    attend_heads,
    given::{AttentionLayer, expect_fit},
    merge_heads, split_heads,
};
use attn_core::{Mask, shape::expect_equal};
use ndarray::{Array2, ArrayView2};

// ANCHOR: gated_attention
/// Multi-head attention with an *output gate*: each number that the heads found is multiplied by a
/// number between 0 and 1, which the asking token computes, before `W_o` mixes the heads.
///
/// Shapes: `x` n × d_model, `memory` m × d_memory, `w_gate` d_model × h·d_v, out n × d_model. Costs
/// 2·n·d_model·h·d_v FLOPs and n·h·d_v exponentials more than the layer without.
///
/// Source: Qiu et al., arXiv:2505.06708, §2.2: a gate for each number, after attention.
///
/// ```
/// use attn_core::Mask;
/// use ch04_multi_head::{AttentionLayer, gated_attention};
/// use ndarray::{Array2, array};
/// // A gate whose matrix is zero is half open everywhere.
/// let (zero, same) = (Array2::zeros((2, 2)), Array2::eye(2));
/// let layer = AttentionLayer { w_q: zero.clone(), w_k: same.clone(), w_v: same.clone(), w_o: same, h: 2 };
/// let (x, memory) = (array![[7.0, 8.0]], array![[1.0, 2.0], [3.0, 6.0]]);
/// let out = gated_attention(&layer, zero.view(), x.view(), memory.view(), &Mask::None);
/// assert_eq!(out, array![[1.0, 2.0]]); // half of (2, 4), the mean of the memory
/// ```
#[track_caller]
pub fn gated_attention(
    layer: &AttentionLayer,
    w_gate: ArrayView2<f32>,
    x: ArrayView2<f32>,
    memory: ArrayView2<f32>,
    mask: &Mask,
) -> Array2<f32> {
    expect_fit(layer, x, memory, mask);
    expect_equal(("rows of w_gate", w_gate.nrows()), ("x width", x.ncols()));
    expect_equal(("width of w_gate", w_gate.ncols()), ("width of w_v", layer.w_v.ncols()));
    // SOLUTION 4.11: multi-head attention, with a gate between the heads and W_o
    let q = split_heads(x.dot(&layer.w_q).view(), layer.h); // (h, n, d)
    let k = split_heads(memory.dot(&layer.w_k).view(), layer.h); // (h, m, d)
    let v = split_heads(memory.dot(&layer.w_v).view(), layer.h); // (h, m, d_v)
    let heads = attend_heads(q.view(), k.view(), v.view(), mask); // (h, n, d_v)
    let gate = x.dot(&w_gate).mapv(|z| 1.0 / (1.0 + (-z).exp())); // n × h·d_v
    (merge_heads(heads.view()) * gate).dot(&layer.w_o)
    // END SOLUTION
}
// ANCHOR_END: gated_attention
