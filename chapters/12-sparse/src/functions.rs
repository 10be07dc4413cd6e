//! The exercises that this chapter's demonstrations call. Written by `cargo attn dev starters` from `chapter.toml`.

use crate::exercises;

/// Somebody's answers to them.
#[derive(Clone, Copy, Debug)]
pub struct Functions {
    /// Exercise 12.2.
    pub pattern_row: exercises::pattern_row::Body,
    /// Exercise 12.4.
    pub sparse_attention: exercises::sparse_attention::Body,
    /// Exercise 12.6.
    pub stream_step: exercises::stream_step::Body,
    /// Exercise 12.11.
    pub top_k_attention: exercises::top_k_attention::Body,
}

/// The reference's.
#[rustfmt::skip]
pub const REFERENCE: Functions = Functions {
    pattern_row: crate::pattern_row,
    sparse_attention: crate::sparse_attention,
    stream_step: crate::stream_step,
    top_k_attention: crate::top_k_attention,
};
