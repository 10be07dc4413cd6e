//! Chapter 1: RNN attention, or why look back.
//!
//! A recurrent network reads a sequence into a state of fixed width, and an encoder–decoder has to
//! write its answer from the last of these states alone. Attention lets it look back: the decoder's
//! state is compared with *every* state of the encoder, and their weighted mean is its context.
//!
//! Here are the parts, one per file: the softmax of one vector, and that of its largest scores alone;
//! the recurrence with its encoder and decoder, and the same decoder with attention; the two gated
//! units, GRU and LSTM; two ways to run a decoder, on its own tokens (greedy) and on the true ones
//! (teacher forcing); and the gradient of the loss at the read-out. [`translator`] runs the trained
//! models of `attn-dates` with them.
//!
//! Shapes: vectors are rows, so a projection is `x W`. `states` m×d, one per source token; `state` d.

mod attend;
pub mod exercises;
pub mod figures;
pub mod functions;
mod generate;
pub mod given;
mod gru;
pub mod influence;
mod lstm;
pub mod oracle;
mod readout;
pub mod rnn;
mod softmax;
mod top;
pub mod translator;

pub use attend::{attend_all, decode_attending};
pub use generate::{greedy, teacher_forcing};
pub use given::{Attended, Decoded, Gru, Lstm, Readout, ReadoutGradients, Remembered, Rnn};
pub use gru::gru_step;
pub use lstm::lstm_step;
pub use readout::readout_backward;
pub use rnn::{decode, encode, rnn_step};
pub use softmax::softmax;
pub use top::{attend_top, attend_top_by, top_softmax};

/// Makes the Rust in the book's page on this chapter a test.
#[cfg(doctest)]
#[doc = include_str!("../../../book/src/ch01-rnn-attention.md")]
struct Book;
