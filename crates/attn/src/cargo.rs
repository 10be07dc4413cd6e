//! Running cargo with a sign of life, and sorting what it says.

use crate::files;
use anyhow::{Context, Result};
use indicatif::ProgressBar;
use regex_lite::Regex;
use serde::Deserialize;
use std::{
    env,
    ffi::{OsStr, OsString},
    fs,
    io::{BufRead, BufReader, IsTerminal, Read, stderr},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::Duration,
};

/// What came of a build.
pub enum Outcome {
    /// The program.
    Program(PathBuf),
    /// None.
    Failed(Failure),
}

/// Why there is no program.
pub struct Failure {
    /// What the compiler and the linker say.
    pub errors: Vec<Error>,
    /// What cargo says, where they say nothing.
    complaint: String,
}

/// Runs cargo in `root` with these arguments; `what` is shown while it works. `answers` is the mark of
/// the answers that are compiled, if any are: see [`crate::compile`].
///
/// # Errors
/// When cargo cannot be started, or there is no room where it compiles.
pub fn build(
    root: &Path,
    arguments: &[&str],
    answers: Option<&str>,
    what: &str,
) -> Result<Outcome> {
    let outcome = build_once(root, arguments, answers, what)?;
    let Outcome::Failed(failure) = &outcome else {
        return Ok(outcome);
    };
    expect_room(root, failure)?;
    if let Some(target) = failure.broken_increment() {
        // A compile that was killed can leave behind what every later one stumbles over.
        forget_increments(root, target);
        return build_once(root, arguments, answers, what);
    }
    Ok(outcome)
}

/// Fails where a build failed and nobody's code is to blame, but the disk is full. A linker does not
/// always say so.
fn expect_room(root: &Path, failure: &Failure) -> Result<()> {
    if failure.points_at_code() {
        return Ok(());
    }
    match folder(root).map(|folder| files::has_room(&folder)) {
        Some(Err(error)) if files::is_full(&error) => Err(error),
        _ => Ok(()),
    }
}

fn build_once(
    root: &Path,
    arguments: &[&str],
    answers: Option<&str>,
    what: &str,
) -> Result<Outcome> {
    let (command, rest) = arguments.split_first().context("a command for cargo")?;
    let watched = stderr().is_terminal();
    let mut cargo = cargo(root);
    cargo.args([command, "--message-format=json-diagnostic-rendered-ansi", "--color=never"]);
    if watched {
        // Its own count of what is compiled, which is read below.
        cargo.env("CARGO_TERM_PROGRESS_WHEN", "always").env("CARGO_TERM_PROGRESS_WIDTH", "120");
    } else {
        cargo.arg("--quiet");
    }
    cargo
        .args(whole())
        .args(rest)
        .envs(answers.map(|mark| ("ATTN_ANSWERS", mark)))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = cargo.spawn().context("cargo cannot be started; is it on the PATH?")?;
    let spinner = ProgressBar::new_spinner();
    spinner.enable_steady_tick(Duration::from_millis(120));
    spinner.set_message(format!("{what} …"));
    let messages = child.stderr.take().context("cargo's messages")?;
    let (bar, doing) = (spinner.clone(), what.to_string());
    let complaint = thread::spawn(move || read_messages(messages, &bar, &doing));
    let (mut program, mut errors) = (None, Vec::new());
    for line in BufReader::new(child.stdout.take().context("cargo's output")?).lines() {
        match serde_json::from_str(&line?) {
            Ok(Line::CompilerArtifact { executable }) => program = executable.or(program),
            Ok(Line::CompilerMessage { message, target }) if message.level.starts_with("error") => {
                errors.push(Error::new(message, target.name));
            }
            _ => {}
        }
    }
    let status = child.wait()?;
    spinner.finish_and_clear();
    errors.retain(|error| !error.is_closing());
    Ok(match program {
        Some(program) if status.success() => Outcome::Program(program),
        _ => Outcome::Failed(Failure { errors, complaint: complaint.join().unwrap_or_default() }),
    })
}

/// With `ATTN_WHOLE=1`, the features of the whole workspace: see the crate `one-build`.
fn whole() -> &'static [&'static str] {
    match env::var_os("ATTN_WHOLE") {
        Some(_) => &["--features", "attn-exercise/whole"],
        None => &[],
    }
}

/// Cargo in `root`, in an environment that compiles the same for everybody.
///
/// * `RUSTFLAGS`, `CARGO_ENCODED_RUSTFLAGS`, `CARGO_BUILD_RUSTFLAGS` and `CARGO_TARGET_…_RUSTFLAGS` are honoured, for
///   they may name a linker, but without `--cfg` (editors are told `--cfg learner`; here the command chooses the
///   answers) and without lint levels (a warning is no error of an answer).
/// * `CARGO_TARGET_DIR` is honoured: where to compile is the reader's business.
/// * `RUSTC_WRAPPER` is honoured: it caches.
/// * `RUSTC_WORKSPACE_WRAPPER` is removed: it is for lints.
/// * `CARGO_BUILD_TARGET` is removed: what is compiled runs here.
fn cargo(root: &Path) -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root);
    for (name, value) in env::vars_os() {
        match own_value(&name, &value) {
            Some(own) if own == value => {}
            Some(own) => {
                cargo.env(name, own);
            }
            None => {
                cargo.env_remove(name);
            }
        }
    }
    cargo
}

/// The value with which cargo is given a variable; `None` if it is not.
fn own_value(name: &OsStr, value: &OsStr) -> Option<OsString> {
    let name = name.to_string_lossy();
    let separator = match &*name {
        "RUSTC_WORKSPACE_WRAPPER"
        | "CARGO_BUILD_RUSTC_WORKSPACE_WRAPPER"
        | "CARGO_BUILD_TARGET" => {
            return None;
        }
        "CARGO_ENCODED_RUSTFLAGS" => "\u{1f}",
        "RUSTFLAGS" | "CARGO_BUILD_RUSTFLAGS" => " ",
        name if name.starts_with("CARGO_TARGET_") && name.ends_with("_RUSTFLAGS") => " ",
        _ => return Some(value.into()),
    };
    let flags = value.to_string_lossy();
    let own = without_cfgs_and_lints(&flags.split(separator).collect::<Vec<_>>());
    (!own.is_empty()).then(|| own.join(separator).into())
}

fn without_cfgs_and_lints<'a>(flags: &[&'a str]) -> Vec<&'a str> {
    const LONG: &[&str] = &["--cfg", "--warn", "--deny", "--forbid", "--allow", "--force-warn"];
    const SHORT: &[&str] = &["-W", "-D", "-F", "-A"];
    let (mut own, mut flags) = (Vec::new(), flags.iter().filter(|flag| !flag.is_empty()));
    while let Some(flag) = flags.next() {
        if LONG.contains(flag) || SHORT.contains(flag) {
            flags.next();
            continue;
        }
        let name = flag.split('=').next().unwrap_or_default();
        let dropped = LONG.contains(&name) || SHORT.iter().any(|short| flag.starts_with(short));
        if !dropped {
            own.push(*flag);
        }
    }
    own
}

/// Shows how far cargo is, and returns what it complains about.
fn read_messages(messages: impl Read, bar: &ProgressBar, doing: &str) -> String {
    let count = Regex::new(r"(\d+)/(\d+)(?:: (\S+))?").expect("a valid pattern");
    let status = Regex::new(r"^ *[A-Z][a-z]+ ").expect("a valid pattern");
    let mut complaint = String::new();
    let mut messages = BufReader::new(messages);
    let mut line = Vec::new();
    // Its bar is drawn anew after a carriage return.
    while read_piece(&mut messages, &mut line) {
        let text = String::from_utf8_lossy(&line).into_owned();
        let text = anstream::adapter::strip_str(&text).to_string();
        if text.trim_start().starts_with("Building [") {
            if let Some(found) = count.captures(&text) {
                let name = found.get(3).map(|name| name.as_str().trim_matches([',', '.']));
                let name = name.filter(|name| !name.is_empty());
                let name = name.map(|name| format!(" ({name})")).unwrap_or_default();
                bar.set_message(format!("{doing}: {} of {}{name} …", &found[1], &found[2]));
            }
        } else if text.trim_start().starts_with("Blocking waiting") {
            bar.set_message(format!("{doing}: waiting for another cargo …"));
        } else if !text.trim().is_empty() && (!complaint.is_empty() || !status.is_match(&text)) {
            complaint += text.trim_end();
            complaint += "\n";
        }
    }
    complaint
}

/// Reads up to a line's end or a carriage return.
fn read_piece(from: &mut impl BufRead, piece: &mut Vec<u8>) -> bool {
    piece.clear();
    loop {
        let Ok(there) = from.fill_buf() else {
            return false;
        };
        if there.is_empty() {
            return !piece.is_empty();
        }
        let end = there.iter().position(|byte| matches!(byte, b'\r' | b'\n'));
        piece.extend(&there[..end.unwrap_or(there.len())]);
        let used = end.map_or(there.len(), |end| end + 1);
        from.consume(used);
        if end.is_some() {
            return true;
        }
    }
}

/// The folder in which cargo compiles, if it can say so.
fn folder(root: &Path) -> Option<PathBuf> {
    #[derive(Deserialize)]
    struct Metadata {
        target_directory: PathBuf,
        build_directory: Option<PathBuf>,
    }
    let mut metadata = cargo(root);
    metadata.args(["metadata", "--no-deps", "--format-version=1"]);
    let output = metadata.stdin(Stdio::null()).output().ok()?;
    let metadata: Metadata = serde_json::from_slice(&output.stdout).ok()?;
    let built = metadata.build_directory;
    Some(built.unwrap_or(metadata.target_directory))
}

/// Removes what the compiler keeps of earlier compiles of a program.
fn forget_increments(root: &Path, target: &str) {
    let Some(folder) = folder(root) else {
        return;
    };
    let crate_name = format!("{}-", target.replace('-', "_"));
    for profile in ["debug", "release"] {
        let kept = fs::read_dir(folder.join(profile).join("incremental"));
        for entry in kept.into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with(&crate_name) {
                let _ = fs::remove_dir_all(entry.path());
            }
        }
    }
}

impl Failure {
    /// Whether any error has a place in somebody's code.
    pub fn points_at_code(&self) -> bool {
        self.errors.iter().any(|error| !error.spans.is_empty())
    }

    /// All that was said, for those who mend the course or their computer.
    pub fn text(&self) -> String {
        if self.errors.is_empty() {
            return format!("cargo failed:\n{}", self.complaint.trim());
        }
        let errors: Vec<String> = self.errors.iter().map(Error::full).collect();
        errors.join("\n")
    }

    /// Whether a disk is full.
    pub fn is_full_disk(&self) -> bool {
        let text = self.text();
        ["No space left on device", "not enough space on the disk", "quota exceeded"]
            .iter()
            .any(|full| text.contains(full))
    }

    /// The program whose increments are broken, to all appearance: the linker fails, or the
    /// compiler itself.
    fn broken_increment(&self) -> Option<&str> {
        let broken = self.errors.iter().find(|error| {
            let Message { message, level, .. } = &error.message;
            message.starts_with("linking with ") || level.contains("internal compiler error")
        });
        broken.filter(|_| !self.is_full_disk()).map(|error| error.target.as_str())
    }
}

/// The lines of cargo's JSON that matter here.
#[derive(Deserialize)]
#[serde(tag = "reason", rename_all = "kebab-case")]
enum Line {
    CompilerArtifact {
        executable: Option<PathBuf>,
    },
    CompilerMessage {
        message: Message,
        target: CargoTarget,
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

/// An error of the compiler or the linker.
pub struct Error {
    message: Message,
    spans: Vec<Span>,
    /// The name of what was being compiled.
    target: String,
}

/// How much of a compiler's message is shown.
const LINES: usize = 16;

/// How much of one of its lines: a linker's command is a line of many thousand characters.
const WIDTH: usize = 400;

impl Error {
    fn new(mut message: Message, target: String) -> Self {
        let spans = std::mem::take(&mut message.spans);
        Error { message, spans, target }
    }

    /// “aborting due to …”, which says nothing new.
    fn is_closing(&self) -> bool {
        self.spans.is_empty() && self.message.message.starts_with("aborting due to")
    }

    /// Such as `E0425`; none for a syntax error.
    pub fn code(&self) -> Option<&str> {
        self.message.code.as_ref().map(|code| code.code.as_str())
    }

    /// The line of `file` whose fault it is: the primary one, but for a syntax error (which has no
    /// code) the first one mentioned, because an unclosed brace is only noticed at the end of the
    /// file. `file` is named from the root on.
    pub fn line_in(&self, file: &Path) -> Option<usize> {
        let syntax = self.code().is_none();
        // The compiler names it by way of the file that includes it.
        let here = self.spans.iter().filter(|span| span.file_name.ends_with(file));
        here.filter(|span| syntax || span.is_primary).map(|span| span.line_start).min()
    }

    /// The lines of source that it points at.
    pub fn source_lines(&self) -> impl Iterator<Item = &str> {
        let lines = self.spans.iter().flat_map(|span| &span.text);
        lines.map(|line| line.text.as_str())
    }

    /// The message as the compiler prints it.
    fn full(&self) -> String {
        let lines: Vec<String> = self.message.rendered.lines().map(narrow).collect();
        lines.join("\n")
    }

    /// The name in its first backticks: that of what could not be found, for the errors that say
    /// so.
    pub fn unknown_name(&self) -> Option<&str> {
        let unknown = matches!(self.code()?, "E0412" | "E0422" | "E0425" | "E0432" | "E0433");
        let name = self.message.message.split('`').nth(1);
        name.filter(|_| unknown)
    }

    /// The message, cut to its first lines.
    pub fn short(&self) -> String {
        let rendered = self.message.rendered.trim_end();
        let mut lines: Vec<String> = rendered.lines().take(LINES).map(narrow).collect();
        if rendered.lines().count() > LINES {
            lines.push("…".into());
        }
        lines.join("\n")
    }
}

fn narrow(line: &str) -> String {
    match line.char_indices().nth(WIDTH) {
        Some((end, _)) => format!("{} …", &line[..end]),
        None => line.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_keep_what_links_and_lose_what_chooses() {
        let own = |name: &str, value: &str| {
            let own = own_value(name.as_ref(), value.as_ref());
            own.map(|own| own.to_string_lossy().into_owned())
        };
        let kept = "-C link-arg=-fuse-ld=mold -Ctarget-cpu=native";
        for flags in [
            "--cfg learner -C link-arg=-fuse-ld=mold -Ctarget-cpu=native",
            "-C link-arg=-fuse-ld=mold --cfg=overlay -Dwarnings -Ctarget-cpu=native",
            "-D warnings -C link-arg=-fuse-ld=mold -Ctarget-cpu=native --deny=unused",
        ] {
            assert_eq!(own("RUSTFLAGS", flags).as_deref(), Some(kept), "{flags}");
            let linux = "CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUSTFLAGS";
            assert_eq!(own(linux, flags).as_deref(), Some(kept), "{flags}");
        }
        let encoded = own("CARGO_ENCODED_RUSTFLAGS", "--cfg\u{1f}learner\u{1f}-Copt-level=2");
        assert_eq!(encoded.as_deref(), Some("-Copt-level=2"));
        assert_eq!(own("CARGO_BUILD_RUSTFLAGS", "--cfg learner"), None);
        assert_eq!(own("CARGO_BUILD_TARGET", "wasm32-unknown-unknown"), None);
        assert_eq!(own("RUSTC_WORKSPACE_WRAPPER", "clippy-driver"), None);
        for honoured in ["CARGO_TARGET_DIR", "RUSTC_WRAPPER"] {
            assert_eq!(own(honoured, "--cfg learner").as_deref(), Some("--cfg learner"));
        }
    }

    #[test]
    fn cargos_count_is_shown_and_its_complaint_kept() {
        let bar = ProgressBar::hidden();
        let said = "   Compiling syn v2.0.1\n\r    Building [====>    ] 41/120: syn, serde\r\
                    \r    Building [=====>   ] 42/120: serde_derive(build)\r\
                    error: could not compile `x`\n\nCaused by:\n  no room\n";
        let complaint = read_messages(said.as_bytes(), &bar, "Compiling chapter 3");
        assert_eq!(bar.message(), "Compiling chapter 3: 42 of 120 (serde_derive(build)) …");
        assert_eq!(complaint, "error: could not compile `x`\nCaused by:\n  no room\n");
    }
}
