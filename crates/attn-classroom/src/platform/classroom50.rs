//! Classroom 50: a folder for its repository of settings, and what it starts in a student's repository.
//!
//! Source: Classroom 50, “Advanced Autograding” (its wiki).

use super::{Settings, bundle, grade, read, submission};
use crate::{
    Moment,
    reports::classroom50::{Identity, result_json},
};
use anyhow::{Context, Result, ensure};
use attn::{Course, files};
use std::{env, fs, path::Path, process::Command};

/// Makes the folder that becomes `CLASSROOM/autograders/ASSIGNMENT`.
///
/// # Errors
/// When the folder is there already, the assignment cannot be graded by this course, or a file cannot be read or written.
pub fn folder(course: &Course, assignment: &Path, settings: Settings, out: &Path) -> Result<()> {
    ensure!(!out.exists(), "{} is there already", out.display());
    let start = ("autograder.py".into(), include_bytes!("autograder.py").to_vec());
    for (place, text) in bundle(course, assignment, settings)?.into_iter().chain([start]) {
        let file = out.join(place);
        fs::create_dir_all(file.parent().unwrap_or(out))?;
        fs::write(&file, text).with_context(|| file.display().to_string())?;
    }
    Ok(())
}

/// Grades what a student has checked out, and writes `result.json` there.
///
/// # Errors
/// When a file cannot be read or written, the environment is not Classroom 50's, or submissions cannot be kept in their
/// place. What is wrong with a submission is in its result.
pub fn run(bundle: &Path, checkout: &Path) -> Result<()> {
    let (assignment, settings) = read(bundle)?;
    let identity = identity(checkout)?;
    let mut submission = submission(checkout, &assignment)?;
    submission.name.clone_from(&identity.owner);
    let student = grade(bundle, &assignment, settings, submission)?;
    files::write(&checkout.join("result.json"), result_json(&student, &identity)?)
}

fn identity(checkout: &Path) -> Result<Identity> {
    let named = |name: &str| env::var(name).with_context(|| format!("Classroom 50 sets no {name}"));
    Ok(Identity {
        classroom: named("CLASSROOM")?,
        assignment: named("ASSIGNMENT")?,
        assignment_type: named("ASSIGNMENT_TYPE")?,
        owner: named("OWNER")?,
        submission: named("SUBMISSION_TAG")?,
        commit: named("COMMIT_URL")?,
        release: named("RELEASE_URL")?,
        review: env::var("REVIEW_URL").unwrap_or_default(),
        datetime: committed(checkout)?.in_utc(),
    })
}

/// When the graded commit was made. Classroom 50 itself says what is late.
fn committed(checkout: &Path) -> Result<Moment> {
    let output = Command::new("git")
        .args(["log", "-1", "--format=%cI"])
        .current_dir(checkout)
        .output()
        .context("git cannot be started")?;
    ensure!(output.status.success(), "git log: {}", String::from_utf8_lossy(&output.stderr).trim());
    Ok(String::from_utf8_lossy(&output.stdout).parse()?)
}
