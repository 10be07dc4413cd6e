//! Starting programs: talking to a chapter's check program, and becoming another one.

use anyhow::{Context, Error, Result, bail};
use attn_exercise::Request;
use serde::de::DeserializeOwned;
use std::{
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Command, Stdio},
};

/// Asks a check program, and calls `answer` with each line it answers, as it comes.
///
/// # Errors
/// When the program cannot be started, fails, or answers something else.
pub fn ask<T: DeserializeOwned>(
    program: &Path,
    request: &Request,
    mut answer: impl FnMut(T),
) -> Result<()> {
    let mut child = Command::new(program)
        .arg(request.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("{} cannot be started", program.display()))?;
    let lines = BufReader::new(child.stdout.take().context("its output")?).lines();
    for line in lines {
        let line = line?;
        answer(serde_json::from_str(&line).with_context(|| format!("it answered “{line}”"))?);
    }
    let mut complaint = String::new();
    if let Some(mut stderr) = child.stderr.take() {
        stderr.read_to_string(&mut complaint)?;
    }
    if !child.wait()?.success() {
        bail!("{}", complaint.trim());
    }
    Ok(())
}

/// Becomes another program, so that its exit status is ours and whatever ends us ends it. Returns
/// only if that fails.
///
/// # Errors
/// When it cannot be started.
pub fn become_it(command: &mut Command) -> Result<bool> {
    let name = format!("{} cannot be started", command.get_program().display());
    #[cfg(unix)]
    let error = std::os::unix::process::CommandExt::exec(command);
    #[cfg(not(unix))]
    let error = match command.status() {
        Ok(status) => std::process::exit(status.code().unwrap_or(1)),
        Err(error) => error,
    };
    Err(Error::new(error).context(name))
}
