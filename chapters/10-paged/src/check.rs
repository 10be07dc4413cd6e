//! The check program: joins this chapter's exercises to the answers in one file. See `attn-exercise`.
//! Written by `cargo attn dev starters` from `chapter.toml`.

use ch10_paged::exercises::*;
use std::process::ExitCode;

#[rustfmt::skip] // rustfmt would insist that the file exists
#[cfg_attr(overlay, path = "../../../.attn/overlay/10/exercise.rs")]
#[cfg_attr(all(learner, not(overlay)), path = "../exercise.rs")]
#[cfg_attr(not(any(learner, overlay)), path = "../starter.rs")]
mod answers;

#[rustfmt::skip]
fn main() -> ExitCode {
    attn_exercise::main(vec![
        slot::answered_by("10.1", answers::slot),
        allocate::answered_by("10.2", answers::allocate),
        release::answered_by("10.3", answers::release),
        grow::answered_by("10.4", answers::grow),
        paged_attention::answered_by("10.5", answers::paged_attention),
        fork::answered_by("10.6", answers::fork),
        copy_on_write::answered_by("10.7", answers::copy_on_write),
        cached_prefix::answered_by("10.8", answers::cached_prefix),
        evict::answered_by("10.9", answers::evict),
        preempt::answered_by("10.10", answers::preempt),
        schedule::answered_by("10.11", answers::schedule),
        speculative_step::answered_by("10.12", answers::speculative_step),
        waste::answered_by("10.13", answers::waste),
    ])
}
