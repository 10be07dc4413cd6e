//! The exercises that this demonstration calls: the reference's, or with `cargo attn gradcheck 2` the learner's.
//! Written by `cargo attn dev starters` from `chapter.toml`.

#[cfg(not(overlay))]
pub use ch02_additive_attention::functions::REFERENCE as FUNCTIONS;

#[cfg(overlay)]
#[rustfmt::skip] // rustfmt would insist that the file exists
#[cfg_attr(overlay, path = "../../../../.attn/mine/02/exercise.rs")]
mod answers;

#[cfg(overlay)]
use {attn_exercise::entered, ch02_additive_attention::functions::Functions};

#[cfg(overlay)]
#[rustfmt::skip]
pub const FUNCTIONS: Functions = Functions {
    additive_scores: |additive, q, k| {
        let _running = entered("2.1");
        answers::additive_scores(additive, q, k)
    },
    additive_backward: |additive, q, k, d_scores| {
        let _running = entered("2.7");
        answers::additive_backward(additive, q, k, d_scores)
    },
};
