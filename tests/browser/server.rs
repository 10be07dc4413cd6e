//! The book's program, serving a copy of the course.

use crate::course::{Copy, target};
use anyhow::{Context, Result, ensure};
use std::{
    env,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

pub struct Server {
    process: Child,
    /// `http://127.0.0.1:3939/`
    pub url: String,
}

impl Server {
    /// What `cargo attn start` does, in the copy, on any free port.
    pub fn start(course: &Copy) -> Result<Self> {
        let program = program()?;
        // When this process ends, in whichever way, the pipe closes and the shell ends the server.
        let mut process = Command::new("sh")
            .args(["-c", r#""$@" & exec 2>&-; cat; kill $!"#, "sh"])
            .arg(&program)
            .args(["start", "--no-open", "--port", "0"])
            .current_dir(&course.root)
            .env("CARGO_TARGET_DIR", target())
            .env_remove("CARGO_INCREMENTAL")
            .env_remove("RUSTFLAGS")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .context("sh")?;
        let said = process.stderr.take().context("what the server says")?;
        let mut server = Server { process, url: String::new() };
        server.url = url(BufReader::new(said))?;
        Ok(server)
    }
}

/// The address that the server prints. What it says later is let go, lest it wait for a reader.
fn url(said: impl BufRead + Send + 'static) -> Result<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for line in said.lines().map_while(Result::ok) {
            let _ = sender.send(line);
        }
    });
    let mut heard = Vec::new();
    while let Ok(line) = receiver.recv_timeout(Duration::from_secs(60)) {
        if let Some((_, rest)) = line.split_once("read it at ") {
            let url = rest.split(' ').next().unwrap_or_default();
            return Ok(url.to_string());
        }
        heard.push(line);
    }
    anyhow::bail!("the server did not start:\n{}", heard.join("\n"))
}

/// The book's program. Asked for in the whole workspace, it is the one that `cargo test --workspace`
/// has built just before; asked for alone, its dependencies would have other features, and be
/// compiled again.
fn program() -> Result<PathBuf> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--workspace", "--bin", "attn-book"]);
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    cargo.current_dir(root).env("CARGO_TARGET_DIR", target());
    let status = cargo.status().context("cargo")?;
    ensure!(status.success(), "the book's program does not compile");
    let name = format!("attn-book{}", env::consts::EXE_SUFFIX);
    Ok(target().join("debug").join(name))
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}
