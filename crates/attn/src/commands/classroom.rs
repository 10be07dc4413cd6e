//! `cargo attn classroom` and `cargo attn grade`: chapters as assignments.

use crate::{Course, compile, program};
use anyhow::Result;
use std::process::Command;

/// Compiles the classroom's program and becomes it, with these arguments.
///
/// # Errors
/// When it does not compile or cannot be started.
pub fn classroom(course: &Course, arguments: &[String]) -> Result<bool> {
    let program = compile::classroom(course)?;
    program::become_it(Command::new(program).args(arguments))
}
