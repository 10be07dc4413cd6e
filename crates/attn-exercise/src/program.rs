//! The check program: what a chapter's `src/check.rs` is when it runs.

use crate::{
    Check, Limits, Report, Request, SEEDS, Trial, Verification, Who, memory, parallel::in_order,
    worker::FAILED,
};
use libtest_mimic::{Arguments, Failed, Trial as Test};
use std::{
    env, io,
    process::{self, ExitCode},
};

/// Runs a chapter's check program on the exercises it was given.
pub fn main(exercises: Vec<Box<dyn Check>>) -> ExitCode {
    let request = env::args().nth(1).unwrap_or_default();
    let Ok(request) = serde_json::from_str(&request) else {
        return test(exercises);
    };
    let is_worker = matches!(request, Request::Work { .. });
    match answer(&exercises, request) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if is_worker => {
            eprintln!("{error}");
            process::exit(FAILED)
        }
        Err(error) => {
            eprintln!("check program: {error}");
            ExitCode::FAILURE
        }
    }
}

fn answer(exercises: &[Box<dyn Check>], request: Request) -> io::Result<()> {
    let exercises: Vec<&dyn Check> = exercises.iter().map(Box::as_ref).collect();
    let find = |id: &str| {
        let found = exercises.iter().copied().find(|exercise| exercise.id() == id);
        found.ok_or_else(|| io::Error::other(format!("there is no exercise {id} here")))
    };
    let who = |solution| if solution { Who::Solution } else { Who::Answer };
    match request {
        Request::Check { ids, solution, seed, limits } => {
            let asked: Vec<_> = ids.iter().map(|id| find(id)).collect::<io::Result<_>>()?;
            let check = |exercise: &&dyn Check| exercise.check(who(solution), seed, &limits);
            in_order(&asked, check, |report| {
                let report: Report = report?;
                println!("{}", serde_json::to_string(&report)?);
                io::Result::Ok(())
            })?;
        }
        Request::Try { id, case, solution, seed, limits } => {
            let trial: Option<Trial> = find(&id)?.try_case(case, who(solution), seed, &limits)?;
            println!("{}", serde_json::to_string(&trial)?);
        }
        Request::Verify { seeds } => {
            let verify = |exercise: &&dyn Check| exercise.verify(seeds, &Limits::default());
            in_order(&exercises, verify, |found| {
                let found: Verification = found?;
                println!("{}", serde_json::to_string(&found)?);
                io::Result::Ok(())
            })?;
        }
        Request::Work { id, who, dir, memory } => {
            let exercise = find(&id)?;
            memory::limit(memory);
            exercise.work(&who, &dir)?;
        }
    }
    Ok(())
}

/// `cargo test`: one test per exercise, which verifies it, with as many seeds as `ATTN_SEEDS` says.
fn test(exercises: Vec<Box<dyn Check>>) -> ExitCode {
    let exercises: &'static [_] = exercises.leak();
    let seeds = env::var("ATTN_SEEDS").ok().and_then(|seeds| seeds.parse().ok());
    let seeds = seeds.unwrap_or(SEEDS);
    let tests = exercises.iter().map(|exercise| {
        Test::test(format!("verify {}", exercise.id()), move || {
            let found = exercise.verify(seeds, &Limits::default())?;
            if found.faults.is_empty() {
                Ok(())
            } else {
                Err(Failed::from(found.faults.join("\n")))
            }
        })
    });
    libtest_mimic::run(&Arguments::from_args(), tests.collect()).exit_code()
}
