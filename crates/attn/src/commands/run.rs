//! `cargo attn run`: a chapter's demonstration.

use crate::{Course, compile};
use anyhow::{Context, Result};
use std::process::Command;

/// Compiles the demonstration and runs it in the current folder with the given arguments. All is
/// well if it says so.
///
/// # Errors
/// When it does not compile or cannot be started.
pub fn run(course: &Course, number: u32, arguments: &[String]) -> Result<bool> {
    let chapter = course.chapter(number)?;
    let program = compile::example(course, chapter, &chapter.demo)?;
    let status = Command::new(&program)
        .args(arguments)
        .status()
        .with_context(|| format!("{} cannot be started", program.display()))?;
    Ok(status.success())
}
