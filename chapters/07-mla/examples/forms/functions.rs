//! The exercises that this demonstration calls: the reference's, or with `cargo attn run 7 --mine` the learner's.
//! Written by `cargo attn dev starters` from `chapter.toml`.

#[cfg(not(overlay))]
pub use ch07_mla::functions::REFERENCE as FUNCTIONS;

#[cfg(overlay)]
#[rustfmt::skip] // rustfmt would insist that the file exists
#[cfg_attr(overlay, path = "../../../../.attn/mine/07/exercise.rs")]
mod answers;

#[cfg(overlay)]
use {attn_exercise::entered, ch07_mla::functions::Functions};

#[cfg(overlay)]
#[rustfmt::skip]
pub const FUNCTIONS: Functions = Functions {
    compress: |weights, x, start| {
        let _running = entered("7.1");
        answers::compress(weights, x, start)
    },
    queries: |weights, x, start| {
        let _running = entered("7.2");
        answers::queries(weights, x, start)
    },
    mla_naive: |queries, kept, up| {
        let _running = entered("7.3");
        answers::mla_naive(queries, kept, up)
    },
    mla_absorbed: |queries, kept, up| {
        let _running = entered("7.5");
        answers::mla_absorbed(queries, kept, up)
    },
    cheaper_form: |shape, n, m| {
        let _running = entered("7.8");
        answers::cheaper_form(shape, n, m)
    },
    gqa_as_mla: |k, v, h| {
        let _running = entered("7.9");
        answers::gqa_as_mla(k, v, h)
    },
};
