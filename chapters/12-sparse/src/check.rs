//! The check program: joins this chapter's exercises to the answers in one file. See `attn-exercise`.
//! Written by `cargo attn dev starters` from `chapter.toml`.

use ch12_sparse::exercises::*;
use std::process::ExitCode;

#[rustfmt::skip] // rustfmt would insist that the file exists
#[cfg_attr(overlay, path = "../../../.attn/overlay/12/exercise.rs")]
#[cfg_attr(all(learner, not(overlay)), path = "../exercise.rs")]
#[cfg_attr(not(any(learner, overlay)), path = "../starter.rs")]
mod answers;

#[rustfmt::skip]
fn main() -> ExitCode {
    attn_exercise::main(vec![
        window_row::answered_by("12.1", answers::window_row),
        pattern_row::answered_by("12.2", answers::pattern_row),
        reach::answered_by("12.3", answers::reach),
        sparse_attention::answered_by("12.4", answers::sparse_attention),
        block_sparse::answered_by("12.5", answers::block_sparse),
        stream_step::answered_by("12.6", answers::stream_step),
        compressed_attention::answered_by("12.7", answers::compressed_attention),
        block_importance::answered_by("12.8", answers::block_importance),
        select_blocks::answered_by("12.9", answers::select_blocks),
        index_scores::answered_by("12.10", answers::index_scores),
        top_k_attention::answered_by("12.11", answers::top_k_attention),
        moba_blocks::answered_by("12.12", answers::moba_blocks),
        ring_hop::answered_by("12.13", answers::ring_hop),
        mixed_cache_bytes::answered_by("12.14", answers::mixed_cache_bytes),
    ])
}
