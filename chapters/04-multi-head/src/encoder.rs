use crate::{
    functions::Functions,
    given::{AttentionLayer, FeedForward, LayerNorm, Rotary},
};
use attn_core::Mask;
use ndarray::{Array2, ArrayView2};

// ANCHOR: encoder_block
/// The weights of one block of an encoder.
#[derive(Clone, Debug, PartialEq)]
pub struct EncoderBlock {
    /// Before self-attention.
    pub norm_1: LayerNorm,
    /// From each token to all of them.
    pub self_attention: AttentionLayer,
    /// How positions turn the queries and keys of self-attention.
    pub rotary: Rotary,
    /// Before the feed-forward network.
    pub norm_2: LayerNorm,
    /// The feed-forward network.
    pub feed_forward: FeedForward,
}

/// One block of an encoder: every token sees every token that the mask allows, then a network sees
/// each token by itself. Both are *added* to `x`, and both see it normalised.
///
/// Shapes: `x` n × d_model in and out.
#[track_caller]
pub fn encoder_block(
    functions: Functions,
    block: &EncoderBlock,
    x: ArrayView2<f32>,
    mask: &Mask,
) -> Array2<f32> {
    let Functions { layer_norm, rotary_self_attention, .. } = functions; // the reference's, or yours
    let seen = layer_norm(x, &block.norm_1);
    let x = &x + &rotary_self_attention(&block.self_attention, seen.view(), block.rotary, mask);
    let seen = layer_norm(x.view(), &block.norm_2);
    &x + &block.feed_forward.apply(seen.view())
}
// ANCHOR_END: encoder_block
