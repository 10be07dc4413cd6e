//! `result.json` as an autograder of Classroom 50 writes it, for one student.
//!
//! Source: Classroom 50, “Advanced Autograding”, “The result.json contract” (its wiki), and
//! `schemas/result-v1.schema.json` in its repository. Points are whole numbers there, so each exercise is
//! rounded down: a part of an exercise never looks like all of it. Lateness is marked there, too, so the
//! points here are those before any deduction.

use super::told;
use crate::results::Student;
use serde::Serialize;

/// Whose submission it is, as the platform names it in the environment of the autograder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// `CLASSROOM`.
    pub classroom: String,
    /// `ASSIGNMENT`.
    pub assignment: String,
    /// `ASSIGNMENT_TYPE`: `individual` or `group`.
    pub assignment_type: String,
    /// `OWNER`.
    pub owner: String,
    /// `SUBMISSION_TAG`.
    pub submission: String,
    /// `COMMIT_URL`.
    pub commit: String,
    /// `RELEASE_URL`.
    pub release: String,
    /// `REVIEW_URL`, or `COMMIT_URL` where that is empty.
    pub review: String,
    /// When the commit was made: `2027-03-01T22:59:00Z`.
    pub datetime: String,
}

/// Why there is no `result.json`.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Classroom50Error {
    /// An exercise is not worth a whole number of points.
    #[error(
        "{id} is worth {of} points, but Classroom 50 counts whole points; change the assignment"
    )]
    Fraction {
        /// The exercise or question.
        id: String,
        /// What it is worth.
        of: f64,
    },
}

#[derive(Serialize)]
struct Submission<'a> {
    schema: &'static str,
    classroom: &'a str,
    assignment: &'a str,
    assignment_type: &'a str,
    owner: &'a str,
    submission: &'a str,
    commit: &'a str,
    release: &'a str,
    review: &'a str,
    datetime: &'a str,
    score: u64,
    #[serde(rename = "max-score")]
    max_score: u64,
    tests: Vec<Test>,
}

#[derive(Serialize)]
struct Test {
    #[serde(rename = "test-name")]
    name: String,
    passed: bool,
    score: u64,
    #[serde(rename = "max-score")]
    max_score: u64,
    output: String,
}

/// The text of `result.json`.
///
/// # Errors
/// If an exercise is not worth a whole number of points.
pub fn result_json(student: &Student, identity: &Identity) -> Result<String, Classroom50Error> {
    let exercises = student.exercises.iter().map(|e| {
        let name = format!("{} {}", e.id, told::plain(&e.title));
        test(&e.id, name, e.state.is_passed(), (e.points, e.of), told::exercise(e).join("\n"))
    });
    let predictions = student
        .predictions
        .iter()
        .map(|p| test(&p.id, told::plain(&p.id), p.right, (p.points, p.of), told::prediction(p)));
    let tests = exercises.chain(predictions).collect::<Result<Vec<_>, _>>()?;
    let submission = Submission {
        schema: "classroom50/result/v1",
        classroom: &identity.classroom,
        assignment: &identity.assignment,
        assignment_type: &identity.assignment_type,
        owner: &identity.owner,
        submission: &identity.submission,
        commit: &identity.commit,
        release: &identity.release,
        review: if identity.review.is_empty() { &identity.commit } else { &identity.review },
        datetime: &identity.datetime,
        score: tests.iter().map(|test| test.score).sum(),
        max_score: tests.iter().map(|test| test.max_score).sum(),
        tests,
    };
    Ok(serde_json::to_string_pretty(&submission).expect("strings and numbers are JSON") + "\n")
}

fn test(
    id: &str,
    name: String,
    passed: bool,
    (points, of): (f64, f64),
    output: String,
) -> Result<Test, Classroom50Error> {
    if of.fract() != 0.0 {
        return Err(Classroom50Error::Fraction { id: id.into(), of });
    }
    // Results are finite and not negative.
    Ok(Test { name, passed, score: points.floor() as u64, max_score: of as u64, output })
}
