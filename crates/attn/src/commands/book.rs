//! `cargo attn start` and `cargo attn book`: the book's program, compiled when it is first asked for.

use crate::{Course, compile};
use anyhow::{Context, Result};
use std::process::Command;

/// Compiles the book's program and runs it with these arguments. All is well if it says so.
///
/// # Errors
/// When it does not compile or cannot be started.
pub fn book(course: &Course, arguments: &[&str]) -> Result<bool> {
    let program = compile::book(course)?;
    let status = Command::new(&program)
        .args(arguments)
        .current_dir(&course.root)
        .status()
        .with_context(|| format!("{} cannot be started", program.display()))?;
    Ok(status.success())
}
