//! From a target to verdicts.

use crate::{Course, Target, compile, program, progress};
use anyhow::Result;
use attn_exercise::{Limits, Report, Request};

/// The seed of the cases that a learner sees: always the same, so that “case 3” means something.
pub const SEED: u64 = 1;

/// Checks what `target` names, calling `report` with each verdict as it comes, in the course's
/// order; then notes the progress. With `solution` the reference is checked instead, and nothing is
/// noted.
///
/// # Errors
/// When something other than the learner's answers is wrong: a target that does not exist, a file
/// that cannot be read, a course that does not compile.
pub fn check(
    course: &Course,
    target: &Target,
    solution: bool,
    seed: u64,
    mut report: impl FnMut(&Report),
) -> Result<Vec<Report>> {
    let mut reports = Vec::new();
    for (chapter, exercises) in course.select(target)? {
        let (program, refused) = if solution {
            let program = compile::without_learner(course, chapter)?;
            (Some(program), Default::default())
        } else {
            let built = compile::with_learner(course, chapter)?;
            (built.program, built.refused)
        };
        let mut note = |found: Report| {
            report(&found);
            reports.push(found);
        };
        // One request a run of exercises that compile, so that the verdicts come in order.
        for exercises in
            exercises.chunk_by(|a, b| !refused.contains_key(&a.id) && !refused.contains_key(&b.id))
        {
            if let Some(verdict) = refused.get(&exercises[0].id) {
                note(Report {
                    id: exercises[0].id.clone(),
                    verdict: verdict.clone(),
                    printed: Vec::new(),
                });
            } else if let Some(program) = &program {
                let request = Request::Check {
                    ids: exercises.iter().map(|e| e.id.clone()).collect(),
                    solution,
                    seed,
                    limits: Limits::default(),
                };
                program::ask(program, &request, &mut note)?;
            }
        }
    }
    if !solution {
        progress::note(course, &reports)?;
    }
    Ok(reports)
}
