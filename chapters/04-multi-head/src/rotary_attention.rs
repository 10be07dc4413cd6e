use crate::{
    attend_heads,
    given::{AttentionLayer, Rotary, expect_fit},
    merge_heads, rope, split_heads,
};
use attn_core::Mask;
use ndarray::{Array2, Array3, ArrayView2, Axis};

// ANCHOR: rotary_self_attention
/// Multi-head self-attention that knows about order: in every head, the score of two tokens depends
/// on the tokens and on how far apart they stand, and on nothing else about their positions. What is
/// fetched from a token does not depend on its position.
///
/// Shapes: `x` n × d_model, out n × d_model. Row i of `x` stands at position i; each head has all the
/// speeds of `rotary`, in its own d columns.
///
/// Source: Su et al., arXiv:2104.09864, §3.2.2 and §3.4.2.
///
/// ```
/// use attn_core::Mask;
/// use ch04_multi_head::{AttentionLayer, Layout, Rotary, rotary_self_attention};
/// use ndarray::{Array2, array};
/// // Where every token has the same value, it comes back whatever the positions are.
/// let same = Array2::eye(2);
/// let layer = AttentionLayer { w_q: same.clone(), w_k: same.clone(), w_v: same.clone(), w_o: same, h: 1 };
/// let (x, rotary) = (array![[1.0, 2.0], [1.0, 2.0]], Rotary { base: 100.0, layout: Layout::Half });
/// assert_eq!(rotary_self_attention(&layer, x.view(), rotary, &Mask::Causal).row(0), x.row(0));
/// ```
#[track_caller]
pub fn rotary_self_attention(
    layer: &AttentionLayer,
    x: ArrayView2<f32>,
    rotary: Rotary,
    mask: &Mask,
) -> Array2<f32> {
    expect_fit(layer, x, x, mask);
    // SOLUTION 4.5: multi-head self-attention whose scores depend on the distance
    let q = turned(split_heads(x.dot(&layer.w_q).view(), layer.h), rotary); // (h, n, d)
    let k = turned(split_heads(x.dot(&layer.w_k).view(), layer.h), rotary); // (h, n, d)
    let v = split_heads(x.dot(&layer.w_v).view(), layer.h); // (h, n, d_v)
    let heads = attend_heads(q.view(), k.view(), v.view(), mask); // (h, n, d_v)
    merge_heads(heads.view()).dot(&layer.w_o)
    // END SOLUTION
}

// SOLUTION
/// Every head turned by itself, from position 0: (h, n, d) in and out.
pub fn turned(heads: Array3<f32>, rotary: Rotary) -> Array3<f32> {
    turned_from(0, heads, rotary)
}

/// Every head turned by itself, from position `start`: (h, n, d) in and out.
pub fn turned_from(start: usize, mut heads: Array3<f32>, rotary: Rotary) -> Array3<f32> {
    for mut head in heads.axis_iter_mut(Axis(0)) {
        let turned = rope(head.view(), start, rotary);
        head.assign(&turned);
    }
    heads
}
// END SOLUTION
// ANCHOR_END: rotary_self_attention
