//! Learner's files: solved ones, and ones with a known mistake in them.

use crate::newcomer::Newcomer;
use anyhow::{Context, Result, ensure};
use attn::{Chapter, Course, Exercise, Language, files, starter};
use ch09_flash_cuda::registry;
use regex::Regex;
use serde_json::Value;
use std::fs;

/// A solved file, but for one exercise, whose answer is a known mistake.
pub fn with_mistake(course: &Course, chapter: &Chapter, id: &str, mistake: &str) -> Result<String> {
    let mut text = starter::solved(course, chapter)?;
    for exercise in chapter.exercises.iter().filter(|exercise| exercise.id == id) {
        if chapter.language == Language::Cuda {
            text = registry::with_mistake(&text, id, mistake)
                .with_context(|| format!("{id} has no mistake {mistake}"))?;
            continue;
        }
        let find = format!("mistakes.iter().find(|mistake| mistake.name == {mistake:?}).unwrap()");
        text = starter::with_body(&text, exercise, &calling(course, chapter, exercise, &find)?)?;
    }
    Ok(text)
}

/// Lays the first known mistake of each chapter's first exercise into the learner's file, all else
/// solved, and returns how many there were. Each has to be rejected and named. That all others are,
/// too, is proven by `dev verify`, without a learner's file.
pub fn check_mistakes(newcomer: &Newcomer) -> Result<usize> {
    let course = Course::load(&newcomer.root)?;
    let mut count = 0;
    // Those of CUDA are laid by the pages that print a verdict.
    let chapters = course.chapters.iter();
    for chapter in chapters.filter(|chapter| chapter.language == Language::Rust) {
        let exercise = chapter.exercises.first().context("it has an exercise")?;
        let text = starter::solved(&course, chapter)?;
        let wrong = calling(&course, chapter, exercise, "mistakes[0]")?;
        let text = starter::with_body(&text, exercise, &wrong)?;
        fs::write(course.root.join(chapter.answers()), text)?;
        check_named(newcomer, &exercise.id)?;
        count += 1;
    }
    Ok(count)
}

/// Refuses a verdict that names no mistake.
fn check_named(newcomer: &Newcomer, id: &str) -> Result<()> {
    let ended = newcomer.attn(&["check", id, "--json"])?;
    ended.expect(1)?;
    let checked: Value = serde_json::from_str(json(&ended.output))?;
    let diagnosis = &checked["exercises"][0]["verdict"]["diagnosis"]["mistake"];
    let named = diagnosis.as_str().is_some_and(|name| !name.is_empty());
    ensure!(named, "not named: {checked}");
    Ok(())
}

/// The exercise's function with a body that calls a known mistake, and the helpers that other
/// exercises may use.
fn calling(course: &Course, chapter: &Chapter, exercise: &Exercise, which: &str) -> Result<String> {
    let unsolved = files::read(&course.root.join(chapter.starter()))?;
    let signature = starter::signature(&unsolved, &exercise.id)?;
    let parameter = Regex::new(r"[(,] ?(\w+):")?;
    let names: Vec<String> =
        parameter.captures_iter(&signature).map(|found| found[1].to_string()).collect();
    let krate = chapter.package.replace('-', "_");
    let body = format!(
        "    let mistakes = {krate}::exercises::{}::exercise().mistakes;\n    ({which}.body)({})",
        exercise.item,
        names.join(", ")
    );
    let solution = starter::solution(course, chapter, exercise)?;
    let function = solution.find(&format!("pub fn {}(", exercise.item));
    let function = function.context("its function")?;
    let end = solution[function..].find("\n}").context("its end")? + function;
    Ok(format!("{signature} {{\n{body}\n{}", &solution[end + 1..]))
}

/// From the first brace on: cargo's own lines stand elsewhere, but never mind.
fn json(output: &str) -> &str {
    let start = output.find('{').unwrap_or(0);
    let end = output.rfind("\n}").map_or(output.len(), |end| end + 2);
    &output[start..end]
}
