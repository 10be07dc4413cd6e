//! Learner's files: solved ones, and ones with a known mistake in them.

use crate::newcomer::Newcomer;
use anyhow::{Context, Result, bail, ensure};
use attn::{Chapter, Course, Exercise, Language, files, starter};
use ch09_flash_cuda::exercises::{Body, body::changed};
use regex::Regex;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// A solved file, but for one exercise, whose answer is a known mistake.
pub fn with_mistake(course: &Course, chapter: &Chapter, id: &str, mistake: &str) -> Result<String> {
    let mut text = starter::solved(course, chapter)?;
    for exercise in chapter
        .exercises
        .iter()
        .filter(|exercise| exercise.id == id)
    {
        if chapter.language == Language::Cuda {
            text = cuda(&text, id, mistake)?;
            continue;
        }
        let find = format!(".into_iter().find(|mistake| mistake.name == {mistake:?}).unwrap()");
        text = starter::with_body(&text, exercise, &calling(course, chapter, exercise, &find)?)?;
    }
    Ok(text)
}

/// Lays the known mistakes of all exercises into the learner's file, in rounds of one an exercise,
/// and returns how many there were. Each has to be rejected and named, each by another name. A chapter
/// at a time, so that only its check program is compiled.
pub fn check_mistakes(newcomer: &Newcomer) -> Result<usize> {
    let verified = newcomer.attn(&["dev", "verify", "--json"])?;
    let verified: Value = serde_json::from_str(json(&verified.output))?;
    let mut left: BTreeMap<String, u64> = BTreeMap::new();
    for found in verified["by_exercise"].as_array().context("exercises")? {
        let id = found["id"].as_str().context("an id")?;
        left.insert(id.into(), found["mistakes"].as_u64().context("a number")?);
    }
    // `dev verify` has put those of CUDA into the kernels themselves, as the check program does with a learner's.
    left.retain(|id, _| ch09_flash_cuda::exercises::mistakes(id).is_empty());
    let all: u64 = left.values().sum();
    let mut named = BTreeSet::new();
    for chapter in &Course::load(&newcomer.root)?.chapters {
        let counts = chapter.exercises.iter().filter_map(|e| left.get(&e.id));
        for round in 0..counts.copied().max().unwrap_or(0) {
            named.extend(check_round(newcomer, chapter.number, round, &left)?);
        }
    }
    ensure!(
        named.len() as u64 == all,
        "{} of {all} were named",
        named.len()
    );
    Ok(named.len())
}

/// Lays the known mistake `round` of each of a chapter's exercises into the learner's file, and
/// returns what they were named.
fn check_round(
    newcomer: &Newcomer,
    number: u32,
    round: u64,
    mistakes: &BTreeMap<String, u64>,
) -> Result<Vec<(String, String)>> {
    let wrong = |id: &str| mistakes.get(id).is_some_and(|count| round < *count);
    newcomer.write_answers(|course, chapter| {
        let mut text = starter::solved(course, chapter)?;
        let exercises = chapter.exercises.iter().filter(|e| wrong(&e.id));
        for exercise in exercises.filter(|_| chapter.number == number) {
            let nth = format!(".into_iter().nth({round}).unwrap()");
            let code = calling(course, chapter, exercise, &nth)?;
            text = starter::with_body(&text, exercise, &code)?;
        }
        Ok(text)
    })?;
    let checked = newcomer.attn(&["check", &number.to_string(), "--json"])?;
    let checked: Value = serde_json::from_str(json(&checked.output))?;
    let mut named = Vec::new();
    for report in checked["exercises"].as_array().context("reports")? {
        let id = report["id"].as_str().context("an id")?;
        if wrong(id) {
            let diagnosis = report["verdict"]["diagnosis"]["mistake"].as_str();
            let name = diagnosis.with_context(|| format!("not named: {report}"))?;
            named.push((id.to_string(), name.to_string()));
        }
    }
    Ok(named)
}

/// A learner's CUDA with a known mistake of chapter 9 in it.
fn cuda(text: &str, id: &str, mistake: &str) -> Result<String> {
    let known = ch09_flash_cuda::exercises::mistakes(id);
    let known = known.iter().find(|known| known.name == mistake);
    match known
        .with_context(|| format!("{id} has no mistake {mistake}"))?
        .body
    {
        Body::Changed(changes) => Ok(changed(text, changes)),
        _ => bail!("{mistake} is no change of the kernel"),
    }
}

/// The exercise's function with a body that calls a known mistake, and the helpers that other
/// exercises may use.
fn calling(course: &Course, chapter: &Chapter, exercise: &Exercise, which: &str) -> Result<String> {
    let unsolved = files::read(&course.root.join(chapter.starter()))?;
    let signature = starter::signature(&unsolved, &exercise.id)?;
    let parameter = Regex::new(r"[(,] ?(\w+):")?;
    let names: Vec<String> = parameter
        .captures_iter(&signature)
        .map(|found| found[1].to_string())
        .collect();
    let krate = chapter.package.replace('-', "_");
    let body = format!(
        "    let mistakes = {krate}::exercises::{}::exercise().mistakes;\n    (mistakes{which}.body)({})",
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
