//! The exercises that this chapter's demonstrations call. Written by `cargo attn dev starters` from `chapter.toml`.

use crate::exercises;

/// Somebody's answers to them.
#[derive(Clone, Copy, Debug)]
pub struct Functions {
    /// Exercise 4.1.
    pub split_heads: exercises::split_heads::Body,
    /// Exercise 4.2.
    pub merge_heads: exercises::merge_heads::Body,
    /// Exercise 4.4.
    pub rope: exercises::rope::Body,
    /// Exercise 4.5.
    pub rotary_self_attention: exercises::rotary_self_attention::Body,
    /// Exercise 4.6.
    pub layer_norm: exercises::layer_norm::Body,
    /// Exercise 4.7.
    pub decoder_block: exercises::decoder_block::Body,
    /// Exercise 4.8.
    pub decode_step: exercises::decode_step::Body,
}

/// The reference's.
#[rustfmt::skip]
pub const REFERENCE: Functions = Functions {
    split_heads: crate::split_heads,
    merge_heads: crate::merge_heads,
    rope: crate::rope,
    rotary_self_attention: crate::rotary_self_attention,
    layer_norm: crate::layer_norm,
    decoder_block: crate::decoder_block,
    decode_step: crate::decode_step,
};
