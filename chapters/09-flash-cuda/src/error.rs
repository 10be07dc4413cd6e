//! What can go wrong before a kernel runs, and while it is being run.

use crate::nvrtc;
use ptx_sim::{LaunchError, ParseError};

/// Why there is no result.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// Inputs that do not fit together.
    #[error("{0}")]
    Sizes(String),
    /// The text has to be compiled, and there is no compiler.
    #[error(
        "NVRTC, NVIDIA's compiler for CUDA, is not installed, and {what}. {}",
        nvrtc::how_to_get_it()
    )]
    NoNvrtc {
        /// What it is needed for.
        what: String,
    },
    /// CUDA that does not compile.
    #[error("{log}")]
    DoesNotCompile {
        /// What the compiler says, with its caret under the place.
        log: String,
    },
    /// PTX that the simulator does not understand.
    #[error(transparent)]
    Ptx(#[from] ParseError),
    /// A kernel that is not there, arguments that it does not take, or more threads or shared memory than there are.
    #[error(transparent)]
    Launch(#[from] LaunchError),
    /// The GPU or its driver refuses.
    #[error("the CUDA driver says {0}")]
    Driver(String),
    /// `ptxas` refuses.
    #[error("ptxas says {0}")]
    Ptxas(String),
}
