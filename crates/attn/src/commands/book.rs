//! `cargo attn start` and `cargo attn book`: the book's program, compiled when it is first asked for.

use crate::{Course, compile, program};
use anyhow::Result;
use std::process::Command;

/// Compiles the book's program and becomes it, with these arguments.
///
/// # Errors
/// When it does not compile or cannot be started.
pub fn book(course: &Course, arguments: &[&str]) -> Result<bool> {
    let program = compile::book(course)?;
    program::become_it(Command::new(program).args(arguments).current_dir(&course.root))
}
