//! The exercises that this demonstration calls: the reference's, or with `cargo attn gradcheck 11` the learner's.
//! Written by `cargo attn dev starters` from `chapter.toml`.

#[cfg(not(overlay))]
pub use ch11_linear::functions::REFERENCE as FUNCTIONS;

#[cfg(overlay)]
#[rustfmt::skip] // rustfmt would insist that the file exists
#[cfg_attr(overlay, path = "../../../../.attn/mine/11/exercise.rs")]
mod answers;

#[cfg(overlay)]
use {attn_exercise::entered, ch11_linear::functions::Functions};

#[cfg(overlay)]
#[rustfmt::skip]
pub const FUNCTIONS: Functions = Functions {
    feature_map: |x| {
        let _running = entered("11.1");
        answers::feature_map(x)
    },
    linear_step: |state, q, k, v| {
        let _running = entered("11.3");
        answers::linear_step(state, q, k, v)
    },
    chunked: |state, q, k, v, gamma, chunk| {
        let _running = entered("11.4");
        answers::chunked(state, q, k, v, gamma, chunk)
    },
    delta_step: |state, k, v, beta| {
        let _running = entered("11.8");
        answers::delta_step(state, k, v, beta)
    },
    chunk_backward: |state, q, k, v, d_out, d_next| {
        let _running = entered("11.11");
        answers::chunk_backward(state, q, k, v, d_out, d_next)
    },
};
