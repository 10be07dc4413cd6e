//! How an answer in another language ends a case without an answer of its own.

use serde::{Deserialize, Serialize};
use std::panic;

/// The most characters of a message that are kept.
const MESSAGE: usize = 2000;

/// The beginning of a message.
pub(crate) fn shortened(message: &str) -> String {
    message.chars().take(MESSAGE).collect()
}

/// Why a case ended that was not run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Stop {
    /// The answer does not compile.
    DoesNotCompile(String),
    /// The answer needs something that is not there.
    CannotBeChecked(String),
}

impl Stop {
    /// With as much text as a reader may want.
    pub fn shortened(self) -> Self {
        match self {
            Stop::DoesNotCompile(text) => Stop::DoesNotCompile(shortened(&text)),
            Stop::CannotBeChecked(text) => Stop::CannotBeChecked(shortened(&text)),
        }
    }
}

/// For answers in a language that the check program compiles itself: ends the case, and the verdict
/// is that the answer does not compile.
///
/// # Panics
/// Always; that is how it ends the case.
pub fn does_not_compile(message: &str) -> ! {
    panic::panic_any(Stop::DoesNotCompile(message.into()))
}

/// For answers that need something which is not there: ends the case, and the verdict says why the
/// answer was not run.
///
/// # Panics
/// Always; that is how it ends the case.
pub fn cannot_be_checked(why: &str) -> ! {
    panic::panic_any(Stop::CannotBeChecked(why.into()))
}

/// For answers in another language: ends the case, and the verdict is that this todo was reached.
///
/// # Panics
/// Always; that is how it ends the case.
pub fn todo_reached(what: &str) -> ! {
    todo!("{what}")
}
