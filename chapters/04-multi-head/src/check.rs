//! The check program: joins this chapter's exercises to the answers in one file. See `attn-exercise`.
//! Written by `cargo attn dev starters` from `chapter.toml`.

use ch04_multi_head::exercises::*;
use std::process::ExitCode;

#[rustfmt::skip] // rustfmt would insist that the file exists
#[cfg_attr(overlay, path = "../../../.attn/overlay/04/exercise.rs")]
#[cfg_attr(all(learner, not(overlay)), path = "../exercise.rs")]
#[cfg_attr(not(any(learner, overlay)), path = "../starter.rs")]
mod answers;

#[rustfmt::skip]
fn main() -> ExitCode {
    attn_exercise::main(vec![
        split_heads::answered_by("4.1", answers::split_heads),
        merge_heads::answered_by("4.2", answers::merge_heads),
        multi_head_attention::answered_by("4.3", answers::multi_head_attention),
        rope::answered_by("4.4", answers::rope),
        rotary_self_attention::answered_by("4.5", answers::rotary_self_attention),
        layer_norm::answered_by("4.6", answers::layer_norm),
        decoder_block::answered_by("4.7", answers::decoder_block),
        decode_step::answered_by("4.8", answers::decode_step),
        bounded_attention::answered_by("4.9", answers::bounded_attention),
        alibi_attention::answered_by("4.10", answers::alibi_attention),
        gated_attention::answered_by("4.11", answers::gated_attention),
    ])
}
