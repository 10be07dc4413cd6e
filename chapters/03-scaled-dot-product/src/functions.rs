//! The exercises that this chapter's demonstrations call. Written by `cargo attn dev starters` from `chapter.toml`.

use crate::exercises;

/// Somebody's answers to them.
#[derive(Clone, Copy, Debug)]
pub struct Functions {
    /// Exercise 3.1.
    pub softmax_rows: exercises::softmax_rows::Body,
    /// Exercise 3.3.
    pub attention: exercises::attention::Body,
    /// Exercise 3.5.
    pub softmax_backward: exercises::softmax_backward::Body,
    /// Exercise 3.6.
    pub attention_backward: exercises::attention_backward::Body,
    /// Exercise 3.7.
    pub attention_dropout: exercises::attention_dropout::Body,
    /// Exercise 3.8.
    pub dropout_backward: exercises::dropout_backward::Body,
}

/// The reference's.
#[rustfmt::skip]
pub const REFERENCE: Functions = Functions {
    softmax_rows: crate::softmax_rows,
    attention: crate::attention,
    softmax_backward: crate::softmax_backward,
    attention_backward: crate::attention_backward,
    attention_dropout: crate::attention_dropout,
    dropout_backward: crate::dropout_backward,
};
