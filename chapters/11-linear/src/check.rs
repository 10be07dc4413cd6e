//! The check program: joins this chapter's exercises to the answers in one file. See `attn-exercise`.
//! Written by `cargo attn dev starters` from `chapter.toml`.

use ch11_linear::exercises::*;
use std::process::ExitCode;

#[rustfmt::skip] // rustfmt would insist that the file exists
#[cfg_attr(overlay, path = "../../../.attn/overlay/11/exercise.rs")]
#[cfg_attr(all(learner, not(overlay)), path = "../exercise.rs")]
#[cfg_attr(not(any(learner, overlay)), path = "../starter.rs")]
mod answers;

#[rustfmt::skip]
fn main() -> ExitCode {
    attn_exercise::main(vec![
        feature_map::answered_by("11.1", answers::feature_map),
        linear_attention::answered_by("11.2", answers::linear_attention),
        linear_step::answered_by("11.3", answers::linear_step),
        chunked::answered_by("11.4", answers::chunked),
        positive_features::answered_by("11.5", answers::positive_features),
        gated_scores::answered_by("11.6", answers::gated_scores),
        bonus_step::answered_by("11.7", answers::bonus_step),
        delta_step::answered_by("11.8", answers::delta_step),
        kda_step::answered_by("11.9", answers::kda_step),
        wy_form::answered_by("11.10", answers::wy_form),
        chunk_backward::answered_by("11.11", answers::chunk_backward),
    ])
}
