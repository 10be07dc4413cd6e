//! The cold walk-through: the course laid into an empty folder, as a newcomer has it; every command
//! that the README and the book print, run in order, with its stated outcome asserted; then a known
//! mistake of each chapter and the solution laid into the learner's file, and the verdicts asserted.
//!
//! `cargo run --package integration --bin walk-through`; a step of its own in CI, because it takes
//! minutes. With `-- --write` it only replays the commands, and writes into the pages what they print
//! now; with `-- ch03` it only replays those of the pages with that in their name.

mod answers;
mod newcomer;
mod pages;

use anyhow::{Context, Result, ensure};
use newcomer::Newcomer;
use pages::{Outcome, Printed};
use std::{collections::BTreeSet, env, time::Instant};

/// What CI runs as a step of its own, on the same files.
const STEPS_OF_CI: &[&str] = &["cargo attn dev verify", "cargo attn book test"];

fn main() -> Result<()> {
    let start = Instant::now();
    let (options, names): (Vec<String>, Vec<String>) =
        env::args().skip(1).partition(|argument| argument.starts_with("--"));
    let write = options.iter().any(|option| option == "--write");
    let asked = |place: &str| names.is_empty() || names.iter().any(|name| place.contains(name));
    let newcomer = Newcomer::arrive()?;
    let pages = pages::all(&newcomer.root)?;
    let (mut replayed, mut changed) = (0, Vec::new());
    let commands = pages.iter().flat_map(|page| &page.commands);
    for printed in commands.filter(|printed| asked(&printed.place)) {
        println!("{}: {}", printed.place, printed.command);
        match replay(&newcomer, printed).with_context(|| printed.place.clone())? {
            Said::AsThePage => {}
            Said::Otherwise { output, .. } if write => {
                changed.push((printed, pages::anew(printed, &output)?));
            }
            Said::Otherwise { error, .. } => return Err(error.context(printed.place.clone())),
        }
        replayed += 1;
    }
    pages::rewrite(changed)?;
    if write || !names.is_empty() {
        println!("{replayed} commands replayed");
        return Ok(());
    }

    println!("a known mistake of each chapter, in the learner's file");
    let mistakes = answers::check_mistakes(&newcomer)?;
    println!("the solution, in the learner's file");
    newcomer.write_answers(attn::starter::solved)?;
    newcomer.attn(&["check"])?.expect(0)?;

    let mentioned: BTreeSet<&str> = pages
        .iter()
        .flat_map(|page| page.mentioned.iter().map(String::as_str))
        .filter(|command| !STEPS_OF_CI.contains(command))
        .collect();
    for command in &mentioned {
        println!("mentioned: {command}");
        mention(&newcomer, command).with_context(|| command.to_string())?;
    }
    println!(
        "{replayed} commands replayed, {} mentioned ones tried, {mistakes} mistakes named, in {} s",
        mentioned.len(),
        start.elapsed().as_secs()
    );
    Ok(())
}

/// What a command printed.
enum Said {
    AsThePage,
    Otherwise { output: String, error: anyhow::Error },
}

/// Runs a command that a page prints, and compares what comes of it with what the page says.
fn replay(newcomer: &Newcomer, printed: &Printed) -> Result<Said> {
    match &printed.outcome {
        Outcome::Elsewhere => return Ok(Said::AsThePage),
        Outcome::Answer { id, mistake, .. } => {
            newcomer.write_answers(|course, chapter| {
                answers::with_mistake(course, chapter, id, mistake)
            })?;
        }
        Outcome::Unsolved => newcomer.write_answers(|course, chapter| {
            attn::files::read(&course.root.join(chapter.starter()))
        })?,
        Outcome::Solved => newcomer.write_answers(attn::starter::solved)?,
        Outcome::Succeeds | Outcome::Fails => {}
    }
    let Some(arguments) = printed.command.strip_prefix("cargo attn") else {
        ensure!(
            printed.command.starts_with("cargo ") || printed.command.starts_with("bash .ci/"),
            "the walk-through knows only cargo"
        );
        newcomer.run(&printed.command)?.expect(0)?;
        return Ok(Said::AsThePage);
    };
    let arguments: Vec<&str> = arguments.split_whitespace().collect();
    if is_server(&arguments) {
        newcomer.serve(&arguments)?;
        return Ok(Said::AsThePage);
    }
    let ended = newcomer.attn(&arguments)?;
    ended.expect(match printed.outcome {
        Outcome::Succeeds | Outcome::Solved | Outcome::Elsewhere => 0,
        Outcome::Fails | Outcome::Unsolved => 1,
        Outcome::Answer { code, .. } => code,
    })?;
    Ok(match ended.expect_lines(&printed.output) {
        Ok(()) => Said::AsThePage,
        Err(error) => Said::Otherwise { output: ended.output, error },
    })
}

/// Tries a command that a page mentions in passing: it has to be one, and must not fail with a
/// solved course.
fn mention(newcomer: &Newcomer, command: &str) -> Result<()> {
    let arguments = command.strip_prefix("cargo attn").unwrap_or_default();
    let arguments: Vec<&str> = arguments.split_whitespace().collect();
    if is_server(&arguments) {
        return newcomer.serve(&arguments);
    }
    let ended = newcomer.attn(&arguments)?;
    ensure!(ended.code != 2, "exit 2\n{}", ended.output);
    // What it changed, such as a reset, is put right again.
    newcomer.write_answers(attn::starter::solved)
}

fn is_server(arguments: &[&str]) -> bool {
    matches!(arguments, ["start" | "watch" | "serve", ..] | ["book", "serve", ..])
}
