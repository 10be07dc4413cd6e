//! `cargo attn reset` and `cargo attn update`.

use crate::{
    Course, Target,
    answers::{self, Update},
    output::println,
};
use anyhow::{Result, bail};

/// Puts a chapter or an exercise back to the starter, after a backup.
///
/// # Errors
/// When a file cannot be read or written; the learner's file is then unchanged.
pub fn reset(course: &Course, target: &Target) -> Result<bool> {
    let (chapter, id) = match target {
        Target::All => bail!("say which chapter (3) or exercise (3.2)"),
        Target::Chapter(number) => (course.chapter(*number)?, None),
        Target::Exercise(id) => (course.exercise(id)?.0, Some(id.as_str())),
    };
    let backup = answers::reset(course, chapter, id)?;
    let what = id.map_or(format!("chapter {}", chapter.number), str::to_string);
    println!("{what} is back to its starter in {}", chapter.answers().display());
    match backup {
        Some(backup) => println!("Your file as it was: {}", course.relative(&backup).display()),
        None => println!("It was so already."),
    }
    Ok(true)
}

/// Takes over what changed in a starter, after a backup.
///
/// # Errors
/// When a file cannot be read or written; the learner's file is then unchanged.
pub fn update(course: &Course, number: u32) -> Result<bool> {
    let chapter = course.chapter(number)?;
    let file = chapter.answers();
    match answers::update(course, chapter)? {
        Update::Current => println!("{} is up to date", file.display()),
        Update::Merged { changes, backup } => {
            println!("{changes}");
            println!("Taken over into {}", file.display());
            println!("Your file as it was: {}", course.relative(&backup).display());
        }
        Update::Conflict { changes } => {
            println!("{changes}");
            println!("These changes meet yours, so {} was left as it is.", file.display());
            println!("Make them by hand, or take an exercise anew: cargo attn reset {number}.1");
            return Ok(false);
        }
    }
    Ok(true)
}
