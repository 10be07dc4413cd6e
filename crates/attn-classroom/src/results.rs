//! What came out, in a form that no learning platform owns. Every report is made from it alone.
//!
//! Its JSON is described by `schema/results.json` of this crate.

mod check;
mod error;
mod merge;
mod read;

use crate::number::hundredths;
pub use error::{MergeError, ResultsError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The format that this version writes and reads.
pub const FORMAT: u32 = 1;

/// What came out of one assignment.
///
/// [`Results::new`] brings everything into one order, so that equal results are equal bytes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Results {
    /// The version of this format: 1.
    pub format: u32,
    /// The assignment's title.
    pub assignment: String,
    /// The chapters.
    pub chapters: Vec<u32>,
    /// The fingerprint of the workspace that was handed out.
    pub course: String,
    /// The seed of the hidden cases.
    pub seed: u64,
    /// The students, sorted by name.
    pub students: Vec<Student>,
}

/// What came out for one student.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Student {
    /// The name under which the submission came.
    pub name: String,
    /// When it was handed in, as RFC 3339, if anybody knows.
    pub submitted: Option<String>,
    /// When it was due for this student, as RFC 3339.
    pub due: String,
    /// What was noticed on reading it: `ignored 3 other files: …`.
    pub notes: Vec<String>,
    /// Why nothing could be graded, if nothing could.
    pub refused: Option<String>,
    /// All exercises of the assignment in its order, the same for every student.
    pub exercises: Vec<Graded>,
    /// All questions of the assignment in its order, the same for every student.
    pub predictions: Vec<Predicted>,
    /// The share of the points that is left: 1 in time, less when late.
    pub late_factor: f64,
    /// What counts: the points of all exercises and predictions, times `late_factor`.
    pub points: f64,
    /// What could have been reached.
    pub of: f64,
}

/// One exercise of one student.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Graded {
    /// Its number in the course, such as `3.1`.
    pub id: String,
    /// Its title.
    pub title: String,
    /// The section of the book that explains it.
    pub book: String,
    /// What it is worth.
    pub of: f64,
    /// What was reached.
    pub points: f64,
    /// How it stands.
    pub state: State,
    /// The cases, by group.
    pub groups: Vec<Group>,
    /// The known mistake that explains what came out, if one does.
    pub diagnosis: Option<Named>,
    /// For the student: one or several lines, without what hidden cases hold.
    pub says: String,
    /// For the teacher.
    pub private: String,
}

/// Some cases of an exercise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// What they have in common.
    pub name: String,
    /// How many are right.
    pub right: usize,
    /// How many there are.
    pub of: usize,
    /// Whether students may see them.
    pub visible: bool,
}

/// How an exercise stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Right on all cases.
    Passed,
    /// Right on some groups of cases.
    Partly,
    /// Wrong.
    Wrong,
    /// A `todo!` is left.
    Unsolved,
    /// It calls another exercise, which is unsolved.
    WaitsOn,
    /// It does not compile.
    DoesNotCompile,
    /// It was stopped: by the limit of time or memory, by a crash, or it ended the process.
    Stopped,
    /// It was not run. That is never a pass and never gives points.
    NotChecked,
}

/// A known mistake.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Named {
    /// Its name.
    pub mistake: String,
    /// Completes “This is exactly what comes out when …”.
    pub when: String,
}

/// One question of one student.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Predicted {
    /// The question's short name.
    pub id: String,
    /// What was asked.
    pub text: String,
    /// What was answered, if anything was.
    pub answer: Option<String>,
    /// Whether that is right.
    pub right: bool,
    /// What it is worth.
    pub of: f64,
    /// What was reached.
    pub points: f64,
}

impl State {
    /// Whether it is right on all cases.
    pub fn is_passed(self) -> bool {
        self == State::Passed
    }

    /// It as a person says it.
    pub fn words(self) -> &'static str {
        match self {
            State::Passed => "passed",
            State::Partly => "partly right",
            State::Wrong => "wrong",
            State::Unsolved => "unsolved",
            State::WaitsOn => "waits on another exercise",
            State::DoesNotCompile => "does not compile",
            State::Stopped => "stopped",
            State::NotChecked => "not checked",
        }
    }
}

impl Graded {
    /// Whether all cases are right that students may see, and there are some.
    pub fn is_visibly_right(&self) -> bool {
        let mut visible = self.groups.iter().filter(|group| group.visible).peekable();
        visible.peek().is_some() && visible.all(|group| group.right == group.of)
    }
}

impl Student {
    /// What was reached and could have been, without the late factor.
    pub fn before_late(&self) -> (f64, f64) {
        let exercises = self.exercises.iter().map(|e| (e.points, e.of));
        let all = exercises.chain(self.predictions.iter().map(|p| (p.points, p.of)));
        let (points, of) = all.fold((0.0, 0.0), |(points, of), one| (points + one.0, of + one.1));
        (hundredths(points), hundredths(of))
    }

    /// What counts and could have been reached. Nothing else adds points up.
    pub fn total(&self) -> (f64, f64) {
        let (points, of) = self.before_late();
        (hundredths(points * self.late_factor), of)
    }

    /// Rounds what is written to a file, and adds up.
    fn settle(&mut self) {
        let exercises = self.exercises.iter_mut().flat_map(|e| [&mut e.points, &mut e.of]);
        let predictions = self.predictions.iter_mut().flat_map(|p| [&mut p.points, &mut p.of]);
        exercises.chain(predictions).for_each(|x| *x = hundredths(*x));
        // Two digits more than points have: a day may cost 2.5 percent.
        self.late_factor = (self.late_factor * 10_000.0).round() / 10_000.0;
        (self.points, self.of) = self.total();
    }
}
