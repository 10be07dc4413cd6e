//! The course's own mutation test: every check is proven against the starter, the reference, right
//! answers in other styles, the known mistakes, and mutants that go wrong in one regime only.

use crate::{
    Check, Fields, Limits, Symptom, Verdict, Verification, Who,
    exercise::{Answer, Answered},
    fields::{agree, largest},
    regimes::{Regimes, Tried, coverage, mutants},
    verdict::Bench,
};
use serde::{Serialize, de::DeserializeOwned};
use std::{
    cell::OnceCell,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
};

/// What [`Check::verify`] does.
pub(crate) fn verify<B, C, A>(
    answered: &Answered<B, C, A>,
    seeds: u64,
    limits: &Limits,
) -> io::Result<Verification>
where
    Answered<B, C, A>: Check,
    C: Fields + Regimes + Serialize,
    A: Fields + DeserializeOwned,
{
    let id = answered.id;
    let mut found = Verification {
        id: id.into(),
        mistakes: answered.exercise.mistakes.len(),
        styles: answered.exercise.styles.len(),
        ..Verification::default()
    };
    match answered.check(Who::Answer, 1, limits)?.verdict {
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
    for seed in 1..=seeds {
        let tried = AssertUnwindSafe(|| verify_seed(answered, seed, limits, &mut found));
        match catch_unwind(tried) {
            Ok(verified) => verified?,
            Err(_) => found.faults.push(format!("with seed {seed} the check itself panics")),
        }
    }
    Ok(found)
}

fn verify_seed<B, C, A>(
    answered: &Answered<B, C, A>,
    seed: u64,
    limits: &Limits,
    found: &mut Verification,
) -> io::Result<()>
where
    C: Fields + Regimes + Serialize,
    A: Fields + DeserializeOwned,
{
    let cases = (answered.exercise.cases)(seed);
    let bench = Bench::new(answered, &cases);
    accept_right_answers(answered, &bench, seed, limits, found)?;
    name_mistakes(answered, &bench, seed, limits, found)?;
    if seed == 1 {
        found.cases = cases.len();
        let coverage = coverage(&cases, answered.exercise.never);
        found.regimes = coverage.covered;
        found.faults.extend(coverage.faults);
        try_mutants(answered, &bench, found);
    }
    Ok(())
}

/// The reference and every right answer in another style pass.
fn accept_right_answers<B, C, A>(
    answered: &Answered<B, C, A>,
    bench: &Bench<C, A>,
    seed: u64,
    limits: &Limits,
    found: &mut Verification,
) -> io::Result<()>
where
    C: Fields + Serialize,
    A: Fields + DeserializeOwned,
{
    let styles = answered.exercise.styles.iter().enumerate();
    let styles = styles.map(|(i, (name, _))| (Who::Style(i), format!("the style “{name}”")));
    let reference = [(Who::Solution, "the reference".to_string())];
    let (who, names): (Vec<Who>, Vec<String>) = reference.into_iter().chain(styles).unzip();
    let runs = crate::run::run(answered.id, &who, bench.cases, &[], limits)?;
    for (name, run) in names.iter().zip(&runs) {
        match bench.report(run, || Ok(None))?.report.verdict {
            Verdict::Passed { .. } => {}
            verdict => {
                found.faults.push(format!("{name} fails with seed {seed}: {}", brief(&verdict)))
            }
        }
    }
    Ok(())
}

/// Every known mistake is rejected, and recognised for what it is.
fn name_mistakes<B, C, A>(
    answered: &Answered<B, C, A>,
    bench: &Bench<C, A>,
    seed: u64,
    limits: &Limits,
    found: &mut Verification,
) -> io::Result<()>
where
    C: Fields + Serialize,
    A: Fields + DeserializeOwned,
{
    let known = answered.run_known(bench.cases, limits)?;
    let first = seed == 1;
    let with = if first { String::new() } else { format!(" with seed {seed}") };
    for (i, ((name, _), run)) in known.mistakes.iter().enumerate() {
        let verdict = bench.report(run, || Ok(known.diagnose(run)))?.report.verdict;
        let own = i < answered.exercise.mistakes.len();
        let came = brief(&verdict);
        let Verdict::Failed(failure) = verdict else {
            // What is a mistake elsewhere may be none here.
            if own {
                found.faults.push(format!("mistake {name} is not rejected{with}: {came}"));
            }
            continue;
        };
        if !own {
            found.inherited += usize::from(first);
            continue;
        }
        found.rejected += usize::from(first);
        match failure.diagnosis {
            Some(diagnosis) if diagnosis.mistake == *name => {
                found.diagnosed += usize::from(first);
            }
            Some(diagnosis) => found
                .faults
                .push(format!("mistake {name} cannot be told from {}{with}", diagnosis.mistake)),
            None => {
                found
                    .faults
                    .push(format!("mistake {name} is rejected but not named{with}: {came}"));
            }
        }
    }
    Ok(())
}

/// Every guarded mutant is rejected.
fn try_mutants<B, C, A>(answered: &Answered<B, C, A>, bench: &Bench<C, A>, found: &mut Verification)
where
    C: Fields + Regimes,
    A: Fields,
{
    let right: Vec<OnceCell<A>> = bench.cases.iter().map(|_| OnceCell::new()).collect();
    let tried = mutants(bench.cases, |case, altered| {
        let answer = || answered.answer(Who::Solution, altered);
        // A reference that panics on what it was never given would not have been accepted.
        let Ok(answer) = catch_unwind(AssertUnwindSafe(answer)) else {
            return Tried::Rejected;
        };
        let right = right[case].get_or_init(|| answered.answer(Who::Solution, &bench.cases[case]));
        match bench.judge(case, &answer) {
            Err(_) => Tried::Rejected,
            Ok(()) if agree(&answer, right, 1e-5 * largest(&altered.fields())) => Tried::Same,
            Ok(()) => Tried::Accepted,
        }
    });
    found.mutants = tried.tried;
    found.mutants_rejected = tried.rejected;
    found.faults.extend(tried.faults);
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
            Symptom::Wrong { what } => {
                format!("case {} ({}): {what}", failure.case, failure.label)
            }
            symptom => format!("case {} ({}): {symptom:?}", failure.case, failure.label),
        },
    }
}
