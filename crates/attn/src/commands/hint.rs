//! `cargo attn hint` and `cargo attn solution`.

use crate::{Course, output::println, progress, render, starter};
use anyhow::{Result, bail};
use owo_colors::OwoColorize;

/// One more hint than before, and those before it: the ladder goes from the idea over the place to
/// pseudo-code.
///
/// # Errors
/// When there is no such exercise, or the progress cannot be noted.
pub fn next_hint<'a>(course: &'a Course, id: &str) -> Result<&'a [String]> {
    let (_, exercise) = course.exercise(id)?;
    let mut shown = 0;
    progress::change(course, |progress| {
        let standing = progress.0.entry(id.to_string()).or_default();
        standing.hints = (standing.hints + 1).min(exercise.hints.len());
        shown = standing.hints;
    })?;
    Ok(&exercise.hints[..shown])
}

/// Prints [`next_hint`].
///
/// # Errors
/// As for [`next_hint`].
pub fn hint(course: &Course, id: &str) -> Result<bool> {
    let hints = next_hint(course, id)?;
    let (chapter, exercise) = course.exercise(id)?;
    let of = exercise.hints.len();
    println!("{}\n", format!("{id} {}: {}", exercise.item, exercise.title).bold());
    for (i, hint) in hints.iter().enumerate() {
        let mark = format!("  {} of {of}  ", i + 1);
        for (i, line) in hint.trim().lines().enumerate() {
            // Pseudo-code means something by its indentation.
            let text = line.trim_start();
            let indent = " ".repeat(mark.len() + line.len() - text.len());
            render::paragraph(if i == 0 { &mark } else { &indent }, text);
        }
        println!();
    }
    if of == 0 {
        println!("There are no hints here.");
    } else if hints.len() < of {
        println!("One more: cargo attn hint {id}");
    } else if chapter.is_handed_out() {
        println!("That is the last one.");
    } else {
        println!("That is the last one. The reference: cargo attn solution {id} --reveal");
    }
    Ok(true)
}

/// Shows the reference of an exercise that has been solved, or of any with `reveal`.
///
/// # Errors
/// When it has not been solved, or cannot be read.
pub fn solution(course: &Course, id: &str, reveal: bool) -> Result<bool> {
    let (chapter, exercise) = course.exercise(id)?;
    chapter.expect_reference("the solution")?;
    if !reveal && !progress::load(course)?.of(id).solved_once {
        bail!(
            "{id} is not solved yet. A hint: cargo attn hint {id}. To see the reference all the same: cargo attn solution {id} --reveal"
        );
    }
    let file = chapter.dir.join(&exercise.source);
    println!("{}\n", format!("// {}", file.display()).dimmed());
    println!("{}", starter::solution(course, chapter, exercise)?);
    Ok(true)
}
