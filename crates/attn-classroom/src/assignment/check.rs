//! What the types of an assignment cannot say.

use super::{Accepts, Assignment, AssignmentError, Late};
use std::collections::BTreeSet;

/// A value that makes no sense.
pub(super) struct Problem {
    key: String,
    problem: String,
    remedy: &'static str,
}

impl Problem {
    fn new(key: impl Into<String>, problem: impl Into<String>, remedy: &'static str) -> Self {
        Problem { key: key.into(), problem: problem.into(), remedy }
    }

    pub(super) fn in_file(self, file: &str) -> AssignmentError {
        let Problem { key, problem, remedy } = self;
        AssignmentError::Wrong { file: file.into(), key, problem, remedy: remedy.into() }
    }
}

pub(super) fn first_problem(a: &Assignment) -> Option<Problem> {
    texts(a).or_else(|| late(&a.late)).or_else(|| exercises(a)).or_else(|| questions(a))
}

fn texts(a: &Assignment) -> Option<Problem> {
    let blank = |key: &str, text: &str, remedy| {
        text.trim().is_empty().then(|| Problem::new(key, "is empty", remedy))
    };
    blank("title", &a.title, "Write what the assignment is called.")
        .or_else(|| blank("course", &a.course, "Copy the fingerprint that the export printed."))
}

fn late(late: &Late) -> Option<Problem> {
    let &Late::Accepted { per_day, at_most_days } = late else { return None };
    if !(0.0..=100.0).contains(&per_day) {
        return Some(Problem::new(
            "late.per_day",
            format!("is {per_day}"),
            "Write how many percent a day costs, from 0 to 100.",
        ));
    }
    (at_most_days == 0).then(|| {
        Problem::new(
            "late.at_most_days",
            "is 0",
            "Write late = \"none\" when nothing is accepted after the due date.",
        )
    })
}

fn exercises(a: &Assignment) -> Option<Problem> {
    if a.exercises.is_empty() {
        return Some(Problem::new("exercises", "is empty", "Name at least one exercise."));
    }
    let mut seen = BTreeSet::new();
    a.exercises.iter().enumerate().find_map(|(i, asked)| {
        let key = |name| format!("exercises[{i}].{name}");
        let id = &asked.id;
        if chapter(id).is_none() {
            return Some(Problem::new(
                key("id"),
                format!("is “{id}”"),
                "Write the chapter, a dot and a number, such as 3.1.",
            ));
        }
        twice(&mut seen, id, key("id")).or_else(|| points(asked.points, key("points")))
    })
}

/// The chapter of an exercise: 3 of `3.1`.
pub(super) fn chapter(id: &str) -> Option<u32> {
    let (chapter, number) = id.split_once('.')?;
    number.parse::<u32>().ok()?;
    chapter.parse().ok()
}

fn questions(a: &Assignment) -> Option<Problem> {
    let mut seen = BTreeSet::new();
    a.questions.iter().enumerate().find_map(|(i, question)| {
        let key = |name| format!("questions[{i}].{name}");
        if question.id.trim().is_empty() {
            return Some(Problem::new(key("id"), "is empty", "Give each question a short name."));
        }
        twice(&mut seen, &question.id, key("id"))
            .or_else(|| points(question.points, key("points")))
            .or_else(|| accepts(&question.accepts, key("accepts")))
    })
}

fn accepts(accepts: &Accepts, key: String) -> Option<Problem> {
    match accepts {
        Accepts::Texts(texts) if texts.is_empty() => {
            Some(Problem::new(key, "is empty", "List at least one answer that is right."))
        }
        Accepts::Texts(texts) if texts.iter().any(|text| text.trim().is_empty()) => {
            Some(Problem::new(key, "holds an empty answer", "Remove it: no answer is never right."))
        }
        &Accepts::Number { number, tolerance }
            if !number.is_finite() || !(0.0..f64::INFINITY).contains(&tolerance) =>
        {
            let problem = format!("is {number} with tolerance {tolerance}");
            Some(Problem::new(key, problem, "Write a number, and a tolerance of 0 or more."))
        }
        _ => None,
    }
}

fn twice<'a>(seen: &mut BTreeSet<&'a str>, id: &'a str, key: String) -> Option<Problem> {
    (!seen.insert(id))
        .then(|| Problem::new(key, format!("is “{id}” a second time"), "Name each one once."))
}

fn points(points: f64, key: String) -> Option<Problem> {
    let fine = points > 0.0 && points.is_finite() && points == crate::number::hundredths(points);
    (!fine).then(|| {
        Problem::new(
            key,
            format!("is {points}"),
            "Write a number above 0 with at most two decimals.",
        )
    })
}
