//! The exercises that this chapter's demonstrations call. Written by `cargo attn dev starters` from `chapter.toml`.

use crate::exercises;

/// Somebody's answers to them.
#[derive(Clone, Copy, Debug)]
pub struct Functions {
    /// Exercise 8.2.
    pub online: exercises::online::Body,
    /// Exercise 8.4.
    pub flash_heads: exercises::flash_heads::Body,
}

/// The reference's.
#[rustfmt::skip]
pub const REFERENCE: Functions = Functions {
    online: crate::online,
    flash_heads: crate::flash_heads,
};
