//! `cargo attn run`: a chapter's demonstration.

use crate::{Course, compile, program};
use anyhow::Result;
use std::process::Command;

/// Compiles the demonstration and becomes it, in the current folder and with the given arguments.
///
/// # Errors
/// When it does not compile or cannot be started.
pub fn run(course: &Course, number: u32, arguments: &[String]) -> Result<bool> {
    let chapter = course.chapter(number)?;
    let program = compile::example(course, chapter, &chapter.demo)?;
    program::become_it(Command::new(program).args(arguments))
}
