use crate::{
    attend_heads,
    given::{AttentionLayer, Decoded, Kept, Rotary, expect_kept},
    merge_heads, split_heads, turned_from,
};
use attn_core::Mask;
use ndarray::{ArrayView1, Axis, concatenate};

// ANCHOR: decode_step
/// One step of decoding: causal self-attention with positions, for a single new token, where the
/// keys and values of the tokens before it were kept.
///
/// Shapes: `x` d_model, the new token alone; `kept` holds m places for each of h heads. The new token
/// stands at position `start`, which need not be m: some places may be padding, and old tokens may
/// have been dropped. It sees itself and everything that is kept, except for the padding.
///
/// Costs one row of the projections, and h·2·(m + 1)·(d + d_v) FLOPs for the attention: n times less
/// than a pass over all n = m + 1 tokens.
///
/// ```
/// use ch04_multi_head::{AttentionLayer, Kept, Layout, Rotary, decode_step};
/// use ndarray::{Array2, Array3, array};
/// // Nothing is kept yet: the token sees itself alone, and finds its own value.
/// let same = Array2::eye(2);
/// let layer = AttentionLayer { w_q: same.clone(), w_k: same.clone(), w_v: same.clone(), w_o: same, h: 1 };
/// let nothing = Array3::zeros((1, 0, 2));
/// let kept = Kept { keys: nothing.clone(), values: nothing, padding: 0 };
/// let rotary = Rotary { base: 100.0, layout: Layout::Half };
/// let step = decode_step(&layer, array![1.0, 2.0].view(), &kept, 0, rotary);
/// assert_eq!(step.out, array![1.0, 2.0]);
/// ```
#[track_caller]
pub fn decode_step(
    layer: &AttentionLayer,
    x: ArrayView1<f32>,
    kept: &Kept,
    start: usize,
    rotary: Rotary,
) -> Decoded {
    expect_kept(layer, x, kept);
    // SOLUTION 4.8: the new token's query, key and value; then attention over all that is kept and itself
    let x = x.insert_axis(Axis(0)); // 1×d_model
    let q = turned_from(start, split_heads(x.dot(&layer.w_q).view(), layer.h), rotary); // (h, 1, d)
    let key = turned_from(start, split_heads(x.dot(&layer.w_k).view(), layer.h), rotary); // (h, 1, d)
    let value = split_heads(x.dot(&layer.w_v).view(), layer.h); // (h, 1, d_v)
    let keys = concatenate![Axis(1), kept.keys, key]; // (h, m + 1, d)
    let values = concatenate![Axis(1), kept.values, value]; // (h, m + 1, d_v)
    let mask = Mask::padding((0..keys.dim().1).map(|j| j >= kept.padding));
    let heads = attend_heads(q.view(), keys.view(), values.view(), &mask); // (h, 1, d_v)
    let out = merge_heads(heads.view()).dot(&layer.w_o); // 1×d_model
    Decoded {
        out: out.index_axis_move(Axis(0), 0),
        key: key.index_axis_move(Axis(1), 0),
        value: value.index_axis_move(Axis(1), 0),
    }
    // END SOLUTION
}
// ANCHOR_END: decode_step
