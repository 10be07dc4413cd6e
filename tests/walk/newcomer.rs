//! Somebody who has just cloned the course.

use anyhow::{Context, Result, bail, ensure};
use attn::{
    Chapter, Course,
    copy::{WHOLE, copy},
};
use std::{
    env, fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

/// A copy of the course as git would hand it out.
pub struct Newcomer {
    /// The copy.
    pub root: PathBuf,
    /// Where everything is compiled.
    target: PathBuf,
}

/// What a command left behind.
pub struct Ended {
    pub code: i32,
    /// Standard output, then standard error.
    pub output: String,
}

impl Newcomer {
    /// Lays down what the course is made of.
    pub fn arrive() -> Result<Self> {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let program = env::current_exe()?;
        let target = program.ancestors().nth(2).context("target/debug")?;
        // In the place of the tests' copy, so that only what differs is compiled.
        let root = target.join("tmp/course");
        copy(&source, &root, WHOLE)?;
        let target = target.to_path_buf();
        Ok(Newcomer { root, target })
    }

    /// Runs `cargo attn` with these arguments, through the alias.
    pub fn attn(&self, arguments: &[&str]) -> Result<Ended> {
        ended(self.cargo().arg("attn").args(arguments))
    }

    /// Runs a command line.
    pub fn run(&self, line: &str) -> Result<Ended> {
        let mut words = line.split_whitespace();
        let mut command = Command::new(words.next().context("a command")?);
        ended(self.at_home(&mut command).args(words))
    }

    /// Starts a server or a watcher, waits until it says that it is ready, asks for the page that it
    /// serves, and ends it.
    pub fn serve(&self, arguments: &[&str]) -> Result<()> {
        let mut cargo = self.cargo();
        cargo.arg("attn").args(arguments);
        if arguments[0] == "start" {
            cargo.arg("--no-open");
        }
        if arguments[0] == "serve" {
            cargo.args(["--port", "0"]);
        }
        // Cargo says what it compiles on standard error, and so does the server.
        let mut child = Ending(cargo.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?);
        if arguments[0] == "watch" {
            let stdout = child.0.stdout.take().context("its output")?;
            return match find(stdout, |line| line.contains("Waiting for a save").then_some(()))? {
                Some(()) => Ok(()),
                None => bail!("it does not wait for a save"),
            };
        }
        if arguments[0] == "serve" {
            let stdout = child.0.stdout.take().context("its output")?;
            let url = find(stdout, |line| {
                let (_, rest) = line.split_once(" on http://")?;
                rest.split_once("/v1").map(|(address, _)| format!("http://{address}/health"))
            })?;
            let health = ureq::get(&url.context("it names no address")?).call()?;
            let health = health.into_body().read_to_string()?;
            ensure!(health.contains("ok"), "it is not well: {health}");
            return Ok(());
        }
        let stderr = child.0.stderr.take().context("its messages")?;
        let url = find(stderr, |line| {
            let url = line.split_whitespace().find(|word| word.starts_with("http://"))?;
            Some(url.to_string())
        })?;
        let url = url.context("it names no address")?;
        let page = ureq::get(&url).call()?.body_mut().read_to_string()?;
        ensure!(page.contains("</html>"), "{url} is no page");
        Ok(())
    }

    /// Writes the learner's file of every chapter.
    pub fn write_answers(&self, text: impl Fn(&Course, &Chapter) -> Result<String>) -> Result<()> {
        let course = Course::load(&self.root)?;
        for chapter in &course.chapters {
            fs::write(self.root.join(chapter.answers()), text(&course, chapter)?)?;
        }
        Ok(())
    }

    fn cargo(&self) -> Command {
        let mut cargo = Command::new("cargo");
        self.at_home(&mut cargo);
        cargo
    }

    fn at_home<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        // This program runs under cargo; the newcomer does not.
        for (name, _) in env::vars().filter(|(name, _)| name.starts_with("CARGO")) {
            if name != "CARGO_HOME" {
                command.env_remove(name);
            }
        }
        command.current_dir(&self.root).env("CARGO_TARGET_DIR", &self.target).stdin(Stdio::null())
    }
}

impl Ended {
    /// Refuses another exit status.
    pub fn expect(&self, code: i32) -> Result<()> {
        ensure!(self.code == code, "exit {}, should be {code}\n{}", self.code, self.output);
        Ok(())
    }

    /// Refuses an output that does not have these lines, in this order. `…` stands for any lines.
    pub fn expect_lines(&self, lines: &[String]) -> Result<()> {
        let mut output = self.output.lines().map(str::trim);
        for line in lines.iter().map(|line| line.trim()) {
            if !line.is_empty() && line != "…" {
                ensure!(
                    output.any(|there| there == line),
                    "the page says “{line}”, the command says\n{}",
                    self.output
                );
            }
        }
        Ok(())
    }
}

fn ended(command: &mut Command) -> Result<Ended> {
    let output = command.output().with_context(|| format!("{command:?} cannot be started"))?;
    let text = [output.stdout, output.stderr].concat();
    Ok(Ended {
        code: output.status.code().context("it was killed")?,
        output: String::from_utf8_lossy(&text).into_owned(),
    })
}

/// What `wanted` finds in the first line that has it.
fn find<T>(output: impl std::io::Read, wanted: impl Fn(&str) -> Option<T>) -> Result<Option<T>> {
    for line in BufReader::new(output).lines() {
        let line = line?;
        if let Some(found) = wanted(&line) {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// A process that is ended, with those that it started, when dropped.
struct Ending(Child);

impl Drop for Ending {
    fn drop(&mut self) {
        // What Ctrl-C does in a terminal: the whole group is told.
        let _ = Command::new("pkill").args(["-P", &self.0.id().to_string()]).status();
        let _ = self.0.kill();
        let _ = self.0.wait();
        std::thread::sleep(Duration::from_millis(100));
    }
}
