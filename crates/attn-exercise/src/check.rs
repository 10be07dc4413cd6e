//! What a check program does with an exercise, put together: run, judge, verify, work.

use crate::{
    Cases, Check, Failure, Fields, Grade, Limits, Report, Symptom, Trial, Verdict, Verification,
    Who,
    diagnosis::Known,
    exercise::{Answer, Answered},
    recording::Recording,
    regimes::{Regimes, asks},
    run::{Run, run},
    verdict::Bench,
    verify::verify,
    worker,
};
use serde::{Serialize, de::DeserializeOwned};
use std::{
    io, iter,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
};

impl<B, C, A> Check for Answered<B, C, A>
where
    B: Sync,
    C: Fields + Regimes + Serialize + DeserializeOwned + Sync,
    A: Fields + Serialize + DeserializeOwned,
{
    fn id(&self) -> &'static str {
        self.id
    }

    fn verify(&self, seeds: u64, limits: &Limits) -> io::Result<Verification> {
        verify(self, seeds, limits)
    }

    fn work(&self, who: &[Who], dir: &Path) -> io::Result<()> {
        worker::work(self, who, dir)
    }

    fn check(&self, who: Who, seed: u64, limits: &Limits) -> io::Result<Report> {
        let cases = (self.exercise.cases)(seed);
        let bench = Bench::new(self, &cases);
        let run = self.run_one(who, &cases, &[], limits)?;
        let diagnose = || Ok(self.run_known(&cases, limits)?.diagnose(&run));
        Ok(bench.report(&run, diagnose)?.report)
    }

    fn grade(&self, worker: &[String], seed: u64, limits: &Limits) -> io::Result<Grade> {
        let cases = (self.exercise.cases)(seed);
        let bench = Bench::new(self, &cases);
        let run = self.run_one(Who::Answer, &cases, worker, limits)?;
        let judged = AssertUnwindSafe(|| -> io::Result<Grade> {
            let diagnose = || Ok(self.run_known(&cases, limits)?.diagnose(&run));
            let report = bench.report(&run, diagnose)?.report;
            let right = bench.right(&run);
            Ok(Grade { report, kinds: by_kind(&cases, right) })
        });
        // No function gives an answer that the judge cannot bear to look at; a forged one may be such.
        catch_unwind(judged).unwrap_or_else(|_| {
            let failure = Failure {
                case: 1,
                label: cases[0].label(),
                right: 0,
                of: cases.len(),
                symptom: Symptom::Wrong { what: "the answer has a form that none can have".into() },
                diagnosis: None,
            };
            let verdict = Verdict::Failed(failure);
            let report = Report { id: self.id.into(), verdict, printed: Vec::new() };
            Ok(Grade { report, kinds: by_kind(&cases, iter::repeat(false)) })
        })
    }

    fn record(&self, seed: u64, file: &Path) -> io::Result<()> {
        Recording::of(self, (self.exercise.cases)(seed))?.write(file)
    }

    fn try_case(
        &self,
        case: usize,
        who: Who,
        seed: u64,
        limits: &Limits,
    ) -> io::Result<Option<Trial>> {
        let mut cases = (self.exercise.cases)(seed);
        let of = cases.len();
        if !(1..=of).contains(&case) {
            return Ok(None);
        }
        cases = vec![cases.swap_remove(case - 1)];
        let bench = Bench::new(self, &cases);
        let run = self.run_one(who, &cases, &[], limits)?;
        let diagnose = || Ok(self.run_known(&cases, limits)?.diagnose(&run));
        let judged = bench.report(&run, diagnose)?;
        let steps = (self.exercise.steps)(&cases[0]);
        let answer = run.answers.first().map(A::fields);
        let expected = self.answer(Who::Solution, &cases[0]).fields();
        Ok(Some(judged.trial((&cases[0], of), &steps, answer, &expected)))
    }
}

impl<B, C, A> Answered<B, C, A>
where
    C: Serialize,
    A: DeserializeOwned,
{
    /// Runs one body on the cases, in this program or by the command `worker`.
    pub(crate) fn run_one(
        &self,
        who: Who,
        cases: &[C],
        worker: &[String],
        limits: &Limits,
    ) -> io::Result<Run<A>> {
        let mut runs = run(self.id, &[who], cases, worker, limits)?;
        Ok(runs.swap_remove(0))
    }

    /// Runs the reference and all known mistakes on the cases.
    pub(crate) fn run_known(&self, cases: &[C], limits: &Limits) -> io::Result<Known<A>> {
        let mistakes = (0..self.known().count()).map(Who::Mistake);
        let who: Vec<Who> = [Who::Solution].into_iter().chain(mistakes).collect();
        let mut runs = run(self.id, &who, cases, &[], limits)?;
        let reference = runs.remove(0);
        let named = self.known().map(|(name, when)| (name.to_string(), when.to_string()));
        Ok(Known { reference, mistakes: named.zip(runs).collect() })
    }
}

/// How many cases of each kind are right.
fn by_kind(cases: &[impl Regimes], right: impl Iterator<Item = bool>) -> Vec<Cases> {
    let mut kinds: Vec<Cases> = Vec::new();
    for ((index, case), right) in cases.iter().enumerate().zip(right) {
        let kind = asks(index, case);
        let at = kinds.iter().position(|cases| cases.kind == kind).unwrap_or_else(|| {
            kinds.push(Cases { kind, right: 0, of: 0 });
            kinds.len() - 1
        });
        kinds[at].right += usize::from(right);
        kinds[at].of += 1;
    }
    kinds
}
