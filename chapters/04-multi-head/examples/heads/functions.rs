//! The exercises that this demonstration calls: the reference's, or with `cargo attn run 4 --mine` the learner's.
//! Written by `cargo attn dev starters` from `chapter.toml`.

#[cfg(not(overlay))]
pub use ch04_multi_head::functions::REFERENCE as FUNCTIONS;

#[cfg(overlay)]
#[rustfmt::skip] // rustfmt would insist that the file exists
#[cfg_attr(overlay, path = "../../../../.attn/mine/04/exercise.rs")]
mod answers;

#[cfg(overlay)]
use {attn_exercise::entered, ch04_multi_head::functions::Functions};

#[cfg(overlay)]
#[rustfmt::skip]
pub const FUNCTIONS: Functions = Functions {
    split_heads: |x, h| {
        let _running = entered("4.1");
        answers::split_heads(x, h)
    },
    merge_heads: |x| {
        let _running = entered("4.2");
        answers::merge_heads(x)
    },
    rope: |x, start, rotary| {
        let _running = entered("4.4");
        answers::rope(x, start, rotary)
    },
    rotary_self_attention: |layer, x, rotary, mask| {
        let _running = entered("4.5");
        answers::rotary_self_attention(layer, x, rotary, mask)
    },
    layer_norm: |x, norm| {
        let _running = entered("4.6");
        answers::layer_norm(x, norm)
    },
    decoder_block: |block, x, memory, memory_mask| {
        let _running = entered("4.7");
        answers::decoder_block(block, x, memory, memory_mask)
    },
    decode_step: |layer, x, kept, start, rotary| {
        let _running = entered("4.8");
        answers::decode_step(layer, x, kept, start, rotary)
    },
};
