//! Chapter 10: paged attention, which keeps the caches of many texts in blocks of a shared pool.
//!
//! A text's cache is cut into blocks of `size` tokens. A table says which block of the pool holds which
//! part, so that a text takes a block when it needs one, and any block will do. Blocks are counted by how
//! many tables name them: texts with the same beginning share it, and a shared block is copied before
//! somebody writes into it. `paged_attention` attends through a table. `schedule` decides what a step
//! computes, and [`engine`] is a small server made of all of this.
//!
//! Shapes: a pool's keys are (blocks, h, size, d), its values (blocks, h, size, d_v).

mod allocate;
pub mod beside;
mod cached_prefix;
pub mod comparison;
mod copy_on_write;
pub mod engine;
mod evict;
pub mod exercises;
pub mod figures;
mod fork;
pub mod functions;
pub mod given;
mod grow;
mod paged_attention;
mod preempt;
mod release;
pub mod saving;
mod schedule;
mod slot;
mod speculative_step;
pub mod trace;
mod waste;

pub use allocate::allocate;
pub use cached_prefix::cached_prefix;
pub use copy_on_write::copy_on_write;
pub use evict::evict;
pub use fork::fork;
pub use grow::grow;
pub use paged_attention::paged_attention;
pub use preempt::preempt;
pub use release::release;
pub use schedule::schedule;
pub use slot::slot;
pub use speculative_step::speculative_step;
pub use waste::waste;

/// Makes the Rust in the book's page on this chapter a test.
#[cfg(doctest)]
#[doc = include_str!("../../../book/src/ch10-paged.md")]
struct Book;
