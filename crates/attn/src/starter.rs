//! The starter: the learner's file, unsolved, generated from the reference.
//!
//! In the reference an exercise is a region between `// ANCHOR: item` and `// ANCHOR_END: item`, which the book
//! includes too. Inside it,
//!
//! ```text
//! // SOLUTION 3.1: what is to be done
//! …
//! // END SOLUTION
//! ```
//!
//! becomes `todo!("3.1: what is to be done")` (in CUDA `todo("…");`, a macro of the chapter's), and
//! what stands between a bare `// SOLUTION` and `// END SOLUTION` is left out.
//!
//! In the starter, and so in the learner's file, each exercise is a [section](Section) that starts with a heading line.

use crate::{Chapter, Course, Exercise, Language, files, source};
use anyhow::{Context, Result, bail, ensure};
use std::ops::Range;

/// How the heading line of a section begins.
const HEADING: &str = "// ━━ ";

/// The text of a chapter's starter.
///
/// # Errors
/// Names the file and what is wrong with its markers.
pub fn generate(course: &Course, chapter: &Chapter) -> Result<String> {
    let mut text = preamble(chapter);
    for exercise in &chapter.exercises {
        let region = region(course, chapter, exercise)?;
        let unsolved = unsolved(&region, exercise, chapter.language)
            .with_context(|| format!("{}: {}", exercise.source.display(), exercise.item))?;
        text.push_str(&format!("\n{}\n\n{}\n", heading(exercise), unsolved.trim()));
    }
    Ok(text)
}

/// What a learner's file begins with.
fn preamble(chapter: &Chapter) -> String {
    let Chapter { number, title, imports, language, .. } = chapter;
    let (comment, todo, allow) = match language {
        Language::Rust => {
            ("//!", "todo!", "#![allow(unused)] // what is imported below waits to be used\n")
        }
        Language::Cuda => ("//", "todo", ""),
    };
    format!(
        "{comment} Chapter {number} · {title}: your answers.\n\
         {comment}\n\
         {comment} Replace each `{todo}`, save, and run `cargo attn check {number}`. Stuck? `cargo attn hint {number}.1`.\n\
         {comment} Add helpers and imports as you like; keep the headings and the first line of each function.\n\
         {allow}\n\
         {}\n",
        imports.trim()
    )
}

fn heading(exercise: &Exercise) -> String {
    let Exercise { id, title, points, minutes, .. } = exercise;
    let plural = if *minutes == 1 { "" } else { "s" };
    format!("{HEADING}{id} {title} · {points} points · about {minutes} minute{plural} ━━")
}

/// The reference of an exercise as its file has it, markers included.
///
/// # Errors
/// When the file cannot be read or the region is not there.
pub fn region(course: &Course, chapter: &Chapter, exercise: &Exercise) -> Result<String> {
    let file = course.root.join(&chapter.dir).join(&exercise.source);
    let text = files::read(&file)?;
    let marked =
        |line: &str, marker: &str| line.trim() == format!("// {marker}: {}", exercise.item);
    let mut lines = text.lines();
    ensure!(
        lines.any(|line| marked(line, "ANCHOR")),
        "{} has no `// ANCHOR: {}`",
        file.display(),
        exercise.item
    );
    let region: Vec<&str> = lines.by_ref().take_while(|line| !marked(line, "ANCHOR_END")).collect();
    Ok(region.join("\n"))
}

/// The reference of an exercise without its markers, for reading.
///
/// # Errors
/// As for [`region`].
pub fn solution(course: &Course, chapter: &Chapter, exercise: &Exercise) -> Result<String> {
    let region = region(course, chapter, exercise)?;
    let lines: Vec<&str> = region
        .lines()
        .filter(|line| !matches!(Marker::of(line), Some(Marker::Start(_) | Marker::End)))
        .collect();
    Ok(lines.join("\n"))
}

/// A marker line.
enum Marker<'a> {
    Start(Option<&'a str>),
    End,
}

impl<'a> Marker<'a> {
    fn of(line: &'a str) -> Option<Self> {
        let marker = line.trim().strip_prefix("// ")?;
        if marker == "END SOLUTION" {
            return Some(Marker::End);
        }
        match marker.strip_prefix("SOLUTION")? {
            "" => Some(Marker::Start(None)),
            todo => Some(Marker::Start(Some(todo.strip_prefix(' ')?))),
        }
    }
}

/// A region with its solution taken out.
fn unsolved(region: &str, exercise: &Exercise, language: Language) -> Result<String> {
    let (mut text, mut inside, mut todos) = (String::new(), false, 0);
    for line in region.lines() {
        match Marker::of(line) {
            Some(Marker::Start(_)) if inside => bail!("a SOLUTION inside a SOLUTION"),
            Some(Marker::Start(todo)) => {
                inside = true;
                if let Some(todo) = todo {
                    ensure!(
                        todo.starts_with(&format!("{}: ", exercise.id)),
                        "the marker says “{todo}”, it has to begin with “{}: ”",
                        exercise.id
                    );
                    let indent = &line[..line.len() - line.trim_start().len()];
                    text.push_str(&match language {
                        Language::Rust => format!("{indent}todo!({todo:?})\n"),
                        Language::Cuda => format!("{indent}todo({todo:?});\n"),
                    });
                    todos += 1;
                }
            }
            Some(Marker::End) if inside => inside = false,
            Some(Marker::End) => bail!("an END SOLUTION without a SOLUTION"),
            None if inside => {}
            None => {
                text.push_str(line);
                text.push('\n');
            }
        }
    }
    ensure!(!inside, "a SOLUTION without an END SOLUTION");
    ensure!(todos == 1, "{todos} markers with a todo instead of one");
    Ok(text)
}

/// One exercise's part of a starter or a learner's file: from its heading to the next one.
#[derive(Clone, Debug, PartialEq)]
pub struct Section {
    /// The exercise.
    pub id: String,
    /// Its lines, counted from 0.
    pub lines: Range<usize>,
}

/// The sections of a file, in order.
pub fn sections(text: &str) -> Vec<Section> {
    sections_of(&lines(text.as_bytes()))
}

fn sections_of(lines: &[&[u8]]) -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    for (i, line) in lines.iter().enumerate() {
        let Some(rest) = line.strip_prefix(HEADING.as_bytes()) else {
            continue;
        };
        let mut words = rest.split(u8::is_ascii_whitespace);
        let Some(id) = words.find(|word| !word.is_empty()) else {
            continue;
        };
        if let Some(last) = sections.last_mut() {
            last.lines.end = i;
        }
        sections
            .push(Section { id: String::from_utf8_lossy(id).into_owned(), lines: i..lines.len() });
    }
    sections
}

/// The lines of a file, with their ends.
fn lines(text: &[u8]) -> Vec<&[u8]> {
    text.split_inclusive(|byte| *byte == b'\n').collect()
}

/// The text of one section.
pub fn section<'a>(text: &'a str, id: &str) -> Option<String> {
    let section = sections(text).into_iter().find(|s| s.id == id)?;
    let lines: Vec<&'a str> = text.lines().collect();
    Some(lines[section.lines].join("\n"))
}

/// `text` with the section `id` replaced; `None` if it has no such section. All other bytes stay as
/// they are, whatever they are.
pub fn with_section(text: &[u8], id: &str, replacement: &[u8]) -> Option<Vec<u8>> {
    let lines = lines(text);
    let section = sections_of(&lines).into_iter().find(|s| s.id == id)?;
    let end: &[u8] = match lines[section.lines.start].ends_with(b"\r\n") {
        true => b"\r\n",
        false => b"\n",
    };
    let mut new = lines[..section.lines.start].concat();
    new.extend(replacement.trim_ascii_end());
    new.extend(end);
    let after = lines[section.lines.end..].concat();
    if !after.is_empty() {
        new.extend(end);
        new.extend(after);
    }
    Some(new)
}

/// The starter with every exercise solved as the reference has it.
///
/// # Errors
/// When a file cannot be read or a region is not there.
pub fn solved(course: &Course, chapter: &Chapter) -> Result<String> {
    let mut text = files::read(&course.root.join(chapter.starter()))?;
    for exercise in &chapter.exercises {
        let solution = solution(course, chapter, exercise)?;
        text = with_body(&text, exercise, &solution)?;
    }
    Ok(text)
}

/// `text` with an exercise's section replaced by its heading and this code.
///
/// # Errors
/// When it has no such section.
pub fn with_body(text: &str, exercise: &Exercise, code: &str) -> Result<String> {
    let section = format!("{}\n\n{code}", heading(exercise));
    let text = with_section(text.as_bytes(), &exercise.id, section.as_bytes())
        .with_context(|| format!("there is no section {}", exercise.id))?;
    Ok(String::from_utf8(text)?)
}

/// An exercise's section of the starter as a module on one line, with the imports of the chapter's,
/// so that it compiles whatever stands around it. Put in place of an answer that does not compile.
///
/// # Errors
/// When the starter has no such section, or it is no Rust.
pub fn stub(chapter: &Chapter, starter: &str, id: &str) -> Result<String> {
    let code = format!("{}\n{}", chapter.imports, code(starter, id)?);
    module(id, &code)
}

fn module(id: &str, code: &str) -> Result<String> {
    let code = source::on_one_line(code).with_context(|| format!("{id} is no Rust"))?;
    let name = format!("stub_{}", id.replace('.', "_"));
    Ok(format!("pub use {name}::*; #[allow(warnings)] mod {name} {{ {code} }}"))
}

/// Whether an exercise's section of a learner's file is still the starter's, but for comments.
pub fn is_unsolved(starter: &str, text: &str, id: &str) -> bool {
    let tokens = |text| source::on_one_line(&code(text, id).ok()?);
    tokens(text).is_some_and(|section| tokens(starter) == Some(section))
}

/// The reference's answer to an exercise as a module on one line, put in place of a learner's that
/// cannot be run. It calls the functions of the other exercises that are `around` it, whosever they
/// are: all but the missing answer stays the learner's.
///
/// # Errors
/// As for [`solution`]; or the reference is no Rust.
pub fn reference_stub(
    course: &Course,
    chapter: &Chapter,
    exercise: &Exercise,
    around: &str,
) -> Result<String> {
    let solution = without_comments(&solution(course, chapter, exercise)?);
    let others = chapter.exercises.iter().filter(|other| {
        other.id != exercise.id
            && source::calls(&solution, &other.item)
            && source::defines(around, &other.item)
    });
    let others: String = others.map(|other| format!("use super::{};\n", other.item)).collect();
    let krate = chapter.package.replace('-', "_");
    // What else it calls is the reference's; what is named is preferred to what comes by a star.
    let code = format!("{}\nuse {krate}::*;\n{others}{solution}", chapter.imports);
    module(&exercise.id, &code)
}

/// A section of the starter without its comments and documentation.
fn code(starter: &str, id: &str) -> Result<String> {
    let section = section(starter, id).with_context(|| format!("the starter has no {id}"))?;
    Ok(without_comments(&section))
}

fn without_comments(code: &str) -> String {
    let lines = code.lines().filter(|line| !line.trim().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

/// The first line of an exercise's function: its signature up to the body, on one line.
///
/// # Errors
/// When the starter has no such section.
pub fn signature(starter: &str, id: &str) -> Result<String> {
    let code = code(starter, id)?;
    let start = code.find("pub fn").unwrap_or(0);
    let end = code.find(" {").unwrap_or(code.len());
    let words: Vec<&str> = code[start..end].split_whitespace().collect();
    Ok(words.join(" ").replace("( ", "(").replace(", )", ")"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_is_taken_out_as_a_function_is() {
        let exercise: Exercise = toml::from_str(
            r#"id = "9.1"
            item = "sum"
            title = "A sum"
            source = "src/sum.cu"
            points = 1
            minutes = 1
            hints = []"#,
        )
        .expect("an exercise");
        let region = [
            "__global__ void sum(const float* x, float* y) {",
            "    // SOLUTION 9.1: add them up",
            "    y[0] = x[0] + x[1];",
            "    // END SOLUTION",
            "}",
        ]
        .join("\n");
        let text = |language| unsolved(&region, &exercise, language).expect("well marked");
        assert!(text(Language::Cuda).contains("\n    todo(\"9.1: add them up\");\n}"));
        assert!(text(Language::Rust).contains("\n    todo!(\"9.1: add them up\")\n}"));
    }
}
