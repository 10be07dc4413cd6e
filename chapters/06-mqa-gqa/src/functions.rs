//! The exercises that this chapter's demonstrations call. Written by `cargo attn dev starters` from `chapter.toml`.

use crate::exercises;

/// Somebody's answers to them.
#[derive(Clone, Copy, Debug)]
pub struct Functions {
    /// Exercise 6.2.
    pub grouped_attention: exercises::grouped_attention::Body,
    /// Exercise 6.3.
    pub grouped_decode: exercises::grouped_decode::Body,
    /// Exercise 6.5.
    pub mean_pool_kv_heads: exercises::mean_pool_kv_heads::Body,
}

/// The reference's.
#[rustfmt::skip]
pub const REFERENCE: Functions = Functions {
    grouped_attention: crate::grouped_attention,
    grouped_decode: crate::grouped_decode,
    mean_pool_kv_heads: crate::mean_pool_kv_heads,
};
