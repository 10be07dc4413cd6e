//! What was handed in, read without trusting it.
//!
//! A submission is a folder, a `.zip`, `.tar`, `.tar.gz` or `.tgz`, or the file itself. Nothing of it is
//! written to disk, no link is followed, and no more is read than [`MOST_BYTES`]. What cannot be read is
//! a [`Refusal`] of that one student; the others are read all the same.
//!
//! ```
//! use attn_classroom::submission::{Source, Wanted, collect};
//! use attn_classroom::assignment::Times;
//! let folder = tempfile::tempdir()?;
//! std::fs::create_dir(folder.path().join("Ada"))?;
//! std::fs::write(folder.path().join("Ada/exercise.rs"), "//! Chapter 3 · Attention: your answers.")?;
//! std::fs::write(folder.path().join("Bob.zip"), "not an archive")?;
//!
//! let class = Source::Class(folder.path().into());
//! let submissions = collect(&[class], &Wanted::of(vec![3]), &Times::default())?;
//! assert!(submissions[0].read.is_ok());
//! let refusal = submissions[1].read.as_ref().unwrap_err();
//! assert!(refusal.to_string().starts_with("the archive is broken"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod choose;
mod collect;
mod finder;
mod folder;
mod header;
mod limits;
mod place;
mod refusal;
mod tar;
mod zip;

use crate::Moment;
pub use collect::{CollectError, Source, collect};
pub use limits::{LARGEST_FILE, MOST_BYTES, MOST_ENTRIES};
pub use refusal::{Bomb, Refusal};
use std::{collections::BTreeMap, path::PathBuf};

/// What is looked for in a submission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The chapters of the assignment.
    pub chapters: Vec<u32>,
    /// The name of the file with the answers.
    pub file: String,
}

impl Wanted {
    /// `exercise.rs` of each of these chapters. Where the file has another name, set [`Wanted::file`].
    pub fn of(chapters: Vec<u32>) -> Self {
        Wanted { chapters, file: "exercise.rs".into() }
    }
}

/// What one student handed in.
#[derive(Clone, Debug)]
pub struct Submission {
    /// The student, after whom the folder or file is named.
    pub name: String,
    /// Where it lies.
    pub path: PathBuf,
    /// When it was handed in, where a table says so. What a file says of its own time is not believed.
    pub submitted: Option<Moment>,
    /// What was noticed.
    pub notes: Vec<String>,
    /// What was found.
    pub read: Result<Files, Refusal>,
}

/// The files that count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    /// The answers, by chapter. A chapter of which nothing was handed in is not there.
    pub answers: BTreeMap<u32, String>,
    /// `predictions.toml`, if there is one.
    pub predictions: Option<String>,
}
