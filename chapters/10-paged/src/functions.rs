//! The exercises that this chapter's demonstrations call. Written by `cargo attn dev starters` from `chapter.toml`.

use crate::exercises;

/// Somebody's answers to them.
#[derive(Clone, Copy, Debug)]
pub struct Functions {
    /// Exercise 10.1.
    pub slot: exercises::slot::Body,
    /// Exercise 10.2.
    pub allocate: exercises::allocate::Body,
    /// Exercise 10.3.
    pub release: exercises::release::Body,
    /// Exercise 10.4.
    pub grow: exercises::grow::Body,
    /// Exercise 10.5.
    pub paged_attention: exercises::paged_attention::Body,
    /// Exercise 10.6.
    pub fork: exercises::fork::Body,
    /// Exercise 10.7.
    pub copy_on_write: exercises::copy_on_write::Body,
    /// Exercise 10.8.
    pub cached_prefix: exercises::cached_prefix::Body,
    /// Exercise 10.9.
    pub evict: exercises::evict::Body,
    /// Exercise 10.11.
    pub schedule: exercises::schedule::Body,
    /// Exercise 10.13.
    pub waste: exercises::waste::Body,
}

/// The reference's.
#[rustfmt::skip]
pub const REFERENCE: Functions = Functions {
    slot: crate::slot,
    allocate: crate::allocate,
    release: crate::release,
    grow: crate::grow,
    paged_attention: crate::paged_attention,
    fork: crate::fork,
    copy_on_write: crate::copy_on_write,
    cached_prefix: crate::cached_prefix,
    evict: crate::evict,
    schedule: crate::schedule,
    waste: crate::waste,
};
