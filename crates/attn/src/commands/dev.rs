//! `cargo attn dev`: for those who write the course.

use crate::{Chapter, Course, Language, compile, files, output::println, starter};
use anyhow::{Context, Result, ensure};
use attn_exercise::{Request, Verification};
use owo_colors::OwoColorize;
use regex::Regex;
use serde::Serialize;
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Writes every chapter's starter, or with `check` only says which are stale.
///
/// # Errors
/// When a reference has wrong markers or a file cannot be written.
pub fn starters(course: &Course, check: bool) -> Result<bool> {
    let mut well = true;
    for chapter in &course.chapters {
        let file = course.root.join(chapter.starter());
        let text = starter::generate(course, chapter)?;
        let name = chapter.starter().display().to_string();
        if fs::read_to_string(&file).is_ok_and(|old| old == text) {
            println!("{name} is up to date");
        } else if check {
            well = false;
            println!("{name} is stale: cargo attn dev starters");
        } else {
            files::write(&file, &text)?;
            println!("{name} written");
        }
    }
    Ok(well)
}

/// What `dev verify` found.
#[derive(Default, Serialize)]
struct Totals {
    exercises: usize,
    cases: usize,
    mistakes: usize,
    rejected: usize,
    diagnosed: usize,
    faults: Vec<String>,
    by_exercise: Vec<Verification>,
}

/// Proves every exercise: see [`attn_exercise::Check::verify`]; and that metadata, starters, hints
/// and ids belong together.
///
/// # Errors
/// When a chapter does not compile or a file cannot be read.
pub fn verify(course: &Course, json: bool) -> Result<bool> {
    let mut totals = Totals::default();
    totals.faults.extend(unknown_ids(course)?);
    for chapter in &course.chapters {
        totals.faults.extend(metadata_faults(course, chapter));
        let program = compile::without_learner(course, chapter)?;
        let mut ids = BTreeSet::new();
        program.ask(
            &Request::Verify {
                seed: crate::check::SEED,
            },
            |found: Verification| {
                totals.exercises += 1;
                totals.cases += found.cases;
                totals.mistakes += found.mistakes;
                totals.rejected += found.rejected;
                totals.diagnosed += found.diagnosed;
                let faults = found
                    .faults
                    .iter()
                    .map(|fault| format!("{}: {fault}", found.id));
                totals.faults.extend(faults);
                ids.insert(found.id.clone());
                totals.by_exercise.push(found);
                Ok(())
            },
        )?;
        let named: BTreeSet<String> = chapter.exercises.iter().map(|e| e.id.clone()).collect();
        for id in named.symmetric_difference(&ids) {
            let (has, lacks) = if ids.contains(id) {
                ("check.rs", "chapter.toml")
            } else {
                ("chapter.toml", "check.rs")
            };
            let dir = chapter.dir.display();
            totals
                .faults
                .push(format!("{id}: {dir} has it in {has} but not in {lacks}"));
        }
    }
    let well = totals.faults.is_empty();
    if json {
        println!("{}", serde_json::to_string_pretty(&totals)?);
        return Ok(well);
    }
    for fault in &totals.faults {
        println!("{} {fault}", "✗".red());
    }
    let Totals {
        exercises,
        cases,
        mistakes,
        rejected,
        diagnosed,
        faults,
        ..
    } = &totals;
    println!(
        "{exercises} exercises, {cases} cases, {mistakes} mistakes, {rejected} rejected, {diagnosed} diagnosed, {} faults",
        faults.len()
    );
    Ok(well)
}

/// A stale starter, a check program with another chapter's overlay, and exercises without a ladder
/// of hints.
fn metadata_faults(course: &Course, chapter: &Chapter) -> Vec<String> {
    let mut faults = Vec::new();
    let name = chapter.starter();
    match starter::generate(course, chapter) {
        Ok(text) if fs::read_to_string(course.root.join(&name)).is_ok_and(|old| old == text) => {}
        Ok(_) => faults.push(format!(
            "{} is stale: cargo attn dev starters",
            name.display()
        )),
        Err(error) => faults.push(format!("{}: {error:#}", name.display())),
    }
    let overlay = format!("overlay/{:02}/exercise.rs", chapter.number);
    let check = chapter.dir.join("src/check.rs");
    if chapter.language == Language::Rust
        && !fs::read_to_string(course.root.join(&check)).is_ok_and(|text| text.contains(&overlay))
    {
        faults.push(format!("{} does not name {overlay}", check.display()));
    }
    for exercise in &chapter.exercises {
        let given = exercise.hints.iter().filter(|hint| !hint.trim().is_empty());
        if given.count() < 2 || exercise.hints.iter().any(|hint| hint.trim().is_empty()) {
            faults.push(format!(
                "{}: a hint is missing: at least two, none of them empty",
                exercise.id
            ));
        }
    }
    faults
}

/// Commands in the README and the book that name an exercise which does not exist.
fn unknown_ids(course: &Course) -> Result<Vec<String>> {
    let command = Regex::new(r"cargo attn (?:check|try|hint|solution|reset) ([0-9]+\.[0-9]+)")?;
    let mut faults = Vec::new();
    for page in pages(&course.root)? {
        let text = files::read(&page)?;
        for (i, line) in text.lines().enumerate() {
            for id in command
                .captures_iter(line)
                .map(|found| found[1].to_string())
            {
                if let Err(error) = course.exercise(&id) {
                    let page = course.relative(&page);
                    faults.push(format!("{}:{}: {error}", page.display(), i + 1));
                }
            }
        }
    }
    Ok(faults)
}

fn pages(root: &Path) -> Result<Vec<PathBuf>> {
    let mut pages = vec![root.join("README.md")];
    let mut folders = vec![root.join("book/src")];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else {
            continue;
        };
        for entry in entries {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                pages.push(path);
            }
        }
    }
    pages.retain(|page| page.is_file());
    pages.sort();
    Ok(pages)
}

/// Runs every script in `tests/oracles`.
///
/// # Errors
/// When Python cannot be started or a script fails.
pub fn oracles(course: &Course, python: &str) -> Result<bool> {
    let dir = course.root.join("tests/oracles");
    let mut scripts = Vec::new();
    for entry in fs::read_dir(&dir).with_context(|| dir.display().to_string())? {
        scripts.push(entry?.path());
    }
    scripts.retain(|path| path.extension().is_some_and(|extension| extension == "py"));
    scripts.sort();
    for script in scripts {
        println!("{}", script.display());
        let status = Command::new(python)
            .arg(&script)
            .status()
            .with_context(|| format!("{python} cannot be started; --python names another"))?;
        ensure!(status.success(), "{} failed", script.display());
    }
    Ok(true)
}
