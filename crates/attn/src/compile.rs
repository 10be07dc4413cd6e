//! Builds a chapter's check program, with the learner's answers or without, and its demonstration.
//!
//! What is compiled is a copy of the learner's file (the overlay), which nobody else writes: so an
//! editor may save while the compiler reads, and the verdict is on what was read. An exercise that
//! does not compile costs only itself: in the copy its section is replaced by the starter's, or for
//! the demonstration by the reference's. The learner's file is never touched.
//!
//! Cargo tells by time whether a file is the one that it has compiled. Here that is not enough, for
//! a file that is moved into its place, or copied with its time, may be older than the program. So
//! each copy bears a mark that no other text has had, and the program is asked for it: the copy
//! begins with an attribute that reads the mark from the environment, and cargo compiles again when
//! a variable that was read has changed.

use crate::{
    Chapter, Course, Demonstration, Exercise, Language,
    cargo::{Error, Failure, Outcome, build},
    course::{REPLY, SMOLLM, SMOLLM_DIR},
    files,
    program::{Alone, Program, Purpose},
    source,
    starter::{self, Section},
};
use anyhow::{Result, bail};
use attn_exercise::Verdict;
use regex_lite::Regex;
use std::{
    collections::BTreeMap,
    hash::{BuildHasher, RandomState},
    io::{self, IsTerminal},
    ops::Range,
    path::PathBuf,
    time::SystemTime,
};

/// A program with the learner's answers.
pub struct Built {
    /// The program; `None` if nothing of the file compiles.
    pub program: Option<Program>,
    /// The exercises that are not in it, by id: what does not compile, and what waits on that.
    pub refused: BTreeMap<String, Verdict>,
}

/// Builds the check program without the learner's file; its answers are the starter's.
///
/// # Errors
/// When the chapter itself does not compile.
pub fn without_learner(course: &Course, chapter: &Chapter) -> Result<Program> {
    let alone = Alone::with(course, chapter, Purpose::Check)?;
    match check_program(course, chapter, None)? {
        Outcome::Program(program) => Ok(alone.with_program(program)),
        Outcome::Failed(failure) => {
            bail!("{} does not compile:\n{}", chapter.package, failure.text())
        }
    }
}

/// Builds the check program with the answers of a learner's file that says `original`, leaving out
/// those that do not compile.
///
/// # Errors
/// When a file cannot be read or written, or the course itself does not compile.
pub fn with_learner(course: &Course, chapter: &Chapter, original: &str) -> Result<Built> {
    let alone = Alone::with(course, chapter, Purpose::Check)?;
    if chapter.language == Language::Cuda {
        // It is compiled, and what does not compile sorted out, when the program runs.
        return match check_program(course, chapter, Some(("learner", "")))? {
            Outcome::Program(program) => {
                Ok(Built { program: Some(alone.with_program(program)), refused: BTreeMap::new() })
            }
            Outcome::Failed(failure) => {
                bail!("{} does not compile:\n{}", chapter.package, failure.text())
            }
        };
    }
    let mut answers = Answers::new(course, chapter, original, Purpose::Check)?;
    let program = answers.build_what_compiles()?;
    Ok(Built {
        program: program.map(|program| alone.with_program(program)),
        refused: answers.refused,
    })
}

/// Builds a demonstration on the functions of a learner's file that says `original`. Those that are
/// not solved or do not compile are the reference's; they are told with the refused ones.
///
/// # Errors
/// As for [`with_learner`].
pub fn demonstration(
    course: &Course,
    chapter: &Chapter,
    demonstration: Demonstration,
    original: &str,
) -> Result<Built> {
    let purpose = Purpose::Demonstration(demonstration);
    let alone = Alone::with(course, chapter, purpose)?;
    let mut answers = Answers::new(course, chapter, original, purpose)?;
    answers.leave_out_unsolved()?;
    let program = answers.build_what_compiles()?;
    Ok(Built {
        program: program.map(|program| alone.with_program(program)),
        refused: answers.refused,
    })
}

/// A program to talk to, with the learner's answers of several chapters.
pub struct Speaker {
    /// The program.
    pub program: Program,
    /// The exercises that are not in it; see [`Built::refused`].
    pub refused: BTreeMap<String, Verdict>,
}

/// Builds what a conversation is with, on the functions of what the learner's files of some chapters
/// say; on the reference's, if there are none. An exercise that is not solved or does not compile is
/// the reference's, and told with the refused ones.
///
/// # Errors
/// As for [`with_learner`].
pub fn speaker(course: &Course, files: &[(&Chapter, String)]) -> Result<Speaker> {
    let alone = Alone::in_conversation(course)?;
    if files.is_empty() {
        let program = alone.with_program(example(course, SPEAKER, "the model")?);
        return Ok(Speaker { program, refused: BTreeMap::new() });
    }
    let purpose = Purpose::Conversation;
    let mut all = Vec::new();
    for (chapter, text) in files {
        let mut answers = Answers::new(course, chapter, text, purpose)?;
        answers.leave_out_unsolved()?;
        all.push(answers);
    }
    let marks = all.iter().map(Answers::lay).collect::<Result<Vec<_>>>()?;
    let mut outcome = speaker_on(course, &marks.concat())?;
    if matches!(outcome, Outcome::Failed(_)) {
        outcome = speaker_on(course, &lay_what_compiles(course, &mut all)?)?;
    }
    let path = match outcome {
        Outcome::Program(path) => path,
        Outcome::Failed(failure) => bail!("{REPLY} does not compile:\n{}", failure.text()),
    };
    let refused = all.into_iter().flat_map(|answers| answers.refused).collect();
    Ok(Speaker { program: alone.with_program(path), refused })
}

/// Lays what compiles of several files, one after another: the others are the reference's meanwhile,
/// so that every error is in the one. Returns their marks.
fn lay_what_compiles(course: &Course, all: &mut [Answers]) -> Result<String> {
    let mut references = Vec::new();
    for Answers { chapter, unsolved, purpose, .. } in all.iter() {
        let mut reference = Answers::new(course, chapter, unsolved, *purpose)?;
        reference.leave_out_unsolved()?;
        references.push(reference);
    }
    let mut marks = references.iter().map(Answers::lay).collect::<Result<Vec<_>>>()?;
    for (i, answers) in all.iter_mut().enumerate() {
        marks[i].clear();
        answers.beside = marks.concat();
        marks[i] = match answers.build_what_compiles()? {
            Some(_) => answers.lay()?,
            None => references[i].lay()?,
        };
    }
    Ok(marks.concat())
}

/// The verdict on an answer that is still the starter's.
fn not_begun(exercise: &Exercise) -> Verdict {
    Verdict::Unsolved { todo: exercise.title.clone(), place: None, right: 0, of: 0 }
}

/// What is compiled in place of a learner's file.
struct Answers<'a> {
    purpose: Purpose<'a>,
    course: &'a Course,
    chapter: &'a Chapter,
    /// The starter.
    unsolved: String,
    /// The learner's file.
    original: String,
    /// The learner's file without what does not compile. No line moves.
    text: String,
    /// Functions that are not in it; they come after it.
    added: String,
    /// What was left out, and why.
    refused: BTreeMap<String, Verdict>,
    /// The marks of the other chapters' files that are compiled with it, in a conversation.
    beside: String,
}

impl<'a> Answers<'a> {
    fn new(
        course: &'a Course,
        chapter: &'a Chapter,
        original: &str,
        purpose: Purpose<'a>,
    ) -> Result<Self> {
        // Some editors begin a file with a mark of its encoding, which is none of its text.
        let original = original.trim_start_matches('\u{feff}').to_string();
        Ok(Answers {
            purpose,
            course,
            chapter,
            unsolved: files::read(&course.root.join(chapter.starter()))?,
            text: original.clone(),
            original,
            added: String::new(),
            refused: BTreeMap::new(),
            beside: String::new(),
        })
    }

    /// Leaves out what is still the starter's.
    fn leave_out_unsolved(&mut self) -> Result<()> {
        for exercise in &self.chapter.exercises {
            if starter::is_unsolved(&self.unsolved, &self.original, &exercise.id) {
                self.leave_out(exercise.id.clone(), not_begun(exercise), false)?;
            }
        }
        Ok(())
    }

    /// Leaves out what does not compile until the rest does. `None` if it never does.
    fn build_what_compiles(&mut self) -> Result<Option<PathBuf>> {
        let mut torn = self.torn_sections();
        loop {
            let failure = match self.build(&format!("{}{}", self.text, self.added))? {
                Outcome::Program(program) => return Ok(Some(program)),
                Outcome::Failed(failure) => failure,
            };
            if failure.is_full_disk() {
                bail!("the disk is full:\n{}", failure.text());
            }
            // What a part of the file leaves open, the compiler finds far away, in others; so it is
            // left out first. One such may hide another.
            if let Some(start) = self.torn_start() {
                let verdict = does_not_compile(&self.alone(start)?);
                self.refuse_the_rest(&verdict);
                return Ok(None);
            }
            if !torn.is_empty() {
                for Section { id, lines } in std::mem::take(&mut torn) {
                    let verdict = does_not_compile(&self.alone(lines)?);
                    self.leave_out(id, verdict, false)?;
                }
                continue;
            }
            let mut found = Found::default();
            for error in &failure.errors {
                found.sort(error, self);
            }
            if found.by_exercise.is_empty() && found.elsewhere.is_empty() {
                if self.leave_out_what_kills_the_compiler(&failure)? {
                    continue;
                }
                return Ok(None);
            }
            let before = self.refused.len();
            if found.elsewhere.is_empty() {
                for (id, Blame { errors, missing }) in found.by_exercise {
                    let verdict = waits_on(&errors, &self.original, &self.refused)
                        .unwrap_or_else(|| does_not_compile(&errors));
                    self.leave_out(id, verdict, missing)?;
                }
            }
            // Nobody's fault in particular, such as an import's; then nothing can be run.
            if self.refused.len() == before {
                let all = failure.errors.iter();
                let own = all.filter(|error| self.own_line(error).is_some());
                let own: Vec<_> = own.map(|e| Complaint::of(e, self.chapter)).collect();
                let verdict = does_not_compile(&[found.elsewhere, own].concat());
                self.refuse_the_rest(&verdict);
                return Ok(None);
            }
        }
    }

    /// The exercises whose sections cannot be read by themselves: a quote or a bracket is open.
    fn torn_sections(&self) -> Vec<Section> {
        let known = |id: &String| self.chapter.exercises.iter().any(|e| e.id == *id);
        let sections = starter::sections(&self.original).into_iter();
        sections.filter(|section| known(&section.id) && self.is_torn(&section.lines)).collect()
    }

    /// What comes before all sections, if it cannot be read by itself.
    fn torn_start(&self) -> Option<Range<usize>> {
        let first = starter::sections(&self.original).into_iter().next()?;
        let start = 0..first.lines.start;
        self.is_torn(&start).then_some(start)
    }

    fn is_torn(&self, lines: &Range<usize>) -> bool {
        let all: Vec<&str> = self.original.lines().collect();
        !source::is_whole(&all[lines.clone()].join("\n"))
    }

    /// What the compiler says of lines that it cannot read, when nothing else is in the file.
    fn alone(&self, lines: Range<usize>) -> Result<Vec<Complaint>> {
        let all = self.original.lines().take(lines.end).enumerate();
        let text: Vec<&str> =
            all.map(|(i, line)| if i < lines.start { "" } else { line }).collect();
        let mut complaints = Vec::new();
        if let Outcome::Failed(failure) = self.build(&(text.join("\n") + "\n"))? {
            let here = failure.errors.iter().filter(|error| {
                let line = error.line_in(&overlay(self.chapter, self.purpose));
                line.is_some_and(|line| lines.contains(&(line - 1)))
            });
            complaints.extend(here.map(|error| Complaint::of(error, self.chapter)));
        }
        if complaints.is_empty() {
            let what = "error: a quote or a bracket is opened and never closed, or closed and never opened";
            complaints.push(Complaint {
                text: format!(
                    "{what}, in lines {} to {} of {}",
                    lines.start + 1,
                    lines.end,
                    self.chapter.answers().display()
                ),
                unknown_name: None,
            });
        }
        Ok(complaints)
    }

    /// Leaves an exercise out; `missing` if its function is not in the file at all.
    fn leave_out(&mut self, id: String, verdict: Verdict, missing: bool) -> Result<()> {
        let stub = self.stub(&id)?;
        if missing {
            self.added += &(stub + "\n");
        } else {
            self.text = replace_lines(&self.text, &id, &stub);
        }
        self.refused.entry(id).or_insert(verdict);
        Ok(())
    }

    fn refuse_the_rest(&mut self, verdict: &Verdict) {
        for exercise in &self.chapter.exercises {
            let id = exercise.id.clone();
            self.refused.entry(id).or_insert_with(|| verdict.clone());
        }
    }

    /// What stands in place of an exercise that is left out.
    fn stub(&self, id: &str) -> Result<String> {
        match self.purpose {
            Purpose::Check => starter::stub(self.chapter, &self.unsolved, id),
            Purpose::Demonstration(_) | Purpose::Conversation => {
                let (_, exercise) = self.course.exercise(id)?;
                starter::reference_stub(self.course, self.chapter, exercise, &self.original)
            }
        }
    }

    /// What points at no line of anybody's: a linker's errors, or a compiler that was killed or ran out of memory. If the
    /// starter compiles, it is the learner's file all the same. Each exercise is then tried without the others, and
    /// left out if that goes no better. Whether any was, and others were not.
    fn leave_out_what_kills_the_compiler(&mut self, failure: &Failure) -> Result<bool> {
        if !matches!(self.build(&self.unsolved)?, Outcome::Program(_)) {
            bail!("{} does not compile:\n{}", self.chapter.package, failure.text());
        }
        let open = self.chapter.exercises.iter().map(|exercise| exercise.id.clone());
        let open: Vec<String> = open
            .filter(|id| !self.refused.contains_key(id))
            .filter(|id| !starter::is_unsolved(&self.unsolved, &self.original, id))
            .collect();
        let mut found = Vec::new();
        for id in &open {
            let mut alone = self.text.clone();
            for other in open.iter().filter(|other| *other != id) {
                alone = replace_lines(&alone, other, &self.stub(other)?);
            }
            // Errors that have a place are sorted out with the others.
            if let Outcome::Failed(failure) = self.build(&format!("{alone}{}", self.added))?
                && !failure.points_at_code()
            {
                found.push((id.clone(), own_name(self.chapter, &failure.text())));
            }
        }
        if found.is_empty() || found.len() == open.len() {
            let errors = vec![own_name(self.chapter, &failure.text())];
            self.refuse_the_rest(&Verdict::DoesNotCompile { errors });
            return Ok(false);
        }
        for (id, error) in found {
            self.leave_out(id, Verdict::DoesNotCompile { errors: vec![error] }, false)?;
        }
        Ok(true)
    }

    /// The line, from 0, of the learner's file that an error points at: one that is in it, not one
    /// that stands there in its place.
    fn own_line(&self, error: &Error) -> Option<usize> {
        let line = error.line_in(&overlay(self.chapter, self.purpose))? - 1;
        let (now, own) = (self.text.lines().nth(line), self.original.lines().nth(line));
        (now.is_some() && now == own).then_some(line)
    }

    /// Lays the overlay as it is now, and returns its mark.
    fn lay(&self) -> Result<String> {
        lay_overlay(
            self.course,
            self.chapter,
            self.purpose,
            &format!("{}{}", self.text, self.added),
        )
    }

    fn build(&self, text: &str) -> Result<Outcome> {
        let mark = lay_overlay(self.course, self.chapter, self.purpose, text)?;
        match self.purpose {
            Purpose::Check => check_program(self.course, self.chapter, Some(("overlay", &mark))),
            Purpose::Demonstration(demonstration) => {
                let what = format!("chapter {}'s demonstration", self.chapter.number);
                demonstration_on(self.course, demonstration, &mark, &what)
            }
            Purpose::Conversation => speaker_on(self.course, &format!("{}{mark}", self.beside)),
        }
    }
}

/// The overlay's place, from the root on.
fn overlay(chapter: &Chapter, purpose: Purpose) -> PathBuf {
    let folder = match purpose {
        Purpose::Check => "overlay",
        // A copy of its own: else each would have to be compiled again after the other.
        Purpose::Demonstration(_) => "mine",
        Purpose::Conversation => "conversation",
    };
    format!(".attn/{folder}/{:02}/exercise.rs", chapter.number).into()
}

/// What an overlay begins with, on its first line, so that no line moves.
fn reads_its_mark(mark: &str) -> String {
    format!("#![doc = ::core::env!(\"ATTN_ANSWERS\")] /* {mark} */ ")
}

/// Writes the overlay, unless it says just this already, and returns its mark.
fn lay_overlay(course: &Course, chapter: &Chapter, purpose: Purpose, text: &str) -> Result<String> {
    let file = course.root.join(overlay(chapter, purpose));
    let there = files::read_if_there(&file).ok().flatten();
    let there = there.unwrap_or_default();
    let mark = there.split(' ').nth(4).unwrap_or_default();
    if there.strip_prefix(&reads_its_mark(mark)) == Some(text) {
        return Ok(mark.to_string());
    }
    let mark = format!("{:016x}", RandomState::new().hash_one(SystemTime::now()));
    files::write(&file, reads_its_mark(&mark) + text)?;
    Ok(mark)
}

/// Builds a demonstration with the answers in the overlays of these marks.
fn demonstration_on(
    course: &Course,
    Demonstration { package, example, .. }: Demonstration,
    marks: &str,
    what: &str,
) -> Result<Outcome> {
    let arguments = ["rustc", "--package", package, "--example", example, "--"];
    let arguments = [&arguments[..], &on_answers("overlay")].concat();
    let what = format!("Compiling {what} on your functions{}", minutes(package));
    build(&course.root, &arguments, Some(marks), &what)
}

/// Builds what a conversation is with, as [`demonstration_on`].
fn speaker_on(course: &Course, marks: &str) -> Result<Outcome> {
    demonstration_on(course, SPEAKER, marks, "the model")
}

/// What a conversation is with.
const SPEAKER: Demonstration = Demonstration { package: SMOLLM, example: REPLY, calls: &[] };

/// What is said of the time that a package takes to compile.
fn minutes(package: &str) -> &'static str {
    match package {
        SMOLLM => " (the first time takes a few minutes)",
        _ => "",
    }
}

/// Builds a demonstration, which is called `what`, and returns the program.
///
/// # Errors
/// When it does not compile.
pub fn example(
    course: &Course,
    Demonstration { package, example, .. }: Demonstration,
    what: &str,
) -> Result<PathBuf> {
    let arguments = ["build", "--package", package, "--example", example];
    let what = format!("Compiling {what}{}", minutes(package));
    match build(&course.root, &arguments, None, &what)? {
        Outcome::Program(program) => Ok(program),
        Outcome::Failed(failure) => bail!("{example} does not compile:\n{}", failure.text()),
    }
}

/// Builds the book's program and returns it.
///
/// # Errors
/// When it does not compile.
pub fn book(course: &Course) -> Result<PathBuf> {
    if !io::stderr().is_terminal() {
        // Where no progress can be shown.
        eprintln!("Compiling the book's program (the first time takes about a minute) …");
    }
    program_of(course, "attn-book", "the book's program")
}

/// Builds the server of chapter 10's engine and returns it.
///
/// # Errors
/// When it does not compile.
pub fn server(course: &Course) -> Result<PathBuf> {
    program_of(course, "attn-serve", "the server")
}

/// Builds the classroom's program and returns it.
///
/// # Errors
/// When it does not compile.
pub fn classroom(course: &Course) -> Result<PathBuf> {
    program_of(course, "attn-classroom", "the classroom's program")
}

/// Builds the program of a package of the course that has its name.
fn program_of(course: &Course, package: &str, what: &str) -> Result<PathBuf> {
    let arguments = ["build", "--package", package, "--bin", package];
    let what = format!("Compiling {what} (the first time takes about a minute)");
    built(course, &arguments, &what, package)
}

/// Builds a program of a package by these arguments.
fn built(course: &Course, arguments: &[&str], what: &str, package: &str) -> Result<PathBuf> {
    match build(&course.root, arguments, None, what)? {
        Outcome::Program(program) => Ok(program),
        Outcome::Failed(failure) => bail!("{package} does not compile:\n{}", failure.text()),
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
    built(course, &arguments, what, "attn-bench")
}

/// Builds the program that checks and times chapter 9's kernels on a GPU, optimised, and returns it.
///
/// # Errors
/// When it does not compile.
pub fn gpu(course: &Course, chapter: &Chapter) -> Result<PathBuf> {
    let package = &chapter.package;
    let arguments = ["build", "--release", "--package", package, "--example", "gpu"];
    built(course, &arguments, "Compiling for a GPU, optimised (a minute)", package)
}

/// What the compiler is told where somebody's answers are compiled. Only there are lines noted, which a panic in a
/// library is traced to: noted everywhere, they are most of what the tests' programs take on the disk.
fn on_answers(cfg: &str) -> [&str; 6] {
    ["--cfg", cfg, "-C", "debuginfo=line-tables-only", "-C", "strip=none"]
}

/// Builds the check program; `answers` says which are compiled, and with which mark.
fn check_program(
    course: &Course,
    chapter: &Chapter,
    answers: Option<(&str, &str)>,
) -> Result<Outcome> {
    let mut arguments = vec!["rustc", "--package", &chapter.package];
    arguments.extend(["--test", "check", "--profile", "test"]);
    if let Some((cfg, _)) = answers {
        arguments.push("--");
        arguments.extend(on_answers(cfg));
    }
    let mark = answers.map(|(_, mark)| mark);
    let what = format!("Compiling chapter {}'s check program", chapter.number);
    build(&course.root, &arguments, mark, &what)
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
            text: own_name(chapter, &error.short()) + one_file(error),
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
    fn sort(&mut self, error: &Error, answers: &Answers) {
        let Answers { chapter, unsolved, .. } = answers;
        let complaint = Complaint::of(error, chapter);
        if let Some(line) = answers.own_line(error) {
            let mut sections = starter::sections(&answers.text).into_iter();
            match sections.find(|section| section.lines.contains(&line)) {
                Some(section) if chapter.exercises.iter().any(|e| e.id == section.id) => {
                    self.by_exercise.entry(section.id).or_default().errors.push(complaint)
                }
                _ => self.elsewhere.push(complaint),
            }
            return;
        }
        // In the program, where the exercises are joined to the answers.
        let joined = Regex::new("answers::([A-Za-z0-9_]+)").expect("a valid pattern");
        let item = error.source_lines().find_map(|line| joined.captures(line));
        let item = item.map(|captures| captures[1].to_string());
        let exercise = chapter.exercises.iter().find(|e| Some(&e.item) == item.as_ref());
        let Some(exercise) = exercise else {
            return;
        };
        let missing = error.code() == Some("E0425");
        let complaint = if missing { "is not there" } else { "does not begin as it has to" };
        let signature = starter::signature(unsolved, &exercise.id).unwrap_or_default();
        let blame = self.by_exercise.entry(exercise.id.clone()).or_default();
        blame.missing |= missing;
        blame.errors.push(Complaint {
            text: format!("`{}` {complaint}. Its first line:\n{signature}", exercise.item),
            unknown_name: None,
        });
    }
}

fn does_not_compile(errors: &[Complaint]) -> Verdict {
    Verdict::DoesNotCompile { errors: errors.iter().map(|error| error.text.clone()).collect() }
}

/// When all that is wrong is that names are unknown which a section defines that had to be taken
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
            let section = starter::section(original, id).unwrap_or_default();
            // What is torn cannot be read by its tokens.
            source::defines(&section, name)
                || !source::is_whole(&section) && section.contains(name.as_str())
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

/// The compiler names the learner's file by way of the program that includes its copy; this names it
/// plainly.
pub fn own_name(chapter: &Chapter, message: &str) -> String {
    let (dir, number) = (chapter.dir.display(), chapter.number);
    let file = chapter.answers().display().to_string();
    let copy = Regex::new(&format!(
        r"({}|{})[/\\](src|examples[/\\]\w+)[/\\](\.\.[/\\])+\.attn[/\\](overlay|mine|conversation)[/\\]{number:02}[/\\]exercise\.rs",
        regex_lite::escape(&dir.to_string()),
        regex_lite::escape(SMOLLM_DIR)
    ));
    let copy = copy.expect("a valid pattern");
    let message = copy.replace_all(message, regex_lite::NoExpand(&file));
    let mark =
        Regex::new(&regex_lite::escape(&reads_its_mark("MARK")).replace("MARK", "[0-9a-f]+"));
    let mark = mark.expect("a valid pattern");
    mark.replace_all(&message, "").into_owned()
}

/// What to say to somebody who spreads the answers over several files.
fn one_file(error: &Error) -> &'static str {
    match error.code() {
        Some("E0583") => "\nYour answers are one file: put the text of that module into it.",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_writing_has_a_mark_of_its_own() {
        let dir = tempfile::tempdir().expect("a folder");
        let course = Course { root: dir.path().into(), chapters: Vec::new() };
        let toml = "number = 3\ntitle = \"\"\nreading_minutes = 1\nprerequisites = []\nobjectives = []\n\
             demo = \"\"\nimports = \"\"\nexercise = []\n";
        let chapter: Chapter = toml::from_str(toml).expect("a chapter");
        let lay = |text| lay_overlay(&course, &chapter, Purpose::Check, text).expect("written");
        let marks = [lay("one"), lay("two"), lay("one"), lay("")];
        assert_eq!(lay(""), marks[3], "the same text, not written again");
        for (i, mark) in marks.iter().enumerate() {
            assert!(!mark.is_empty() && !marks[..i].contains(mark), "{marks:?}");
        }
        let text =
            files::read(&dir.path().join(overlay(&chapter, Purpose::Check))).expect("readable");
        assert_eq!(own_name(&chapter, &(text + "after")), "after");
    }
}
