use std::io;

/// What is wrong with an assignment file.
#[derive(Debug, thiserror::Error)]
pub enum AssignmentError {
    /// It cannot be read.
    #[error("{file} cannot be read: {source}")]
    Unreadable {
        /// The file.
        file: String,
        /// Why.
        source: io::Error,
    },
    /// It is not TOML, a key is missing or unknown, or a value is of another kind.
    #[error("{file}: {message}")]
    Malformed {
        /// The file.
        file: String,
        /// The line, the key and what was expected there.
        message: String,
    },
    /// A value makes no sense.
    #[error("{file}: {key} {problem}. {remedy}")]
    Wrong {
        /// The file.
        file: String,
        /// The key, such as `exercises[1].points`.
        key: String,
        /// What is wrong with it.
        problem: String,
        /// What to do.
        remedy: String,
    },
}
