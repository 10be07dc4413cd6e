//! Running cargo with a sign of life, and sorting what it says.

use anyhow::{Context, Result, bail};
use indicatif::ProgressBar;
use serde::Deserialize;
use std::{
    env,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::Duration,
};

/// What came of a build.
pub enum Outcome {
    /// The program.
    Program(PathBuf),
    /// Why there is none.
    Errors(Vec<Error>),
}

/// Runs cargo in `root` with these arguments; `what` is shown while it works.
///
/// # Errors
/// When cargo cannot be started, or fails without an error of the compiler's.
pub fn build(root: &Path, arguments: &[&str], what: &str) -> Result<Outcome> {
    let (command, rest) = arguments.split_first().context("a command for cargo")?;
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    let mut child = cargo
        .current_dir(root)
        .args([
            command,
            "--quiet",
            "--message-format=json-diagnostic-rendered-ansi",
        ])
        .args(rest)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("cargo cannot be started; is it on the PATH?")?;
    let spinner = ProgressBar::new_spinner();
    spinner.enable_steady_tick(Duration::from_millis(120));
    spinner.set_message(format!("{what} …"));
    let mut stderr = child.stderr.take().context("cargo's messages")?;
    let complaint = thread::spawn(move || {
        let mut text = String::new();
        let _ = stderr.read_to_string(&mut text);
        text
    });
    let (mut program, mut errors) = (None, Vec::new());
    for line in BufReader::new(child.stdout.take().context("cargo's output")?).lines() {
        match serde_json::from_str(&line?) {
            Ok(Line::CompilerArtifact { target, executable }) => {
                spinner.set_message(format!("{what} ({}) …", target.name));
                program = executable.or(program);
            }
            Ok(Line::CompilerMessage { message }) if message.level.starts_with("error") => {
                errors.push(Error::from(message));
            }
            _ => {}
        }
    }
    let status = child.wait()?;
    spinner.finish_and_clear();
    // The closing “aborting due to …” points nowhere.
    errors.retain(|error| !error.spans.is_empty());
    match program {
        Some(program) if status.success() => Ok(Outcome::Program(program)),
        _ if !errors.is_empty() => Ok(Outcome::Errors(errors)),
        _ => {
            let complaint = complaint.join().unwrap_or_default();
            bail!("cargo failed:\n{}", complaint.trim())
        }
    }
}

/// The lines of cargo's JSON that matter here.
#[derive(Deserialize)]
#[serde(tag = "reason", rename_all = "kebab-case")]
enum Line {
    CompilerArtifact {
        target: CargoTarget,
        executable: Option<PathBuf>,
    },
    CompilerMessage {
        message: Message,
    },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct CargoTarget {
    name: String,
}

#[derive(Deserialize)]
struct Message {
    message: String,
    level: String,
    rendered: String,
    code: Option<Code>,
    spans: Vec<Span>,
}

#[derive(Deserialize)]
struct Code {
    code: String,
}

#[derive(Deserialize)]
struct Span {
    file_name: PathBuf,
    line_start: usize,
    is_primary: bool,
    text: Vec<SpanText>,
}

#[derive(Deserialize)]
struct SpanText {
    text: String,
}

/// An error of the compiler.
pub struct Error {
    message: Message,
    spans: Vec<Span>,
}

impl From<Message> for Error {
    fn from(mut message: Message) -> Self {
        let spans = std::mem::take(&mut message.spans);
        Error { message, spans }
    }
}

/// How much of a compiler's message is shown.
const LINES: usize = 16;

impl Error {
    /// Such as `E0425`; none for a syntax error.
    pub fn code(&self) -> Option<&str> {
        self.message.code.as_ref().map(|code| code.code.as_str())
    }

    /// The line of `file` whose fault it is: the primary one, but for a syntax error (which has no
    /// code) the first one mentioned, because an unclosed brace is only noticed at the end of the
    /// file.
    pub fn line_in(&self, file: &Path) -> Option<usize> {
        let syntax = self.code().is_none();
        let here = self.spans.iter().filter(|span| span.is_in(file));
        here.filter(|span| syntax || span.is_primary)
            .map(|span| span.line_start)
            .min()
    }

    /// The lines of source that it points at.
    pub fn source_lines(&self) -> impl Iterator<Item = &str> {
        let lines = self.spans.iter().flat_map(|span| &span.text);
        lines.map(|line| line.text.as_str())
    }

    /// The message as the compiler prints it.
    pub fn full(&self) -> &str {
        &self.message.rendered
    }

    /// The name in its first backticks: that of what could not be found, for the errors that say
    /// so.
    pub fn unknown_name(&self) -> Option<&str> {
        let unknown = matches!(
            self.code()?,
            "E0412" | "E0422" | "E0425" | "E0432" | "E0433"
        );
        let name = self.message.message.split('`').nth(1);
        name.filter(|_| unknown)
    }

    /// The message, cut to its first lines.
    pub fn short(&self) -> String {
        let rendered = self.message.rendered.trim_end();
        let mut lines: Vec<&str> = rendered.lines().take(LINES).collect();
        if rendered.lines().count() > LINES {
            lines.push("…");
        }
        lines.join("\n")
    }
}

impl Span {
    /// The compiler names files relative to the workspace, and by way of the file that includes
    /// them.
    fn is_in(&self, file: &Path) -> bool {
        let name = |path: &Path| path.file_name().map(|name| name.to_os_string());
        name(&self.file_name) == name(file)
    }
}
