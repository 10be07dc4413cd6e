//! One exercise: what is asked, on which cases, how it is judged, and how it goes wrong.

use crate::{Field, Fields, Finding, Limits, Report, Trial, Verification};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{io, path::Path};

/// An exercise whose answers are bodies `B` (a function, or a struct of functions), tried on cases
/// `C` and giving answers `A`.
pub struct Exercise<B, C, A> {
    /// Chapter and number: `3.2`.
    pub id: &'static str,
    /// The cases that a seed gives: first one worked by hand, then awkward sizes. The same seed
    /// gives the same cases.
    pub cases: fn(seed: u64) -> Vec<C>,
    /// Calls a body on a case. The one place where an answer is turned into a function call.
    pub answer: fn(&B, &C) -> A,
    /// Refuses wrong answers. `answers[i]` belongs to `cases[i]`; it must also work on any run of
    /// neighbouring cases.
    pub judge: fn(&[C], &[A]) -> Result<(), Finding>,
    /// The reference.
    pub solution: B,
    /// The known wrong answers, the likeliest first.
    pub mistakes: Vec<Mistake<B>>,
    /// The steps between input and answer, as the reference takes them, for `cargo attn try`.
    pub steps: fn(&C) -> Vec<Field>,
}

/// A wrong answer that people really give.
pub struct Mistake<B> {
    /// A short name, such as `no-scale`.
    pub name: &'static str,
    /// Completes “This is exactly what comes out when …”.
    pub when: &'static str,
    /// The wrong body.
    pub body: B,
}

impl<B, C, A> Exercise<B, C, A>
where
    B: Sync + 'static,
    C: Fields + Serialize + DeserializeOwned + Sync + 'static,
    A: Fields + Serialize + DeserializeOwned + 'static,
{
    /// This exercise as answered by `body`, ready for the check program.
    pub fn answered_by(self, body: B) -> Box<dyn Check> {
        Box::new(Answered {
            exercise: self,
            body,
        })
    }

    /// For tests: right answers in several styles, each with a name, have to be accepted on the
    /// cases of several seeds. They run in this process; a learner's answer runs in a worker.
    ///
    /// # Panics
    /// Names the style, the seed and what the judge refused.
    #[track_caller]
    pub fn assert_accepts(&self, styles: &[(&str, B)]) {
        for (style, body) in styles {
            for seed in 1..=3 {
                let cases = (self.cases)(seed);
                let answers = cases.iter().map(|case| (self.answer)(body, case));
                let refusal = (self.judge)(&cases, &answers.collect::<Vec<A>>());
                if let Err(Finding { case, what }) = refusal {
                    let (id, label) = (self.id, cases[case].label());
                    panic!(
                        "{id}, {style}, seed {seed}, case {} ({label}): {what}",
                        case + 1
                    );
                }
            }
        }
    }
}

/// An exercise together with the answer that is to be checked.
pub(crate) struct Answered<B, C, A> {
    pub exercise: Exercise<B, C, A>,
    pub body: B,
}

/// Whose body runs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Who {
    /// The answer in the compiled file: the starter's, or the learner's.
    Answer,
    /// The reference.
    Solution,
    /// The known mistake with this index.
    Mistake(usize),
}

impl<B, C, A> Answered<B, C, A> {
    pub fn body(&self, who: Who) -> &B {
        match who {
            Who::Answer => &self.body,
            Who::Solution => &self.exercise.solution,
            Who::Mistake(i) => &self.exercise.mistakes[i].body,
        }
    }
}

/// An exercise with its answer, its types erased, so that a chapter can list all of its exercises.
pub trait Check: Sync {
    /// The exercise's id.
    fn id(&self) -> &'static str;

    /// Runs the answer (or the reference) in a worker, judges it, and names the mistake if it is a
    /// known one.
    ///
    /// # Errors
    /// When the worker cannot be started or its files not be written.
    fn check(&self, who: Who, seed: u64, limits: &Limits) -> io::Result<Report>;

    /// Runs a single case and shows everything about it; `None` if there is no such case.
    ///
    /// # Errors
    /// As for [`Check::check`].
    fn try_case(
        &self,
        case: usize,
        who: Who,
        seed: u64,
        limits: &Limits,
    ) -> io::Result<Option<Trial>>;

    /// Proves the exercise: the starter is unsolved because of its own todo, the reference passes,
    /// and every known mistake is rejected and named.
    ///
    /// # Errors
    /// As for [`Check::check`].
    fn verify(&self, seed: u64, limits: &Limits) -> io::Result<Verification>;

    /// The worker's side: runs a body on the cases in `dir`.
    ///
    /// # Errors
    /// When the files in `dir` cannot be read or written.
    fn work(&self, who: Who, dir: &Path) -> io::Result<()>;
}
