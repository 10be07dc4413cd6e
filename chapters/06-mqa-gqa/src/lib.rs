//! Chapter 6: MQA and GQA.
//!
//! Every step of decoding reads the whole cache, so the cache decides how fast a model writes. Here several
//! query heads share one head of keys and values: all of them (multi-query attention), or groups of them
//! (grouped-query attention). `head_i = attention(q_i, k_⌊i·h_kv/h⌋, v_⌊i·h_kv/h⌋)`.
//!
//! Shapes: heads lead, (h, n, d) and (h_kv, m, d); `true` in a mask means *may attend*.

mod decode;
pub mod exercises;
pub mod figures;
pub mod functions;
pub mod given;
mod grouped;
pub mod grouped_model;
mod kv_head;
pub mod oracle;
mod pool;
mod shard;
mod widen;

pub use decode::grouped_decode;
pub use given::{Cache, Gradients, Transformer};
pub use grouped::{grouped_attention, grouped_backward};
pub use kv_head::kv_head;
pub use pool::mean_pool_kv_heads;
pub use shard::shard_kv_heads;
pub use widen::matched_width;

/// Makes the Rust in the book's page on this chapter a test.
#[cfg(doctest)]
#[doc = include_str!("../../../book/src/ch06-mqa-gqa.md")]
struct Book;
