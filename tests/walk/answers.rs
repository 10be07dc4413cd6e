//! Learner's files: solved ones, and ones with a known mistake in them.

use crate::newcomer::Newcomer;
use anyhow::{Context, Result, bail, ensure};
use attn::{Chapter, Course, Exercise, Language, files, starter};
use ch09_flash_cuda::exercises::{Body, body::changed};
use regex::Regex;
use serde_json::Value;
use std::{collections::BTreeSet, fs};

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
        let find = format!("mistakes.iter().find(|mistake| mistake.name == {mistake:?}).unwrap()");
        text = starter::with_body(&text, exercise, &calling(course, chapter, exercise, &find)?)?;
    }
    Ok(text)
}

/// Lays the known mistakes of all exercises into the learner's files, and returns how many there were.
/// Each has to be rejected and named, each by another name. A chapter at a time, in rounds of one an
/// exercise; the file chooses its mistakes when it runs, so that it is compiled once.
pub fn check_mistakes(newcomer: &Newcomer) -> Result<usize> {
    let course = Course::load(&newcomer.root)?;
    let mut named = BTreeSet::new();
    // `dev verify` puts those of CUDA into the kernels themselves, as the check program does with a learner's.
    let chapters = course.chapters.iter();
    for chapter in chapters.filter(|chapter| chapter.language == Language::Rust) {
        write_mistakes(&course, chapter)?;
        for round in 0.. {
            let found = check_round(newcomer, chapter, round)?;
            let number = chapter.number;
            ensure!(
                round > 0 || found.len() == chapter.exercises.len(),
                "an exercise of chapter {number} has no mistake that was named: {found:?}"
            );
            if found.is_empty() {
                break;
            }
            for name in found {
                ensure!(!named.contains(&name), "{name:?} was named before");
                named.insert(name);
            }
        }
    }
    Ok(named.len())
}

/// Where a learner's file reads which mistake to make.
const ROUND: &str = "ATTN_WALK_ROUND";

/// What it says when an exercise has no mistake of that number.
const NO_MORE: &str = "no further mistake";

/// Writes a learner's file whose answers are all known mistakes.
fn write_mistakes(course: &Course, chapter: &Chapter) -> Result<()> {
    let mut text = starter::solved(course, chapter)?;
    let round = format!("std::env::var({ROUND:?}).unwrap().parse::<usize>().unwrap()");
    let which = format!("mistakes.get({round}).expect({NO_MORE:?})");
    for exercise in &chapter.exercises {
        let wrong = calling(course, chapter, exercise, &which)?;
        text = starter::with_body(&text, exercise, &wrong)?;
    }
    Ok(fs::write(course.root.join(chapter.answers()), text)?)
}

/// Checks a round of a chapter's mistakes, and returns the exercises and what their mistakes were
/// named; without the exercises that have no more.
fn check_round(
    newcomer: &Newcomer,
    chapter: &Chapter,
    round: usize,
) -> Result<Vec<(String, String)>> {
    let check = ["check", &chapter.number.to_string(), "--json"];
    let checked = newcomer.attn_with(&check, &[(ROUND, &round.to_string())])?;
    let checked: Value = serde_json::from_str(json(&checked.output))?;
    let mut named = Vec::new();
    for report in checked["exercises"].as_array().context("reports")? {
        if report.to_string().contains(NO_MORE) {
            continue;
        }
        let id = report["id"].as_str().context("an id")?;
        let diagnosis = report["verdict"]["diagnosis"]["mistake"].as_str();
        let name = diagnosis.with_context(|| format!("not named: {report}"))?;
        named.push((id.to_string(), name.to_string()));
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
