//! `cargo attn bench`: a chapter's measurements, compiled when they are first asked for.

use crate::{Course, compile};
use anyhow::{Context, Result};
use std::process::Command;

/// Compiles the benchmarks' program, optimised, and runs it with these arguments. All is well if it
/// says so.
///
/// # Errors
/// When there is no such chapter, or it does not compile or cannot be started.
pub fn bench(course: &Course, number: u32, arguments: &[String]) -> Result<bool> {
    course.chapter(number)?;
    let program = compile::bench(course)?;
    let status = Command::new(&program)
        .arg(number.to_string())
        .args(arguments)
        .status()
        .with_context(|| format!("{} cannot be started", program.display()))?;
    Ok(status.success())
}
