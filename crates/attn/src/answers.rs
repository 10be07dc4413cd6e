//! The learner's file: made from the starter, reset and updated, never overwritten without a
//! backup.

use crate::{Chapter, Course, Exercise, Language, files, progress, starter};
use anyhow::{Context, Result};
use regex::Regex;
use std::path::PathBuf;

/// Where the starter is kept that a learner's file was made from, so that a newer one can be
/// merged.
fn base(course: &Course, chapter: &Chapter) -> PathBuf {
    course
        .root
        .join(format!(".attn/base/{:02}.rs", chapter.number))
}

fn backups(course: &Course, chapter: &Chapter) -> PathBuf {
    course
        .root
        .join(format!(".attn/backups/{:02}", chapter.number))
}

/// The learner's file, created from the starter if it is not there.
///
/// # Errors
/// When it cannot be written.
pub fn ensure(course: &Course, chapter: &Chapter) -> Result<PathBuf> {
    let file = course.root.join(chapter.answers());
    if !file.exists() {
        let text = files::read(&course.root.join(chapter.starter()))?;
        files::write(&base(course, chapter), &text)?;
        files::write(&file, &text)?;
    }
    Ok(file)
}

/// The line, from 1, at which an exercise's section of the learner's file starts.
///
/// # Errors
/// When the file cannot be read.
pub fn line(course: &Course, chapter: &Chapter, id: &str) -> Result<usize> {
    let text = files::read(&ensure(course, chapter)?)?;
    let section = starter::sections(&text).into_iter().find(|s| s.id == id);
    Ok(section.map_or(1, |section| section.lines.start + 1))
}

/// The chapter's other exercises whose functions the learner's answer to this one calls.
///
/// # Errors
/// When the file cannot be read.
pub fn calls<'a>(course: &Course, chapter: &'a Chapter, id: &str) -> Result<Vec<&'a Exercise>> {
    // In CUDA each answer is tried among the reference's other functions, so that it waits on nobody's.
    if chapter.language == Language::Cuda {
        return Ok(Vec::new());
    }
    let text = files::read(&ensure(course, chapter)?)?;
    let section = starter::section(&text, id).unwrap_or_default();
    let code: Vec<&str> = section
        .lines()
        .map(str::trim)
        .filter(|line| !line.starts_with("//"))
        .collect();
    let code = code.join("\n");
    let others = chapter.exercises.iter().filter(|other| other.id != id);
    let called = |other: &&Exercise| {
        let call = Regex::new(&format!(r"\b{}\(", other.item));
        call.is_ok_and(|call| call.is_match(&code))
    };
    Ok(others.filter(called).collect())
}

/// Puts one exercise, or the whole file, back to the starter; what is put back is no longer solved.
/// Returns where the old file was copied to, if it was any different.
///
/// # Errors
/// When a file cannot be read or written; the learner's file is then unchanged.
pub fn reset(course: &Course, chapter: &Chapter, id: Option<&str>) -> Result<Option<PathBuf>> {
    let file = ensure(course, chapter)?;
    let fresh = files::read(&course.root.join(chapter.starter()))?;
    let old = files::read(&file)?;
    let text = match id {
        None => fresh.clone(),
        Some(id) => {
            let section = starter::section(&fresh, id)
                .with_context(|| format!("{} has no {id}", chapter.starter().display()))?;
            starter::with_section(&old, id, &section).with_context(|| {
                format!(
                    "{} has no heading “━━ {id} …” any more; `cargo attn reset {}` puts back the whole file",
                    chapter.answers().display(),
                    chapter.number
                )
            })?
        }
    };
    if id.is_none() {
        files::write(&base(course, chapter), &fresh)?;
    }
    if text == old {
        return Ok(None);
    }
    let backup = files::backup(&file, &backups(course, chapter))?;
    files::write(&file, &text)?;
    progress::change(course, |progress| {
        let ids = chapter.exercises.iter().map(|exercise| &exercise.id);
        for reset in ids.filter(|it| id.is_none_or(|id| id == it.as_str())) {
            if let Some(standing) = progress.0.get_mut(reset) {
                standing.solved = false;
            }
        }
    })?;
    Ok(Some(backup))
}

/// What became of an update.
pub enum Update {
    /// The learner's file is from this very starter.
    Current,
    /// Merged: the changes as a patch, and where the old file was copied to.
    Merged {
        /// What changed in the starter.
        changes: String,
        /// The file as it was.
        backup: PathBuf,
    },
    /// The starter changed where the learner did too; nothing was written.
    Conflict {
        /// What changed in the starter.
        changes: String,
    },
}

/// Whether the starter has changed since the learner's file was made from it.
pub fn outdated(course: &Course, chapter: &Chapter) -> bool {
    let read = |file: PathBuf| files::read(&file).ok();
    match read(base(course, chapter)) {
        Some(base) => read(course.root.join(chapter.starter())).is_some_and(|new| new != base),
        None => false,
    }
}

/// Takes over what changed in the starter since the learner's file was made from it.
///
/// # Errors
/// When a file cannot be read or written; the learner's file is then unchanged.
pub fn update(course: &Course, chapter: &Chapter) -> Result<Update> {
    let file = ensure(course, chapter)?;
    let base_file = base(course, chapter);
    let old = files::read(&base_file)
        .context("it is not known which starter this file was made from, so nothing can be merged; `cargo attn reset` takes the new one")?;
    let new = files::read(&course.root.join(chapter.starter()))?;
    if old == new {
        return Ok(Update::Current);
    }
    let changes = diffy::create_patch(&old, &new).to_string();
    match diffy::merge(&old, &files::read(&file)?, &new) {
        Ok(merged) => {
            let backup = files::backup(&file, &backups(course, chapter))?;
            files::write(&file, &merged)?;
            files::write(&base_file, &new)?;
            Ok(Update::Merged { changes, backup })
        }
        Err(_) => Ok(Update::Conflict { changes }),
    }
}
