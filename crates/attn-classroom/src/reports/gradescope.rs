//! `results.json` as Gradescope's autograders write it, for one student.
//!
//! Source: Gradescope, Autograder Specifications, “Output format” and “Controlling test case visibility”
//! (gradescope-autograders.readthedocs.io, specs). A hidden test would hide the student's total, too, so
//! hidden checks are counted within the visible test of their exercise.

use super::told;
use crate::results::{State, Student};
use serde::Serialize;

/// From when on students see the tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Visibility {
    /// At once.
    Visible,
    /// After the due date.
    AfterDueDate,
    /// When the grades are published.
    AfterPublished,
}

#[derive(Serialize)]
struct Submission {
    /// Goes before the sum of the tests, which does not know of lateness.
    score: f64,
    output: String,
    /// What a grader prints is for the teacher.
    stdout_visibility: &'static str,
    tests: Vec<Test>,
}

#[derive(Serialize)]
struct Test {
    name: String,
    number: String,
    score: f64,
    max_score: f64,
    status: &'static str,
    output: String,
    visibility: Visibility,
}

/// The text of `results.json`.
pub fn results_json(student: &Student, visibility: Visibility) -> String {
    let exercises = student.exercises.iter().map(|e| Test {
        name: told::plain(&e.title),
        number: e.id.clone(),
        score: e.points,
        max_score: e.of,
        // Without a status, full points would be a pass: a hint may cost points, and what was not checked has none.
        status: status(e.state.is_passed()),
        output: told::exercise(e).join("\n"),
        visibility,
    });
    let predictions = student.predictions.iter().map(|p| Test {
        name: told::plain(&p.text),
        number: p.id.clone(),
        score: p.points,
        max_score: p.of,
        status: status(p.right),
        output: told::prediction(p),
        visibility,
    });
    let mut output = told::submission(student);
    let unchecked = student.exercises.iter().filter(|e| e.state == State::NotChecked).count();
    if unchecked > 0 && student.refused.is_none() {
        output.push(format!(
            "{unchecked} of {} exercises were not checked.",
            student.exercises.len()
        ));
    }
    let submission = Submission {
        score: student.points,
        output: output.join("\n"),
        stdout_visibility: "hidden",
        tests: exercises.chain(predictions).collect(),
    };
    serde_json::to_string_pretty(&submission).expect("strings and numbers are JSON") + "\n"
}

fn status(passed: bool) -> &'static str {
    if passed { "passed" } else { "failed" }
}
