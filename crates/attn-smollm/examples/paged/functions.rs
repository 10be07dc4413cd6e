//! The exercises that this demonstration calls: the reference's, or with `cargo attn run 10 --model smollm2 --mine` the learner's.
//! Written by `cargo attn dev starters` from `chapter.toml`.

#[cfg(not(overlay))]
pub use ch10_paged::functions::REFERENCE as FUNCTIONS;

#[cfg(overlay)]
#[rustfmt::skip] // rustfmt would insist that the file exists
#[cfg_attr(overlay, path = "../../../../.attn/mine/10/exercise.rs")]
mod answers;

#[cfg(overlay)]
use {attn_exercise::entered, ch10_paged::functions::Functions};

#[cfg(overlay)]
#[rustfmt::skip]
pub const FUNCTIONS: Functions = Functions {
    slot: |table, size, position| {
        let _running = entered("10.1");
        answers::slot(table, size, position)
    },
    allocate: |blocks| {
        let _running = entered("10.2");
        answers::allocate(blocks)
    },
    release: |blocks, block| {
        let _running = entered("10.3");
        answers::release(blocks, block)
    },
    grow: |blocks, table, tokens| {
        let _running = entered("10.4");
        answers::grow(blocks, table, tokens)
    },
    paged_attention: |q, keys, values, table| {
        let _running = entered("10.5");
        answers::paged_attention(q, keys, values, table)
    },
    fork: |blocks, table| {
        let _running = entered("10.6");
        answers::fork(blocks, table)
    },
    copy_on_write: |pool, table| {
        let _running = entered("10.7");
        answers::copy_on_write(pool, table)
    },
    cached_prefix: |index, prompt, size| {
        let _running = entered("10.8");
        answers::cached_prefix(index, prompt, size)
    },
    evict: |kept| {
        let _running = entered("10.9");
        answers::evict(kept)
    },
    schedule: |queue| {
        let _running = entered("10.11");
        answers::schedule(queue)
    },
    waste: |pieces, places| {
        let _running = entered("10.13");
        answers::waste(pieces, places)
    },
};
