//! `cargo attn dev`: for those who write the course.

use super::new::{PLACEHOLDERS, counted_in_readme};
use crate::{Chapter, Course, Exercise, Target, compile, files, generate, output::println};
use anyhow::{Context, Result, ensure};
use attn_exercise::{Request, Verification};
use owo_colors::OwoColorize;
use regex_lite::Regex;
use serde::Serialize;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Writes the generated files of every chapter, or with `check` only says which are stale.
///
/// # Errors
/// When a reference has wrong markers or a file cannot be written.
pub fn starters(course: &Course, check: bool) -> Result<bool> {
    let (mut well, mut unchanged) = (true, 0);
    for chapter in &course.chapters {
        for (path, text) in generate::files(course, chapter)? {
            let (file, name) = (course.root.join(&path), path.display());
            if fs::read_to_string(&file).is_ok_and(|old| old == text) {
                unchanged += 1;
            } else if check {
                well = false;
                println!("{name} is stale: cargo attn dev starters");
            } else {
                files::write(&file, &text)?;
                println!("{name} written");
            }
        }
    }
    println!("{} up to date", count(unchanged, "file"));
    Ok(well)
}

/// `1 file`, `2 files`.
fn count(number: usize, of: &str) -> String {
    format!("{number} {of}{}", if number == 1 { "" } else { "s" })
}

/// What `dev verify` found.
#[derive(Default, Serialize)]
struct Totals {
    exercises: usize,
    cases: usize,
    regimes: usize,
    styles: usize,
    mistakes: usize,
    rejected: usize,
    diagnosed: usize,
    inherited: usize,
    mutants: usize,
    mutants_rejected: usize,
    faults: Vec<String>,
    by_exercise: Vec<Verification>,
}

/// Proves exercises: see [`attn_exercise::Check::verify`]; and that what is generated of them is up
/// to date, their hints are there, and the text names no exercise that is not.
///
/// # Errors
/// When a chapter does not compile or a file cannot be read.
pub fn verify(course: &Course, target: &Target, seeds: u64, json: bool) -> Result<bool> {
    let mut totals = Totals::default();
    totals.faults.extend(unknown_ids(course)?);
    totals.faults.extend(miscounted(course)?);
    for (chapter, exercises) in course.select(target)? {
        totals.faults.extend(exercises.iter().filter_map(|exercise| unfinished(exercise)));
        let stale = stale_files(course, chapter);
        if !stale.is_empty() {
            // What would be proven is not what stands in `chapter.toml`.
            totals.faults.extend(stale);
            continue;
        }
        let program = compile::without_learner(course, chapter)?;
        let ids = exercises.iter().map(|exercise| exercise.id.clone()).collect();
        program.ask(&Request::Verify { ids, seeds }, |found: Verification| {
            totals.exercises += 1;
            totals.cases += found.cases;
            totals.regimes += found.regimes;
            totals.styles += found.styles;
            totals.mistakes += found.mistakes;
            totals.rejected += found.rejected;
            totals.diagnosed += found.diagnosed;
            totals.inherited += found.inherited;
            totals.mutants += found.mutants;
            totals.mutants_rejected += found.mutants_rejected;
            let faults = found.faults.iter().map(|fault| format!("{}: {fault}", found.id));
            totals.faults.extend(faults);
            totals.by_exercise.push(found);
            Ok(())
        })?;
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
        regimes,
        styles,
        mistakes,
        rejected,
        diagnosed,
        inherited,
        mutants,
        mutants_rejected,
        faults,
        ..
    } = &totals;
    println!(
        "{}, {} in {}, {}",
        count(*exercises, "exercise"),
        count(*cases, "case"),
        count(*regimes, "regime"),
        count(usize::try_from(seeds)?, "seed")
    );
    println!("{} in other styles, accepted", count(*styles, "right answer"));
    println!(
        "{}, {rejected} rejected, {diagnosed} diagnosed; {inherited} more within other exercises",
        count(*mistakes, "mistake")
    );
    println!("{}, {mutants_rejected} rejected", count(*mutants, "guarded mutant"));
    println!("{}", count(faults.len(), "fault"));
    Ok(well)
}

/// The generated files of a chapter that are not what they would be if they were written now.
fn stale_files(course: &Course, chapter: &Chapter) -> Vec<String> {
    let files = match generate::files(course, chapter) {
        Ok(files) => files,
        Err(error) => return vec![format!("{}: {error:#}", chapter.dir.display())],
    };
    let stale = files.into_iter().filter(|(path, text)| {
        !fs::read_to_string(course.root.join(path)).is_ok_and(|old| old == *text)
    });
    stale.map(|(path, _)| format!("{} is stale: cargo attn dev starters", path.display())).collect()
}

/// What an author has yet to write.
fn unfinished(exercise: &Exercise) -> Option<String> {
    let Exercise { id, title, hints, .. } = exercise;
    let said = hints.iter().chain([title]).map(String::as_str);
    if let Some(left) = said.into_iter().find(|said| PLACEHOLDERS.contains(said)) {
        return Some(format!("{id}: “{left}” stands in chapter.toml as it was laid"));
    }
    let is_given = |hint: &String| !hint.trim().is_empty();
    let complete = hints.len() >= 2 && hints.iter().all(is_given);
    (!complete).then(|| format!("{id}: a hint is missing: at least two, none of them empty"))
}

/// Commands in the README and the book that name an exercise which does not exist.
fn unknown_ids(course: &Course) -> Result<Vec<String>> {
    let command = Regex::new(r"cargo attn (?:check|try|hint|solution|reset) ([0-9]+\.[0-9]+)")?;
    let mut faults = Vec::new();
    for page in files::pages(&course.root)? {
        let text = files::read(&page)?;
        for (i, line) in text.lines().enumerate() {
            for id in command.captures_iter(line).map(|found| found[1].to_string()) {
                if let Err(error) = course.exercise(&id) {
                    let page = course.relative(&page);
                    faults.push(format!("{}:{}: {error}", page.display(), i + 1));
                }
            }
        }
    }
    Ok(faults)
}

/// Chapters of which the README's map gives another number of exercises than there are.
fn miscounted(course: &Course) -> Result<Vec<String>> {
    let text = files::read(&course.root.join("README.md"))?;
    let mut faults = Vec::new();
    for chapter in &course.chapters {
        let counted = counted_in_readme(&text, chapter);
        let changed = text.lines().zip(counted.lines()).position(|(old, new)| old != new);
        if let Some(i) = changed {
            let there = count(chapter.exercises.len(), "exercise");
            faults.push(format!("README.md:{}: chapter {} has {there}", i + 1, chapter.number));
        }
    }
    Ok(faults)
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

/// Puts into a folder all that a machine with a GPU needs to check and time chapter 9's kernels: the program, and the script
/// that starts it.
///
/// # Errors
/// When the program does not compile, or a file cannot be written.
pub fn gpu(course: &Course, folder: &Path) -> Result<bool> {
    let chapter = course.chapter(9)?;
    let program = compile::gpu(course, chapter)?;
    let scripts = course.root.join(&chapter.dir).join("gpu");
    fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    let copy = |from: PathBuf, name: &str| {
        fs::copy(&from, folder.join(name)).with_context(|| from.display().to_string())
    };
    copy(program, "gpu")?;
    for name in ["run.sh", "torch_attention.py"] {
        copy(scripts.join(name), name)?;
    }
    println!("Copy {} to a machine with a GPU, and start run.sh there.", folder.display());
    Ok(true)
}
