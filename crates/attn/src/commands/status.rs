//! Bare `cargo attn`: where am I, and what comes next.

use crate::{Chapter, Course, Exercise, answers, output::println, progress};
use anyhow::Result;
use owo_colors::OwoColorize;
use serde::Serialize;

#[derive(Serialize)]
struct Status {
    points: u32,
    of: u32,
    chapters: Vec<ChapterStatus>,
    next: Option<Next>,
    /// Which learner's files cannot be read, and why.
    faults: Vec<String>,
}

#[derive(Serialize)]
struct ChapterStatus {
    number: u32,
    title: String,
    exercises: Vec<ExerciseStatus>,
    update_available: bool,
}

#[derive(Serialize)]
struct ExerciseStatus {
    id: String,
    item: String,
    points: u32,
    minutes: u32,
    solved: bool,
}

#[derive(Serialize)]
struct Next {
    id: String,
    item: String,
    file: String,
    line: usize,
}

/// Prints the map of the course with what is solved, and the next thing to do.
///
/// # Errors
/// When the progress cannot be read.
pub fn status(course: &Course, json: bool) -> Result<bool> {
    let status = collect(course)?;
    if json {
        println!("{}", serde_json::to_string_pretty(&status)?);
    } else {
        print(&status);
    }
    Ok(status.faults.is_empty())
}

fn collect(course: &Course) -> Result<Status> {
    let progress = progress::load(course)?;
    let solved = |exercise: &Exercise| progress.of(&exercise.id).solved;
    let (mut next, mut faults) = (None, Vec::new());
    let mut chapters = Vec::new();
    for chapter in &course.chapters {
        if let Err(error) = answers::text(course, chapter) {
            faults.push(format!("{error:#}"));
        }
        if next.is_none()
            && let Some(exercise) = chapter.exercises.iter().find(|e| !solved(e))
        {
            next = Some(Next {
                id: exercise.id.clone(),
                item: exercise.item.clone(),
                file: chapter.answers().display().to_string(),
                line: answers::line(course, chapter, &exercise.id),
            });
        }
        chapters.push(chapter_status(course, chapter, solved));
    }
    let exercises = || chapters.iter().flat_map(|chapter| &chapter.exercises);
    Ok(Status {
        points: exercises().filter(|e| e.solved).map(|e| e.points).sum(),
        of: exercises().map(|e| e.points).sum(),
        next,
        chapters,
        faults,
    })
}

fn chapter_status(
    course: &Course,
    chapter: &Chapter,
    solved: impl Fn(&Exercise) -> bool,
) -> ChapterStatus {
    let exercises = chapter.exercises.iter().map(|exercise| ExerciseStatus {
        id: exercise.id.clone(),
        item: exercise.item.clone(),
        points: exercise.points,
        minutes: exercise.minutes,
        solved: solved(exercise),
    });
    ChapterStatus {
        number: chapter.number,
        title: chapter.title.clone(),
        exercises: exercises.collect(),
        update_available: answers::outdated(course, chapter),
    }
}

fn print(status: &Status) {
    println!("{}\n", "Attention, by building it".bold());
    for chapter in &status.chapters {
        let solved = chapter.exercises.iter().filter(|e| e.solved).count();
        let of = chapter.exercises.len();
        let bar = "■".repeat(solved).green().to_string() + &"□".repeat(of - solved);
        let (number, title) = (chapter.number, &chapter.title);
        println!("{number:>4}  {title:<44} {bar} {solved} of {of}");
    }
    println!("\n{} of {} points", status.points, status.of);
    for chapter in status.chapters.iter().filter(|c| c.update_available) {
        let number = chapter.number;
        println!("The starter of chapter {number} has changed: cargo attn update {number}");
    }
    for fault in &status.faults {
        println!("{} {fault}", "✗".red());
    }
    match &status.next {
        Some(next) => {
            println!("\nNext: {} {}", next.id.bold(), next.item.bold());
            println!("  open   {}:{}", next.file, next.line);
            println!("  check  cargo attn check {}", next.id);
            println!("  stuck? cargo attn hint {}", next.id);
        }
        None => println!("\nEverything that is open is solved. More chapters are on their way."),
    }
}
