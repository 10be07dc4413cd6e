//! `cargo attn check` and `cargo attn watch`.

use crate::{
    Course, Target, answers, check as run_check,
    check::SEED,
    progress::{self, Progress},
    render,
};
use anstream::println;
use anyhow::Result;
use attn_exercise::{Report, Verdict};
use owo_colors::OwoColorize;
use serde::Serialize;
use std::{
    fs, thread,
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
        run_check(course, target, solution, seed, |_| {})?
    } else {
        check_aloud(course, target, solution, seed, |_| {})?
    };
    let (of, solved) = (reports.len(), passed(&reports).count());
    if json {
        let checked = Checked {
            solved,
            of,
            points: points(course, &reports),
            exercises: reports,
        };
        println!("{}", serde_json::to_string_pretty(&checked)?);
    }
    Ok(solved == of)
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
    // What is right so far; the reference has no progress.
    let mut standing = match solution {
        true => Progress::default(),
        false => progress::load(course)?,
    };
    let reports = run_check(course, target, solution, seed, |report| {
        also(report);
        standing.note(report);
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
        if wrong && !detailed {
            detailed = true;
            gap = true;
            render::details(course, exercise, report);
            if !solution {
                let calls = answers::calls(course, chapter, &exercise.id).unwrap_or_default();
                let doubtful = calls
                    .into_iter()
                    .filter(|other| !standing.of(&other.id).solved);
                doubtful.for_each(render::doubtful);
            }
        }
    })?;
    let (solved, points) = (passed(&reports).count(), points(course, &reports));
    println!("\n{solved} of {} solved, {points} points", reports.len());
    if !solution {
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
        Some(Report {
            verdict: Verdict::WaitsOn { on },
            ..
        }) => on.clone(),
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
    let line = answers::line(course, chapter, &id)?;
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

/// Checks, and checks again whenever a learner's file was saved; ended by Ctrl-C.
///
/// # Errors
/// When something other than an answer is wrong.
pub fn watch(course: &Course, target: &Target) -> Result<bool> {
    let chapters = course.select(target)?;
    let mut files = Vec::new();
    for (chapter, _) in &chapters {
        files.push(answers::ensure(course, chapter)?);
    }
    let saved = || -> Vec<Option<SystemTime>> {
        let modified = |file| fs::metadata(file).and_then(|m| m.modified()).ok();
        files.iter().map(modified).collect()
    };
    loop {
        let before = saved();
        if let Err(error) = check(course, target, false, SEED, false) {
            anstream::eprintln!("error: {error:#}");
        }
        println!("{}", "\nWaiting for a save; Ctrl-C ends.".dimmed());
        while saved() == before {
            thread::sleep(POLL);
        }
        println!("{}", "─".repeat(80).dimmed());
    }
}
