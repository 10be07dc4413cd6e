//! The exercises that this chapter's demonstrations call. Written by `cargo attn dev starters` from `chapter.toml`.

use crate::exercises;

/// Somebody's answers to them.
#[derive(Clone, Copy, Debug)]
pub struct Functions {
    /// Exercise 7.1.
    pub compress: exercises::compress::Body,
    /// Exercise 7.2.
    pub queries: exercises::queries::Body,
    /// Exercise 7.3.
    pub mla_naive: exercises::mla_naive::Body,
    /// Exercise 7.5.
    pub mla_absorbed: exercises::mla_absorbed::Body,
    /// Exercise 7.8.
    pub cheaper_form: exercises::cheaper_form::Body,
    /// Exercise 7.9.
    pub gqa_as_mla: exercises::gqa_as_mla::Body,
}

/// The reference's.
#[rustfmt::skip]
pub const REFERENCE: Functions = Functions {
    compress: crate::compress,
    queries: crate::queries,
    mla_naive: crate::mla_naive,
    mla_absorbed: crate::mla_absorbed,
    cheaper_form: crate::cheaper_form,
    gqa_as_mla: crate::gqa_as_mla,
};
