//! The exercises that this demonstration calls: the reference's, or with `cargo attn run 12 --model smollm2 --mine` the learner's.
//! Written by `cargo attn dev starters` from `chapter.toml`.

#[cfg(not(overlay))]
pub use ch12_sparse::functions::REFERENCE as FUNCTIONS;

#[cfg(overlay)]
#[rustfmt::skip] // rustfmt would insist that the file exists
#[cfg_attr(overlay, path = "../../../../.attn/mine/12/exercise.rs")]
mod answers;

#[cfg(overlay)]
use {attn_exercise::entered, ch12_sparse::functions::Functions};

#[cfg(overlay)]
#[rustfmt::skip]
pub const FUNCTIONS: Functions = Functions {
    pattern_row: |pattern, i, n| {
        let _running = entered("12.2");
        answers::pattern_row(pattern, i, n)
    },
    sparse_attention: |q, k, v, rows, work| {
        let _running = entered("12.4");
        answers::sparse_attention(q, k, v, rows, work)
    },
    stream_step: |cache, q, k, v| {
        let _running = entered("12.6");
        answers::stream_step(cache, q, k, v)
    },
    top_k_attention: |q, k, v, index, keep| {
        let _running = entered("12.11");
        answers::top_k_attention(q, k, v, index, keep)
    },
};
