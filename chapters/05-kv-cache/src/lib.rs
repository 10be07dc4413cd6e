//! Chapter 5: the KV cache, which lets a model write without reading everything again.
//!
//! Causal attention never changes a token that has been computed. So the keys and values of all tokens
//! so far are kept, and a step computes those of the new tokens alone: `append` puts them into arrays
//! that are never moved, `cached_attention` attends to all of them, `cached_layer` is a layer that does
//! both. However T tokens are cut into chunks, the rows are those of a single pass over all of them.
//! With it come a ring for layers that have a window, the cache of cross-attention, and what all of
//! this costs in bytes and in time.
//!
//! Shapes: heads lead, (h, n, d); a cache has room for `capacity` tokens, of which `len` are held.

mod append;
pub mod budget;
mod cache_bytes;
mod cached_attention;
mod cached_layer;
pub mod concatenating;
mod cross_attention;
mod decode_cost;
pub mod exercises;
pub mod figures;
pub mod functions;
mod generate;
pub mod given;
mod largest_batch;
pub mod models;
pub mod recomputed;
mod rewind;
mod window_attention;

pub use append::append;
pub use cache_bytes::cache_bytes;
pub use cached_attention::cached_attention;
pub use cached_layer::cached_layer;
pub use cross_attention::cross_attention;
pub use decode_cost::decode_cost;
pub use generate::generate;
pub use largest_batch::largest_batch;
pub use rewind::rewind;
pub use window_attention::window_attention;

/// Makes the Rust in the book's page on this chapter a test.
#[cfg(doctest)]
#[doc = include_str!("../../../book/src/ch05-kv-cache.md")]
struct Book;
