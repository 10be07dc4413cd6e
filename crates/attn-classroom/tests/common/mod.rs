//! A small class, for every test of a report.
#![allow(dead_code)] // each test program uses a part

use attn_classroom::results::{Graded, Group, Named, Predicted, Results, State, Student};

/// What only hidden cases know. No report for a student may hold it.
pub const SECRET: &str = "0.731058";

fn graded(
    id: &str,
    title: &str,
    of: f64,
    state: State,
    points: f64,
    visible: (usize, usize),
    hidden: (usize, usize),
) -> Graded {
    let group = |name: &str, (right, of), visible| Group { name: name.into(), right, of, visible };
    Graded {
        id: id.into(),
        title: title.into(),
        book: format!("Task {}: {}", &id[2..], title.to_lowercase()),
        of,
        points,
        state,
        groups: vec![
            group("cases of the course", visible, true),
            group("hidden cases", hidden, false),
        ],
        diagnosis: None,
        says: String::new(),
        private: format!("hidden case 4: out[0,0] should be {SECRET}"),
    }
}

fn predicted(answer: Option<&str>) -> Predicted {
    let right = answer == Some("0.5");
    Predicted {
        id: "weights".into(),
        text: "Both scores are equal. What is the first weight?".into(),
        answer: answer.map(Into::into),
        right,
        of: 2.0,
        points: if right { 2.0 } else { 0.0 },
    }
}

fn student(name: &str, exercises: [Graded; 2], prediction: Option<&str>) -> Student {
    Student {
        name: name.into(),
        submitted: Some("2027-03-01T20:00:00+01:00".into()),
        due: "2027-03-01T23:59:00+01:00".into(),
        notes: vec![],
        refused: None,
        exercises: exercises.into(),
        predictions: vec![predicted(prediction)],
        late_factor: 1.0,
        points: 0.0,
        of: 0.0,
    }
}

/// Everything right.
pub fn ada() -> Student {
    let softmax = graded("3.1", "Softmax", 10.0, State::Passed, 10.0, (12, 12), (20, 20));
    let attention = graded("3.3", "Attention", 20.0, State::Passed, 20.0, (55, 55), (30, 30));
    student("Ada Lovelace", [softmax, attention], Some("0.5"))
}

/// Right on what can be seen, wrong on hidden cases; a known mistake; a day late.
pub fn bob() -> Student {
    let mut softmax = graded("3.1", "Softmax", 10.0, State::Partly, 8.5, (12, 12), (14, 20));
    softmax.says = "Some hidden cases are wrong. Think of a row whose scores are all −∞.".into();
    let mut attention = graded("3.3", "Attention", 20.0, State::Wrong, 9.82, (27, 55), (0, 30));
    attention.diagnosis = Some(Named {
        mistake: "no-scale".into(),
        when: "the scores are not divided by √d".into(),
    });
    attention.says = "27 of 55 cases right.".into();
    let mut bob = student("Bob, \"the builder\" <b>", [softmax, attention], Some("1"));
    bob.submitted = Some("2027-03-02T08:00:00+01:00".into());
    bob.notes = vec!["ignored 2 other files: Cargo.toml, notes | draft.md".into()];
    bob.late_factor = 0.9;
    bob
}

/// One does not compile, one could not be run.
pub fn chen() -> Student {
    let mut softmax = graded("3.1", "Softmax", 10.0, State::DoesNotCompile, 0.0, (0, 12), (0, 20));
    softmax.says =
        "error[E0308]: mismatched types\n  --> exercise.rs:14:5\n\u{1b}[31mexpected `f32`\u{1b}[0m"
            .into();
    let mut attention = graded("3.3", "Attention", 20.0, State::NotChecked, 0.0, (0, 55), (0, 30));
    attention.says = "The grading was interrupted. This is not your fault.".into();
    student("陳 小明", [softmax, attention], None)
}

/// Nothing could be read.
pub fn dora() -> Student {
    let softmax = graded("3.1", "Softmax", 10.0, State::NotChecked, 0.0, (0, 12), (0, 20));
    let attention = graded("3.3", "Attention", 20.0, State::NotChecked, 0.0, (0, 55), (0, 30));
    let mut dora = student("Dora", [softmax, attention], None);
    dora.refused = Some("there is no exercise.rs in it".into());
    dora.submitted = None;
    dora
}

/// Results of these.
pub fn of(students: Vec<Student>) -> Results {
    Results::new("Week 3".into(), vec![3], "5f0c2b".into(), 17, students)
        .expect("they agree with themselves")
}

/// The class.
pub fn class() -> Results {
    of(vec![chen(), ada(), dora(), bob()])
}
