//! What is wrong with a file, while it is read.

use crate::error::Place;

/// What is wrong; and the statement and its place, where they are not the whole that was being
/// read.
pub(super) struct Problem {
    pub(super) what: String,
    pub(super) statement: Option<String>,
    pub(super) place: Option<Place>,
}

impl From<String> for Problem {
    fn from(what: String) -> Self {
        Problem { what, statement: None, place: None }
    }
}

impl From<&str> for Problem {
    fn from(text: &str) -> Self {
        text.to_string().into()
    }
}
