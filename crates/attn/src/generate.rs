//! The files of a chapter that follow from its `chapter.toml` and its reference: the starter, the
//! check program and the list of exercises. They are committed, so that the course compiles without
//! this command; `cargo attn dev starters` writes them, and `dev verify` refuses stale ones.

use crate::{Chapter, Course, Language, starter};
use anyhow::Result;
use std::path::PathBuf;

/// The generated files of a chapter, relative to the root, with their texts.
///
/// # Errors
/// When the markers of a reference are wrong: see [`starter::generate`].
pub fn files(course: &Course, chapter: &Chapter) -> Result<Vec<(PathBuf, String)>> {
    let mut files = vec![(chapter.starter(), starter::generate(course, chapter)?)];
    // CUDA answers are read when the check program runs, which is that chapter's own.
    if chapter.language == Language::Rust {
        let src = chapter.dir.join("src");
        files.push((src.join("check.rs"), check_program(chapter)));
        files.push((src.join("exercises/mod.rs"), exercises(chapter)));
    }
    Ok(files)
}

/// The program that joins the exercises to the answers in one file.
fn check_program(chapter: &Chapter) -> String {
    let krate = chapter.package.replace('-', "_");
    let number = format!("{:02}", chapter.number);
    let list = chapter.exercises.iter().map(|exercise| {
        let (id, item) = (&exercise.id, &exercise.item);
        format!("        {item}::answered_by(\"{id}\", answers::{item}),\n")
    });
    let list: String = list.collect();
    format!(
        r#"//! The check program: joins this chapter's exercises to the answers in one file. See `attn-exercise`.
//! Written by `cargo attn dev starters` from `chapter.toml`.

use {krate}::exercises::*;
use std::process::ExitCode;

#[rustfmt::skip] // rustfmt would insist that the file exists
#[cfg_attr(overlay, path = "../../../.attn/overlay/{number}/exercise.rs")]
#[cfg_attr(all(learner, not(overlay)), path = "../exercise.rs")]
#[cfg_attr(not(any(learner, overlay)), path = "../starter.rs")]
mod answers;

#[rustfmt::skip]
fn main() -> ExitCode {{
    attn_exercise::main(vec![
{list}    ])
}}
"#
    )
}

/// The module with the declarations of the exercises.
fn exercises(chapter: &Chapter) -> String {
    let mut items: Vec<&str> = chapter.exercises.iter().map(|e| e.item.as_str()).collect();
    items.sort_unstable();
    let items: String = items.iter().map(|item| format!("pub mod {item};\n")).collect();
    format!(
        "//! The exercises of this chapter, one per file: the cases, the right answers and the known mistakes. The judges trust\n\
         //! oracles that share no code with the reference. Written by `cargo attn dev starters` from `chapter.toml`.\n\n\
         {items}"
    )
}
