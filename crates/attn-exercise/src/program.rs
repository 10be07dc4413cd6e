//! The check program: what a chapter's `src/check.rs` is when it runs.

use crate::{Check, Limits, Report, Trial, Verification, Who, memory, parallel::in_order};
use libtest_mimic::{Arguments, Failed, Trial as Test};
use serde::{Deserialize, Serialize};
use std::{env, fmt, io, path::PathBuf, process::ExitCode};

/// What a check program is asked, as JSON in its first argument. It answers with JSON on standard
/// output. Without a request it is an ordinary test program that verifies its exercises.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Request {
    /// Check these exercises; the answer is one [`Report`] a line, as they come.
    Check {
        /// Which, in this order.
        ids: Vec<String>,
        /// The reference instead of the compiled answers.
        solution: bool,
        /// Which cases.
        seed: u64,
        /// What a worker may use.
        limits: Limits,
    },
    /// Show one case; the answer is a [`Trial`], or `null` if there is no such case.
    Try {
        /// Which exercise.
        id: String,
        /// Which case, from 1.
        case: usize,
        /// The reference instead of the compiled answer.
        solution: bool,
        /// Which cases.
        seed: u64,
        /// What the worker may use.
        limits: Limits,
    },
    /// Verify all exercises; the answer is one [`Verification`] a line.
    Verify {
        /// Which cases.
        seed: u64,
    },
    /// Be a worker. Sent by the check program to itself.
    Work {
        /// Which exercise.
        id: String,
        /// Whose body.
        who: Who,
        /// The folder with the cases, where the outcomes go.
        dir: PathBuf,
        /// The most that may be allocated, in bytes.
        memory: usize,
    },
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&serde_json::to_string(self).map_err(|_| fmt::Error)?)
    }
}

/// Runs a chapter's check program on the exercises it was given.
pub fn main(exercises: Vec<Box<dyn Check>>) -> ExitCode {
    let request = env::args().nth(1).unwrap_or_default();
    let Ok(request) = serde_json::from_str(&request) else {
        return test(exercises);
    };
    match answer(&exercises, request) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("check program: {error}");
            ExitCode::FAILURE
        }
    }
}

fn answer(exercises: &[Box<dyn Check>], request: Request) -> io::Result<()> {
    let exercises: Vec<&dyn Check> = exercises.iter().map(Box::as_ref).collect();
    let find = |id: &str| {
        let found = exercises
            .iter()
            .copied()
            .find(|exercise| exercise.id() == id);
        found.ok_or_else(|| io::Error::other(format!("there is no exercise {id} here")))
    };
    let who = |solution| if solution { Who::Solution } else { Who::Answer };
    match request {
        Request::Check {
            ids,
            solution,
            seed,
            limits,
        } => {
            let asked: Vec<_> = ids.iter().map(|id| find(id)).collect::<io::Result<_>>()?;
            let check = |exercise: &&dyn Check| exercise.check(who(solution), seed, &limits);
            in_order(&asked, check, |report| {
                let report: Report = report?;
                println!("{}", serde_json::to_string(&report)?);
                io::Result::Ok(())
            })?;
        }
        Request::Try {
            id,
            case,
            solution,
            seed,
            limits,
        } => {
            let trial: Option<Trial> = find(&id)?.try_case(case, who(solution), seed, &limits)?;
            println!("{}", serde_json::to_string(&trial)?);
        }
        Request::Verify { seed } => {
            let verify = |exercise: &&dyn Check| exercise.verify(seed, &Limits::default());
            in_order(&exercises, verify, |found| {
                let found: Verification = found?;
                println!("{}", serde_json::to_string(&found)?);
                io::Result::Ok(())
            })?;
        }
        Request::Work {
            id,
            who,
            dir,
            memory,
        } => {
            let exercise = find(&id)?;
            memory::limit(memory);
            exercise.work(who, &dir)?;
        }
    }
    Ok(())
}

/// `cargo test`: one test an exercise, which verifies it.
fn test(exercises: Vec<Box<dyn Check>>) -> ExitCode {
    let exercises: &'static [_] = exercises.leak();
    let tests = exercises.iter().map(|exercise| {
        Test::test(format!("verify {}", exercise.id()), move || {
            let found = exercise.verify(1, &Limits::default())?;
            if found.faults.is_empty() {
                Ok(())
            } else {
                Err(Failed::from(found.faults.join("\n")))
            }
        })
    });
    libtest_mimic::run(&Arguments::from_args(), tests.collect()).exit_code()
}
