//! The exercises that this chapter's demonstrations call. Written by `cargo attn dev starters` from `chapter.toml`.

use crate::exercises;

/// Somebody's answers to them.
#[derive(Clone, Copy, Debug)]
pub struct Functions {
    /// Exercise 8.2.
    pub online: exercises::online::Body,
    /// Exercise 8.3.
    pub flash_forward: exercises::flash_forward::Body,
    /// Exercise 8.4.
    pub flash_heads: exercises::flash_heads::Body,
    /// Exercise 8.5.
    pub flash_backward: exercises::flash_backward::Body,
    /// Exercise 8.9.
    pub sink_attention: exercises::sink_attention::Body,
    /// Exercise 8.10.
    pub sink_gradient: exercises::sink_gradient::Body,
}

/// The reference's.
#[rustfmt::skip]
pub const REFERENCE: Functions = Functions {
    online: crate::online,
    flash_forward: crate::flash_forward,
    flash_heads: crate::flash_heads,
    flash_backward: crate::flash_backward,
    sink_attention: crate::sink_attention,
    sink_gradient: crate::sink_gradient,
};
