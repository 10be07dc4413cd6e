//! A real language model on the course's own functions: SmolLM2-135M-Instruct.
//!
//! The small models of `attn-lm` show what differs between kinds of attention. This one shows that the
//! same functions carry a model that people use. It is an ordinary decoder of today: 30 layers, RMS
//! norm, RoPE, grouped-query attention with nine query heads on three heads of keys and values, SwiGLU, and
//! an embedding that reads out as well. The published weights are in a file of 98 MB, which
//! [`how_to_get_it`] brings and which nothing else in the course needs.
//!
//! * [`ModelFile`], [`ModelError`]: the file, by its checksum, and what can be wrong with it.
//! * [`Tokens`]: text as tokens.
//! * [`Sizes`], [`SmolLm`]: the model, as the file describes it.
//! * [`Heads`], [`Projected`]: **attention and cache are a parameter**; [`Plain`] is the one that the
//!   chapters' are compared with.
//! * [`ByChapters`]: attention, projections and all, by the functions of chapters 4 to 6; and
//!   [`Comparison`], which finds a learner's function that gives something else than the reference's.
//! * [`write()`], [`Sampling`], [`Pieces`]: greedy writing, a choice by chance, and text as it comes.
//! * [`why()`]: where the heads looked when a token was chosen.
//!
//! Reading the format and cutting text into tokens is not what the course is about, so libraries do
//! it, `candle-core` and `tokenizers`. They take minutes to compile, so this crate is no default member.

mod by_chapters;
mod compare;
mod error;
mod file;
mod heads;
mod matrix;
mod model;
mod place;
mod sample;
mod sizes;
mod tokens;
mod why;
mod write;

pub use by_chapters::{ByChapters, Chapters};
pub use compare::Comparison;
pub use error::ModelError;
pub use file::{BYTES, ModelFile, SHA256};
pub use heads::{Heads, Plain, Projected, Turns};
pub use matrix::Matrix;
pub use model::{AttentionWeights, SmolLm, likeliest};
pub use place::{how_to_get_it, path};
pub use sample::Sampling;
pub use sizes::Sizes;
pub use tokens::{SYSTEM, Tokens, ask, turn};
pub use why::why;
pub use write::{Pieces, Written, apart, write};
