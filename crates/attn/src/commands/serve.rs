//! `cargo attn serve`: chapter 10's engine behind HTTP.

use crate::{Course, Demonstration, compile, course::SMOLLM, program, smollm};
use anyhow::Result;
use std::process::Command;

/// Compiles the server and becomes it, with these arguments. With `--model smollm2` among them it is the
/// real language model's, which takes longer to compile.
///
/// # Errors
/// When the model is not there, or the program does not compile or cannot be started.
pub fn serve(course: &Course, arguments: &[String]) -> Result<bool> {
    let mut arguments = arguments.to_vec();
    let program = if takes_real_model(&mut arguments) {
        smollm::expect(course)?;
        let demonstration = Demonstration { package: SMOLLM, example: "completions", calls: &[] };
        compile::example(course, demonstration, "the server")?
    } else {
        compile::server(course)?
    };
    program::become_it(Command::new(program).args(arguments))
}

/// Takes `--model smollm2` or `--model=smollm2` out of the arguments. Whether it was there.
fn takes_real_model(arguments: &mut Vec<String>) -> bool {
    let (option, joined) = ("--model", format!("--model={}", smollm::NAME));
    if let Some(at) = arguments.iter().position(|argument| *argument == joined) {
        arguments.remove(at);
        return true;
    }
    let pair = arguments.windows(2).position(|pair| pair == [option, smollm::NAME]);
    if let Some(at) = pair {
        arguments.drain(at..at + 2);
    }
    pair.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_real_model_is_told_apart_from_the_small_ones() {
        for (given, real, left) in [
            ("", false, ""),
            ("--model smollm2", true, ""),
            ("--port 0 --model=smollm2 --n 1", true, "--port 0 --n 1"),
            ("--port 0 --model smollm2 --n 1", true, "--port 0 --n 1"),
            ("--model gqa", false, "--model gqa"),
            ("--model", false, "--model"),
        ] {
            let mut arguments: Vec<String> = given.split_whitespace().map(String::from).collect();
            assert_eq!(takes_real_model(&mut arguments), real, "{given}");
            assert_eq!(arguments.join(" "), left);
        }
    }
}
