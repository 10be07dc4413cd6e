//! The check program: what a chapter's `src/check.rs` is when it runs.

use crate::{
    Check, Grade, Limits, Report, Request, Trial, Verification, Who, memory, parallel::in_order,
    recording::recorded, worker::FAILED,
};
use std::{
    env, io,
    process::{self, ExitCode},
};

/// Runs a chapter's check program on the exercises it was given.
pub fn main(exercises: Vec<Box<dyn Check>>) -> ExitCode {
    let request = env::args().nth(1).unwrap_or_default();
    let request = match serde_json::from_str(&request) {
        Ok(request) => request,
        Err(error) => {
            eprintln!("check program: `cargo attn` starts it, with a request: {error}");
            return ExitCode::FAILURE;
        }
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
        Request::Verify { ids, seeds } => {
            let asked: Vec<_> = ids.iter().map(|id| find(id)).collect::<io::Result<_>>()?;
            let verify = |exercise: &&dyn Check| exercise.verify(seeds, &Limits::default());
            in_order(&asked, verify, |found| {
                let found: Verification = found?;
                println!("{}", serde_json::to_string(&found)?);
                io::Result::Ok(())
            })?;
        }
        Request::Grade { ids, worker, seed, limits } => {
            let asked: Vec<_> = ids.iter().map(|id| find(id)).collect::<io::Result<_>>()?;
            let grade = |exercise: &&dyn Check| exercise.grade(&worker, seed, &limits);
            in_order(&asked, grade, |grade| {
                let grade: Grade = grade?;
                println!("{}", serde_json::to_string(&grade)?);
                io::Result::Ok(())
            })?;
        }
        Request::Record { seed, dir } => {
            for exercise in &exercises {
                exercise.record(seed, &recorded(&dir, exercise.id()))?;
            }
        }
        Request::Work { id, who, dir, memory } => {
            let exercise = find(&id)?;
            memory::limit(memory);
            exercise.work(&who, &dir)?;
        }
    }
    Ok(())
}
