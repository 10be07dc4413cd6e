//! What a check program says: plain data, sent as JSON to whoever started it.

use serde::{Deserialize, Serialize};

/// The verdict on one exercise.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Report {
    /// The exercise.
    pub id: String,
    /// How it stands.
    pub verdict: Verdict,
    /// What the answer printed, by case, shortened.
    pub printed: Vec<Printed>,
}

/// How an exercise stands.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum Verdict {
    /// Right on all cases.
    Passed {
        /// How many.
        cases: usize,
    },
    /// A `todo!` was reached.
    Unsolved {
        /// Its text.
        todo: String,
        /// Where it stands.
        place: Option<Place>,
        /// How many cases are right without it.
        right: usize,
        /// How many cases there are.
        of: usize,
    },
    /// It called another exercise's function, which is unsolved.
    WaitsOn {
        /// That other exercise.
        on: String,
    },
    /// Wrong.
    Failed(Failure),
    /// The answer does not compile, so it was not run.
    DoesNotCompile {
        /// The compiler's messages, shortened to the learner's file.
        errors: Vec<String>,
    },
    /// The answer was not run, for a reason that is not in its text.
    CannotBeChecked {
        /// Which, and what helps.
        why: String,
    },
}

impl Verdict {
    /// Whether it is right on all cases.
    pub fn is_passed(&self) -> bool {
        matches!(self, Verdict::Passed { .. })
    }
}

/// The first case on which an answer failed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Failure {
    /// The case, counted from 1.
    pub case: usize,
    /// The case in a line.
    pub label: String,
    /// How many cases are right.
    pub right: usize,
    /// How many there are.
    pub of: usize,
    /// What happened.
    pub symptom: Symptom,
    /// The known mistake that explains everything that came back, if one does.
    pub diagnosis: Option<Diagnosis>,
}

/// What happened on a case that failed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "symptom", rename_all = "kebab-case")]
pub enum Symptom {
    /// The answer came back and was refused.
    Wrong {
        /// Why, in a line.
        what: String,
    },
    /// It panicked.
    Panicked {
        /// The panic's message.
        message: String,
        /// Where.
        place: Option<Place>,
    },
    /// It was still running after the time limit.
    TimedOut {
        /// The limit.
        seconds: u64,
    },
    /// It ended the process, as `std::process::exit` does.
    Exited {
        /// The exit code.
        code: i32,
    },
    /// The process died: an abort, a signal.
    Crashed {
        /// The system's word for it.
        status: String,
    },
    /// Recursion without an end.
    StackOverflow,
    /// It asked for more memory than allowed.
    OutOfMemory {
        /// The limit in bytes.
        limit: usize,
    },
    /// It printed more than allowed.
    PrintedTooMuch {
        /// The limit in bytes.
        limit: u64,
    },
}

/// A known mistake, recognised.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Diagnosis {
    /// Its name.
    pub mistake: String,
    /// Completes “This is exactly what comes out when …”.
    pub when: String,
    /// In how many cases the answer overflows. The mistake explains the others.
    #[serde(default)]
    pub overflows: usize,
    /// The part of the answer that the mistake explains, such as `out`, where it does not explain
    /// the others.
    #[serde(default)]
    pub part: Option<String>,
}

/// What an answer is worth, case by case.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Grade {
    /// The verdict.
    pub report: Report,
    /// The cases by kind, in the order in which the kinds first come.
    pub kinds: Vec<Cases>,
}

/// Cases of one kind.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Cases {
    /// Which.
    pub kind: Kind,
    /// How many are right, each looked at alone.
    pub right: usize,
    /// How many there are.
    pub of: usize,
}

/// What is asked of an answer by a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The first case, which is worked by hand.
    ByHand,
    /// Numbers that overflow or vanish if nothing is done about it, or −∞.
    Extreme,
    /// A size of 0 or 1.
    Edge,
    /// Anything else.
    Ordinary,
}

/// What was proven of one exercise.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Verification {
    /// The exercise.
    pub id: String,
    /// How many cases it has.
    pub cases: usize,
    /// How many right answers in other styles, all accepted.
    pub styles: usize,
    /// How many known mistakes.
    pub mistakes: usize,
    /// How many of them are rejected.
    pub rejected: usize,
    /// How many of them are recognised for what they are.
    pub diagnosed: usize,
    /// How many mistakes of other exercises are recognised when they are made within this one.
    pub inherited: usize,
    /// How many regimes the cases cover.
    pub regimes: usize,
    /// How many mutants mistake one input in one regime.
    pub mutants: usize,
    /// How many of them are rejected.
    pub mutants_rejected: usize,
    /// What is not as it has to be, one per line. Empty when the exercise is sound.
    pub faults: Vec<String>,
}

/// What was printed during one case.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Printed {
    /// The case, counted from 1.
    pub case: usize,
    /// The text.
    pub text: String,
}

/// A line of source.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Place {
    /// The file as the compiler names it.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
}

/// Everything about one case.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Trial {
    /// The case in a line.
    pub label: String,
    /// How many cases the exercise has.
    pub of: usize,
    /// The inputs.
    pub inputs: Vec<Shown>,
    /// The steps from input to answer, as the reference takes them.
    pub steps: Vec<Shown>,
    /// What came back, if anything did.
    pub answer: Vec<Shown>,
    /// What the reference gives.
    pub expected: Vec<Shown>,
    /// The verdict on this case alone.
    pub report: Report,
}

/// A named value as text.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Shown {
    /// Name and shape: `q 5×4`.
    pub heading: String,
    /// The value, one row per line.
    pub body: String,
}

impl Shown {
    /// A field; where the entry `at` is in it, those around it.
    pub(crate) fn of(field: &crate::Field, at: Option<&(String, Vec<usize>)>) -> Self {
        let here = at.filter(|(name, _)| *name == field.name);
        Shown {
            heading: field.heading(),
            body: field.body(here.map(|(_, index)| index.as_slice())),
        }
    }
}
