//! Two threads, and no more.
//!
//! A step computes the two halves of its batch on a thread each. Candle would besides share each
//! small operation among threads that wait for one another: on two busy cores that took twice the
//! processor time (27 s for what takes 12 s without). It can be told so only by the environment,
//! before it starts.

use anyhow::{Context, Result};
use std::{env, process::Command};

/// One thread an operation; and memory that is given back to the C library's heap is kept for the
/// next tensor, not returned to the system (a third of the time, measured with glibc).
const SETTINGS: [(&str, &str); 4] = [
    ("RAYON_NUM_THREADS", "1"),
    ("CANDLE_NUM_THREADS", "1"),
    ("MALLOC_MMAP_THRESHOLD_", "2000000000"),
    ("MALLOC_TRIM_THRESHOLD_", "2000000000"),
];

/// Starts this program again with the settings, unless it has them.
///
/// # Errors
/// When it cannot be started.
pub fn restart_with_one() -> Result<()> {
    if SETTINGS.iter().all(|(name, value)| env::var_os(name).is_some_and(|v| v == *value)) {
        return Ok(());
    }
    let program = env::current_exe().context("this program does not find itself")?;
    let mut command = Command::new(program);
    command.args(env::args_os().skip(1)).envs(SETTINGS);
    replace(command).context("this program cannot be started again")
}

/// The process stays the same, so that whoever stops it stops the work.
#[cfg(unix)]
fn replace(mut command: Command) -> std::io::Result<()> {
    use std::os::unix::process::CommandExt;
    Err(command.exec())
}

#[cfg(not(unix))]
fn replace(mut command: Command) -> std::io::Result<()> {
    let status = command.status()?;
    std::process::exit(status.code().unwrap_or(1))
}
