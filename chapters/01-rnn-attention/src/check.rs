//! The check program: joins this chapter's exercises to the answers in one file. See `attn-exercise`.
//! Written by `cargo attn dev starters` from `chapter.toml`.

use ch01_rnn_attention::exercises::*;
use std::process::ExitCode;

#[rustfmt::skip] // rustfmt would insist that the file exists
#[cfg_attr(overlay, path = "../../../.attn/overlay/01/exercise.rs")]
#[cfg_attr(all(learner, not(overlay)), path = "../exercise.rs")]
#[cfg_attr(not(any(learner, overlay)), path = "../starter.rs")]
mod answers;

#[rustfmt::skip]
fn main() -> ExitCode {
    attn_exercise::main(vec![
        softmax::answered_by("1.1", answers::softmax),
        rnn_step::answered_by("1.2", answers::rnn_step),
        encode::answered_by("1.3", answers::encode),
        decode::answered_by("1.4", answers::decode),
        attend_all::answered_by("1.5", answers::attend_all),
        top_softmax::answered_by("1.10", answers::top_softmax),
        decode_attending::answered_by("1.6", answers::decode_attending),
        gru_step::answered_by("1.7", answers::gru_step),
        lstm_step::answered_by("1.12", answers::lstm_step),
        greedy::answered_by("1.8", answers::greedy),
        teacher_forcing::answered_by("1.9", answers::teacher_forcing),
        readout_backward::answered_by("1.11", answers::readout_backward),
    ])
}
