//! What is wrong with the book, and where.

use std::{fmt, path::PathBuf};

/// One thing to mend: a file of the sources, a line of it, and what is the matter there.
///
/// Prints as `book/src/notation.md:12: …`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The file, relative to the workspace.
    pub path: PathBuf,
    /// The line, from 1.
    pub line: usize,
    /// What is wrong, and where it is not plain, what to do.
    pub text: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path.display(), self.line, self.text)
    }
}
