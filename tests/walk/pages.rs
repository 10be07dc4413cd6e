//! The commands that the README and the book print.
//!
//! In a `console` listing each line that begins with `$ ` is a command, and the lines below it are what
//! it prints; `…` stands for any lines. It is expected to succeed, unless a comment stands before the
//! listing:
//!
//! ```text
//! <!-- walk: fails -->                  it ends with exit status 1
//! <!-- walk: answer 3.3 no-scale -->    the same, with this known mistake in the learner's file
//! <!-- walk: mine 3.3 no-scale -->      it succeeds, with this known mistake in the learner's file
//! <!-- walk: unsolved -->               the same, with the starter as the learner's file
//! <!-- walk: solved -->                 it succeeds, with everything solved in the learner's file
//! <!-- walk: elsewhere -->              it is not run here
//! ```
//!
//! A `cargo attn …` in the text is mentioned; it has to be a command that exists.

use anyhow::{Context, Result, bail};
use regex::Regex;
use std::{fs, path::Path};

/// A page, and what it asks the reader to type.
pub struct Page {
    pub commands: Vec<Printed>,
    /// Commands in the text.
    pub mentioned: Vec<String>,
}

/// A command in a listing.
pub struct Printed {
    /// `README.md:12`
    pub place: String,
    pub command: String,
    /// The lines that it prints.
    pub output: Vec<String>,
    pub outcome: Outcome,
}

/// What is to come of a command.
#[derive(Clone)]
pub enum Outcome {
    Succeeds,
    Fails,
    /// Ends with this exit status, with a known mistake in the learner's file, which is solved otherwise.
    Answer {
        id: String,
        mistake: String,
        code: i32,
    },
    Unsolved,
    Solved,
    Elsewhere,
}

/// The README, then the book's pages in their order.
pub fn all(root: &Path) -> Result<Vec<Page>> {
    let mut files = vec!["README.md".to_string()];
    let summary = fs::read_to_string(root.join("book/src/SUMMARY.md"))?;
    let link = Regex::new(r"\]\(([^)]+\.md)\)")?;
    files.extend(link.captures_iter(&summary).map(|found| format!("book/src/{}", &found[1])));
    files.iter().map(|file| read(root, file)).collect()
}

fn read(root: &Path, file: &str) -> Result<Page> {
    let text = fs::read_to_string(root.join(file)).with_context(|| file.to_string())?;
    let mut page = Page { commands: Vec::new(), mentioned: Vec::new() };
    let inline = Regex::new(r"`(cargo attn[^`]*)`")?;
    let (mut fence, mut outcome) = (None, Outcome::Succeeds);
    for (i, line) in text.lines().enumerate() {
        let place = format!("{file}:{}", i + 1);
        if let Some(opening) = line.strip_prefix("```") {
            fence = match fence {
                None => Some(opening.trim() == "console"),
                Some(_) => {
                    outcome = Outcome::Succeeds;
                    None
                }
            };
        } else if fence == Some(true) {
            match line.strip_prefix("$ ") {
                Some(command) => page.commands.push(Printed {
                    place,
                    command: command.trim().to_string(),
                    output: Vec::new(),
                    outcome: outcome.clone(),
                }),
                None => {
                    let last = page.commands.last_mut().with_context(|| place.clone())?;
                    last.output.push(line.to_string());
                }
            }
        } else if fence.is_none() {
            if let Some(note) = line.strip_prefix("<!-- walk: ") {
                outcome = parse(note.trim_end_matches("-->").trim()).with_context(|| place)?;
            }
            let found = inline.captures_iter(line).map(|found| found[1].to_string());
            // Placeholders such as ID are in capitals.
            let commands = found.filter(|command| !command.contains(char::is_uppercase));
            page.mentioned.extend(commands);
        }
    }
    Ok(page)
}

/// What a command prints now, to stand in its page: from the line that begins as the page's first one
/// does, up to the advice where the page leaves that out.
pub fn anew(printed: &Printed, output: &str) -> Result<Vec<String>> {
    let old = &printed.output;
    let beginning = |line: &str| line.chars().take(6).collect::<String>();
    let first = old.iter().find(|line| *line != "…").context("a line")?;
    let shown = output.lines().skip_while(|line| beginning(line) != beginning(first));
    let is_cut = old.last().is_some_and(|line| line == "…");
    // What cargo says itself is not the command's.
    let cargos = |line: &&str| {
        let words = ["    Finished ", "     Running ", "   Compiling "];
        words.iter().any(|word| line.starts_with(word))
    };
    let shown = shown
        .filter(|line| !cargos(line))
        .take_while(|line| !is_cut || !line.starts_with("  See the case"));
    let mut new: Vec<String> = shown.map(|line| line.trim_end().to_string()).collect();
    while new.last().is_some_and(String::is_empty) {
        new.pop();
    }
    if old[0] == "…" {
        new.insert(0, "…".into());
    }
    if is_cut {
        new.push("…".into());
    }
    Ok(new)
}

/// Writes into the pages of the course what the commands print now.
pub fn rewrite(mut changed: Vec<(&Printed, Vec<String>)>) -> Result<()> {
    // From the end of a page to its beginning, so that no line moves that is still to be found.
    changed.reverse();
    for (printed, new) in changed {
        println!("{}: written\n{}", printed.place, new.join("\n"));
        let (file, line) = printed.place.rsplit_once(':').context("file:line")?;
        let command: usize = line.parse()?;
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file);
        let text = fs::read_to_string(&page)?;
        let mut lines: Vec<String> = text.lines().map(String::from).collect();
        lines.splice(command..command + printed.output.len(), new);
        fs::write(&page, lines.join("\n") + "\n")?;
    }
    Ok(())
}

fn parse(note: &str) -> Result<Outcome> {
    let words: Vec<&str> = note.split_whitespace().collect();
    match words[..] {
        ["fails"] => Ok(Outcome::Fails),
        ["unsolved"] => Ok(Outcome::Unsolved),
        ["solved"] => Ok(Outcome::Solved),
        ["elsewhere", ..] => Ok(Outcome::Elsewhere),
        [how @ ("answer" | "mine"), id, mistake] => {
            let code = i32::from(how == "answer");
            Ok(Outcome::Answer { id: id.into(), mistake: mistake.into(), code })
        }
        _ => bail!("“walk: {note}” is not known"),
    }
}
