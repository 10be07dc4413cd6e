//! Starting programs: talking to a chapter's check program, watching its demonstration, and becoming
//! another one.

use crate::{Chapter, Course, Demonstration, files, output};
use anyhow::{Context, Error, Result, bail};
use attn_exercise::{Conversation, Demonstrated, Limits, Request, watch_demonstration};
use serde::de::DeserializeOwned;
use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
};

/// What the learner's answers are compiled into.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Purpose<'a> {
    /// The check program, where an answer that cannot be run is the starter's.
    Check,
    /// A demonstration, where it is the reference's.
    Demonstration(Demonstration<'a>),
    /// The program that a conversation is with, which has the answers of several chapters.
    Conversation,
}

/// The right to build and run a chapter's check program, or its demonstration. One process has it at a
/// time: another would replace the program while it runs.
pub struct Alone {
    /// Where the program's temporary files go. It is emptied when somebody is alone again, so
    /// that nothing stays behind for good, however a check ends.
    scratch: PathBuf,
    _lock: Option<File>,
}

impl Alone {
    /// Waits for every other use of the program to end, and says so.
    ///
    /// # Errors
    /// When there is no room on the disk, or nothing can be written.
    pub fn with(course: &Course, chapter: &Chapter, purpose: Purpose) -> Result<Self> {
        let number = chapter.number;
        match purpose {
            Purpose::Check => {
                let what = format!("check of chapter {number}");
                Alone::at(course, &format!("check/{number:02}"), &what)
            }
            Purpose::Demonstration(_) => {
                let what = format!("demonstration of chapter {number}");
                Alone::at(course, &format!("demonstration/{number:02}"), &what)
            }
            Purpose::Conversation => Alone::in_conversation(course),
        }
    }

    /// As [`with`](Alone::with), for a conversation, which is of no chapter.
    ///
    /// # Errors
    /// As for [`with`](Alone::with).
    pub fn in_conversation(course: &Course) -> Result<Self> {
        Alone::at(course, "demonstration/conversation", "conversation")
    }

    fn at(course: &Course, place: &str, what: &str) -> Result<Self> {
        let lock = course.root.join(format!(".attn/{place}.lock"));
        let lock = files::lock(&lock, || {
            output::complain(format_args!("Another {what} is running; waiting for its end …"));
        })?;
        let scratch = course.root.join(format!(".attn/{place}"));
        let _ = fs::remove_dir_all(&scratch);
        fs::create_dir_all(&scratch)
            .with_context(|| format!("{} cannot be made", scratch.display()))?;
        Ok(Alone { scratch, _lock: lock })
    }

    /// The check program that was built meanwhile.
    pub fn with_program(self, path: PathBuf) -> Program {
        Program { path, alone: self }
    }
}

impl Drop for Alone {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.scratch);
    }
}

/// A chapter's check program or demonstration, which nobody replaces while this is held.
pub struct Program {
    path: PathBuf,
    alone: Alone,
}

impl Program {
    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Asks it, and calls `answer` with each line it answers, as it comes.
    ///
    /// # Errors
    /// When it cannot be started, is ended by a signal, fails, or answers something else; or what
    /// `answer` says.
    pub fn ask<T: DeserializeOwned>(
        &self,
        request: &Request,
        answer: impl FnMut(T) -> Result<()>,
    ) -> Result<()> {
        ask(&self.path, &self.alone.scratch, request, answer)
    }

    /// Runs it as a demonstration with these arguments, on functions of which `yours` are the
    /// learner's.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn demonstrate(
        &self,
        arguments: &[String],
        yours: Vec<String>,
        limits: &Limits,
    ) -> Result<Demonstrated> {
        let scratch = &self.alone.scratch;
        files::has_room(scratch)?;
        watch_demonstration(&self.path, arguments, scratch, yours, limits)
            .with_context(|| format!("{} cannot be run", self.path.display()))
    }
}

impl Program {
    /// Starts it as what a conversation is with; for the arguments see
    /// [`demonstrate`](Program::demonstrate).
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn converse(
        &self,
        arguments: &[String],
        yours: Vec<String>,
        limits: &Limits,
    ) -> Result<Conversation> {
        let scratch = &self.alone.scratch;
        files::has_room(scratch)?;
        // What the last one left, if one went before.
        for file in fs::read_dir(scratch)?.flatten() {
            let _ = fs::remove_file(file.path());
        }
        Conversation::begin(&self.path, arguments, scratch, yours, limits)
            .with_context(|| format!("{} cannot be run", self.path.display()))
    }
}

/// A program that is ended when this is dropped.
struct Ending(Child);

impl Drop for Ending {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Asks the check program at `path`, whose temporary files go to `scratch`, and calls `answer` with each line
/// it answers, as it comes.
///
/// # Errors
/// As for [`Program::ask`].
pub fn ask<T: DeserializeOwned>(
    path: &Path,
    scratch: &Path,
    request: &Request,
    answer: impl FnMut(T) -> Result<()>,
) -> Result<()> {
    files::has_room(scratch)?;
    let mut command = Command::new(path);
    for variable in ["TMPDIR", "TMP", "TEMP"] {
        command.env(variable, scratch);
    }
    hear(command.arg(request.to_string()), answer)
}

/// Starts a program and hears it out.
fn hear<T: DeserializeOwned>(
    command: &mut Command,
    mut answer: impl FnMut(T) -> Result<()>,
) -> Result<()> {
    let name = command.get_program().display().to_string();
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("{name} cannot be started"))?;
    let mut child = Ending(child);
    let stderr = child.0.stderr.take().context("its messages")?;
    // Read meanwhile, or it might wait for ever to be read.
    let complaint = thread::spawn(move || {
        let mut text = Vec::new();
        let _ = stderr.take(1 << 20).read_to_end(&mut text);
        String::from_utf8_lossy(&text).into_owned()
    });
    for line in BufReader::new(child.0.stdout.take().context("its output")?).lines() {
        let line = line.context("the check program's answer cannot be read")?;
        let said = serde_json::from_str(&line).with_context(|| {
            let start: String = line.chars().take(80).collect();
            format!("the check program answered “{start}”")
        })?;
        answer(said)?;
    }
    let status = child.0.wait()?;
    if !status.success() {
        let complaint = complaint.join().unwrap_or_default();
        bail!("{}", how_it_ended(status, complaint.trim()));
    }
    Ok(())
}

fn how_it_ended(status: ExitStatus, complaint: &str) -> String {
    let how = match status.code() {
        Some(code) => format!("the check program ended with exit status {code}"),
        // “signal: 9 (SIGKILL)”
        None => format!("the check program was ended from outside, {status}"),
    };
    match complaint {
        "" => how,
        why => format!("{how}: {why}"),
    }
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

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn shell(script: &str) -> (Vec<u32>, Result<()>) {
        let mut heard = Vec::new();
        let outcome = hear(Command::new("sh").args(["-c", script]), |answer| {
            heard.push(answer);
            Ok(())
        });
        (heard, outcome)
    }

    #[test]
    fn how_a_program_ended_is_said() {
        for (script, says) in [
            ("echo 1; kill -9 $$", "ended from outside, signal: 9 (SIGKILL)"),
            ("echo 1; exit 3", "ended with exit status 3"),
            ("echo 1; echo why >&2; exit 3", "exit status 3: why"),
            ("echo 1; echo nonsense", "answered “nonsense”"),
        ] {
            let (heard, outcome) = shell(script);
            assert_eq!(heard, [1], "{script}");
            let error = format!("{:#}", outcome.expect_err(script));
            assert!(error.contains(says), "{script}: {error}");
        }
        let much = "head -c 300000 /dev/zero >&2; echo 1; echo 2";
        let (heard, outcome) = shell(much);
        assert!(heard == [1, 2] && outcome.is_ok(), "much on standard error");
    }
}
