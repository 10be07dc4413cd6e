//! The book as a plain `mdbook` builds it: by `book.toml` alone, with our preprocessor as the command
//! that stands there.

use crate::{build, folder::files};
use anyhow::{Context, Result, ensure};
use mdbook_driver::MDBook;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// Builds the book into `scratch` as `mdbook build` does, and compares it with the one that
/// [`Build`](crate::Build) made. Answers how many files both have.
///
/// # Errors
/// What mdBook says, and the names of the files that differ or that only one of the two has.
pub fn compare_with_plain(book: &Path, scratch: &Path) -> Result<usize> {
    let built = book.join(build::config(book)?.build.build_dir);
    ensure!(built.join("index.html").is_file(), "the book is not built: {}", built.display());
    let mut plain = MDBook::load(book)?;
    plain.config.build.build_dir = scratch.to_path_buf();
    plain.build()?;
    let (ours, theirs) = (contents(&built)?, contents(scratch)?);
    let names: BTreeSet<&PathBuf> = ours.keys().chain(theirs.keys()).collect();
    let differing: Vec<String> = names
        .into_iter()
        .filter(|name| ours.get(*name) != theirs.get(*name))
        .map(|name| name.display().to_string())
        .collect();
    ensure!(
        differing.is_empty(),
        "{} and a plain mdBook's pages differ: {}",
        built.display(),
        differing.join(", ")
    );
    Ok(ours.len())
}

/// Every file below a folder, by its path there.
fn contents(folder: &Path) -> Result<BTreeMap<PathBuf, Vec<u8>>> {
    let read = |file: PathBuf| {
        let bytes = fs::read(&file).with_context(|| file.display().to_string())?;
        Ok((file.strip_prefix(folder)?.to_path_buf(), bytes))
    };
    files(folder)?.into_iter().map(read).collect()
}
