//! The check program: joins this chapter's exercises to the answers in one file. See `attn-exercise`.
//! Written by `cargo attn dev starters` from `chapter.toml`.

use ch07_mla::exercises::*;
use std::process::ExitCode;

#[rustfmt::skip] // rustfmt would insist that the file exists
#[cfg_attr(overlay, path = "../../../.attn/overlay/07/exercise.rs")]
#[cfg_attr(all(learner, not(overlay)), path = "../exercise.rs")]
#[cfg_attr(not(any(learner, overlay)), path = "../starter.rs")]
mod answers;

#[rustfmt::skip]
fn main() -> ExitCode {
    attn_exercise::main(vec![
        compress::answered_by("7.1", answers::compress),
        queries::answered_by("7.2", answers::queries),
        mla_naive::answered_by("7.3", answers::mla_naive),
        absorb_query::answered_by("7.4", answers::absorb_query),
        mla_absorbed::answered_by("7.5", answers::mla_absorbed),
        absorb_output::answered_by("7.6", answers::absorb_output),
        rotation_between::answered_by("7.7", answers::rotation_between),
        cheaper_form::answered_by("7.8", answers::cheaper_form),
        gqa_as_mla::answered_by("7.9", answers::gqa_as_mla),
    ])
}
