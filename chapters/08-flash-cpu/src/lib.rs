//! Chapter 8: FlashAttention on the CPU.
//!
//! Attention without a table of n×m scores. What is known of a query after some of its keys is a
//! state of three parts, a maximum, a sum and an output, and two states merge into one. From this
//! one operation follow the online softmax, attention tile by tile (forward and backward), decoding
//! in parts, and batches without padding; [`traffic`] counts what they move. [`ladder`] then takes
//! the same function up to the machine’s limit, one idea per file.
//!
//! Shapes: `q` n×d, `k` m×d, `v` m×d_v, heads lead: h×n×d. Causal is aligned bottom-right.

mod backward;
mod checked;
pub mod exercises;
pub mod figures;
pub mod functions;
pub mod given;
mod heads;
pub mod ladder;
mod monoid;
mod online;
mod push;
mod sink;
mod split_kv;
mod tiled;
pub mod traffic;
mod varlen;

pub use backward::flash_backward;
pub use given::{Block, Gradients, HeadsOutput, Output, Split, State};
pub use heads::flash_heads;
pub use monoid::merge;
pub use online::online;
pub use push::push;
pub use sink::{sink_attention, sink_gradient};
pub use split_kv::split_kv;
pub use tiled::flash_forward;
pub use traffic::Traffic;
pub use varlen::varlen;

/// Makes the Rust in the book's page on this chapter a test.
#[cfg(doctest)]
#[doc = include_str!("../../../book/src/ch08-flash-cpu.md")]
struct Book;
