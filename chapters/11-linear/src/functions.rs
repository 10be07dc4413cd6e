//! The exercises that this chapter's demonstrations call. Written by `cargo attn dev starters` from `chapter.toml`.

use crate::exercises;

/// Somebody's answers to them.
#[derive(Clone, Copy, Debug)]
pub struct Functions {
    /// Exercise 11.1.
    pub feature_map: exercises::feature_map::Body,
    /// Exercise 11.3.
    pub linear_step: exercises::linear_step::Body,
    /// Exercise 11.4.
    pub chunked: exercises::chunked::Body,
    /// Exercise 11.8.
    pub delta_step: exercises::delta_step::Body,
    /// Exercise 11.11.
    pub chunk_backward: exercises::chunk_backward::Body,
}

/// The reference's.
#[rustfmt::skip]
pub const REFERENCE: Functions = Functions {
    feature_map: crate::feature_map,
    linear_step: crate::linear_step,
    chunked: crate::chunked,
    delta_step: crate::delta_step,
    chunk_backward: crate::chunk_backward,
};
