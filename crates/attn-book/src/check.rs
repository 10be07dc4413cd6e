//! `book test`: everything that can go wrong with the book without anybody noticing.

mod anchors;
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
use mdbook_driver::{MDBook, book::Book};
use regex::Regex;
use std::{
    fs,
    path::{Path, PathBuf},
    sync::LazyLock,
};

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
    let exercises = exercises::load(root)?;
    let sources = Sources {
        root,
        registry,
        exercises: &exercises,
    };
    let rendered: Vec<Rendered> = pages
        .iter()
        .map(|page| render::render(page, &sources))
        .collect();
    for page in &rendered {
        problems.extend(page.problems.iter().cloned());
    }
    problems.extend(anchors::unused(root, &rendered)?);
    for exercise in &exercises {
        let times = rendered
            .iter()
            .filter(|page| page.placed.contains(&exercise.id))
            .count();
        if times != 1 {
            let text = format!(
                "exercise {} has its box on {times} pages: one should have {{{{#exercise {0}}}}}",
                exercise.id
            );
            problems.push(exercise.problem(text));
        }
        problems.extend(unexplained(exercise, &rendered));
        if exercises
            .iter()
            .filter(|other| other.id == exercise.id)
            .count()
            > 1
        {
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
    let site = build.run(Some(scratch))?;
    let built = built(&written, &pages, &site)?;
    problems.extend(links::check(&site, &built)?);
    problems.extend(network::check(root, book, &site, &built)?);
    problems.sort();
    problems.dedup();
    Ok(Report {
        pages: pages.len(),
        problems,
    })
}

/// A page beside what became of it.
struct Built<'a> {
    page: &'a Page,
    /// Relative to the site.
    path: PathBuf,
    html: String,
}

impl Built<'_> {
    /// A problem where one of these texts first stands in the page's source, or else at its
    /// beginning.
    fn problem(&self, texts: &[&str], problem: impl Into<String>) -> Problem {
        let place = texts
            .iter()
            .filter(|text| !text.is_empty())
            .find_map(|text| self.page.text.find(text));
        self.page.problem(place.unwrap_or(0), problem)
    }
}

fn pages(book: &Book, src: &Path) -> Vec<Page> {
    let page = |chapter: &mdbook_driver::book::Chapter| {
        Some(Page {
            path: src.join(chapter.source_path.as_ref()?),
            text: chapter.content.clone(),
        })
    };
    book.chapters().filter_map(page).collect()
}

fn built<'a>(book: &Book, pages: &'a [Page], site: &Path) -> Result<Vec<Built<'a>>> {
    let sources = book
        .chapters()
        .filter_map(|chapter| chapter.source_path.as_ref());
    let mut built = Vec::new();
    for (page, source) in pages.iter().zip(sources) {
        let mut path = source.with_extension("html");
        if source
            .file_stem()
            .is_some_and(|stem| stem.eq_ignore_ascii_case("readme"))
        {
            path.set_file_name("index.html");
        }
        let file = site.join(&path);
        let html = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
        built.push(Built { page, path, html });
    }
    Ok(built)
}

/// An exercise whose diagnosis would send the reader to a section that does not exist.
fn unexplained(exercise: &Exercise, pages: &[Rendered]) -> Option<Problem> {
    let named = exercise.book.as_ref()?;
    let times = pages
        .iter()
        .flat_map(|page| &page.headings)
        .filter(|heading| *heading == named);
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
        let page = target.as_str().replace("%20", " ");
        (!src.join(&page).is_file()).then(|| Problem {
            path: path.strip_prefix(root).unwrap_or(&path).to_path_buf(),
            line: line_at(&text, target.start()),
            text: format!("there is no page `{page}`"),
        })
    });
    Ok(missing.collect())
}

/// All files below a folder, in order; none if there is no such folder.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_path_buf()]);
    while let Some(folder) = folders.pop() {
        if !folder.is_dir() {
            continue;
        }
        for entry in fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path)
            } else {
                found.push(path)
            }
        }
    }
    found.sort();
    Ok(found)
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
