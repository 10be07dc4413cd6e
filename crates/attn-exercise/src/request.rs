//! What a check program is asked: plain data.

use crate::{Limits, Who};
use serde::{Deserialize, Serialize};
use std::{fmt, path::PathBuf};

/// What a check program is asked, as JSON in its first argument. It answers with JSON on standard
/// output.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Request {
    /// Check these exercises; the answer is one [`Report`] per line, as they come.
    Check {
        /// Which, in this order.
        ids: Vec<String>,
        /// The reference instead of the compiled answers.
        solution: bool,
        /// Which cases.
        seed: u64,
        /// What a worker may use.
        limits: Limits,
    },
    /// Show one case; the answer is a [`Trial`], or `null` if there is no such case.
    Try {
        /// Which exercise.
        id: String,
        /// Which case, from 1.
        case: usize,
        /// The reference instead of the compiled answer.
        solution: bool,
        /// Which cases.
        seed: u64,
        /// What the worker may use.
        limits: Limits,
    },
    /// Verify these exercises; the answer is one [`Verification`] per line, as they come.
    Verify {
        /// Which, in this order.
        ids: Vec<String>,
        /// With the cases of how many seeds, from 1.
        seeds: u64,
    },
    /// Grade these exercises; the answer is one [`Grade`](crate::Grade) per line, as they come.
    Grade {
        /// Which, in this order.
        ids: Vec<String>,
        /// The command that runs the answers. It is given one more argument, a [`Request::Work`].
        worker: Vec<String>,
        /// Which cases.
        seed: u64,
        /// What the worker may use.
        limits: Limits,
    },
    /// Write the cases of all exercises down, with what is expected of them and what the known mistakes
    /// give: one file per exercise.
    Record {
        /// Which cases.
        seed: u64,
        /// The folder where the files go.
        dir: PathBuf,
    },
    /// Be a worker. Sent by the check program to itself, or to another that has the answers.
    Work {
        /// Which exercise.
        id: String,
        /// Whose bodies, one after the other.
        who: Vec<Who>,
        /// The folder with the cases, where the outcomes go.
        dir: PathBuf,
        /// The most that may be allocated, in bytes.
        memory: usize,
    },
}

/// With how many seeds an exercise is verified unless told otherwise.
pub const SEEDS: u64 = 3;

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&serde_json::to_string(self).map_err(|_| fmt::Error)?)
    }
}
