//! `cargo attn try`: one case in full.

use crate::{Course, answers, check::believed, compile, output::println, render};
use anyhow::{Result, bail};
use attn_exercise::{Limits, Request, Trial, Verdict};
use owo_colors::OwoColorize;

/// Shows a case: its inputs, the steps, the answer beside the expected one, what was printed, and
/// what is wrong.
///
/// # Errors
/// When there is no such case, or the answer does not compile.
pub fn try_case(course: &Course, id: &str, case: usize, solution: bool, seed: u64) -> Result<bool> {
    let (chapter, exercise) = course.exercise(id)?;
    let text = match solution {
        true => String::new(),
        false => answers::text(course, chapter)?,
    };
    let program = if solution {
        compile::without_learner(course, chapter)?
    } else {
        let built = compile::with_learner(course, chapter, &text)?;
        match built.refused.get(id) {
            Some(Verdict::DoesNotCompile { errors }) => {
                bail!("{id} does not compile:\n{}", errors.join("\n"))
            }
            Some(Verdict::WaitsOn { on }) => bail!("{id} waits on {on}, which does not compile"),
            _ => {}
        }
        match built.program {
            Some(program) => program,
            None => bail!("{} does not compile", chapter.answers().display()),
        }
    };
    let request = Request::Try { id: id.into(), case, solution, seed, limits: Limits::default() };
    let mut answers = Vec::new();
    program.ask(&request, |answer: Option<Trial>| {
        answers.push(answer);
        Ok(())
    })?;
    let trial = match answers.pop() {
        Some(trial) if answers.is_empty() => trial,
        _ => bail!("the check program ended without one answer to what it was asked"),
    };
    let Some(mut trial) = trial else {
        bail!("{id} has no case {case}; they are counted from 1");
    };
    trial.report = believed(chapter, &text, trial.report);
    let name = format!("{id} {}, case {case} of {}", exercise.item, trial.of);
    println!("{} · {}", name.bold(), trial.label);
    let part = |title: &str, values: &[attn_exercise::Shown]| {
        if !values.is_empty() {
            println!("\n{title}");
            values.iter().for_each(render::shown);
        }
    };
    part("Input", &trial.inputs);
    part("Steps, as the reference takes them", &trial.steps);
    part("Your output", &trial.answer);
    part("Expected", &trial.expected);
    for printed in &trial.report.printed {
        println!("\nPrinted");
        for line in printed.text.lines() {
            println!("  │ {line}");
        }
    }
    println!();
    match &trial.report.verdict {
        Verdict::Passed { .. } => println!("{} This case is right.", "✓".green()),
        Verdict::Failed(failure) => {
            let mark = format!("{} ", "✗".red());
            render::paragraph(&mark, &render::symptom(course, &failure.symptom));
        }
        Verdict::WaitsOn { on } => println!("It calls {on}, which is not solved yet."),
        Verdict::Unsolved { todo, .. } => {
            let line = answers::line(course, chapter, id);
            println!("Not solved yet ({todo}): {}:{line}", chapter.answers().display());
        }
        Verdict::DoesNotCompile { errors } => {
            println!("It does not compile:\n{}", errors.join("\n"))
        }
        Verdict::CannotBeChecked { why } => println!("It cannot be checked:\n{why}"),
    }
    Ok(trial.report.verdict.is_passed())
}
