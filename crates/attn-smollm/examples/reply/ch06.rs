//! The exercises that this demonstration calls: the reference's, or with `cargo attn chat --mine` the learner's.
//! Written by `cargo attn dev starters` from `chapter.toml`.

#[cfg(not(overlay))]
pub use ch06_mqa_gqa::functions::REFERENCE as FUNCTIONS;

#[cfg(overlay)]
#[rustfmt::skip] // rustfmt would insist that the file exists
#[cfg_attr(overlay, path = "../../../../.attn/conversation/06/exercise.rs")]
mod answers;

#[cfg(overlay)]
use {attn_exercise::entered, ch06_mqa_gqa::functions::Functions};

#[cfg(overlay)]
#[rustfmt::skip]
pub const FUNCTIONS: Functions = Functions {
    grouped_attention: |q, k, v, mask| {
        let _running = entered("6.2");
        answers::grouped_attention(q, k, v, mask)
    },
    grouped_decode: |q, cache| {
        let _running = entered("6.3");
        answers::grouped_decode(q, cache)
    },
    mean_pool_kv_heads: |w, h, h_kv| {
        let _running = entered("6.5");
        answers::mean_pool_kv_heads(w, h, h_kv)
    },
};
