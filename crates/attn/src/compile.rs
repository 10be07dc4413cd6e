//! Builds a chapter's check program, with the learner's answers or without.
//!
//! An exercise that does not compile costs only itself: its section is replaced by the starter's in a copy of the
//! learner's file (the overlay), and the program is built from that copy. The learner's file is never touched.

use crate::{Chapter, Course, answers, files, starter};
use anyhow::{Context, Result, bail};
use indicatif::ProgressBar;
use regex::Regex;
use serde::Deserialize;
use std::{
    collections::BTreeMap,
    env,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

/// A check program with the learner's answers.
pub struct Built {
    /// The program; `None` if nothing of the file compiles.
    pub program: Option<PathBuf>,
    /// The exercises that do not compile, with the compiler's messages.
    pub broken: BTreeMap<String, Vec<String>>,
}

/// Builds the check program without the learner's file; its answers are the starter's.
///
/// # Errors
/// When the chapter itself does not compile.
pub fn without_learner(course: &Course, chapter: &Chapter) -> Result<PathBuf> {
    match cargo_check_program(course, chapter, None)? {
        Outcome::Program(program) => Ok(program),
        Outcome::Errors(errors) => {
            bail!("{} does not compile:\n{}", chapter.package, text(&errors))
        }
    }
}

/// Builds the check program with the learner's answers, leaving out those that do not compile.
///
/// # Errors
/// When a file cannot be read or written, or the course itself does not compile.
pub fn with_learner(course: &Course, chapter: &Chapter) -> Result<Built> {
    let file = answers::ensure(course, chapter)?;
    let overlay = course
        .root
        .join(format!(".attn/overlay/{:02}/exercise.rs", chapter.number));
    let mut built = Built {
        program: None,
        broken: BTreeMap::new(),
    };
    let (mut source, mut cfg) = (file.clone(), "learner");
    let mut text = files::read(&file)?;
    let unsolved = files::read(&course.root.join(chapter.starter()))?;
    loop {
        let errors = match cargo_check_program(course, chapter, Some(cfg))? {
            Outcome::Program(program) => {
                built.program = Some(program);
                return Ok(built);
            }
            Outcome::Errors(errors) => errors,
        };
        let found = charge(&errors, chapter, &text, &source, &unsolved);
        let news: Vec<_> = found
            .into_iter()
            .filter(|(charge, _)| !built.broken.contains_key(charge.id()))
            .collect();
        if news.is_empty() {
            // Not any one exercise's fault: an import, say. Then none can be run.
            if !errors
                .iter()
                .any(|error| error.in_file(&file) || error.in_file(&source))
            {
                bail!(
                    "{} does not compile:\n{}",
                    chapter.package,
                    self::text(&errors)
                );
            }
            let errors: Vec<String> = errors
                .iter()
                .map(|error| plain_name(chapter, &error.short()))
                .collect();
            for exercise in &chapter.exercises {
                built
                    .broken
                    .entry(exercise.id.clone())
                    .or_insert_with(|| errors.clone());
            }
            return Ok(built);
        }
        for (charge, errors) in news {
            let stub = starter::stub(&unsolved, charge.id())?;
            text = match &charge {
                Charge::Section(id) => replace_lines(&text, id, &stub),
                Charge::Missing(_) => text + "\n" + &stub + "\n",
            };
            let broken = built.broken.entry(charge.id().to_string()).or_default();
            broken.extend(errors.iter().map(|error| plain_name(chapter, error)));
        }
        files::write(&overlay, &text)?;
        (source, cfg) = (overlay.clone(), "overlay");
    }
}

/// Builds an example of a chapter in the same way, and returns the program.
///
/// # Errors
/// When it does not compile.
pub fn example(course: &Course, chapter: &Chapter, name: &str) -> Result<PathBuf> {
    let mut cargo = cargo(course, "build");
    cargo.args(["--package", &chapter.package, "--example", name]);
    match build(
        cargo,
        &format!("Compiling chapter {}'s demonstration", chapter.number),
    )? {
        Outcome::Program(program) => Ok(program),
        Outcome::Errors(errors) => bail!("{name} does not compile:\n{}", text(&errors)),
    }
}

/// Whose fault an error is, and how it is taken out of the way.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Charge {
    /// Something in the exercise's section: the section is replaced.
    Section(String),
    /// The exercise's function is not there: it is added.
    Missing(String),
}

impl Charge {
    fn id(&self) -> &str {
        let (Charge::Section(id) | Charge::Missing(id)) = self;
        id
    }
}

/// Sorts errors by the exercise whose fault they are. Errors outside all sections are nobody's.
fn charge(
    errors: &[Error],
    chapter: &Chapter,
    text: &str,
    source: &Path,
    unsolved: &str,
) -> BTreeMap<Charge, Vec<String>> {
    let sections = starter::sections(text);
    let joined = Regex::new(r"answers::(\w+)").expect("a valid pattern");
    let mut charges: BTreeMap<Charge, Vec<String>> = BTreeMap::new();
    for error in errors {
        if let Some(line) = error.line_in(source) {
            let section = sections.iter().find(|s| s.lines.contains(&(line - 1)));
            if let Some(section) = section {
                let charge = Charge::Section(section.id.clone());
                charges.entry(charge).or_default().push(error.short());
            }
            continue;
        }
        // In the check program, where the exercises are joined to the answers.
        let joins = error.spans.iter().flat_map(|span| &span.text);
        let item = joins.filter_map(|line| joined.captures(&line.text)).next();
        let item = item.map(|captures| captures[1].to_string());
        let Some(exercise) = chapter
            .exercises
            .iter()
            .find(|e| Some(&e.item) == item.as_ref())
        else {
            continue;
        };
        let signature = starter::signature(unsolved, &exercise.id).unwrap_or_default();
        let (charge, complaint) = if error.code() == Some("E0425") {
            (Charge::Missing(exercise.id.clone()), "is not there")
        } else {
            (
                Charge::Section(exercise.id.clone()),
                "has another first line than it has to",
            )
        };
        let complaint = format!("`{}` {complaint}. It begins:\n{signature}", exercise.item);
        charges.entry(charge).or_default().push(complaint);
    }
    charges
}

/// `text` with the lines of a section replaced by the stub and blank lines, so that no other line moves.
fn replace_lines(text: &str, id: &str, stub: &str) -> String {
    let mut lines: Vec<&str> = text.lines().collect();
    if let Some(section) = starter::sections(text).into_iter().find(|s| s.id == id) {
        let start = section.lines.start;
        lines[section.lines].fill("");
        // After the heading, which stays, so that the section can still be found.
        let heading = text.lines().nth(start).unwrap_or_default();
        lines[start] = heading;
        match lines.get_mut(start + 1) {
            Some(line) if line.is_empty() => *line = stub,
            _ => lines.push(stub),
        }
    }
    lines.join("\n") + "\n"
}

/// The compiler names the learner's file by way of the check program that includes it; this names it plainly.
fn plain_name(chapter: &Chapter, message: &str) -> String {
    let (dir, number) = (chapter.dir.display(), chapter.number);
    let file = chapter.answers().display().to_string();
    message
        .replace(&format!("{dir}/src/../exercise.rs"), &file)
        .replace(
            &format!("{dir}/src/../../../.attn/overlay/{number:02}/exercise.rs"),
            &file,
        )
}

fn text(errors: &[Error]) -> String {
    let errors: Vec<&str> = errors.iter().map(|e| e.message.rendered.as_str()).collect();
    errors.join("\n")
}

enum Outcome {
    Program(PathBuf),
    Errors(Vec<Error>),
}

fn cargo(course: &Course, command: &str) -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(&course.root).args([
        command,
        "--quiet",
        "--message-format=json-diagnostic-rendered-ansi",
    ]);
    cargo
}

fn cargo_check_program(course: &Course, chapter: &Chapter, cfg: Option<&str>) -> Result<Outcome> {
    let mut cargo = cargo(course, "rustc");
    cargo.args([
        "--package",
        &chapter.package,
        "--test",
        "check",
        "--profile",
        "test",
    ]);
    if let Some(cfg) = cfg {
        cargo.args(["--", "--cfg", cfg]);
    }
    build(
        cargo,
        &format!("Compiling chapter {}'s check program", chapter.number),
    )
}

/// Runs cargo with a sign of life, and sorts what it says.
fn build(mut cargo: Command, what: &str) -> Result<Outcome> {
    let spinner = ProgressBar::new_spinner();
    spinner.enable_steady_tick(Duration::from_millis(120));
    spinner.set_message(format!("{what} …"));
    let mut child = cargo
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("cargo cannot be started; is it on the PATH?")?;
    let mut stderr = child.stderr.take().context("cargo's messages")?;
    let complaint = std::thread::spawn(move || {
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
struct Error {
    message: Message,
    spans: Vec<Span>,
}

impl From<Message> for Error {
    fn from(mut message: Message) -> Self {
        let spans = std::mem::take(&mut message.spans);
        Error { message, spans }
    }
}

impl Error {
    fn code(&self) -> Option<&str> {
        self.message.code.as_ref().map(|code| code.code.as_str())
    }

    fn in_file(&self, file: &Path) -> bool {
        self.spans.iter().any(|span| span.is_in(file))
    }

    /// The line of `file` whose fault it is: the primary one, but for a syntax error (which has no code) the first one
    /// mentioned, because an unclosed brace is only noticed at the end of the file.
    fn line_in(&self, file: &Path) -> Option<usize> {
        let syntax = self.code().is_none();
        let here = self.spans.iter().filter(|span| span.is_in(file));
        here.filter(|span| syntax || span.is_primary)
            .map(|span| span.line_start)
            .min()
    }

    /// The message without its trailing notes, at most 16 lines.
    fn short(&self) -> String {
        let lines: Vec<&str> = self.message.rendered.trim_end().lines().take(16).collect();
        lines.join("\n")
    }
}

impl Span {
    /// The compiler names files relative to the workspace, and by way of the file that includes them.
    fn is_in(&self, file: &Path) -> bool {
        let name = |path: &Path| path.file_name().map(|name| name.to_os_string());
        name(&self.file_name) == name(file)
    }
}
