//! Building the book in process, with mdBook as a library.

use crate::{
    Registry,
    folder::files,
    preprocessor::{Attn, NAME},
};
use anyhow::{Context, Result};
use mdbook_driver::{MDBook, config::Config};
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

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
    /// Builds into the folder that `book.toml` names; answers which. Somebody may be reading there: so
    /// each page is replaced when the new one is whole, and none is missing meanwhile.
    ///
    /// # Errors
    /// Every problem that a page has by itself, what mdBook says, and what the disk says.
    pub fn run(&self) -> Result<PathBuf> {
        let folder = self.book.join(config(&self.book)?.build.build_dir);
        let failed = || format!("{} cannot be written", folder.display());
        fs::create_dir_all(&folder).with_context(failed)?;
        // On the same disk as the pages that it becomes.
        let new =
            tempfile::Builder::new().prefix(".new").tempdir_in(&folder).with_context(failed)?;
        let built = self.run_into(new.path())?;
        replace(&built, &folder, new.path()).with_context(failed)?;
        Ok(folder)
    }

    /// Builds into a folder that nobody reads in meanwhile; answers which.
    ///
    /// # Errors
    /// Every problem that a page has by itself, and what mdBook says.
    pub fn run_into(&self, folder: &Path) -> Result<PathBuf> {
        (self.progress)("reading the pages");
        let mut config = config(&self.book)?;
        config.build.build_dir = folder.to_path_buf();
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

/// Moves the files of the folder `built` into the folder `to`, and removes what else was there, but for
/// `built_in`, the folder that holds `built`.
fn replace(built: &Path, to: &Path, built_in: &Path) -> Result<()> {
    let mut stale: BTreeSet<PathBuf> = files(to)?.into_iter().collect();
    for file in files(built)? {
        let place = to.join(file.strip_prefix(built)?);
        if let Some(parent) = place.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::rename(&file, &place)?;
        stale.remove(&place);
    }
    for file in stale.iter().filter(|file| !file.starts_with(built_in)) {
        fs::remove_file(file)?;
    }
    Ok(())
}

/// The settings in `book.toml`.
pub(crate) fn config(book: &Path) -> Result<Config> {
    let path = book.join("book.toml");
    Config::from_disk(&path).with_context(|| path.display().to_string())
}
