//! Small language models of the course's own, which write one character at a time: chapters 5 to 7.
//!
//! Four differ in their attention alone: multi-head, grouped-query, multi-query, or multi-head latent.
//! So their caches have different sizes, and how well they predict can be compared. A fifth has learnt
//! Chinese poems by heart.
//!
//! * [`text`]: the novel that most are trained on, and what is held out of it; [`quatrains`]: the poems of
//!   one. [`Alphabet`]: characters as numbers.
//! * [`results`]: how well they predict.
//! * [`Model`], [`Weights`]: the models, what their tensors are called, and their trained values.
//! * [`LanguageModel`]: everything around the attention. **The attention is a parameter, its
//!   projections, positions and cache with it ([`Attention`]): the chapters write it.**
//! * [`Pieces`]: tokens that come one by one, as text.
//! * [`Decoder`]: the pass of any model of this form, over any matrices.
#![doc = include_str!("../MODELS.md")]

mod alphabet;
mod decoder;
mod language_model;
mod model;
mod pieces;
pub mod quatrains;
pub mod results;
pub mod text;

pub use alphabet::{Alphabet, UnknownCharacter};
pub use attn_weights::WeightsError;
pub use decoder::{Attention, Block, Decoder, Linear, rms_norm};
pub use language_model::{AttentionWeights, Grouped, LanguageModel, Latent};
pub use model::{
    CONTEXT, EPSILON, FEED_FORWARD, FORMAT, HEAD, HEADS, LATENT, LAYERS, Model, ROPE_BASE, ROTARY,
    WIDTH, Weights,
};
pub use pieces::Pieces;
