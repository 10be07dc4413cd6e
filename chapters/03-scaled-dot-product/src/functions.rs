//! The exercises that this chapter's demonstrations call. Written by `cargo attn dev starters` from `chapter.toml`.

use crate::exercises;

/// Somebody's answers to them.
#[derive(Clone, Copy, Debug)]
pub struct Functions {
    /// Exercise 3.3.
    pub attention: exercises::attention::Body,
    /// Exercise 3.6.
    pub attention_backward: exercises::attention_backward::Body,
}

/// The reference's.
#[rustfmt::skip]
pub const REFERENCE: Functions = Functions {
    attention: crate::attention,
    attention_backward: crate::attention_backward,
};
