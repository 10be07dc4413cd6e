//! Building the book in process, with mdBook as a library.

use crate::{
    Registry,
    preprocessor::{Attn, NAME},
};
use anyhow::{Context, Result};
use mdbook_driver::{MDBook, config::Config};
use std::path::{Path, PathBuf};

/// How to build.
pub struct Build {
    /// The folder of `book.toml`, absolute, inside a workspace.
    pub book: PathBuf,
    /// Figures and tables.
    pub registry: Registry,
    /// Whether a problem in a page stops the build.
    pub strict: bool,
    /// Told what is being done, while it is being done.
    pub progress: fn(&str),
}

impl Build {
    /// Builds into a folder, or into the one that `book.toml` names; answers which.
    ///
    /// # Errors
    /// Every problem that a page has by itself, and what mdBook says.
    pub fn run(&self, into: Option<&Path>) -> Result<PathBuf> {
        (self.progress)("reading the pages");
        let mut config = config(&self.book)?;
        if let Some(folder) = into {
            config.build.build_dir = folder.to_path_buf();
        }
        // Without this a chapter that SUMMARY.md misspells is created, empty, in the sources.
        config.build.create_missing = false;
        // Where the preprocessor stands is no matter of taste: `links` would expand the includes
        // before it.
        config.set(format!("preprocessor.{NAME}.before"), ["links"])?;
        let mut mdbook = MDBook::load_with_config(&self.book, config)?;
        // Takes the place of the command of the same name, which is for a plain mdbook.
        mdbook.with_preprocessor(Attn {
            registry: self.registry.clone(),
            strict: self.strict,
            progress: self.progress,
        });
        mdbook.build()?;
        Ok(mdbook.build_dir_for("html"))
    }
}

/// The settings in `book.toml`.
pub(crate) fn config(book: &Path) -> Result<Config> {
    let path = book.join("book.toml");
    Config::from_disk(&path).with_context(|| path.display().to_string())
}
