//! One exercise: what is asked, on which cases, how it is judged, and how it goes wrong.

use crate::{
    Field, Fields, Finding, Grade, Limits, Report, Trial, Verification,
    judge::{Exact, Judge},
    regimes::Regimes,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{io, path::Path};

/// An exercise whose answers are bodies `B` (a function, or a tuple of functions), tried on cases
/// `C` and giving answers `A`. [`crate::exercise!`] declares one.
pub struct Exercise<B, C, A> {
    /// The cases that a seed gives: first one worked by hand, then awkward sizes. The same seed
    /// gives the same cases.
    pub cases: fn(seed: u64) -> Vec<C>,
    /// Calls a body on a case. The one place where an answer is turned into a function call.
    pub answer: fn(&B, &C) -> A,
    /// The exact answer to a case, if the exercise has one.
    pub exact: fn(&C) -> Option<Exact>,
    /// Judges answers to a case.
    pub judge: for<'c> fn(&'c C) -> Judge<'c, A>,
    /// Refuses answers that are wrong only in relation to each other. `answers[i]` belongs to
    /// `cases[i]`; it must also work on any run of neighbouring cases.
    pub relation: fn(&[C], &[A]) -> Result<(), Finding>,
    /// The reference.
    pub solution: B,
    /// Right answers in other styles, each with a name. None of them may be refused.
    pub styles: Vec<(&'static str, B)>,
    /// The known wrong answers, the likeliest first.
    pub mistakes: Vec<Mistake<B>>,
    /// The known wrong answers to other exercises, made within this one.
    pub inherited: Vec<Inherited<C, A>>,
    /// Regimes that cannot occur, each with the reason.
    pub never: &'static [(&'static str, &'static str)],
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

/// A known mistake of another exercise, made within this one.
pub struct Inherited<C, A> {
    /// Its name there.
    pub name: &'static str,
    /// Completes “This is exactly what comes out when …”.
    pub when: &'static str,
    /// What comes out here.
    pub answer: Box<dyn Fn(&C) -> A + Send + Sync>,
}

impl<B, C, A> Exercise<B, C, A>
where
    B: Sync + 'static,
    C: Fields + Regimes + Serialize + DeserializeOwned + Sync + 'static,
    A: Fields + Serialize + DeserializeOwned + 'static,
{
    /// This exercise under its id, as answered by `body`, ready for the check program.
    pub fn answered_by(self, id: &'static str, body: B) -> Box<dyn Check> {
        Box::new(Answered { id, exercise: self, body })
    }
}

/// An exercise together with the answer that is to be checked.
pub(crate) struct Answered<B, C, A> {
    pub id: &'static str,
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
    /// The right answer in another style with this index.
    Style(usize),
    /// The known mistake with this index; behind the exercise's own come the inherited ones.
    Mistake(usize),
}

/// What a worker runs.
pub(crate) trait Answer<C, A> {
    /// The answer of one of the bodies to a case.
    fn answer(&self, who: Who, case: &C) -> A;
}

impl<B, C, A> Answer<C, A> for Answered<B, C, A> {
    fn answer(&self, who: Who, case: &C) -> A {
        let exercise = &self.exercise;
        let body = match who {
            Who::Answer => &self.body,
            Who::Solution => &exercise.solution,
            Who::Style(i) => &exercise.styles[i].1,
            Who::Mistake(i) => match exercise.mistakes.get(i) {
                Some(mistake) => &mistake.body,
                None => return (exercise.inherited[i - exercise.mistakes.len()].answer)(case),
            },
        };
        (exercise.answer)(body, case)
    }
}

impl<B, C, A> Answered<B, C, A> {
    /// Name and explanation of every known mistake, in the order of [`Who::Mistake`].
    pub fn known(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let own = self.exercise.mistakes.iter().map(|m| (m.name, m.when));
        own.chain(self.exercise.inherited.iter().map(|m| (m.name, m.when)))
    }
}

/// An exercise with its answer, its types erased, so that a chapter can list all of its exercises.
pub trait Check: Sync {
    /// The exercise's id, such as `3.2`.
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

    /// Proves the exercise: the starter is unsolved because of its own todo, the reference and the
    /// right answers in other styles pass, every known mistake is rejected and named, and the cases
    /// cover every regime. What random cases decide is tried with `seeds` seeds, from 1.
    ///
    /// # Errors
    /// As for [`Check::check`].
    fn verify(&self, seeds: u64, limits: &Limits) -> io::Result<Verification>;

    /// Runs the answer by another program, a command to which a [`crate::Request::Work`] is added, and judges it. Only
    /// what is expected is computed here: nothing that the other program does can change it.
    ///
    /// # Errors
    /// As for [`Check::check`]; or this exercise is only asked here, not judged.
    fn grade(&self, worker: &[String], seed: u64, limits: &Limits) -> io::Result<Grade>;

    /// Writes down the cases of a seed, with what is expected of them and what the known mistakes give, so that they can be
    /// checked where neither the reference nor the mistakes are.
    ///
    /// # Errors
    /// When the file cannot be written; or this exercise is only asked here, not judged.
    fn record(&self, seed: u64, file: &Path) -> io::Result<()>;

    /// The worker's side: runs bodies, one after the other, on the cases in `dir`.
    ///
    /// # Errors
    /// When the files in `dir` cannot be read or written.
    fn work(&self, who: &[Who], dir: &Path) -> io::Result<()>;
}
