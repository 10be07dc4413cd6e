//! What can be wrong with the model's file.

use std::path::PathBuf;

/// Why there is no model.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// There is no such file.
    #[error("SmolLM2 is not there: no {}. {}", .0.display(), crate::how_to_get_it())]
    Missing(PathBuf),
    /// It cannot be read.
    #[error("{}: {why}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        why: std::io::Error,
    },
    /// It is not as long as the published one.
    #[error("{} has {bytes} bytes, should have {wanted}: remove it and fetch it again", .path.display())]
    Length {
        /// The file.
        path: PathBuf,
        /// What it has.
        bytes: u64,
        /// What it should have.
        wanted: u64,
    },
    /// It is not the published one.
    #[error("{} has the SHA-256 {sum}, should have {wanted}: remove it and fetch it again", .path.display())]
    Checksum {
        /// The file.
        path: PathBuf,
        /// Its sum.
        sum: String,
        /// That of the published file.
        wanted: &'static str,
    },
    /// It is no GGUF file, or one that is damaged.
    #[error("the model's file cannot be read: {0}")]
    Format(String),
    /// It holds a model of another form.
    #[error("the model's architecture is “{found}”, should be “{wanted}”")]
    Architecture {
        /// What the file says.
        found: String,
        /// What this crate computes.
        wanted: &'static str,
    },
    /// Something is not said in the file, or is of another type.
    #[error("the model's file does not say {0}")]
    Unsaid(String),
    /// A tensor has another shape than the sizes say.
    #[error("tensor {name} is {found:?}, should be {wanted:?}")]
    Shape {
        /// Its name in the file.
        name: String,
        /// Outputs × inputs, or a length.
        found: Vec<usize>,
        /// What the sizes demand.
        wanted: Vec<usize>,
    },
}

/// What candle says is a text.
impl From<candle_core::Error> for ModelError {
    fn from(error: candle_core::Error) -> Self {
        ModelError::Format(error.to_string())
    }
}
