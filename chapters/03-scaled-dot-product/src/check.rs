//! The check program: joins this chapter's exercises to the answers in one file. See `attn-exercise`.
//! Written by `cargo attn dev starters` from `chapter.toml`.

use ch03_scaled_dot_product::exercises::*;
use std::process::ExitCode;

#[rustfmt::skip] // rustfmt would insist that the file exists
#[cfg_attr(overlay, path = "../../../.attn/overlay/03/exercise.rs")]
#[cfg_attr(all(learner, not(overlay)), path = "../exercise.rs")]
#[cfg_attr(not(any(learner, overlay)), path = "../starter.rs")]
mod answers;

#[rustfmt::skip]
fn main() -> ExitCode {
    attn_exercise::main(vec![
        softmax_rows::answered_by("3.1", answers::softmax_rows),
        allowed::answered_by("3.2", answers::allowed),
        attention::answered_by("3.3", answers::attention),
        dropout::answered_by("3.4", answers::dropout),
        softmax_backward::answered_by("3.5", answers::softmax_backward),
        attention_backward::answered_by("3.6", answers::attention_backward),
        attention_dropout::answered_by("3.7", answers::attention_dropout),
        dropout_backward::answered_by("3.8", answers::dropout_backward),
        attend_half::answered_by("3.9", answers::attend_half),
    ])
}
