//! The step between the written pages and mdBook's renderer, in process and for a plain `mdbook`.

use crate::{
    Exercise, Map, Page, Registry, exercises,
    render::{self, Sources},
};
use anyhow::{Context, Result, bail};
use mdbook_preprocessor::{Preprocessor, PreprocessorContext, book::Book, parse_input};
use std::{
    io::{Read, Write},
    path::Path,
};

/// The preprocessor's name, in `book.toml` and everywhere.
pub const NAME: &str = "attn";

/// Puts mathematics, figures, exercises and code into the pages. It has to come before mdBook's own
/// `links`.
pub struct Attn {
    /// Figures and tables.
    pub registry: Registry,
    /// Whether a problem in a page stops the build. If not, the part with the problem stays as it
    /// was written.
    pub strict: bool,
    /// Told about each page as its turn comes.
    pub progress: fn(&str),
}

impl Preprocessor for Attn {
    fn name(&self) -> &str {
        NAME
    }

    /// HTML only: a link checker or a translator wants the pages as they were written.
    fn supports_renderer(&self, renderer: &str) -> Result<bool> {
        Ok(renderer == "html")
    }

    fn run(&self, context: &PreprocessorContext, mut book: Book) -> Result<Book> {
        let root = workspace(&context.root)?;
        let exercises: Vec<Exercise> = exercises::load(root)?;
        let map = Map::load(root)?;
        let sources = Sources { root, registry: &self.registry, exercises: &exercises, map: &map };
        let folder = context.root.join(&context.config.book.src);
        let folder = folder.strip_prefix(root).unwrap_or(&folder);
        let (mut problems, mut number) = (Vec::new(), 0);
        let count = book.chapters().filter(|chapter| chapter.source_path.is_some()).count();
        book.for_each_chapter_mut(|chapter| {
            let Some(source) = &chapter.source_path else {
                return;
            };
            number += 1;
            (self.progress)(&format!("page {number} of {count}: {}", source.display()));
            let page =
                Page { path: folder.join(source), text: std::mem::take(&mut chapter.content) };
            let rendered = render::render(&page, &sources);
            chapter.content = rendered.markdown;
            problems.extend(rendered.problems);
        });
        if self.strict && !problems.is_empty() {
            let list: Vec<String> = problems.iter().map(ToString::to_string).collect();
            bail!("the book has problems\n{}", list.join("\n"));
        }
        Ok(book)
    }
}

/// Answers mdBook's preprocessor protocol: the book as JSON comes in, and goes out again with its
/// pages made ready.
///
/// # Errors
/// Input that is not mdBook's, and every problem that a page has by itself.
pub fn protocol(registry: Registry, input: impl Read, output: impl Write) -> Result<()> {
    let (context, book) = parse_input(input)?;
    let attn = Attn { registry, strict: true, progress: |_| () };
    let book = attn.run(&context, book)?;
    serde_json::to_writer(output, &book).context("writing the book back to mdBook")
}

/// The workspace is the folder that holds the book.
pub(crate) fn workspace(book: &Path) -> Result<&Path> {
    book.parent().with_context(|| format!("{} is not a folder in a workspace", book.display()))
}
