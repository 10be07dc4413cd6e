//! The check program: joins this chapter's exercises to the answers in one file. See `attn-exercise`.
//! Written by `cargo attn dev starters` from `chapter.toml`.

use ch08_flash_cpu::exercises::*;
use std::process::ExitCode;

#[rustfmt::skip] // rustfmt would insist that the file exists
#[cfg_attr(overlay, path = "../../../.attn/overlay/08/exercise.rs")]
#[cfg_attr(all(learner, not(overlay)), path = "../exercise.rs")]
#[cfg_attr(not(any(learner, overlay)), path = "../starter.rs")]
mod answers;

#[rustfmt::skip]
fn main() -> ExitCode {
    attn_exercise::main(vec![
        merge::answered_by("8.1", answers::merge),
        online::answered_by("8.2", answers::online),
        flash_forward::answered_by("8.3", answers::flash_forward),
        flash_heads::answered_by("8.4", answers::flash_heads),
        flash_backward::answered_by("8.5", answers::flash_backward),
        split_kv::answered_by("8.6", answers::split_kv),
        varlen::answered_by("8.7", answers::varlen),
        push::answered_by("8.8", answers::push),
        sink_attention::answered_by("8.9", answers::sink_attention),
        sink_gradient::answered_by("8.10", answers::sink_gradient),
    ])
}
