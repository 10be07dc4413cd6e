//! The files of a chapter that follow from its `chapter.toml` and its reference: the starter, the
//! check program, the list of exercises, and the functions that the demonstration calls. They are
//! committed, so that the course compiles without this command; `cargo attn dev starters` writes
//! them, and `dev verify` refuses stale ones.

use crate::{Chapter, Course, Demonstration, Language, course::SMOLLM_DIR, starter};
use anyhow::Result;
use regex_lite::Regex;
use std::path::{Path, PathBuf};

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
        if chapter.demonstrated().next().is_some() {
            files.push((src.join("functions.rs"), reference(chapter)));
        }
        let number = chapter.number;
        let dir = chapter.dir.as_path();
        let mut demonstrations = vec![
            (dir, chapter.demonstration(), format!("run {number} --mine")),
            (dir, chapter.gradcheck(), format!("gradcheck {number}")),
        ];
        // A part of the course may have been laid without that crate.
        let with_model = course.root.join(SMOLLM_DIR).is_dir();
        let on_model = chapter.on_model().filter(|_| with_model);
        demonstrations.extend(on_model.map(|demonstration| {
            let command = format!("run {number} --model smollm2 --mine");
            (Path::new(SMOLLM_DIR), demonstration, command)
        }));
        for (dir, demonstration, command) in demonstrations {
            if !demonstration.calls.is_empty() {
                let functions = demonstrated(chapter, &files[0].1, &command, "mine")?;
                let example = dir.join("examples").join(demonstration.example);
                files.push((example.join("functions.rs"), functions));
            }
        }
        let Demonstration { example, calls, .. } = chapter.in_conversation();
        if with_model && !calls.is_empty() {
            let functions = demonstrated(chapter, &files[0].1, "chat --mine", "conversation")?;
            let example = Path::new(SMOLLM_DIR).join("examples").join(example);
            files.push((example.join(format!("ch{number:02}.rs")), functions));
        }
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

/// The functions that the demonstrations call, as the reference has them.
fn reference(chapter: &Chapter) -> String {
    let fields = chapter.demonstrated().map(|exercise| {
        let (id, item) = (&exercise.id, &exercise.item);
        format!("    /// Exercise {id}.\n    pub {item}: exercises::{item}::Body,\n")
    });
    let fields: String = fields.collect();
    let values = chapter.demonstrated().map(|exercise| {
        let item = &exercise.item;
        format!("    {item}: crate::{item},\n")
    });
    let values: String = values.collect();
    format!(
        "//! The exercises that this chapter's demonstrations call. Written by `cargo attn dev starters` from `chapter.toml`.\n\n\
         use crate::exercises;\n\n\
         /// Somebody's answers to them.\n\
         #[derive(Clone, Copy, Debug)]\n\
         pub struct Functions {{\n{fields}}}\n\n\
         /// The reference's.\n\
         #[rustfmt::skip]\n\
         pub const REFERENCE: Functions = Functions {{\n{values}}};\n"
    )
}

/// The functions that a demonstration calls: the reference's, or the learner's where these are
/// compiled into it.
fn demonstrated(chapter: &Chapter, starter: &str, command: &str, overlay: &str) -> Result<String> {
    let krate = chapter.package.replace('-', "_");
    let number = format!("{:02}", chapter.number);
    let argument = Regex::new(r"[(,] ?(\w+): ")?;
    let mut fields = String::new();
    for exercise in chapter.demonstrated() {
        let (id, item) = (&exercise.id, &exercise.item);
        let signature = starter::signature(starter, id)?;
        let names = argument.captures_iter(&signature).map(|found| found[1].to_string());
        let names = names.collect::<Vec<_>>().join(", ");
        fields += &format!(
            "    {item}: |{names}| {{\n        let _running = entered(\"{id}\");\n        answers::{item}({names})\n    }},\n"
        );
    }
    Ok(format!(
        r#"//! The exercises that this demonstration calls: the reference's, or with `cargo attn {command}` the learner's.
//! Written by `cargo attn dev starters` from `chapter.toml`.

#[cfg(not(overlay))]
pub use {krate}::functions::REFERENCE as FUNCTIONS;

#[cfg(overlay)]
#[rustfmt::skip] // rustfmt would insist that the file exists
#[cfg_attr(overlay, path = "../../../../.attn/{overlay}/{number}/exercise.rs")]
mod answers;

#[cfg(overlay)]
use {{attn_exercise::entered, {krate}::functions::Functions}};

#[cfg(overlay)]
#[rustfmt::skip]
pub const FUNCTIONS: Functions = Functions {{
{fields}}};
"#
    ))
}
