//! The check program: joins this chapter's exercises to the answers in one file. See `attn-exercise`.
//! Written by `cargo attn dev starters` from `chapter.toml`.

use ch06_mqa_gqa::exercises::*;
use std::process::ExitCode;

#[rustfmt::skip] // rustfmt would insist that the file exists
#[cfg_attr(overlay, path = "../../../.attn/overlay/06/exercise.rs")]
#[cfg_attr(all(learner, not(overlay)), path = "../exercise.rs")]
#[cfg_attr(not(any(learner, overlay)), path = "../starter.rs")]
mod answers;

#[rustfmt::skip]
fn main() -> ExitCode {
    attn_exercise::main(vec![
        kv_head::answered_by("6.1", answers::kv_head),
        grouped_attention::answered_by("6.2", answers::grouped_attention),
        grouped_decode::answered_by("6.3", answers::grouped_decode),
        grouped_backward::answered_by("6.4", answers::grouped_backward),
        mean_pool_kv_heads::answered_by("6.5", answers::mean_pool_kv_heads),
        shard_kv_heads::answered_by("6.6", answers::shard_kv_heads),
        matched_width::answered_by("6.7", answers::matched_width),
    ])
}
