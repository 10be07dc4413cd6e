//! The check program: joins this chapter's exercises to the answers in one file. See `attn-exercise`.
//! Written by `cargo attn dev starters` from `chapter.toml`.

use ch02_additive_attention::exercises::*;
use std::process::ExitCode;

#[rustfmt::skip] // rustfmt would insist that the file exists
#[cfg_attr(overlay, path = "../../../.attn/overlay/02/exercise.rs")]
#[cfg_attr(all(learner, not(overlay)), path = "../exercise.rs")]
#[cfg_attr(not(any(learner, overlay)), path = "../starter.rs")]
mod answers;

#[rustfmt::skip]
fn main() -> ExitCode {
    attn_exercise::main(vec![
        additive_scores::answered_by("2.1", answers::additive_scores),
        general_scores::answered_by("2.2", answers::general_scores),
        concat_scores::answered_by("2.3", answers::concat_scores),
        cosine_scores::answered_by("2.8", answers::cosine_scores),
        location_weights::answered_by("2.4", answers::location_weights),
        local_weights::answered_by("2.5", answers::local_weights),
        finite_differences::answered_by("2.6", answers::finite_differences),
        additive_backward::answered_by("2.7", answers::additive_backward),
    ])
}
