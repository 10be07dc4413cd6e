//! `book test`: everything that can go wrong with the book without anybody noticing.

mod anchors;
mod built;
mod citations;
mod html;
mod links;
mod network;

use crate::{
    Build, Exercise, Page, Problem, Registry, build, exercises,
    page::line_at,
    preprocessor::workspace,
    render::{self, Rendered, Sources},
};
use anyhow::{Context, Result, bail};
use attn::Course;
use mdbook_driver::{MDBook, book::Book};
use percent_encoding::percent_decode_str;
use regex::Regex;
use std::{fs, path::Path, sync::LazyLock};

/// What was looked at, and what is wrong with it.
pub struct Report {
    /// How many pages the book has.
    pub pages: usize,
    /// Everything to mend, by file and line.
    pub problems: Vec<Problem>,
}

/// Checks the book in `book` from the sources to the built pages, which are built into `scratch`.
///
/// # Errors
/// What keeps the book from being checked at all; problems of the book itself are in the report.
pub fn check(book: &Path, registry: &Registry, scratch: &Path) -> Result<Report> {
    let root = workspace(book)?;
    let mut config = build::config(book)?;
    config.build.create_missing = false;
    let src = book.join(&config.book.src);
    let mut problems = missing_pages(root, &src)?;
    if !problems.is_empty() {
        return Ok(Report { pages: 0, problems });
    }
    let written = MDBook::load_with_config(book, config)?.book;
    let pages = pages(&written, src.strip_prefix(root).unwrap_or(&src));
    let course = Course::load(root)?;
    let exercises = exercises::load(&course)?;
    let sources = Sources { course: &course, registry, exercises: &exercises };
    let rendered: Vec<Rendered> = pages.iter().map(|page| render::render(page, &sources)).collect();
    for page in &rendered {
        problems.extend(page.problems.iter().cloned());
    }
    problems.extend(anchors::unused(root, &rendered)?);
    problems.extend(citations::check(&pages));
    for chapter in &course.chapters {
        for directive in ["chapter", "next"] {
            let placed = format!("{{{{#{directive} {}}}}}", chapter.number);
            let times = pages.iter().filter(|page| page.text.contains(&placed)).count();
            if times != 1 {
                let path = chapter.dir.join("chapter.toml");
                let text = format!("{placed} stands on {times} pages; one should have it");
                problems.push(Problem { path, line: 1, text });
            }
        }
    }
    for exercise in &exercises {
        let times = rendered.iter().filter(|page| page.placed.contains(&exercise.id)).count();
        if times != 1 {
            let text = format!(
                "exercise {} has its box on {times} pages: one should have {{{{#exercise {0}}}}}",
                exercise.id
            );
            problems.push(exercise.problem(text));
        }
        problems.extend(unexplained(exercise, &rendered));
        if exercises.iter().filter(|other| other.id == exercise.id).count() > 1 {
            problems
                .push(exercise.problem(format!("there is more than one exercise {}", exercise.id)));
        }
    }
    let build = Build {
        book: book.to_path_buf(),
        registry: registry.clone(),
        strict: false,
        progress: |_| (),
    };
    let site = build.run_into(scratch)?;
    let built = built::built(&written, &pages, &site)?;
    problems.extend(links::check(&site, &built)?);
    problems.extend(network::check(root, book, &site, &built)?);
    problems.sort();
    problems.dedup();
    Ok(Report { pages: pages.len(), problems })
}

fn pages(book: &Book, src: &Path) -> Vec<Page> {
    let page = |chapter: &mdbook_driver::book::Chapter| {
        Some(Page { path: src.join(chapter.source_path.as_ref()?), text: chapter.content.clone() })
    };
    book.chapters().filter_map(page).collect()
}

/// An exercise whose diagnosis would send the reader to a section that does not exist.
fn unexplained(exercise: &Exercise, pages: &[Rendered]) -> Option<Problem> {
    let named = exercise.book.as_ref()?;
    let times = pages.iter().flat_map(|page| &page.headings).filter(|heading| *heading == named);
    let text = match times.count() {
        1 => return None,
        0 => format!("no page has the heading “{named}”"),
        times => format!("the heading “{named}” stands {times} times in the book"),
    };
    Some(exercise.problem(format!("exercise {}: {text}", exercise.id)))
}

/// Pages that SUMMARY.md names and nobody wrote.
fn missing_pages(root: &Path, src: &Path) -> Result<Vec<Problem>> {
    static LINK: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"\]\(([^)]+)\)").expect("a constant"));
    let path = src.join("SUMMARY.md");
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let missing = LINK.captures_iter(&text).filter_map(|found| {
        let target = found.get(1)?;
        let page = percent_decode_str(target.as_str()).decode_utf8_lossy();
        (!src.join(&*page).is_file()).then(|| Problem {
            path: path.strip_prefix(root).unwrap_or(&path).to_path_buf(),
            line: line_at(&text, target.start()),
            text: format!("there is no page `{page}`"),
        })
    });
    Ok(missing.collect())
}

impl Report {
    /// # Errors
    /// All problems, a line each, if there are any.
    pub fn verdict(&self) -> Result<()> {
        if self.problems.is_empty() {
            return Ok(());
        }
        let list: Vec<String> = self.problems.iter().map(ToString::to_string).collect();
        bail!("{}", list.join("\n"))
    }
}
