//! A copy of the course in another folder.

use anyhow::{Context, Result};
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};
use walkdir::WalkDir;

/// All that the course is made of.
pub const WHOLE: &[&str] = &[
    ".cargo",
    "Cargo.toml",
    "Cargo.lock",
    "README.md",
    "rustfmt.toml",
    "book",
    "chapters",
    "crates",
    "tests",
];

/// What the workspace's manifest says of its packages.
const VERSION: &str = concat!("\nversion = \"", env!("CARGO_PKG_VERSION"), "\"");

/// Makes `to` hold just these files and folders of the course in `from`, without the learner's
/// answers, the progress and anything built. Files that are the same already are left alone, so that
/// cargo does not compile them again.
///
/// The copy's packages get another version. Cargo tells packages apart by their version and their
/// place in the workspace: so both may be compiled into one target folder, and share what comes from
/// elsewhere. Two copies may be so, too, if they are laid in the same place, one after the other.
///
/// # Errors
/// Names the file that cannot be read, written or removed.
pub fn copy(from: &Path, to: &Path, parts: &[&str]) -> Result<()> {
    copy_keeping(from, to, parts, &[])
}

/// As [`copy`], where these folders of `to` stay as they are.
///
/// # Errors
/// As for [`copy`].
pub fn copy_keeping(from: &Path, to: &Path, parts: &[&str], kept: &[&str]) -> Result<()> {
    let wanted = files(from, parts)?;
    fs::create_dir_all(to).with_context(|| to.display().to_string())?;
    let is_kept = |path: &Path| kept.iter().any(|name| path == to.join(name));
    let there = WalkDir::new(to).min_depth(1).contents_first(true).into_iter();
    for entry in there {
        let entry = entry?;
        if entry.path().ancestors().any(is_kept) {
            continue;
        }
        if entry.file_type().is_dir() {
            // Only what is empty can be removed so.
            let _ = fs::remove_dir(entry.path());
        } else if !wanted.contains(entry.path().strip_prefix(to)?) {
            fs::remove_file(entry.path()).with_context(|| entry.path().display().to_string())?;
        }
    }
    for file in &wanted {
        copy_if_changed(&from.join(file), &to.join(file))
            .with_context(|| format!("{} cannot be copied", file.display()))?;
    }
    Ok(())
}

/// These files and the files of these folders of the course, as [`copy`] takes them.
///
/// # Errors
/// Names the folder that cannot be read.
pub fn files(from: &Path, parts: &[&str]) -> Result<BTreeSet<PathBuf>> {
    let mut files = BTreeSet::new();
    for part in parts {
        let there = WalkDir::new(from.join(part)).into_iter();
        for entry in there.filter_entry(|entry| !is_ignored(entry.path())) {
            let entry = entry?;
            if entry.file_type().is_file() {
                files.insert(entry.path().strip_prefix(from)?.to_path_buf());
            }
        }
    }
    Ok(files)
}

fn copy_if_changed(from: &Path, to: &PathBuf) -> Result<()> {
    let mut text = fs::read(from)?;
    if from.ends_with("Cargo.toml") {
        let manifest = String::from_utf8(text)?;
        text = manifest.replace(VERSION, "\nversion = \"0.0.0-copy\"").into();
    }
    if fs::read(to).ok().as_ref() != Some(&text) {
        fs::create_dir_all(to.parent().context("it is in no folder")?)?;
        fs::write(to, text)?;
    }
    Ok(())
}

/// What git ignores.
fn is_ignored(path: &Path) -> bool {
    let is_answers = path.ends_with("exercise.rs") || path.ends_with("exercise.cu");
    is_answers && path.with_file_name("chapter.toml").is_file()
        || path.ends_with("book/book")
        || path.ends_with("__pycache__")
}
