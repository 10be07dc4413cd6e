//! What has been solved. Kept in `.attn/progress.json`, which git ignores, so that it survives a
//! pull.

use crate::{Course, files};
use anyhow::{Context, Result};
use attn_exercise::Report;
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fs::{self, File},
    path::PathBuf,
};

/// How each exercise stood when it was last checked, by id.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Progress(pub BTreeMap<String, Standing>);

/// How an exercise stands.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
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

    /// Takes over a verdict.
    pub fn note(&mut self, report: &Report) {
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
    if !file.exists() {
        return Ok(Progress::default());
    }
    serde_json::from_str(&files::read(&file)?).with_context(|| {
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
    let file = file(course);
    let dir = course.root.join(".attn");
    fs::create_dir_all(&dir).with_context(|| format!("{} cannot be made", dir.display()))?;
    let lock = File::create(dir.join("lock"))
        .and_then(|lock| lock.lock().map(|()| lock))
        .with_context(|| format!("{} cannot be locked", dir.join("lock").display()))?;
    let mut progress = load(course)?;
    edit(&mut progress);
    files::write(&file, &(serde_json::to_string_pretty(&progress)? + "\n"))?;
    drop(lock);
    Ok(())
}

/// Notes the verdicts of a check.
///
/// # Errors
/// As for [`change`].
pub fn note(course: &Course, reports: &[Report]) -> Result<()> {
    change(course, |progress| {
        reports.iter().for_each(|report| progress.note(report));
    })
}
