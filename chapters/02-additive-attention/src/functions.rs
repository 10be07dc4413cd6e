//! The exercises that this chapter's demonstrations call. Written by `cargo attn dev starters` from `chapter.toml`.

use crate::exercises;

/// Somebody's answers to them.
#[derive(Clone, Copy, Debug)]
pub struct Functions {
    /// Exercise 2.1.
    pub additive_scores: exercises::additive_scores::Body,
    /// Exercise 2.7.
    pub additive_backward: exercises::additive_backward::Body,
}

/// The reference's.
#[rustfmt::skip]
pub const REFERENCE: Functions = Functions {
    additive_scores: crate::additive_scores,
    additive_backward: crate::additive_backward,
};
