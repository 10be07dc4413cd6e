//! The exercises that this demonstration calls: the reference's, or with `cargo attn gradcheck 1` the learner's.
//! Written by `cargo attn dev starters` from `chapter.toml`.

#[cfg(not(overlay))]
pub use ch01_rnn_attention::functions::REFERENCE as FUNCTIONS;

#[cfg(overlay)]
#[rustfmt::skip] // rustfmt would insist that the file exists
#[cfg_attr(overlay, path = "../../../../.attn/mine/01/exercise.rs")]
mod answers;

#[cfg(overlay)]
use {attn_exercise::entered, ch01_rnn_attention::functions::Functions};

#[cfg(overlay)]
#[rustfmt::skip]
pub const FUNCTIONS: Functions = Functions {
    softmax: |scores| {
        let _running = entered("1.1");
        answers::softmax(scores)
    },
    attend_all: |state, states| {
        let _running = entered("1.5");
        answers::attend_all(state, states)
    },
    top_softmax: |scores, keep| {
        let _running = entered("1.10");
        answers::top_softmax(scores, keep)
    },
    gru_step: |gru, x, state| {
        let _running = entered("1.7");
        answers::gru_step(gru, x, state)
    },
    greedy: |step, start, end, limit| {
        let _running = entered("1.8");
        answers::greedy(step, start, end, limit)
    },
    readout_backward: |readout, states, targets| {
        let _running = entered("1.11");
        answers::readout_backward(readout, states, targets)
    },
};
