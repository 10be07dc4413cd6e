//! A copy of the course, for a learner to work in.

use anyhow::{Context, Result};
use attn::{
    Course,
    copy::{WHOLE, copy},
    starter,
};
use std::{
    env, fs,
    path::{Path, PathBuf},
};

const CHAPTER: &str = "chapters/03-scaled-dot-product";

/// The page of chapter 3 in the built book.
pub const PAGE: &str = "ch03-scaled-dot-product.html";

/// Where everything is compiled.
pub fn target() -> &'static Path {
    let scratch = Path::new(env!("CARGO_TARGET_TMPDIR"));
    scratch.parent().expect("it is in the target folder")
}

pub struct Copy {
    pub root: PathBuf,
}

impl Copy {
    /// As git would hand it out: without a learner's file, without progress, nothing built.
    pub fn lay() -> Result<Self> {
        let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("course");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        copy(&source, &root, WHOLE)?;
        // The module of the figures that are played with, as it was just compiled: see `cargo attn dev play --check`.
        if let Some(module) = env::var_os("ATTN_PLAY_MODULE") {
            let place = root.join("book/src/play/attn-play.js");
            fs::copy(&module, place).with_context(|| module.display().to_string())?;
        }
        Ok(Copy { root })
    }

    /// Writes the learner's file of chapter 3.
    pub fn save(&self, answers: &str) -> Result<()> {
        fs::write(self.root.join(CHAPTER).join("exercise.rs"), answers)?;
        Ok(())
    }

    /// The learner's file as it is in the beginning.
    pub fn starter(&self) -> Result<String> {
        Ok(fs::read_to_string(self.root.join(CHAPTER).join("starter.rs"))?)
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
