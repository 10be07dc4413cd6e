//! The exercises of this chapter, a file each: the cases, the judge and the known mistakes.
//!
//! The judges trust [`oracle`], which shares no code with the reference.

pub mod attend_all;
pub mod decode;
pub mod decode_attending;
pub mod encode;
pub mod greedy;
pub mod gru_step;
pub mod oracle;
pub mod rnn_step;
pub mod softmax;
pub mod teacher_forcing;

use crate::{Gru, Rnn};
use attn_core::random::Random;

/// A recurrent network with random weights that neither saturates nor forgets at once.
pub(crate) fn random_rnn(random: &mut Random, d_in: usize, d: usize) -> Rnn {
    Rnn {
        w_x: random.normal((d_in, d)) / (d_in as f32).sqrt(),
        w_h: random.normal((d, d)) * (0.7 / (d as f32).sqrt()),
        b: random.normal(d) * 0.5,
    }
}

/// A gated recurrent unit with random weights.
pub(crate) fn random_gru(random: &mut Random, d_in: usize, d: usize) -> Gru {
    Gru {
        w_x: random.normal((d_in, 3 * d)) / (d_in as f32).sqrt(),
        w_h: random.normal((d, 3 * d)) / (d as f32).sqrt(),
        b_x: random.normal(3 * d) * 0.5,
        b_h: random.normal(3 * d) * 0.5,
    }
}
