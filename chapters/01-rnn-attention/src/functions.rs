//! The exercises that this chapter's demonstrations call. Written by `cargo attn dev starters` from `chapter.toml`.

use crate::exercises;

/// Somebody's answers to them.
#[derive(Clone, Copy, Debug)]
pub struct Functions {
    /// Exercise 1.1.
    pub softmax: exercises::softmax::Body,
    /// Exercise 1.5.
    pub attend_all: exercises::attend_all::Body,
    /// Exercise 1.10.
    pub top_softmax: exercises::top_softmax::Body,
    /// Exercise 1.7.
    pub gru_step: exercises::gru_step::Body,
    /// Exercise 1.8.
    pub greedy: exercises::greedy::Body,
    /// Exercise 1.11.
    pub readout_backward: exercises::readout_backward::Body,
}

/// The reference's.
#[rustfmt::skip]
pub const REFERENCE: Functions = Functions {
    softmax: crate::softmax,
    attend_all: crate::attend_all,
    top_softmax: crate::top_softmax,
    gru_step: crate::gru_step,
    greedy: crate::greedy,
    readout_backward: crate::readout_backward,
};
