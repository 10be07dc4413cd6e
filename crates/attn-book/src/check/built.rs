//! The pages beside what became of them.

use crate::{Page, Problem};
use anyhow::{Context, Result};
use mdbook_driver::book::Book;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// A page beside what became of it.
pub struct Built<'a> {
    page: &'a Page,
    /// Relative to the site.
    pub path: PathBuf,
    pub html: String,
}

impl Built<'_> {
    /// A problem where one of these texts first stands in the page's source, or else at its
    /// beginning.
    pub fn problem(&self, texts: &[&str], problem: impl Into<String>) -> Problem {
        let place =
            texts.iter().filter(|text| !text.is_empty()).find_map(|text| self.page.text.find(text));
        self.page.problem(place.unwrap_or(0), problem)
    }
}

/// What became of each of the book's pages in `site`.
pub fn built<'a>(book: &Book, pages: &'a [Page], site: &Path) -> Result<Vec<Built<'a>>> {
    let sources = book.chapters().filter_map(|chapter| chapter.source_path.as_ref());
    let mut built = Vec::new();
    for (page, source) in pages.iter().zip(sources) {
        let mut path = source.with_extension("html");
        if source.file_stem().is_some_and(|stem| stem.eq_ignore_ascii_case("readme")) {
            path.set_file_name("index.html");
        }
        let file = site.join(&path);
        let html = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
        built.push(Built { page, path, html });
    }
    Ok(built)
}
