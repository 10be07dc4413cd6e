//! The course's own mutation test: every check is proven against the starter, the reference and the known mistakes.

use crate::{Check, Limits, Symptom, Verdict, Who};
use serde::{Deserialize, Serialize};
use std::io;

/// What was proven of one exercise.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Verification {
    /// The exercise.
    pub id: String,
    /// How many cases it has.
    pub cases: usize,
    /// How many known mistakes.
    pub mistakes: usize,
    /// How many of them are rejected.
    pub rejected: usize,
    /// How many of them are recognised for what they are.
    pub diagnosed: usize,
    /// What is not as it has to be, a line each. Empty when the exercise is sound.
    pub faults: Vec<String>,
}

/// The reference has to pass on the cases of each of these.
const SEEDS: [u64; 3] = [1, 2, 3];

/// Proves an exercise: the starter is unsolved because of its own todo, the reference passes, and every known mistake is
/// rejected and named.
///
/// # Errors
/// When a worker cannot be started.
pub fn verify(check: &dyn Check, seed: u64, limits: &Limits) -> io::Result<Verification> {
    let mut cases = 0;
    let mut faults = Vec::new();

    match check.check(Who::Answer, seed, limits)?.verdict {
        Verdict::Unsolved { todo, .. } if todo.starts_with(&format!("{}: ", check.id())) => {}
        Verdict::Passed { .. } => faults.push("the starter is solved".to_string()),
        verdict => faults.push(format!(
            "the starter fails for another reason than its own todo: {}",
            brief(&verdict)
        )),
    }

    for seed in SEEDS {
        match check.check(Who::Solution, seed, limits)?.verdict {
            Verdict::Passed { cases: passed } => cases = passed,
            verdict => faults.push(format!(
                "the reference fails with seed {seed}: {}",
                brief(&verdict)
            )),
        }
    }

    let names = check.mistakes();
    let (mut rejected, mut diagnosed) = (0, 0);
    for (i, &name) in names.iter().enumerate() {
        match check.check(Who::Mistake(i), seed, limits)?.verdict {
            Verdict::Failed(failure) => {
                rejected += 1;
                match failure.diagnosis {
                    Some(found) if found.mistake == name => diagnosed += 1,
                    Some(found) => faults.push(format!(
                        "mistake {name} cannot be told from {}",
                        found.mistake
                    )),
                    None => faults.push(format!("mistake {name} is rejected but not named")),
                }
            }
            verdict => faults.push(format!(
                "mistake {name} is not rejected: {}",
                brief(&verdict)
            )),
        }
    }

    Ok(Verification {
        id: check.id().into(),
        cases,
        mistakes: names.len(),
        rejected,
        diagnosed,
        faults,
    })
}

fn brief(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Passed { .. } => "it passes".into(),
        Verdict::Unsolved { todo, .. } => format!("todo “{todo}”"),
        Verdict::WaitsOn { on } => format!("waits on {on}"),
        Verdict::DoesNotCompile { .. } => "does not compile".into(),
        Verdict::Failed(failure) => match &failure.symptom {
            Symptom::Wrong { what } => format!("case {}: {what}", failure.case),
            symptom => format!("case {}: {symptom:?}", failure.case),
        },
    }
}
