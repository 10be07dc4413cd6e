//! A page of the book as it was written.

use crate::Problem;
use std::path::PathBuf;

/// A Markdown file and its text.
#[derive(Clone, Debug)]
pub struct Page {
    /// Relative to the workspace: `book/src/notation.md`.
    pub path: PathBuf,
    /// The whole file.
    pub text: String,
}

impl Page {
    /// A problem at a byte offset of the text.
    pub fn problem(&self, offset: usize, text: impl Into<String>) -> Problem {
        Problem { path: self.path.clone(), line: line_at(&self.text, offset), text: text.into() }
    }
}

/// The line, from 1, of a byte offset.
pub fn line_at(text: &str, offset: usize) -> usize {
    1 + text.as_bytes()[..offset.min(text.len())].iter().filter(|&&b| b == b'\n').count()
}
