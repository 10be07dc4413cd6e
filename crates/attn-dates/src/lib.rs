//! Written dates into ISO dates: the task of chapters 1, 2 and 4, and the models trained on it.
//!
//! `the 3rd of May, 1979; Thu 4.5.1979` becomes `1979-05-03,1979-05-04`. A single date is short
//! enough for a model without attention; a list of eight is not, and that is what the chapters
//! show.
//!
//! * [`calendar`], [`forms`], [`generator`]: the days there are, how people write them, and
//!   examples from a seed. Every tenth day and six of the thirty forms are never trained on.
//! * [`vocabulary`]: characters as numbers, and the texts that no model takes.
//! * [`Model`], [`Weights`]: the four models, what their tensors are called, and their trained
//!   values. **No forward pass is here: the chapters write it.**
//! * [`fixture`]: what candle computes with these weights, to compare with.
//! * [`results`]: how well the models do, measured when they were trained.
//! * [`answer`]: what an output means, and when it means nothing.
#![doc = include_str!("../MODELS.md")]

pub mod answer;
pub mod calendar;
pub mod fixture;
pub mod forms;
pub mod generator;
mod model;
pub mod results;
pub mod vocabulary;

pub use attn_weights::WeightsError;
pub use model::{
    ATTENTION, EMBEDDING, FEED_FORWARD, FORMAT, HEADS, LAYERS, Model, STATE, WIDTH, Weights,
};

/// How many positions a model can tell apart: the size of the table of rotations in the
/// Transformer, and the longest sequence that any of the models takes.
pub const POSITIONS: usize = 256;

/// The longest text that a model takes, in characters: start and end take two positions.
pub const LONGEST_SOURCE: usize = POSITIONS - 2;

/// The longest output: eight dates, seven commas and the end. A decoder stops after so many steps.
pub const LONGEST_TARGET: usize = 8 * 10 + 7 + 1;
