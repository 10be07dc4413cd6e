//! PyTorch, in a process of its own that measures on request.

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

/// A running PyTorch.
pub struct Peer {
    child: Child,
    asking: ChildStdin,
    answers: BufReader<ChildStdout>,
    /// Its version.
    pub version: String,
}

#[derive(Deserialize)]
struct Hello {
    version: String,
}

#[derive(Serialize)]
struct Asked<'a, T> {
    #[serde(flatten)]
    what: &'a T,
    threads: usize,
}

#[derive(Deserialize)]
struct Answer {
    seconds: f64,
}

impl Peer {
    /// Starts a program with this Python. Its first line says the version.
    ///
    /// # Errors
    /// When there is no such Python, or not what the program imports.
    pub fn start(python: &str, program: &str) -> Result<Self> {
        let mut child = Command::new(python)
            .args(["-c", program])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("{python} cannot be started"))?;
        let asking = child.stdin.take().context("its input")?;
        let mut answers = BufReader::new(child.stdout.take().context("its output")?);
        let mut line = String::new();
        answers.read_line(&mut line)?;
        let Hello { version } = serde_json::from_str(&line)
            .with_context(|| format!("{python} has not what this needs"))?;
        Ok(Peer { child, asking, answers, version })
    }

    /// Has it do something once, and returns its seconds.
    ///
    /// # Errors
    /// When it ends or answers something else.
    pub fn time<T: Serialize>(&mut self, what: &T, threads: usize) -> Result<f64> {
        let asked = serde_json::to_string(&Asked { what, threads })?;
        writeln!(self.asking, "{asked}")?;
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        let answer: Answer = serde_json::from_str(&line).context("Python gave no answer")?;
        Ok(answer.seconds)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
