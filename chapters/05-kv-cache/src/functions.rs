//! The exercises that this chapter's demonstrations call. Written by `cargo attn dev starters` from `chapter.toml`.

use crate::exercises;

/// Somebody's answers to them.
#[derive(Clone, Copy, Debug)]
pub struct Functions {
    /// Exercise 5.1.
    pub cache_bytes: exercises::cache_bytes::Body,
    /// Exercise 5.2.
    pub append: exercises::append::Body,
    /// Exercise 5.4.
    pub cached_layer: exercises::cached_layer::Body,
    /// Exercise 5.5.
    pub generate: exercises::generate::Body,
    /// Exercise 5.8.
    pub largest_batch: exercises::largest_batch::Body,
    /// Exercise 5.9.
    pub decode_cost: exercises::decode_cost::Body,
}

/// The reference's.
#[rustfmt::skip]
pub const REFERENCE: Functions = Functions {
    cache_bytes: crate::cache_bytes,
    append: crate::append,
    cached_layer: crate::cached_layer,
    generate: crate::generate,
    largest_batch: crate::largest_batch,
    decode_cost: crate::decode_cost,
};
