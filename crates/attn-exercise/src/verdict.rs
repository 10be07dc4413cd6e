//! From what came back to a verdict: the first failure, and the mistake that explains it.

use crate::{
    Diagnosis, Failure, Field, Fields, Finding, Place, Report, Shown, Symptom, Trial, Verdict,
    exercise::Answered,
    judge::{Judge, Refusal},
    run::{Ending, Run},
    stop::Stop,
    worker::TODO,
};
use std::{cell::OnceCell, io};

/// The cases of a seed, with what is expected of each, computed when it is first asked for.
pub(crate) struct Bench<'c, C, A> {
    pub id: &'c str,
    pub cases: &'c [C],
    make: Box<dyn Fn(usize) -> Judge<'c, A> + 'c>,
    judges: Vec<OnceCell<Judge<'c, A>>>,
    relation: fn(&[C], &[A]) -> Result<(), Finding>,
}

impl<'c, C, A: 'c> Bench<'c, C, A> {
    /// What an exercise expects of its cases.
    pub fn new<B>(answered: &Answered<B, C, A>, cases: &'c [C]) -> Self {
        let make = answered.exercise.judge;
        let relation = answered.exercise.relation;
        Bench::with(answered.id, cases, Box::new(move |case| make(&cases[case])), relation)
    }
}

impl<'c, C, A> Bench<'c, C, A> {
    /// What `make` expects of the case with an index.
    pub fn with(
        id: &'c str,
        cases: &'c [C],
        make: Box<dyn Fn(usize) -> Judge<'c, A> + 'c>,
        relation: fn(&[C], &[A]) -> Result<(), Finding>,
    ) -> Self {
        let judges = cases.iter().map(|_| OnceCell::new()).collect();
        Bench { id, cases, make, judges, relation }
    }

    /// Whether this is a right answer to the case.
    pub fn judge(&self, case: usize, answer: &A) -> Result<(), Refusal> {
        let judge = self.judges[case].get_or_init(|| (self.make)(case));
        judge(answer)
    }
}

/// What was found wrong with a case.
struct Wrong {
    case: usize,
    ending: Ending,
    at: Option<(String, Vec<usize>)>,
}

/// A verdict, and where in the answer the first wrong entry is.
pub(crate) struct Judged {
    pub report: Report,
    pub at: Option<(String, Vec<usize>)>,
}

impl Judged {
    /// All about the one case that was judged, of so many. The wrong entry is looked for wherever its part is shown.
    pub fn trial(
        self,
        (case, of): (&impl Fields, usize),
        steps: &[Field],
        answer: Option<Vec<Field>>,
        expected: &[Field],
    ) -> Trial {
        let show = |fields: &[Field]| -> Vec<Shown> {
            fields.iter().map(|field| Shown::of(field, self.at.as_ref())).collect()
        };
        Trial {
            label: case.label(),
            of,
            inputs: show(&case.fields()),
            steps: show(steps),
            answer: show(&answer.unwrap_or_default()),
            expected: show(expected),
            report: self.report,
        }
    }
}

impl<C: Fields, A: Fields> Bench<'_, C, A> {
    /// The verdict on a run; `diagnose` is asked for the mistake if the answer is wrong.
    pub fn report(
        &self,
        run: &Run<A>,
        diagnose: impl FnOnce() -> io::Result<Option<Diagnosis>>,
    ) -> io::Result<Judged> {
        let of = self.cases.len();
        let Some(Wrong { case, ending, at }) = self.first_wrong(run) else {
            return Ok(self.judged(run, Verdict::Passed { cases: of }, None));
        };
        let right =
            || self.right(run).enumerate().filter(|(i, right)| *right && *i != case).count();
        let verdict = match ending {
            Ending::Stopped(Stop::DoesNotCompile(message)) => {
                Verdict::DoesNotCompile { errors: vec![message] }
            }
            Ending::Stopped(Stop::CannotBeChecked(why)) => Verdict::CannotBeChecked { why },
            Ending::Symptom(Symptom::Panicked { message, .. }) if message.starts_with(TODO) => {
                unsolved(self.id, &message, run.place(case).cloned(), right(), of)
            }
            Ending::Symptom(symptom) => Verdict::Failed(Failure {
                case: case + 1,
                label: self.cases[case].label(),
                right: right(),
                of,
                symptom,
                diagnosis: diagnose()?,
            }),
        };
        Ok(self.judged(run, verdict, at))
    }

    fn judged(&self, run: &Run<A>, verdict: Verdict, at: Option<(String, Vec<usize>)>) -> Judged {
        Judged { report: Report { id: self.id.into(), verdict, printed: run.printed.clone() }, at }
    }

    /// The first case that went wrong.
    fn first_wrong(&self, run: &Run<A>) -> Option<Wrong> {
        let failed = run.failed.first_key_value();
        let before = failed.map_or(self.cases.len(), |(case, _)| *case);
        for (case, answer) in run.answers[..before].iter().enumerate() {
            if let Err(Refusal { what, at }) = self.judge(case, answer) {
                let ending = Ending::Symptom(Symptom::Wrong { what });
                return Some(Wrong { case, ending, at });
            }
        }
        if let Err(Finding { case, what }) =
            (self.relation)(&self.cases[..before], &run.answers[..before])
        {
            let ending = Ending::Symptom(Symptom::Wrong { what });
            return Some(Wrong { case, ending, at: None });
        }
        failed.map(|(case, ending)| Wrong { case: *case, ending: ending.clone(), at: None })
    }

    /// Whether each case is right, looked at alone.
    pub fn right(&self, run: &Run<A>) -> impl Iterator<Item = bool> {
        let mut answers = run.answers.iter();
        (0..self.cases.len()).map(move |case| {
            let answer = if run.failed.contains_key(&case) { None } else { answers.next() };
            answer.is_some_and(|answer| self.judge(case, answer).is_ok())
        })
    }
}

/// The verdict on a `todo!` that was reached: this exercise's own, or that of another one which it
/// calls.
fn unsolved(id: &str, message: &str, place: Option<Place>, right: usize, of: usize) -> Verdict {
    let todo = message[TODO.len()..].trim_start_matches(": ").to_string();
    match todo.split_once(": ") {
        Some((on, _)) if on != id && is_id(on) => Verdict::WaitsOn { on: on.into() },
        _ => Verdict::Unsolved { todo, place, right, of },
    }
}

/// `3.2`: a chapter, a dot, a number.
fn is_id(text: &str) -> bool {
    let number = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    text.split_once('.').is_some_and(|(chapter, exercise)| number(chapter) && number(exercise))
}
