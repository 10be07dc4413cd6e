//! The exercises that this demonstration calls: the reference's, or with `cargo attn chat --mine` the learner's.
//! Written by `cargo attn dev starters` from `chapter.toml`.

#[cfg(not(overlay))]
pub use ch03_scaled_dot_product::functions::REFERENCE as FUNCTIONS;

#[cfg(overlay)]
#[rustfmt::skip] // rustfmt would insist that the file exists
#[cfg_attr(overlay, path = "../../../../.attn/conversation/03/exercise.rs")]
mod answers;

#[cfg(overlay)]
use {attn_exercise::entered, ch03_scaled_dot_product::functions::Functions};

#[cfg(overlay)]
#[rustfmt::skip]
pub const FUNCTIONS: Functions = Functions {
    softmax_rows: |x| {
        let _running = entered("3.1");
        answers::softmax_rows(x)
    },
    attention: |q, k, v, mask| {
        let _running = entered("3.3");
        answers::attention(q, k, v, mask)
    },
    softmax_backward: |weights, d_weights, d_lse| {
        let _running = entered("3.5");
        answers::softmax_backward(weights, d_weights, d_lse)
    },
    attention_backward: |q, k, v, mask, d_out| {
        let _running = entered("3.6");
        answers::attention_backward(q, k, v, mask, d_out)
    },
    attention_dropout: |q, k, v, mask, kept, p| {
        let _running = entered("3.7");
        answers::attention_dropout(q, k, v, mask, kept, p)
    },
    dropout_backward: |q, k, v, mask, kept, p, d_out| {
        let _running = entered("3.8");
        answers::dropout_backward(q, k, v, mask, kept, p, d_out)
    },
};
