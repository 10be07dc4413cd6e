//! The check program: joins this chapter's exercises to the answers in one file. See
//! `attn-exercise`.

use ch01_rnn_attention::exercises::*;
use std::process::ExitCode;

#[rustfmt::skip] // rustfmt would insist that the file exists
#[cfg_attr(not(any(learner, overlay)), path = "../starter.rs")]
#[cfg_attr(learner, path = "../exercise.rs")]
#[cfg_attr(overlay, path = "../../../.attn/overlay/01/exercise.rs")]
mod answers;

fn main() -> ExitCode {
    attn_exercise::main(vec![
        softmax::exercise().answered_by(answers::softmax),
        rnn_step::exercise().answered_by(answers::rnn_step),
        encode::exercise().answered_by(answers::encode),
        decode::exercise().answered_by(answers::decode),
        attend_all::exercise().answered_by(answers::attend_all),
        decode_attending::exercise().answered_by(answers::decode_attending),
        gru_step::exercise().answered_by(answers::gru_step),
        greedy::exercise().answered_by(answers::greedy),
        teacher_forcing::exercise().answered_by(answers::teacher_forcing),
    ])
}
