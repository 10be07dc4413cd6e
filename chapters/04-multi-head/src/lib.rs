//! Chapter 4: many heads, self- and cross-attention, and positions.
//!
//! A layer of a Transformer attends with several *heads* at once, each with queries, keys and values
//! of its own: `out = [head_1 … head_h] W_o`. Here are its parts, one per file: dealing columns out to
//! heads and back, multi-head attention, the rotations that tell it about order, layer
//! normalisation, and the blocks of an encoder and a decoder that are made of them.
//!
//! Shapes: sequences are n × d_model, one token per row; heads lead, (h, n, d). `true` in a mask means
//! *may attend*.

mod alibi;
mod block;
mod bounded;
mod decode;
mod decode_step;
mod encoder;
mod error;
pub mod exercises;
pub mod figures;
pub mod functions;
mod gate;
pub mod given;
mod head_weights;
mod heads;
mod look;
mod multi_head;
mod norm;
pub mod oracle;
mod rope;
mod rotary_attention;
mod transformer;

pub use alibi::alibi_attention;
pub use block::decoder_block;
pub use bounded::bounded_attention;
pub use decode::{Written, row_by_row, step_by_step, teacher_forced};
pub use decode_step::decode_step;
pub use encoder::{EncoderBlock, encoder_block};
pub use error::{LayerError, divides};
pub use gate::gated_attention;
pub use given::{
    AttentionLayer, Bound, Decoded, DecoderBlock, FeedForward, Kept, LayerNorm, Layout, Rotary,
};
pub use head_weights::head_weights;
pub use heads::{merge_heads, split_heads};
pub use look::{Looks, looks};
pub use multi_head::{attend_heads, multi_head_attention};
pub use norm::layer_norm;
pub use rope::rope;
pub use rotary_attention::{rotary_self_attention, turned, turned_from};
pub use transformer::Transformer;

/// Makes the Rust in the book's page on this chapter a test.
#[cfg(doctest)]
#[doc = include_str!("../../../book/src/ch04-multi-head.md")]
struct Book;
