//! The course as the pages see it.

use anyhow::{Result, bail};
use serde_json::{Value, json};

/// Something that a reader asks for by a button in the book. Each carries the exercise's id: `3.1`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// The next hint.
    Hint(String),
    /// The learner's function back to the starter.
    Reset(String),
    /// A check, now.
    Check(String),
}

/// The course, as far as the book knows it.
pub trait Course: Send + Sync {
    /// `{"exercises": [{"id": "3.1", "title": …, "points": 10, "state": "failed", "heading": "Not right
    /// yet: …", "paragraphs": [{"about": "named", "text": …}], "commands": [["See the case", …]]}, …]}`,
    /// all of it plain text.
    ///
    /// The states that the pages have words for are `unsolved`, `checking`, `passed` and `failed`.
    /// Asked for about twice a second by every open page: it should only report what is known.
    fn state(&self) -> Value;

    /// Does it; the `text` of the answer, if it has one, is shown in the exercise's box. What takes
    /// long is better started here and followed by [`state`](Course::state).
    ///
    /// # Errors
    /// Why it could not be done, in words for the learner.
    fn act(&self, action: Action) -> Result<Value>;
}

/// The book alone, without exercises.
pub struct NoCourse;

impl Course for NoCourse {
    fn state(&self) -> Value {
        json!({ "exercises": [] })
    }

    fn act(&self, _: Action) -> Result<Value> {
        bail!("the book is served without the course: use `cargo attn start`")
    }
}
