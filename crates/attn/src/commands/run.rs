//! `cargo attn run`: a chapter's demonstration.

use crate::{
    Chapter, Course, Demonstration, Exercise, Language, Target, answers, compile,
    output::{complain, println},
    program, progress, render, smollm, source, starter,
};
use anyhow::{Result, bail, ensure};
use attn_exercise::{Demonstrated, Limits, Place, Symptom, Verdict};
use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    path::Path,
    process::{self, Command},
};

/// What the learner's file is called.
const ANSWERS: &str = "exercise.rs";

/// Asks for the demonstration on the learner's functions.
const MINE: &str = "--mine";

/// The seconds that one call of a learner's function may take, of a demonstration that does more
/// than a check does: as long as chapter 8's own patience with a rung.
const SECONDS: u64 = 60;

/// Asks for the demonstration in a real language model.
const MODEL: &str = "--model";

/// Compiles the demonstration and becomes it, in the current folder and with the given arguments; or
/// with `--mine` among them, runs it on the learner's functions. With `--model` it is another
/// demonstration, in a real language model.
///
/// # Errors
/// When it does not compile or cannot be started.
pub fn run(course: &Course, number: u32, arguments: &[String]) -> Result<bool> {
    let chapter = course.chapter(number)?;
    let mut arguments = arguments.to_vec();
    let model = model_asked_for(&mut arguments)?;
    let demonstration = match &model {
        Some(name) => on_model(course, chapter, name)?,
        None => chapter.demonstration(),
    };
    // CUDA is read when the demonstration runs; it knows itself what is the learner's, and the
    // simulator has limits of its own.
    let mine = arguments.iter().position(|argument| argument == MINE);
    if let Some(mine) = mine.filter(|_| chapter.language == Language::Rust) {
        arguments.remove(mine);
        ensure!(
            !demonstration.calls.is_empty(),
            "chapter {number}'s demonstration calls no exercise, so there is nothing of yours in it"
        );
        return on_yours(course, chapter, demonstration, &arguments);
    }
    become_reference(course, chapter, demonstration, &arguments)
}

/// Becomes a demonstration on the reference's functions.
fn become_reference(
    course: &Course,
    chapter: &Chapter,
    demonstration: Demonstration,
    arguments: &[String],
) -> Result<bool> {
    let what = format!("chapter {}'s demonstration", chapter.number);
    let program = compile::example(course, demonstration, &what)?;
    program::become_it(Command::new(program).args(arguments))
}

/// Takes `--model NAME` or `--model=NAME` out of the arguments.
fn model_asked_for(arguments: &mut Vec<String>) -> Result<Option<String>> {
    let prefix = format!("{MODEL}=");
    let is_it = |argument: &String| argument == MODEL || argument.starts_with(&prefix);
    let Some(at) = arguments.iter().position(is_it) else {
        return Ok(None);
    };
    let argument = arguments.remove(at);
    if let Some(name) = argument.strip_prefix(&prefix) {
        return Ok(Some(name.into()));
    }
    ensure!(at < arguments.len(), "{MODEL} of what? The model is called {}", smollm::NAME);
    Ok(Some(arguments.remove(at)))
}

/// A chapter's demonstration in the model of this name.
fn on_model<'a>(course: &Course, chapter: &'a Chapter, name: &str) -> Result<Demonstration<'a>> {
    ensure!(name == smollm::NAME, "there is no model {name}; the model is called {}", smollm::NAME);
    let Some(demonstration) = chapter.on_model() else {
        let with = course.chapters.iter().filter(|chapter| chapter.smollm2.is_some());
        let with: Vec<_> = with.map(|chapter| chapter.number.to_string()).collect();
        bail!("chapter {} is not shown in {name}; these are: {}", chapter.number, with.join(", "))
    };
    smollm::expect(course)?;
    Ok(demonstration)
}

/// Compares the gradients of a chapter, or of the chapter of an exercise, with differences of the
/// functions that they should be the gradients of. All are the learner's, as far as they are written.
///
/// # Errors
/// When the chapter has none, or the program does not compile or cannot be started.
pub fn gradcheck(course: &Course, target: &Target, seed: u64) -> Result<bool> {
    let with: Vec<String> = course
        .chapters
        .iter()
        .filter(|chapter| !chapter.gradients.is_empty())
        .map(|chapter| chapter.number.to_string())
        .collect();
    let chapter = match target {
        Target::All => bail!("say of which chapter: {}", with.join(", ")),
        Target::Chapter(number) => course.chapter(*number)?,
        Target::Exercise(id) => course.exercise(id)?.0,
    };
    ensure!(
        !chapter.gradients.is_empty(),
        "chapter {} has no gradients to check; these have: {}",
        chapter.number,
        with.join(", ")
    );
    on_yours(course, chapter, chapter.gradcheck(), &[seed.to_string()])
}

/// Whose function stands for each exercise: the learner's, unless it had to be left out.
type LeftOut = BTreeMap<String, Verdict>;

/// What a chapter has in a program that runs a learner's functions.
pub struct Part<'a> {
    /// The chapter.
    pub chapter: &'a Chapter,
    /// The ids of the exercises whose functions the program calls itself.
    pub calls: &'a [String],
    /// What the learner's file says.
    pub text: String,
}

fn on_yours(
    course: &Course,
    chapter: &Chapter,
    demonstration: Demonstration,
    arguments: &[String],
) -> Result<bool> {
    let text = answers::text(course, chapter)?;
    let built = compile::demonstration(course, chapter, demonstration, &text)?;
    let parts = [Part { chapter, calls: demonstration.calls, text }];
    say_whose(course, &parts, &built.refused)?;
    let Some(program) = built.program else {
        return become_reference(course, chapter, demonstration, arguments);
    };
    let yours = yours(&parts, &built.refused);
    let outcome = program.demonstrate(arguments, yours, &limits())?;
    drop(program);
    match outcome {
        Demonstrated::Ended { code: 0 } => return Ok(true),
        Demonstrated::Ended { code } => process::exit(code),
        outcome => {
            complain(format_args!("{}", what_happened(course, &parts, &built.refused, outcome)))
        }
    }
    Ok(false)
}

/// The limits on each call of a learner's function in a demonstration.
pub fn limits() -> Limits {
    let seconds = env::var("ATTN_DEMONSTRATION_SECONDS").ok();
    let seconds = seconds.and_then(|text| text.parse().ok()).unwrap_or(SECONDS);
    Limits { seconds, ..Limits::default() }
}

/// The exercises whose functions are the learner's.
pub fn yours(parts: &[Part], left_out: &LeftOut) -> Vec<String> {
    let ids = parts.iter().flat_map(|part| &part.chapter.exercises).map(|exercise| &exercise.id);
    ids.filter(|id| !left_out.contains_key(*id)).cloned().collect()
}

/// One sentence about what went wrong in a program on a learner's functions, and in whose.
pub fn what_happened(
    course: &Course,
    parts: &[Part],
    left_out: &LeftOut,
    outcome: Demonstrated,
) -> String {
    match outcome {
        Demonstrated::Ended { code } => format!("The demonstration ended with exit status {code}."),
        Demonstrated::Todo { todo, id } => format!(
            "{} is half written: its todo was reached, “{todo}”",
            named(course, left_out, id.as_deref()),
        ),
        Demonstrated::Stopped { symptom, id } => {
            let standing_in = in_a_reference(parts, left_out, &symptom);
            let id = standing_in.map(|exercise| exercise.id.as_str()).or(id.as_deref());
            let who = named(course, left_out, id);
            let theirs = id.is_none_or(|id| left_out.contains_key(id));
            match symptom {
                // Nothing of the learner's is at that place.
                Symptom::Panicked { message, .. } if theirs => {
                    format!("{who} could not go on with what your functions gave: {message}")
                }
                // A place that is not in the learner's file says nothing to the learner.
                Symptom::Panicked { message, place } => {
                    let place = place.filter(|place| place.file.ends_with(ANSWERS));
                    let symptom = Symptom::Panicked { message, place };
                    format!("{who} {}", render::symptom(course, &symptom))
                }
                symptom => format!("{who} {}", render::symptom(course, &symptom)),
            }
        }
    }
}

/// Says whose each function is.
///
/// # Errors
/// When the progress or a reference cannot be read.
pub fn say_whose(course: &Course, parts: &[Part], left_out: &LeftOut) -> Result<()> {
    let progress = progress::load(course)?;
    let mut groups: Vec<(String, Vec<String>)> = Vec::new();
    for Part { chapter, calls, text } in parts {
        let called =
            demonstrated(chapter, calls, |exercise| match left_out.contains_key(&exercise.id) {
                true => starter::solution(course, chapter, exercise),
                false => Ok(starter::section(text, &exercise.id).unwrap_or_default()),
            })?;
        for Exercise { id, item, .. } in called {
            let whose = match left_out.get(id) {
                // The file may have changed since.
                None if progress.of(id).solved => "Yours (right when last checked)".to_string(),
                None => "Yours (its last check, if any, did not pass)".into(),
                Some(verdict) => format!("The reference's (yours {})", why(verdict)),
            };
            let function = format!("{item} ({id})");
            match groups.iter_mut().find(|(group, _)| *group == whose) {
                Some((_, functions)) => functions.push(function),
                None => groups.push((whose, vec![function])),
            }
        }
    }
    groups.sort_by_key(|(whose, _)| !whose.starts_with("Yours"));
    for (whose, functions) in groups {
        render::paragraph("", &format!("{whose}: {}", functions.join(", ")));
    }
    println!();
    Ok(())
}

/// The exercises that a demonstration calls, and those that they call in turn, where an answer's text
/// is as `code` has it.
fn demonstrated<'a>(
    chapter: &'a Chapter,
    calls: &[String],
    code: impl Fn(&Exercise) -> Result<String>,
) -> Result<Vec<&'a Exercise>> {
    let is_called = |exercise: &&Exercise| calls.contains(&exercise.id);
    let mut called: Vec<&Exercise> = chapter.exercises.iter().filter(is_called).collect();
    let mut at = 0;
    while let Some(exercise) = called.get(at) {
        at += 1;
        let code = code(exercise)?;
        let is_new = |other: &&Exercise| called.iter().all(|known| known.id != other.id);
        let more: Vec<&Exercise> = chapter.exercises.iter().filter(is_new).collect();
        called.extend(more.iter().filter(|other| source::calls(&code, &other.item)));
    }
    called.sort_by_key(|called| chapter.exercises.iter().position(|it| it.id == called.id));
    Ok(called)
}

/// The exercises that a chapter's demonstration shows at work.
///
/// # Errors
/// When a reference cannot be read.
pub fn at_work<'a>(course: &Course, chapter: &'a Chapter) -> Result<Vec<&'a Exercise>> {
    let calls = &chapter.demonstrates;
    demonstrated(chapter, calls, |exercise| starter::solution(course, chapter, exercise))
}

/// The chapter whose demonstration shows a function that has just passed, of those that were checked
/// in one chapter.
///
/// # Errors
/// When a reference cannot be read.
pub fn worth_a_run(course: &Course, passed: &[&str]) -> Result<Option<u32>> {
    let chapters: BTreeSet<u32> =
        passed.iter().filter_map(|id| Some(course.exercise(id).ok()?.0.number)).collect();
    let mut chapters = chapters.into_iter();
    let (Some(number), None) = (chapters.next(), chapters.next()) else {
        return Ok(None);
    };
    let shown = at_work(course, course.chapter(number)?)?;
    Ok(shown.iter().any(|shown| passed.contains(&shown.id.as_str())).then_some(number))
}

/// What to try after a pass.
pub fn mine_command(number: u32) -> String {
    format!("cargo attn run {number} {MINE}")
}

/// Why an answer was left out.
fn why(verdict: &Verdict) -> String {
    match verdict {
        Verdict::DoesNotCompile { .. } => "does not compile".into(),
        Verdict::WaitsOn { on } => format!("waits on {on}"),
        _ => "is not solved yet".into(),
    }
}

/// Who did something.
fn named(course: &Course, left_out: &LeftOut, id: Option<&str>) -> String {
    let exercise = id.and_then(|id| course.exercise(id).ok());
    match exercise {
        None => "The demonstration".into(),
        Some((_, Exercise { id, item, .. })) if left_out.contains_key(id) => {
            format!("The reference's {item} ({id})")
        }
        Some((_, Exercise { id, item, .. })) => format!("{item} ({id})"),
    }
}

/// The exercise whose reference panicked, where one stands in a learner's file in the place of what
/// was left out.
fn in_a_reference<'a>(
    parts: &[Part<'a>],
    left_out: &LeftOut,
    symptom: &Symptom,
) -> Option<&'a Exercise> {
    let Symptom::Panicked { place: Some(Place { file, line }), .. } = symptom else {
        return None;
    };
    let line = (*line as usize).checked_sub(1)?;
    let is_in = |part: &&Part| {
        let file = Path::new(file);
        file.ends_with(format!("{:02}/{ANSWERS}", part.chapter.number))
    };
    let Part { chapter, text, .. } = parts.iter().find(is_in)?;
    let sections = starter::sections(text);
    let section = sections.into_iter().find(|section| section.lines.contains(&line))?;
    let mut exercises = chapter.exercises.iter();
    exercises.find(|exercise| exercise.id == section.id && left_out.contains_key(&exercise.id))
}
