//! A copy of the course, for a learner to work in.

use anyhow::{Context, Result};
use attn::{Course, starter};
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};
use walkdir::WalkDir;

/// What makes up the course.
const PARTS: [&str; 7] = [
    "Cargo.toml",
    "Cargo.lock",
    "README.md",
    "book",
    "chapters",
    "crates",
    "tests",
];

const CHAPTER: &str = "chapters/03-scaled-dot-product";

/// The page of chapter 3 in the built book.
pub const PAGE: &str = "ch03-scaled-dot-product.html";

/// Where the copy's programs are compiled. Not where the course's own are: cargo tells packages
/// apart by their place in the workspace, and would take the ones for the others.
pub const TARGET: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/browser-target");

pub struct Copy {
    pub root: PathBuf,
}

impl Copy {
    /// As git would hand it out: without a learner's file, without progress, nothing built.
    pub fn lay() -> Result<Self> {
        let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("browser-course");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let mut wanted = BTreeSet::new();
        for part in PARTS {
            for file in files(&source.join(part))? {
                wanted.insert(file.strip_prefix(&source)?.to_path_buf());
            }
        }
        sync(&source, &root, &wanted)?;
        Ok(Copy { root })
    }

    /// Writes the learner's file of chapter 3.
    pub fn save(&self, answers: &str) -> Result<()> {
        fs::write(self.root.join(CHAPTER).join("exercise.rs"), answers)?;
        Ok(())
    }

    /// The learner's file as it is in the beginning.
    pub fn starter(&self) -> Result<String> {
        Ok(fs::read_to_string(
            self.root.join(CHAPTER).join("starter.rs"),
        )?)
    }

    /// The learner's file with every exercise solved, as the reference has it.
    pub fn solved(&self) -> Result<String> {
        let course = Course::load(&self.root)?;
        starter::solved(&course, course.chapter(3)?)
    }

    /// The pages of the built book.
    pub fn pages(&self) -> Result<Vec<String>> {
        let mut pages = Vec::new();
        for entry in fs::read_dir(self.built(""))? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            // The list of chapters for browsers without scripts, which is shown inside the others.
            if name.ends_with(".html") && name != "toc.html" {
                pages.push(name);
            }
        }
        pages.sort();
        Ok(pages)
    }

    /// A file of the built book.
    pub fn built(&self, file: &str) -> PathBuf {
        self.root.join("book/book").join(file)
    }
}

fn is_ignored(path: &Path) -> bool {
    let a_learners = path.ends_with("exercise.rs") && path.with_file_name("chapter.toml").is_file();
    a_learners || path.ends_with("book/book") || path.ends_with("__pycache__")
}

/// The files in a folder, or the file itself, without what git ignores.
fn files(path: &Path) -> Result<Vec<PathBuf>> {
    let entries = WalkDir::new(path)
        .into_iter()
        .filter_entry(|entry| !is_ignored(entry.path()));
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry?;
        if entry.file_type().is_file() {
            found.push(entry.into_path());
        }
    }
    Ok(found)
}

/// Makes `to` hold just these files of `from`. What is the same already is left alone, so that
/// cargo does not compile it again.
fn sync(from: &Path, to: &Path, wanted: &BTreeSet<PathBuf>) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in WalkDir::new(to) {
        let entry = entry?;
        if entry.file_type().is_file() && !wanted.contains(entry.path().strip_prefix(to)?) {
            fs::remove_file(entry.path())?;
        }
    }
    for file in wanted {
        let (source, copy) = (from.join(file), to.join(file));
        let text = fs::read(&source).with_context(|| source.display().to_string())?;
        if fs::read(&copy).ok().as_ref() != Some(&text) {
            fs::create_dir_all(copy.parent().unwrap_or(to))?;
            fs::write(copy, text)?;
        }
    }
    Ok(())
}
