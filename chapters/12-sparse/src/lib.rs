//! Chapter 12: sparse attention, and mixing.
//!
//! Attention to some of the keys. Which ones is decided in two ways:
//!
//! * by *position*, before anything is computed: windows, dilated ones, global tokens, random keys, and
//!   the first tokens of a stream ([`window_row`], [`pattern_row`], [`stream_step`]);
//! * by *content*, by a small computation that says where the large one is worth while: compressed keys
//!   and blocks (NSA), means of blocks (MoBA), an indexer for single tokens (DeepSeek sparse attention).
//!
//! A sparse pattern saves what is never computed ([`sparse_attention`] counts it), and it saves time if
//! what is computed comes in tiles ([`block_sparse`]).
//!
//! Shapes: one head; n tokens; q and k n × d, v n × d_v. All in f64, but for what runs on the tiles and
//! states of chapter 8, in f32: [`block_sparse`] and [`ring_hop`].

pub mod beside;
mod block_importance;
mod block_sparse;
mod compressed_attention;
pub mod costs;
pub mod exercises;
pub mod figures;
pub mod functions;
pub mod gallery;
pub mod gather;
pub mod given;
mod index_scores;
mod mixed_cache_bytes;
mod moba_blocks;
pub mod model;
pub mod nsa;
mod pattern_row;
mod reach;
pub mod ring;
mod ring_hop;
pub mod seeded;
mod select_blocks;
mod sparse_attention;
mod stream_step;
mod top_k_attention;
mod window_row;

pub use block_importance::block_importance;
pub use block_sparse::block_sparse;
pub use compressed_attention::compressed_attention;
pub use index_scores::index_scores;
pub use mixed_cache_bytes::mixed_cache_bytes;
pub use moba_blocks::moba_blocks;
pub use pattern_row::pattern_row;
pub use reach::reach;
pub use ring_hop::ring_hop;
pub use select_blocks::select_blocks;
pub use sparse_attention::sparse_attention;
pub use stream_step::stream_step;
pub use top_k_attention::top_k_attention;
pub use window_row::window_row;

/// Makes the Rust in the book's page on this chapter a test.
#[cfg(doctest)]
#[doc = include_str!("../../../book/src/ch12-sparse.md")]
struct Book;
