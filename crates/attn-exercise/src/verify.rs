//! The course's own mutation test: every check is proven against the starter, the reference and the
//! known mistakes.

use crate::{Check, Fields, Limits, Symptom, Verdict, Who, exercise::Answered};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
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

/// What [`Check::verify`] does.
pub(crate) fn verify<B, C, A>(
    answered: &Answered<B, C, A>,
    seed: u64,
    limits: &Limits,
) -> io::Result<Verification>
where
    Answered<B, C, A>: Check,
    C: Fields + Serialize,
    A: Fields + DeserializeOwned,
{
    let id = answered.exercise.id;
    let mut found = Verification {
        id: id.into(),
        cases: 0,
        mistakes: answered.exercise.mistakes.len(),
        rejected: 0,
        diagnosed: 0,
        faults: Vec::new(),
    };
    match answered.check(Who::Answer, seed, limits)?.verdict {
        Verdict::Unsolved { todo, .. } if todo.starts_with(&format!("{id}: ")) => {}
        Verdict::Passed { .. } => found.faults.push("the starter is solved".into()),
        // Nothing else of it would, and for the same reason.
        verdict @ (Verdict::DoesNotCompile { .. } | Verdict::CannotBeChecked { .. }) => {
            let fault = format!("the starter {}", brief(&verdict));
            found.faults.push(fault);
            return Ok(found);
        }
        verdict => found.faults.push(format!(
            "the starter fails for another reason than its own todo: {}",
            brief(&verdict)
        )),
    }
    for seed in SEEDS {
        match answered.check(Who::Solution, seed, limits)?.verdict {
            Verdict::Passed { cases } => found.cases = cases,
            verdict => found.faults.push(format!(
                "the reference fails with seed {seed}: {}",
                brief(&verdict)
            )),
        }
    }

    let cases = (answered.exercise.cases)(seed);
    let runs = (0..found.mistakes).map(|i| answered.run_mistake(i, &cases, limits));
    let runs = runs.collect::<io::Result<Vec<_>>>()?;
    for (mistake, run) in answered.exercise.mistakes.iter().zip(&runs) {
        let name = mistake.name;
        let report = answered.report(&cases, run, |i| Ok(runs[i].clone()))?;
        let Verdict::Failed(failure) = report.verdict else {
            let verdict = brief(&report.verdict);
            found
                .faults
                .push(format!("mistake {name} is not rejected: {verdict}"));
            continue;
        };
        found.rejected += 1;
        match failure.diagnosis {
            Some(diagnosis) if diagnosis.mistake == name => found.diagnosed += 1,
            Some(diagnosis) => found.faults.push(format!(
                "mistake {name} cannot be told from {}",
                diagnosis.mistake
            )),
            None => found
                .faults
                .push(format!("mistake {name} is rejected but not named")),
        }
    }
    Ok(found)
}

fn brief(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Passed { .. } => "it passes".into(),
        Verdict::Unsolved { todo, .. } => format!("todo “{todo}”"),
        Verdict::WaitsOn { on } => format!("waits on {on}"),
        Verdict::DoesNotCompile { errors } => {
            let why = errors.first().and_then(|error| error.lines().next());
            format!("does not compile: {}", why.unwrap_or_default())
        }
        Verdict::CannotBeChecked { why } => format!("cannot be checked: {why}"),
        Verdict::Failed(failure) => match &failure.symptom {
            Symptom::Wrong { what } => format!("case {}: {what}", failure.case),
            symptom => format!("case {}: {symptom:?}", failure.case),
        },
    }
}
