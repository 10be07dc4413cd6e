//! Gradescope: an archive that it builds an image from, and what it starts in there.
//!
//! Sources: Gradescope, Autograder Specifications and Submission Metadata (gradescope-autograders.readthedocs.io).

use super::{Settings, bundle, grade, read, submission};
use crate::{
    Moment,
    reports::gradescope::{Visibility, results_json},
};
use anyhow::{Context, Result};
use attn::{Course, files};
use serde::Deserialize;
use std::{
    fs,
    io::{BufWriter, Write},
    path::Path,
};
use zip::{ZipWriter, write::SimpleFileOptions};

/// What Gradescope says of a submission.
#[derive(Deserialize)]
struct Metadata {
    created_at: Moment,
    users: Vec<User>,
    assignment: Assignment,
}

#[derive(Deserialize)]
struct User {
    name: String,
}

#[derive(Deserialize)]
struct Assignment {
    due_date: Option<Moment>,
}

/// Writes the archive to upload.
///
/// # Errors
/// When the assignment cannot be graded by this course, or a file cannot be read or written.
pub fn archive(course: &Course, assignment: &Path, settings: Settings, out: &Path) -> Result<()> {
    let plain = SimpleFileOptions::default();
    let file = fs::File::create(out).with_context(|| out.display().to_string())?;
    let mut zip = ZipWriter::new(BufWriter::new(file));
    for (name, text) in
        [("setup.sh", include_str!("setup.sh")), ("run_autograder", include_str!("run_autograder"))]
    {
        zip.start_file(name, plain.unix_permissions(0o755))?;
        zip.write_all(text.as_bytes())?;
    }
    for (place, text) in bundle(course, assignment, settings)? {
        zip.start_file_from_path(place, plain)?;
        zip.write_all(&text)?;
    }
    zip.finish()?.flush()?;
    Ok(())
}

/// Grades the submission in Gradescope's folder, `/autograder`, and writes `results/results.json` there.
///
/// Its time and its due date are Gradescope's.
///
/// # Errors
/// When a file cannot be read or written, or submissions cannot be kept in their place. What is wrong with a submission
/// is in its result.
pub fn run(autograder: &Path) -> Result<()> {
    let source = autograder.join("source");
    let (mut assignment, settings) = read(&source)?;
    let metadata = files::read(&autograder.join("submission_metadata.json"))?;
    let metadata: Metadata =
        serde_json::from_str(&metadata).context("submission_metadata.json is not as expected")?;
    if let Some(due) = metadata.assignment.due_date {
        assignment.due = due;
    }
    let mut submission = submission(&autograder.join("submission"), &assignment)?;
    let names: Vec<String> = metadata.users.into_iter().map(|user| user.name).collect();
    submission.name = names.join(" and ");
    submission.submitted = Some(metadata.created_at);
    let student = grade(&source, &assignment, settings, submission)?;
    let json = results_json(&student, Visibility::Visible);
    files::write(&autograder.join("results/results.json"), json)
}
