//! The exercises that this demonstration calls: the reference's, or with `cargo attn run 8 --model smollm2 --mine` the learner's.
//! Written by `cargo attn dev starters` from `chapter.toml`.

#[cfg(not(overlay))]
pub use ch08_flash_cpu::functions::REFERENCE as FUNCTIONS;

#[cfg(overlay)]
#[rustfmt::skip] // rustfmt would insist that the file exists
#[cfg_attr(overlay, path = "../../../../.attn/mine/08/exercise.rs")]
mod answers;

#[cfg(overlay)]
use {attn_exercise::entered, ch08_flash_cpu::functions::Functions};

#[cfg(overlay)]
#[rustfmt::skip]
pub const FUNCTIONS: Functions = Functions {
    online: |q, k, v, causal| {
        let _running = entered("8.2");
        answers::online(q, k, v, causal)
    },
    flash_forward: |q, k, v, causal, block, traffic| {
        let _running = entered("8.3");
        answers::flash_forward(q, k, v, causal, block, traffic)
    },
    flash_heads: |q, k, v, causal, block, traffic| {
        let _running = entered("8.4");
        answers::flash_heads(q, k, v, causal, block, traffic)
    },
    flash_backward: |q, k, v, causal, forward, d_out, block, traffic| {
        let _running = entered("8.5");
        answers::flash_backward(q, k, v, causal, forward, d_out, block, traffic)
    },
    sink_attention: |q, k, v, causal, sink| {
        let _running = entered("8.9");
        answers::sink_attention(q, k, v, causal, sink)
    },
    sink_gradient: |forward, d_out, sink| {
        let _running = entered("8.10");
        answers::sink_gradient(forward, d_out, sink)
    },
};
