//! Builds a chapter's check program, with the learner's answers or without.
//!
//! An exercise that does not compile costs only itself: its section is replaced by the starter's in
//! a copy of the learner's file (the overlay), and the program is built from that copy. The
//! learner's file is never touched.

use crate::{
    Chapter, Course, answers,
    cargo::{Error, Outcome, build},
    files, starter,
};
use anyhow::{Result, bail};
use attn_exercise::Verdict;
use regex::Regex;
use std::{
    collections::BTreeMap,
    io::{self, IsTerminal},
    path::{Path, PathBuf},
};

/// A check program with the learner's answers.
pub struct Built {
    /// The program; `None` if nothing of the file compiles.
    pub program: Option<PathBuf>,
    /// The exercises that are not in it, by id: what does not compile, and what waits on that.
    pub refused: BTreeMap<String, Verdict>,
}

/// Builds the check program without the learner's file; its answers are the starter's.
///
/// # Errors
/// When the chapter itself does not compile.
pub fn without_learner(course: &Course, chapter: &Chapter) -> Result<PathBuf> {
    match check_program(course, chapter, None)? {
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
    let unsolved = files::read(&course.root.join(chapter.starter()))?;
    let original = files::read(&file)?;
    // The lines of `text` stay where they are in the learner's file; functions that are not there
    // come after them.
    let (mut text, mut added) = (original.clone(), String::new());
    let mut refused: BTreeMap<String, Verdict> = BTreeMap::new();
    loop {
        let (source, cfg) = if refused.is_empty() {
            (&file, "learner")
        } else {
            files::write(&overlay, &(text.clone() + &added))?;
            (&overlay, "overlay")
        };
        let errors = match check_program(course, chapter, Some(cfg))? {
            Outcome::Errors(errors) => errors,
            Outcome::Program(program) => {
                return Ok(Built {
                    program: Some(program),
                    refused,
                });
            }
        };
        let mut found = Found::default();
        for error in &errors {
            found.sort(error, chapter, &text, source, &unsolved);
        }
        if found.by_exercise.is_empty() && found.elsewhere.is_empty() {
            bail!(
                "{} does not compile:\n{}",
                chapter.package,
                self::text(&errors)
            );
        }
        let before = refused.len();
        if found.elsewhere.is_empty() {
            for (id, Blame { errors, missing }) in found.by_exercise {
                let stub = starter::stub(&unsolved, &id)?;
                if missing {
                    added += &(stub + "\n");
                } else {
                    text = replace_lines(&text, &id, &stub);
                }
                let verdict = waits_on(&errors, &original, &refused)
                    .unwrap_or_else(|| does_not_compile(&errors));
                refused.entry(id).or_insert(verdict);
            }
        }
        // Nobody's fault in particular, such as an import's; then nothing can be run.
        if refused.len() == before {
            let errors = [
                found.elsewhere,
                errors.iter().map(|e| Complaint::of(e, chapter)).collect(),
            ];
            let verdict = does_not_compile(&errors.concat());
            for exercise in &chapter.exercises {
                refused
                    .entry(exercise.id.clone())
                    .or_insert_with(|| verdict.clone());
            }
            return Ok(Built {
                program: None,
                refused,
            });
        }
    }
}

/// Builds an example of a chapter and returns the program.
///
/// # Errors
/// When it does not compile.
pub fn example(course: &Course, chapter: &Chapter, name: &str) -> Result<PathBuf> {
    let arguments = ["build", "--package", &chapter.package, "--example", name];
    let what = format!("Compiling chapter {}'s demonstration", chapter.number);
    match build(&course.root, &arguments, &what)? {
        Outcome::Program(program) => Ok(program),
        Outcome::Errors(errors) => bail!("{name} does not compile:\n{}", text(&errors)),
    }
}

/// Builds the book's program and returns it.
///
/// # Errors
/// When it does not compile.
pub fn book(course: &Course) -> Result<PathBuf> {
    let arguments = ["build", "--package", "attn-book", "--bin", "attn-book"];
    let what = "Compiling the book's program (the first time takes about a minute)";
    if !io::stderr().is_terminal() {
        // Where no progress can be shown.
        eprintln!("{what} …");
    }
    match build(&course.root, &arguments, what)? {
        Outcome::Program(program) => Ok(program),
        Outcome::Errors(errors) => bail!("attn-book does not compile:\n{}", text(&errors)),
    }
}

/// Builds the benchmarks' program, optimised, and returns it.
///
/// # Errors
/// When it does not compile.
pub fn bench(course: &Course) -> Result<PathBuf> {
    let package = ["--package", "attn-bench", "--bin", "attn-bench"];
    let arguments = [&["build", "--release"], &package[..]].concat();
    let what = "Compiling the benchmarks, optimised (the first time takes about a minute)";
    match build(&course.root, &arguments, what)? {
        Outcome::Program(program) => Ok(program),
        Outcome::Errors(errors) => bail!("attn-bench does not compile:\n{}", text(&errors)),
    }
}

fn check_program(course: &Course, chapter: &Chapter, cfg: Option<&str>) -> Result<Outcome> {
    let mut arguments = vec!["rustc", "--package", &chapter.package];
    arguments.extend(["--test", "check", "--profile", "test"]);
    if let Some(cfg) = cfg {
        arguments.extend(["--", "--cfg", cfg]);
    }
    let what = format!("Compiling chapter {}'s check program", chapter.number);
    build(&course.root, &arguments, &what)
}

fn text(errors: &[Error]) -> String {
    let errors: Vec<&str> = errors.iter().map(Error::full).collect();
    errors.join("\n")
}

/// What is said to the learner about one error.
#[derive(Clone)]
struct Complaint {
    text: String,
    unknown_name: Option<String>,
}

impl Complaint {
    fn of(error: &Error, chapter: &Chapter) -> Self {
        Complaint {
            text: plain_name(chapter, &error.short()),
            unknown_name: error.unknown_name().map(str::to_string),
        }
    }
}

/// The complaints about one exercise.
#[derive(Default)]
struct Blame {
    errors: Vec<Complaint>,
    /// Its function is not there at all.
    missing: bool,
}

/// Errors by the exercise whose fault they are, and those in the learner's file outside all
/// exercises.
#[derive(Default)]
struct Found {
    by_exercise: BTreeMap<String, Blame>,
    elsewhere: Vec<Complaint>,
}

impl Found {
    fn sort(
        &mut self,
        error: &Error,
        chapter: &Chapter,
        text: &str,
        source: &Path,
        unsolved: &str,
    ) {
        let complaint = Complaint::of(error, chapter);
        if let Some(line) = error.line_in(source) {
            let mut sections = starter::sections(text).into_iter();
            match sections.find(|section| section.lines.contains(&(line - 1))) {
                Some(section) => self
                    .by_exercise
                    .entry(section.id)
                    .or_default()
                    .errors
                    .push(complaint),
                None => self.elsewhere.push(complaint),
            }
            return;
        }
        // In the check program, where the exercises are joined to the answers.
        let joined = Regex::new("answers::([A-Za-z0-9_]+)").expect("a valid pattern");
        let item = error.source_lines().find_map(|line| joined.captures(line));
        let item = item.map(|captures| captures[1].to_string());
        let exercise = chapter
            .exercises
            .iter()
            .find(|e| Some(&e.item) == item.as_ref());
        let Some(exercise) = exercise else {
            return;
        };
        let missing = error.code() == Some("E0425");
        let complaint = if missing {
            "is not there"
        } else {
            "does not begin as it has to"
        };
        let signature = starter::signature(unsolved, &exercise.id).unwrap_or_default();
        let blame = self.by_exercise.entry(exercise.id.clone()).or_default();
        blame.missing |= missing;
        blame.errors.push(Complaint {
            text: format!(
                "`{}` {complaint}. Its first line:\n{signature}",
                exercise.item
            ),
            unknown_name: None,
        });
    }
}

fn does_not_compile(errors: &[Complaint]) -> Verdict {
    Verdict::DoesNotCompile {
        errors: errors.iter().map(|error| error.text.clone()).collect(),
    }
}

/// When all that is wrong is that names are unknown which stand in a section that had to be taken
/// out: waits on that one.
fn waits_on(
    errors: &[Complaint],
    original: &str,
    refused: &BTreeMap<String, Verdict>,
) -> Option<Verdict> {
    let mut on = None;
    for error in errors {
        let name = error.unknown_name.as_ref()?;
        on = refused.keys().find(|id| {
            starter::section(original, id).is_some_and(|section| section.contains(name.as_str()))
        });
        on?;
    }
    on.map(|on| Verdict::WaitsOn { on: on.clone() })
}
/// `text` with the lines of a section replaced by the stub and blank lines, so that no other line
/// moves.
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

/// The compiler names the learner's file by way of the check program that includes it; this names
/// it plainly.
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
