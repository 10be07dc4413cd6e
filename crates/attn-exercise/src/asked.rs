//! An exercise that is only asked: its cases and what is expected of them come from a file.
//!
//! Students get a course in which the exercises of their assignment are declared by their first clauses
//! alone: what is given, and how a body is called. What is right was written down before: see
//! [`Request::Record`](crate::Request::Record).

use crate::{
    Check, Field, Fields, Grade, Limits, Report, Trial, Verification, Who,
    exercise::Answer,
    recording::{Recording, recorded},
    run::{Run, run},
    verdict::Bench,
    worker,
};
use serde::{Serialize, de::DeserializeOwned};
use std::{
    io,
    path::{Path, PathBuf},
};

/// An exercise as [`crate::exercise!`] declares it without cases; `package` is the folder of its
/// chapter, whose `checks` holds what is expected.
pub fn asked<B, C, A>(
    id: &'static str,
    package: &'static str,
    answer: fn(&B, &C) -> A,
    body: B,
) -> Box<dyn Check>
where
    B: Sync + 'static,
    C: Fields + Serialize + DeserializeOwned + Sync + 'static,
    A: Fields + Serialize + DeserializeOwned + 'static,
{
    Box::new(Asked { id, package, answer, body })
}

struct Asked<B, C, A> {
    id: &'static str,
    package: &'static str,
    answer: fn(&B, &C) -> A,
    body: B,
}

impl<B, C, A> Answer<C, A> for Asked<B, C, A> {
    fn answer(&self, who: Who, case: &C) -> A {
        assert_eq!(who, Who::Answer, "only the answer itself is here");
        (self.answer)(&self.body, case)
    }
}

impl<B, C, A> Asked<B, C, A>
where
    C: Serialize + DeserializeOwned,
    A: Fields + DeserializeOwned,
{
    fn recording(&self) -> io::Result<Recording<C>> {
        let dir: PathBuf = [self.package, "checks"].iter().collect();
        Recording::read(&recorded(&dir, self.id))
    }

    /// What the answer gives on the cases, part by part.
    fn run(&self, cases: &[C], limits: &Limits) -> io::Result<Run<Vec<Field>>> {
        let mut runs: Vec<Run<A>> = run(self.id, &[Who::Answer], cases, &[], limits)?;
        Ok(runs.swap_remove(0).map(|answer| answer.fields()))
    }

    /// That this program cannot do what the whole course can.
    fn only_asked<T>(&self) -> io::Result<T> {
        Err(io::Error::other(format!(
            "exercise {} is only asked here: nothing here can judge it",
            self.id
        )))
    }
}

/// What is expected of the cases of a recording, from the one with this index on.
fn bench<'c, C>(
    id: &'c str,
    recording: &'c Recording<C>,
    cases: &'c [C],
    first: usize,
) -> Bench<'c, C, Vec<Field>> {
    let make = move |case: usize| -> crate::judge::Judge<'c, Vec<Field>> {
        let expected = &recording.expected[first + case];
        Box::new(move |answer: &Vec<Field>| expected.agree(answer))
    };
    Bench::with(id, cases, Box::new(make), |_, _| Ok(()))
}

impl<B, C, A> Check for Asked<B, C, A>
where
    B: Sync,
    C: Fields + Serialize + DeserializeOwned + Sync,
    A: Fields + Serialize + DeserializeOwned,
{
    fn id(&self) -> &'static str {
        self.id
    }

    fn check(&self, who: Who, _seed: u64, limits: &Limits) -> io::Result<Report> {
        if who != Who::Answer {
            return self.only_asked();
        }
        let recording = self.recording()?;
        let bench = bench(self.id, &recording, &recording.cases, 0);
        let run = self.run(&recording.cases, limits)?;
        let all = 0..recording.cases.len();
        Ok(bench.report(&run, || Ok(recording.known(all).diagnose(&run)))?.report)
    }

    fn try_case(
        &self,
        case: usize,
        who: Who,
        _seed: u64,
        limits: &Limits,
    ) -> io::Result<Option<Trial>> {
        if who != Who::Answer {
            return self.only_asked();
        }
        let recording = self.recording()?;
        let of = recording.cases.len();
        if !(1..=of).contains(&case) {
            return Ok(None);
        }
        let cases = &recording.cases[case - 1..case];
        let run = self.run(cases, limits)?;
        let judged = bench(self.id, &recording, cases, case - 1)
            .report(&run, || Ok(recording.known(case - 1..case).diagnose(&run)))?;
        let answer = run.answers.into_iter().next();
        Ok(Some(judged.trial((&cases[0], of), &[], answer, recording.reference(case - 1))))
    }

    fn verify(&self, _seeds: u64, _limits: &Limits) -> io::Result<Verification> {
        self.only_asked()
    }

    fn grade(&self, _worker: &[String], _seed: u64, _limits: &Limits) -> io::Result<Grade> {
        self.only_asked()
    }

    fn record(&self, _seed: u64, _file: &Path) -> io::Result<()> {
        self.only_asked()
    }

    fn work(&self, who: &[Who], dir: &Path) -> io::Result<()> {
        worker::work(self, who, dir)
    }
}
