//! From what came back to a verdict: the first failure, and the mistake that explains it.

use crate::{
    Diagnosis, Failure, Fields, Finding, Place, Report, Symptom, Verdict, Who,
    exercise::Answered,
    fields::{agree, same},
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
    /// The verdict on a run; `mistakes` gives the runs of all known mistakes on the same cases.
    pub fn report<'r>(
        &self,
        bench: &Bench<C, A>,
        run: &Run<A>,
        mistakes: impl FnOnce() -> io::Result<&'r [Run<A>]>,
    ) -> io::Result<Judged>
    where
        A: 'r,
    {
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
                diagnosis: self.diagnose(bench, run, mistakes()?),
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

    /// The first known mistake that explains everything that came back; or else the first that
    /// explains one part of it, such as `out`, and is wrong there.
    fn diagnose(
        &self,
        bench: &Bench<C, A>,
        run: &Run<A>,
        mistakes: &[Run<A>],
    ) -> Option<Diagnosis> {
        let diagnosis = |(name, when): (&str, &str), part| Diagnosis {
            mistake: name.into(),
            when: when.into(),
            part,
        };
        let known = || self.known().zip(mistakes);
        if let Some((known, _)) = known().find(|(_, mistake)| explains(mistake, run)) {
            return Some(diagnosis(known, None));
        }
        known().find_map(|(known, mistake)| {
            let part = self.explained_part(bench, mistake, run)?;
            Some(diagnosis(known, Some(part)))
        })
    }

    /// The part of the answers in which a mistake is wrong and gives what came back in every case.
    fn explained_part(
        &self,
        bench: &Bench<C, A>,
        mistake: &Run<A>,
        run: &Run<A>,
    ) -> Option<String> {
        let all_came_back = |run: &Run<A>| run.answers.len() == bench.cases.len();
        if !all_came_back(mistake) || !all_came_back(run) {
            return None;
        }
        let fields = |run: &Run<A>| run.answers.iter().map(A::fields).collect::<Vec<_>>();
        let (wrong, came) = (fields(mistake), fields(run));
        // The parts of a trace are its steps, which differ from case to case.
        let is_trace = |parts: &Vec<crate::Field>| parts[0].name.starts_with("after ");
        let parts = came.first().filter(|parts| parts.len() > 1 && !is_trace(parts))?;
        let part = (0..parts.len()).find(|&part| {
            let alike = |(wrong, came): (&Vec<crate::Field>, &Vec<crate::Field>)| {
                let both = wrong.get(part).zip(came.get(part));
                both.is_some_and(|(wrong, came)| {
                    wrong.name == came.name && same(&wrong.value, &came.value, 0.0)
                })
            };
            wrong.iter().zip(&came).all(alike) && self.is_wrong_in(bench, &wrong, part)
        })?;
        Some(parts[part].name.to_string())
    }

    /// Whether these answers differ from the reference's in this part.
    fn is_wrong_in(&self, bench: &Bench<C, A>, answers: &[Vec<crate::Field>], part: usize) -> bool {
        let mut cases = bench.cases.iter().zip(answers);
        cases.any(|(case, answer)| {
            let right = self.answer(Who::Solution, case).fields();
            right.get(part).is_some_and(|right| !same(&answer[part].value, &right.value, 0.0))
        })
    }
}

/// Whether a mistake's run explains an answer's: the same answers, and the same panics on the same
/// cases.
fn explains<A: Fields>(mistake: &Run<A>, answer: &Run<A>) -> bool {
    let message = |ending: &Ending| match ending {
        Ending::Symptom(Symptom::Panicked { message, .. }) => Some(message.clone()),
        _ => None,
    };
    let fails_alike = |((i, a), (j, b)): ((&usize, &Ending), (&usize, &Ending))| {
        i == j && message(a).is_some() && message(a) == message(b)
    };
    mistake.failed.len() == answer.failed.len()
        && mistake.answers.len() == answer.answers.len()
        && mistake.failed.iter().zip(&answer.failed).all(fails_alike)
        && mistake.answers.iter().zip(&answer.answers).all(|(a, b)| agree(a, b, 0.0))
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
