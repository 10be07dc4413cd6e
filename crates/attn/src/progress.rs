//! What has been solved. Kept in `.attn/progress.json`, which git ignores, so that it survives a
//! pull.

use crate::{Course, files};
use anyhow::{Context, Result};
use attn_exercise::{Report, Verdict};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, path::PathBuf};

/// How each exercise stood when it was last checked, by id.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Progress(pub BTreeMap<String, Standing>);

/// How an exercise stands.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Standing {
    /// Right when last checked.
    pub solved: bool,
    /// Right at some time; opens the reference.
    pub solved_once: bool,
    /// How many hints have been shown.
    pub hints: usize,
}

impl Progress {
    /// How an exercise stands; unsolved if it was never checked.
    pub fn of(&self, id: &str) -> Standing {
        self.0.get(id).cloned().unwrap_or_default()
    }

    /// Takes over a verdict. An answer that could not be run stands as it stood.
    pub fn note(&mut self, report: &Report) {
        if matches!(report.verdict, Verdict::CannotBeChecked { .. }) {
            return;
        }
        let standing = self.0.entry(report.id.clone()).or_default();
        standing.solved = report.verdict.is_passed();
        standing.solved_once |= standing.solved;
    }
}

fn file(course: &Course) -> PathBuf {
    course.root.join(".attn/progress.json")
}

/// Reads the progress; nothing is solved where there is no file.
///
/// # Errors
/// When the file is there and cannot be understood: it is left as it is.
pub fn load(course: &Course) -> Result<Progress> {
    let file = file(course);
    let Some(text) = files::read_if_there(&file)? else {
        return Ok(Progress::default());
    };
    serde_json::from_str(&text).with_context(|| {
        format!(
            "{} is damaged; move it away to start counting anew (your answers are not in it)",
            file.display()
        )
    })
}

/// Changes the progress, safe against a second `cargo attn` that does the same.
///
/// # Errors
/// When it cannot be read or written.
pub fn change(course: &Course, edit: impl FnOnce(&mut Progress)) -> Result<()> {
    let _alone = files::lock(&course.root.join(".attn/lock"), || {})?;
    let mut progress = load(course)?;
    let before = progress.clone();
    edit(&mut progress);
    if progress == before {
        return Ok(());
    }
    files::write(&file(course), serde_json::to_string_pretty(&progress)? + "\n")
}

/// Notes a verdict.
///
/// # Errors
/// As for [`change`].
pub fn note(course: &Course, report: &Report) -> Result<()> {
    change(course, |progress| progress.note(report))
}
