//! What is asked: the assignment file.
//!
//! ```
//! use attn_classroom::assignment::Assignment;
//! let assignment = Assignment::parse("week3.toml", r#"
//!     title = "Week 3"
//!     course = "5f0c2b"
//!     due = "2027-03-01T23:59:00+01:00"
//!     late = { per_day = 10, at_most_days = 3 }
//!     hints = false
//!
//!     [[exercises]]
//!     id = "3.1"
//!     points = 10
//!
//!     [[questions]]
//!     id = "weights"
//!     text = "Both scores are equal. What is the first weight?"
//!     accepts = { number = 0.5, tolerance = 0.01 }
//!     points = 2
//! "#)?;
//! let submitted = "2027-03-02T08:00:00+01:00".parse()?;
//! assert_eq!(assignment.late_factor(&assignment.due, &submitted), 0.9);
//! assert!(assignment.questions[0].accepts.is_right(" 0.50 "));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod check;
mod error;
mod late;
mod question;
mod read;
mod times;

use crate::Moment;
pub use crate::moment::TimeError;
pub use error::AssignmentError;
pub use late::Late;
pub use question::{Accepts, Question};
use serde::{Deserialize, Serialize};
pub use times::{Times, TimesError};

/// Another due date for some students, from a CSV with the columns `student,due`.
///
/// [`Times::read`] with the column `due` reads it.
pub type Extensions = Times;

/// What is asked, until when, and for how many points.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Assignment {
    /// What it is called, for people.
    pub title: String,
    /// The fingerprint of the exported workspace. Results of another one cannot be compared.
    pub course: String,
    /// When it is due.
    pub due: Moment,
    /// What becomes of it after that.
    pub late: Late,
    /// Whether students get the chapter's hints. Without this key, they do.
    #[serde(default = "yes")]
    pub hints: bool,
    /// The exercises that count.
    pub exercises: Vec<Asked>,
    /// What students predict before they write code.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub questions: Vec<Question>,
}

/// An exercise that counts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// Its number in the course, such as `3.1`.
    pub id: String,
    /// What it is worth here.
    pub points: f64,
}

fn yes() -> bool {
    true
}
