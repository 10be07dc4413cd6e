//! The grader where a learning platform runs it: one submission at a time, in a container of the platform's.
//!
//! What is uploaded there, the bundle, is the course with the assignment, [`Settings`], and what the platform starts.

pub mod classroom50;
pub mod gradescope;

use crate::{
    assignment::{Assignment, Times},
    confine::Policy,
    export::Export,
    grade::{Grader, Settings as Grading},
    results::Student,
    submission::{Source, Submission, Wanted, collect},
};
use anyhow::{Context, Result, ensure};
use attn::{Course, copy, files};
use attn_exercise::Limits;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// How submissions are graded. A bundle holds it as `settings.toml`.
#[derive(Clone, Copy, Debug, PartialEq, clap::Args, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Of the hidden cases; keep it to yourself
    #[arg(long, default_value_t = 20_270_301)]
    pub seed: u64,
    /// How long one case may take
    #[arg(long, default_value_t = Limits::default().seconds)]
    pub seconds: u64,
    /// What to do where submissions cannot be kept in their place
    #[arg(long, value_enum, default_value_t = Policy::Require)]
    pub confinement: Policy,
}

/// A file of a bundle, by its place there.
type Part = (PathBuf, Vec<u8>);

/// The course, the assignment and the settings.
fn bundle(course: &Course, assignment: &Path, settings: Settings) -> Result<Vec<Part>> {
    course.expect_whole("a platform's grader")?;
    let asked = Assignment::read(assignment)?;
    Export::of(course, &asked)?;
    let mut parts = vec![
        (PathBuf::from("assignment.toml"), files::read(assignment)?.into_bytes()),
        (PathBuf::from("settings.toml"), toml::to_string(&settings)?.into_bytes()),
    ];
    for file in copy::files(&course.root, copy::WHOLE)? {
        let from = course.root.join(&file);
        let text = std::fs::read(&from).with_context(|| from.display().to_string())?;
        parts.push((Path::new("course").join(file), text));
    }
    Ok(parts)
}

/// Compiles in a bundle what all submissions need.
///
/// # Errors
/// When submissions cannot be kept in their place there, or something does not compile.
pub fn warm_up(bundle: &Path) -> Result<()> {
    let course = Course::load(&bundle.join("course"))?;
    let (assignment, settings) = read(bundle)?;
    settings.confinement.expect()?;
    grader(&course, &assignment, settings).map(|_| ())
}

fn read(bundle: &Path) -> Result<(Assignment, Settings)> {
    let settings = toml::from_str(&files::read(&bundle.join("settings.toml"))?)?;
    Ok((Assignment::read(&bundle.join("assignment.toml"))?, settings))
}

fn grader<'a>(
    course: &'a Course,
    assignment: &'a Assignment,
    settings: Settings,
) -> Result<Grader<'a>> {
    let limits = Limits { seconds: settings.seconds, ..Limits::default() };
    let grading = Grading { seed: settings.seed, at_once: 1, limits, work: None };
    Grader::new(course, assignment, grading)
}

/// What lies in a folder.
fn submission(folder: &Path, assignment: &Assignment) -> Result<Submission> {
    let wanted = Wanted::of(assignment.chapters());
    let mut found = collect(&[Source::Student(folder.into())], &wanted, &Times::default())?;
    found.pop().context("there is no submission")
}

/// Grades one submission by the course of a bundle.
fn grade(
    bundle: &Path,
    assignment: &Assignment,
    settings: Settings,
    submission: Submission,
) -> Result<Student> {
    settings.confinement.expect()?;
    let course = Course::load(&bundle.join("course"))?;
    let grader = grader(&course, assignment, settings)?;
    let mut results = grader.grade(&[submission], &Times::default())?;
    ensure!(results.students.len() == 1, "one submission has one result");
    Ok(results.students.remove(0))
}
