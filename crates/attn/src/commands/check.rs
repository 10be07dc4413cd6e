//! `cargo attn check` and `cargo attn watch`.

use super::run::{mine_command, worth_a_run};
use crate::{
    Course, Target, answers, check as run_check,
    check::SEED,
    files,
    output::{complain, println},
    progress, render,
};
use anstream::adapter::strip_str;
use anyhow::Result;
use attn_exercise::{Report, Verdict};
use owo_colors::OwoColorize;
use serde::Serialize;
use serde_json::Value;
use std::{
    fs,
    path::PathBuf,
    thread,
    time::{Duration, SystemTime},
};

#[derive(Serialize)]
struct Checked {
    solved: usize,
    of: usize,
    points: u32,
    exercises: Vec<Report>,
}

/// Checks and prints the verdicts, in detail only the first that is wrong; or all of it as JSON.
///
/// # Errors
/// When something other than an answer is wrong.
pub fn check(
    course: &Course,
    target: &Target,
    solution: bool,
    seed: u64,
    json: bool,
) -> Result<bool> {
    let reports = if json {
        run_check(course, target, solution, seed, |_, _| {})?
    } else {
        check_aloud(course, target, solution, seed, |_| {})?
    };
    let (of, solved) = (reports.len(), passed(&reports).count());
    if json {
        let checked = Checked { solved, of, points: points(course, &reports), exercises: reports };
        println!("{}", plain(serde_json::to_value(&checked)?));
    }
    Ok(solved == of)
}

/// The JSON without the colours that the compiler, or an answer, puts into its messages.
fn plain(mut value: Value) -> String {
    fn strip(value: &mut Value) {
        match value {
            Value::String(text) => *text = strip_str(text).to_string(),
            Value::Array(values) => values.iter_mut().for_each(strip),
            Value::Object(values) => values.values_mut().for_each(strip),
            _ => {}
        }
    }
    strip(&mut value);
    format!("{value:#}")
}

/// Checks and prints; `also` is told each verdict as it comes.
///
/// # Errors
/// When something other than an answer is wrong.
pub fn check_aloud(
    course: &Course,
    target: &Target,
    solution: bool,
    seed: u64,
    mut also: impl FnMut(&Report),
) -> Result<Vec<Report>> {
    let mut chapter_shown = None;
    // Only the first wrong answer in detail, with a blank line on either side.
    let (mut detailed, mut gap) = (false, false);
    // Why something could not be run at all, as said last: that is said for every chapter.
    let mut unrun = None;
    let reports = run_check(course, target, solution, seed, |report, doubtful| {
        also(report);
        let Ok((chapter, exercise)) = course.exercise(&report.id) else {
            return;
        };
        if chapter_shown != Some(chapter.number) {
            if chapter_shown.is_some() {
                println!();
                gap = false;
            }
            render::chapter(chapter);
            chapter_shown = Some(chapter.number);
        }
        if gap {
            println!();
            gap = false;
        }
        render::verdict(exercise, &report.verdict);
        let wrong = matches!(
            report.verdict,
            Verdict::Failed(_) | Verdict::DoesNotCompile { .. } | Verdict::CannotBeChecked { .. }
        );
        let why = match &report.verdict {
            Verdict::CannotBeChecked { why } => Some(why.clone()),
            _ => None,
        };
        if wrong && !detailed || why.is_some() && why != unrun {
            detailed = true;
            unrun = why;
            gap = true;
            render::details(course, exercise, report);
            doubtful.iter().for_each(|other| render::doubtful(other));
        }
    })?;
    let (solved, points) = (passed(&reports).count(), points(course, &reports));
    println!("\n{solved} of {} solved, {points} points", reports.len());
    if !solution {
        let passed: Vec<&str> = passed(&reports).map(|report| report.id.as_str()).collect();
        if let Some(number) = worth_a_run(course, &passed)? {
            println!("See it at work: {}", mine_command(number));
        }
        advise(course, &reports)?;
    }
    Ok(reports)
}

fn passed(reports: &[Report]) -> impl Iterator<Item = &Report> {
    reports.iter().filter(|report| report.verdict.is_passed())
}

fn points(course: &Course, reports: &[Report]) -> u32 {
    let exercises = passed(reports).filter_map(|report| course.exercise(&report.id).ok());
    exercises.map(|(_, exercise)| exercise.points).sum()
}

/// One line on what to do now.
fn advise(course: &Course, reports: &[Report]) -> Result<()> {
    let open = reports.iter().find(|report| !report.verdict.is_passed());
    let id = match open {
        Some(Report { verdict: Verdict::WaitsOn { on }, .. }) => on.clone(),
        Some(report) => report.id.clone(),
        // What is left of the chapter that was worked on, then of the course.
        None => {
            let progress = progress::load(course)?;
            let last = reports.last().map(|report| course.exercise(&report.id));
            let here = last.transpose()?.map(|(chapter, _)| chapter);
            let chapters = here.into_iter().chain(&course.chapters);
            let mut exercises = chapters.flat_map(|chapter| &chapter.exercises);
            match exercises.find(|e| !progress.of(&e.id).solved) {
                Some(exercise) => exercise.id.clone(),
                None => return Ok(()),
            }
        }
    };
    let (chapter, exercise) = course.exercise(&id)?;
    let line = answers::line(course, chapter, &id);
    println!(
        "Next: {} {}, in {}:{line}",
        id.bold(),
        exercise.item.bold(),
        chapter.answers().display()
    );
    Ok(())
}

/// How often the learner's files are looked at. A poll sees every editor's way of saving, on every
/// file system.
const POLL: Duration = Duration::from_millis(200);

/// How a file was saved last. The time alone does not tell two saves apart that follow each other
/// closely.
#[derive(PartialEq)]
struct Saved {
    at: Option<SystemTime>,
    bytes: Option<Vec<u8>>,
}

impl Saved {
    fn of(file: &PathBuf) -> Self {
        Saved {
            at: fs::metadata(file).and_then(|it| it.modified()).ok(),
            bytes: files::read_bytes(file).ok(),
        }
    }
}

/// Checks, and checks again whenever a learner's file was saved; ended by Ctrl-C.
///
/// # Errors
/// When something other than an answer is wrong.
pub fn watch(course: &Course, target: &Target) -> Result<bool> {
    let chapters = course.select(target)?;
    let mut answers_files = Vec::new();
    for (chapter, _) in &chapters {
        answers_files.push(answers::ensure(course, chapter)?);
    }
    let saved = || answers_files.iter().map(Saved::of).collect::<Vec<_>>();
    loop {
        let before = saved();
        if let Err(error) = check(course, target, false, SEED, false) {
            complain(format_args!("error: {error:#}"));
        }
        println!("{}", "\nWaiting for a save; Ctrl-C ends.".dimmed());
        while saved() == before {
            thread::sleep(POLL);
        }
        println!("{}", "─".repeat(80).dimmed());
    }
}
