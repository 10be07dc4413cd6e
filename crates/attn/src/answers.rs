//! The learner's file: made from the starter, reset and updated, never overwritten without a
//! backup.

use crate::{Chapter, Course, files, starter};
use anyhow::{Context, Result};
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

/// Puts one exercise, or the whole file, back to the starter. Returns where the old file was copied
/// to.
///
/// # Errors
/// When a file cannot be read or written; the learner's file is then unchanged.
pub fn reset(course: &Course, chapter: &Chapter, id: Option<&str>) -> Result<PathBuf> {
    let file = ensure(course, chapter)?;
    let fresh = files::read(&course.root.join(chapter.starter()))?;
    let text = match id {
        None => fresh.clone(),
        Some(id) => {
            let section = starter::section(&fresh, id)
                .with_context(|| format!("{} has no {id}", chapter.starter().display()))?;
            let text = files::read(&file)?;
            starter::with_section(&text, id, &section).with_context(|| {
                format!(
                    "{} has no heading “━━ {id} …” any more; `cargo attn reset {}` puts back the whole file",
                    chapter.answers().display(),
                    chapter.number
                )
            })?
        }
    };
    let backup = files::backup(&file, &backups(course, chapter))?;
    if id.is_none() {
        files::write(&base(course, chapter), &fresh)?;
    }
    files::write(&file, &text)?;
    Ok(backup)
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
