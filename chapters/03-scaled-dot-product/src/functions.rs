//! The exercises that this chapter's demonstration calls. Written by `cargo attn dev starters` from `chapter.toml`.

use crate::exercises;

/// Somebody's answers to them.
#[derive(Clone, Copy, Debug)]
pub struct Functions {
    /// Exercise 3.3.
    pub attention: exercises::attention::Body,
}

/// The reference's.
#[rustfmt::skip]
pub const REFERENCE: Functions = Functions {
    attention: crate::attention,
};
