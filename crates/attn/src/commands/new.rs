//! `cargo attn dev new`: the files of a new exercise or chapter, which compile and are checked as
//! they are laid. What they say is to be replaced.

use crate::{Chapter, Course, Language, files, generate, output::println};
use anyhow::{Context, Result, ensure};
use std::path::{Path, PathBuf};

/// Lays a new exercise at the end of a chapter: its declaration, its marked reference, its entry in
/// `chapter.toml`, and the generated files.
///
/// # Errors
/// When the name is taken or no name for a function, or a file cannot be written.
pub fn new_exercise(course: &Course, number: u32, item: &str) -> Result<bool> {
    let chapter = course.chapter(number)?;
    ensure!(
        chapter.language == Language::Rust,
        "the answers of chapter {number} are CUDA; write its exercise beside its others by hand"
    );
    lay_exercise(&course.root, chapter, item)?;
    let course = Course::load(&course.root)?;
    let chapter = course.chapter(number)?;
    change(&course.root, Path::new("README.md"), |text| Ok(counted_in_readme(text, chapter)))?;
    write_generated(&course, chapter)?;
    let id = &chapter.exercises.last().context("the new exercise")?.id;
    join_pages(&course, chapter, id, item)?;
    say_what_follows(id);
    Ok(true)
}

fn say_what_follows(target: &str) {
    println!("\nNow write what it is about. Then, in this order:");
    for command in ["dev starters", &format!("dev verify {target}"), "book test"] {
        println!("  cargo attn {command}");
    }
}

/// Gives a new exercise its task on the chapter's page, after the last one, and its place at the end
/// of the page with the solutions.
fn join_pages(course: &Course, chapter: &Chapter, id: &str, item: &str) -> Result<()> {
    let section = format!("### {}\n\nWhat is asked for.\n\n{{{{#exercise {id}}}}}\n", task(id));
    let reference = chapter.dir.join(format!("src/{item}.rs"));
    let solution = solution_text(&title_of(id), item, &reference);
    let last_task = format!("{{{{#exercise {}.", chapter.number);
    let of_chapter = format!("{{{{#include ../../{}/", chapter.dir.display());
    for page in files::pages(&course.root)? {
        let page = course.relative(&page);
        let text = files::read(&course.root.join(page))?;
        if let Some(at) = text.rfind(&last_task) {
            let end = text[at..].find('\n').map_or(text.len(), |end| at + end + 1);
            let (before, after) = text.split_at(end);
            change(&course.root, page, |_| Ok(format!("{before}\n{section}{after}")))?;
        } else if page.to_string_lossy().contains("solutions") && text.contains(&of_chapter) {
            change(&course.root, page, |text| Ok(format!("{}\n\n{solution}", text.trim_end())))?;
        }
    }
    Ok(())
}

/// What stands where an author has to say it: `dev verify` refuses it.
pub const PLACEHOLDERS: [&str; 4] =
    ["Say it in a few words", "The idea.", "The place.", "The pseudo-code."];

fn title_of(id: &str) -> String {
    format!("{id}: {}", PLACEHOLDERS[0].to_lowercase())
}

/// The heading of an exercise's task on its page.
fn task(id: &str) -> String {
    let number = id.split_once('.').map_or(id, |(_, number)| number);
    format!("Task {number}: {}", PLACEHOLDERS[0].to_lowercase())
}

/// Lays a new chapter with one exercise, joins it to the workspace and to the book, and writes two
/// pages for it.
///
/// # Errors
/// When the folder's name is not a number and words, the number is taken, or a file cannot be
/// written.
pub fn new_chapter(course: &Course, folder: &str, title: &str) -> Result<bool> {
    let (number, words) = folder.split_once('-').unwrap_or((folder, ""));
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    ensure!(
        number.len() == 2 && !words.is_empty() && words.chars().all(plain),
        "“{folder}” is no folder for a chapter; it is called as 05-kv-cache is"
    );
    let number: u32 = number.parse().with_context(|| format!("“{folder}” has no number"))?;
    ensure!(
        course.chapters.iter().all(|chapter| chapter.number != number),
        "chapter {number} exists already"
    );
    let root = &course.root;
    let package = format!("ch{folder}");
    let dir = PathBuf::from("chapters").join(folder);
    create(root, &dir.join("Cargo.toml"), &manifest(&package, number, title))?;
    create(root, &dir.join("chapter.toml"), &metadata(number, title))?;
    create(root, &dir.join("src/lib.rs"), &library(number, title))?;
    create(root, &dir.join("examples/demo/main.rs"), &demonstration(&package, number))?;
    join_workspace(root, &package, folder)?;
    let item = "double";
    let chapter = Chapter { number, dir: dir.clone(), ..Chapter::default() };
    lay_exercise(root, &chapter, item)?;
    let (page, solutions) = (format!("ch{folder}.md"), format!("ch{number:02}-solutions.md"));
    create(root, &Path::new("book/src").join(&page), &page_text(number, title, &solutions))?;
    let reference = dir.join(format!("src/{item}.rs"));
    let text = solutions_text(number, title, &page, item, &reference);
    create(root, &Path::new("book/src").join(&solutions), &text)?;
    join_book(root, number, title, &page, &solutions)?;
    let course = Course::load(root)?;
    write_generated(&course, course.chapter(number)?)?;
    say_what_follows(&number.to_string());
    Ok(true)
}

/// The README, with the chapter's number of exercises in its row of the map.
pub(super) fn counted_in_readme(text: &str, chapter: &Chapter) -> String {
    let row = format!("| {} | ", chapter.number);
    let lines = text.lines().map(|line| match line.rsplit_once("**open**: ") {
        Some((before, _)) if line.starts_with(&row) => {
            format!("{before}**open**: {} exercises |\n", chapter.exercises.len())
        }
        _ => format!("{line}\n"),
    });
    lines.collect()
}

fn write_generated(course: &Course, chapter: &Chapter) -> Result<()> {
    for (path, text) in generate::files(course, chapter)? {
        files::write(&course.root.join(&path), &text)?;
        println!("{} written", path.display());
    }
    Ok(())
}

/// Writes a file that does not exist yet.
fn create(root: &Path, path: &Path, text: &str) -> Result<()> {
    let file = root.join(path);
    ensure!(!file.exists(), "{} exists already", path.display());
    files::write(&file, text)?;
    println!("{} written", path.display());
    Ok(())
}

/// Changes a file that exists.
fn change(root: &Path, path: &Path, change: impl FnOnce(&str) -> Result<String>) -> Result<()> {
    let text = change(&files::read(&root.join(path))?)?;
    files::write(&root.join(path), &text)?;
    println!("{} changed", path.display());
    Ok(())
}

fn lay_exercise(root: &Path, chapter: &Chapter, item: &str) -> Result<()> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    ensure!(
        item.starts_with(|c: char| c.is_ascii_lowercase()) && item.chars().all(plain),
        "“{item}” is no name for a function: small letters, digits and _"
    );
    let Chapter { number, dir, exercises, .. } = chapter;
    let id = format!("{number}.{}", exercises.len() + 1);
    create(root, &dir.join(format!("src/{item}.rs")), &reference(&id, item))?;
    create(root, &dir.join(format!("src/exercises/{item}.rs")), &declaration(&id, item))?;
    change(root, &dir.join("chapter.toml"), |text| {
        Ok(format!("{}\n\n{}", text.trim_end(), entry(&id, item)))
    })?;
    change(root, &dir.join("src/lib.rs"), |text| {
        let text = insert_sorted(text, &format!("mod {item};"), "mod ");
        Ok(insert_sorted(&text, &format!("pub use {item}::{item};"), "pub use "))
    })
}

/// Puts a line among those that begin like it, in the order of the alphabet; at the end of the text
/// if there are none.
fn insert_sorted(text: &str, line: &str, like: &str) -> String {
    let mut lines: Vec<&str> = text.lines().collect();
    if lines.contains(&line) {
        return text.to_string();
    }
    let alike = |(_, other): &(usize, &&str)| other.starts_with(like);
    let after = lines.iter().enumerate().filter(alike).find(|(_, other)| **other > line);
    let last = lines.iter().enumerate().rfind(alike);
    let at = match (after, last) {
        (Some((i, _)), _) => i,
        (None, Some((i, _))) => i + 1,
        (None, None) => lines.len(),
    };
    lines.insert(at, line);
    lines.join("\n") + "\n"
}

/// Names the chapter's crate where the workspace and the book's program name the others.
fn join_workspace(root: &Path, package: &str, folder: &str) -> Result<()> {
    change(root, Path::new("Cargo.toml"), |text| {
        let line = format!("{package} = {{ path = \"chapters/{folder}\" }}");
        Ok(insert_sorted(text, &line, "ch0"))
    })?;
    change(root, Path::new("crates/attn-book/Cargo.toml"), |text| {
        Ok(insert_sorted(text, &format!("{package}.workspace = true"), "ch0"))
    })
}

/// Names the chapter's pages in the book's summary, before those of the next chapter.
fn join_book(root: &Path, number: u32, title: &str, page: &str, solutions: &str) -> Result<()> {
    change(root, Path::new("book/src/SUMMARY.md"), |text| {
        let of = |line: &str| -> Option<u32> {
            line.strip_prefix("- [")?.split_once(" · ")?.0.parse().ok()
        };
        let mut lines: Vec<&str> = text.lines().collect();
        let later = lines.iter().position(|line| of(line).is_some_and(|other| other > number));
        let end = lines.iter().rposition(|line| *line == "---");
        let at = later.or(end).context("SUMMARY.md has no `---` before its last pages")?;
        let first = format!("- [{number} · {title}]({page})");
        let second = format!("  - [Solutions]({solutions})");
        let mut new = vec![first.as_str(), second.as_str()];
        if later.is_none() {
            new.push("");
        }
        lines.splice(at..at, new);
        Ok(lines.join("\n") + "\n")
    })
}

fn manifest(package: &str, number: u32, title: &str) -> String {
    format!(
        r#"[package]
name = "{package}"
description = "Chapter {number}: {title}"
version.workspace = true
edition.workspace = true
rust-version.workspace = true
license.workspace = true
publish.workspace = true

[dependencies]
attn-core.workspace = true
attn-exercise.workspace = true
attn-oracle.workspace = true
ndarray.workspace = true
serde.workspace = true

# `cargo attn` builds it; `cargo attn dev verify` runs its proofs.
[[test]]
name = "check"
path = "src/check.rs"
harness = false
test = false

[lints]
workspace = true
"#
    )
}

fn metadata(number: u32, title: &str) -> String {
    format!(
        r#"number = {number}
title = "{title}"
reading_minutes = 10
prerequisites = []
objectives = [
  "say what a reader can do afterwards",
]
demo = "demo"
imports = """
use ndarray::{{Array1, ArrayView1}};
"""
"#
    )
}

fn library(number: u32, title: &str) -> String {
    format!(
        "//! Chapter {number}: {title}.\n\
         //!\n\
         //! What the chapter is about, in ten lines: its formula, its shapes, its parts.\n\n\
         mod double;\n\
         pub mod exercises;\n\n\
         pub use double::double;\n"
    )
}

fn demonstration(package: &str, number: u32) -> String {
    let krate = package.replace('-', "_");
    format!(
        "//! `cargo attn run {number}`: the chapter's mechanism on real input.\n\n\
         use {krate}::double;\n\
         use ndarray::array;\n\n\
         fn main() {{\n    println!(\"{{}}\", double(array![1.0, 2.0].view()));\n}}\n"
    )
}

fn reference(id: &str, item: &str) -> String {
    format!(
        r#"use ndarray::{{Array1, ArrayView1}};

// ANCHOR: {item}
/// Twice the numbers: `y[i] = 2 x[i]`.
///
/// Shapes: n in, n out.
pub fn {item}(x: ArrayView1<f32>) -> Array1<f32> {{
    // SOLUTION {id}: say what is to be done
    &x * 2.0
    // END SOLUTION
}}
// ANCHOR_END: {item}
"#
    )
}

fn declaration(id: &str, item: &str) -> String {
    format!(
        r#"//! {id} `{item}`

use attn_exercise::{{SOME_VALUES, exercise, pairwise, some_values}};
use ndarray::{{Array1, array}};

exercise! {{
    /// Numbers, n.
    crate::{item}: (x: Array1<f32>[n]) -> Array1<f32>;

    exact: |c| c.x.mapv(|x| 2.0 * f64::from(x));

    cases: |random| {{
        let mut cases = vec![case("by hand: 6 and −2", (array![3.0, -1.0],))];
        cases.extend(pairwise([3, SOME_VALUES]).into_iter().map(|[n, kind]| {{
            case("small", (some_values(kind, n + 1, random),))
        }}));
        cases
    }};

    right (x) {{
        "a sum" => &x + &x;
        "one by one" => x.iter().map(|x| 2.0 * x).collect();
        "f64 inside" => x.mapv(|x| (2.0 * f64::from(x)) as f32);
    }}

    mistakes (x) {{
        "square": "the numbers are squared instead of doubled" => &x * &x;
        "unchanged": "the numbers are returned as they are" => x.to_owned();
    }}
}}
"#
    )
}

fn entry(id: &str, item: &str) -> String {
    let ([title, idea, place, code], task) = (PLACEHOLDERS, task(id));
    format!(
        r#"[[exercise]]
id = "{id}"
item = "{item}"
title = "{title}"
source = "src/{item}.rs"
points = 5
minutes = 5
book = "{task}"
hints = [
  "{idea}",
  "{place}",
  "{code}",
]
"#
    )
}

fn page_text(number: u32, title: &str, solutions: &str) -> String {
    let task = task(&format!("{number}.1"));
    format!(
        "# {number} · {title}\n\n\
         What the problem is.\n\n\
         {{{{#chapter {number}}}}}\n\n\
         {{{{#figure map}}}}\n\n\
         ### {task}\n\n\
         What is asked for.\n\n\
         {{{{#exercise {number}.1}}}}\n\n\
         The references are on the [solutions page]({solutions}).\n\n\
         ## Summary\n\n\
         * What is worth remembering.\n\n\
         {{{{#next {number}}}}}\n"
    )
}

fn solutions_text(number: u32, title: &str, page: &str, item: &str, reference: &Path) -> String {
    let solution = solution_text(&title_of(&format!("{number}.1")), item, reference);
    format!(
        "# Solutions: {title}\n\n\
         The reference of the exercise of [chapter {number}]({page}).\n\n\
         {solution}"
    )
}

/// An exercise's place on the page with the solutions.
fn solution_text(title: &str, item: &str, reference: &Path) -> String {
    let reference = reference.display();
    format!("## {title}\n\n```rust,ignore\n{{{{#include ../../{reference}:{item}}}}}\n```\n")
}
