//! `cargo attn bench`: a chapter's measurements, compiled when they are first asked for.

use crate::{Course, compile, program};
use anyhow::Result;
use std::process::Command;

/// Compiles the benchmarks' program, optimised, and becomes it, with these arguments.
///
/// # Errors
/// When there is no such chapter, or it does not compile or cannot be started.
pub fn bench(course: &Course, number: u32, arguments: &[String]) -> Result<bool> {
    course.chapter(number)?;
    let program = compile::bench(course)?;
    program::become_it(Command::new(program).arg(number.to_string()).args(arguments))
}
