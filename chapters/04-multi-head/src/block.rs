use crate::{
    given::{DecoderBlock, expect_fit},
    layer_norm, multi_head_attention, rotary_self_attention,
};
use attn_core::Mask;
use ndarray::{Array2, ArrayView2};

// ANCHOR: decoder_block
/// One block of a decoder: self-attention with positions, cross-attention to the memory without,
/// and the feed-forward network, one after the other, each behind its norm and beside a residual.
///
/// Shapes: `x` n × d_model, `memory` m × d_memory, out n × d_model. Row i of the result depends on
/// the rows up to i of `x`, and on the rows of the memory that row i of `memory_mask`, n×m, allows.
/// The memory has been normalised by the encoder.
///
/// Source: Vaswani et al., arXiv:1706.03762, §3.1; the norm stands before each part, as in Xiong et
/// al., arXiv:2002.04745, Figure 1(b).
///
/// ```
/// use attn_core::Mask;
/// use ch04_multi_head::{AttentionLayer, DecoderBlock, FeedForward, LayerNorm, Layout, Rotary, decoder_block};
/// use ndarray::{Array1, Array2, array};
/// // Parts whose weights are all zero add nothing: x comes out as it went in.
/// let w = || Array2::zeros((2, 2));
/// let layer = || AttentionLayer { w_q: w(), w_k: w(), w_v: w(), w_o: w(), h: 1 };
/// let norm = || LayerNorm { gain: Array1::ones(2), bias: Array1::zeros(2) };
/// let block = DecoderBlock {
///     norm_1: norm(),
///     self_attention: layer(),
///     rotary: Rotary { base: 100.0, layout: Layout::Half },
///     norm_2: norm(),
///     cross_attention: layer(),
///     norm_3: norm(),
///     feed_forward: FeedForward { w_1: w(), b_1: Array1::zeros(2), w_2: w(), b_2: Array1::zeros(2) },
/// };
/// let x = array![[1.0, 2.0], [3.0, 4.0]];
/// assert_eq!(decoder_block(&block, x.view(), Array2::ones((5, 2)).view(), &Mask::None), x);
/// ```
#[track_caller]
pub fn decoder_block(
    block: &DecoderBlock,
    x: ArrayView2<f32>,
    memory: ArrayView2<f32>,
    memory_mask: &Mask,
) -> Array2<f32> {
    expect_fit(&block.cross_attention, x, memory, memory_mask);
    // SOLUTION 4.7: the three parts, each on what the one before has left
    let seen = layer_norm(x, &block.norm_1);
    let layer = &block.self_attention;
    let x = &x + &rotary_self_attention(layer, seen.view(), block.rotary, &Mask::Causal);

    let seen = layer_norm(x.view(), &block.norm_2);
    let x = &x + &multi_head_attention(&block.cross_attention, seen.view(), memory, memory_mask);

    let seen = layer_norm(x.view(), &block.norm_3);
    &x + &block.feed_forward.apply(seen.view())
    // END SOLUTION
}
// ANCHOR_END: decoder_block
