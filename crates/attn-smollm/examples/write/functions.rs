//! The exercises that this demonstration calls: the reference's, or with `cargo attn run 5 --model smollm2 --mine` the learner's.
//! Written by `cargo attn dev starters` from `chapter.toml`.

#[cfg(not(overlay))]
pub use ch05_kv_cache::functions::REFERENCE as FUNCTIONS;

#[cfg(overlay)]
#[rustfmt::skip] // rustfmt would insist that the file exists
#[cfg_attr(overlay, path = "../../../../.attn/mine/05/exercise.rs")]
mod answers;

#[cfg(overlay)]
use {attn_exercise::entered, ch05_kv_cache::functions::Functions};

#[cfg(overlay)]
#[rustfmt::skip]
pub const FUNCTIONS: Functions = Functions {
    cache_bytes: |model, tokens, batch| {
        let _running = entered("5.1");
        answers::cache_bytes(model, tokens, batch)
    },
    append: |cache, keys, values, start| {
        let _running = entered("5.2");
        answers::append(cache, keys, values, start)
    },
    cached_layer: |layer, cache, x, rotary| {
        let _running = entered("5.4");
        answers::cached_layer(layer, cache, x, rotary)
    },
    generate: |step, prompt, stop, context| {
        let _running = entered("5.5");
        answers::generate(step, prompt, stop, context)
    },
    largest_batch: |model, memory, tokens| {
        let _running = entered("5.8");
        answers::largest_batch(model, memory, tokens)
    },
    decode_cost: |model, machine, tokens, batch| {
        let _running = entered("5.9");
        answers::decode_cost(model, machine, tokens, batch)
    },
};
