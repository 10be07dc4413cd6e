//! The check program: joins this chapter's exercises to the answers in one file. See `attn-exercise`.
//! Written by `cargo attn dev starters` from `chapter.toml`.

use ch05_kv_cache::exercises::*;
use std::process::ExitCode;

#[rustfmt::skip] // rustfmt would insist that the file exists
#[cfg_attr(overlay, path = "../../../.attn/overlay/05/exercise.rs")]
#[cfg_attr(all(learner, not(overlay)), path = "../exercise.rs")]
#[cfg_attr(not(any(learner, overlay)), path = "../starter.rs")]
mod answers;

#[rustfmt::skip]
fn main() -> ExitCode {
    attn_exercise::main(vec![
        cache_bytes::answered_by("5.1", answers::cache_bytes),
        append::answered_by("5.2", answers::append),
        cached_attention::answered_by("5.3", answers::cached_attention),
        cached_layer::answered_by("5.4", answers::cached_layer),
        generate::answered_by("5.5", answers::generate),
        window_attention::answered_by("5.6", answers::window_attention),
        cross_attention::answered_by("5.7", answers::cross_attention),
        largest_batch::answered_by("5.8", answers::largest_batch),
        decode_cost::answered_by("5.9", answers::decode_cost),
        rewind::answered_by("5.10", answers::rewind),
    ])
}
