//! From what came back to a verdict: the first failure, and the mistake that explains it.

use crate::{
    Diagnosis, Failure, Fields, Finding, Place, Report, Symptom, Verdict,
    exercise::Answered,
    judge::{Judge, Refusal},
    run::{Ending, Run},
    stop::Stop,
    worker::TODO,
};
use std::{cell::OnceCell, io};

/// The cases of a seed, with what is expected of each, computed when it is first asked for.
pub(crate) struct Bench<'c, C, A> {
    pub cases: &'c [C],
    make: for<'a> fn(&'a C) -> Judge<'a, A>,
    judges: Vec<OnceCell<Judge<'c, A>>>,
}

impl<'c, C, A> Bench<'c, C, A> {
    pub fn new<B>(answered: &Answered<B, C, A>, cases: &'c [C]) -> Self {
        Bench {
            cases,
            make: answered.exercise.judge,
            judges: cases.iter().map(|_| OnceCell::new()).collect(),
        }
    }

    /// Whether this is a right answer to the case.
    pub fn judge(&self, case: usize, answer: &A) -> Result<(), Refusal> {
        let judge = self.judges[case].get_or_init(|| (self.make)(&self.cases[case]));
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

impl<B, C: Fields, A: Fields> Answered<B, C, A> {
    /// The verdict on a run; `diagnose` is asked for the mistake if the answer is wrong.
    pub fn report(
        &self,
        bench: &Bench<C, A>,
        run: &Run<A>,
        diagnose: impl FnOnce() -> io::Result<Option<Diagnosis>>,
    ) -> io::Result<Judged> {
        let of = bench.cases.len();
        let Some(Wrong { case, ending, at }) = self.first_wrong(bench, run) else {
            return Ok(self.judged(run, Verdict::Passed { cases: of }, None));
        };
        let right = || self.right(bench, run, case);
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
                label: bench.cases[case].label(),
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
    fn first_wrong(&self, bench: &Bench<C, A>, run: &Run<A>) -> Option<Wrong> {
        let failed = run.failed.first_key_value();
        let before = failed.map_or(bench.cases.len(), |(case, _)| *case);
        for (case, answer) in run.answers[..before].iter().enumerate() {
            if let Err(Refusal { what, at }) = bench.judge(case, answer) {
                let ending = Ending::Symptom(Symptom::Wrong { what });
                return Some(Wrong { case, ending, at });
            }
        }
        let relation = self.exercise.relation;
        if let Err(Finding { case, what }) =
            relation(&bench.cases[..before], &run.answers[..before])
        {
            let ending = Ending::Symptom(Symptom::Wrong { what });
            return Some(Wrong { case, ending, at: None });
        }
        failed.map(|(case, ending)| Wrong { case: *case, ending: ending.clone(), at: None })
    }

    /// How many cases are right, each looked at alone, but for the one that the verdict is about.
    fn right(&self, bench: &Bench<C, A>, run: &Run<A>, wrong: usize) -> usize {
        let came_back = (0..bench.cases.len()).filter(|case| !run.failed.contains_key(case));
        came_back
            .zip(&run.answers)
            .filter(|(case, answer)| *case != wrong && bench.judge(*case, answer).is_ok())
            .count()
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
