//! What a caller or a file can get wrong before a kernel runs. What a kernel does wrong is a
//! [`Finding`](crate::Finding).

use std::fmt;

/// A place in a kernel: the line of its CUDA source where the PTX gives one
/// (`--generate-line-info`), and the line of the PTX.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Place {
    /// The line of the `.cu` file, counted from 1.
    pub source: Option<u32>,
    /// The line of the PTX, counted from 1.
    pub ptx: u32,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.source {
            Some(line) => write!(f, "line {line}"),
            None => write!(f, "PTX line {}", self.ptx),
        }
    }
}

/// PTX that the simulator does not understand. Nothing unknown is ever skipped.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("PTX line {}{}: {problem}{}", place.ptx, in_source(place), quoted(text))]
pub struct ParseError {
    /// Where it stands.
    pub place: Place,
    /// The instruction or directive, as far as it was read.
    pub text: String,
    /// What is wrong with it.
    pub problem: String,
}

fn in_source(place: &Place) -> String {
    place.source.map_or(String::new(), |line| format!(" (source line {line})"))
}

fn quoted(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!(", in `{text}`") }
}

/// A launch that cannot start.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum LaunchError {
    /// The module holds no kernel of that name.
    #[error("no kernel `{name}` in the module; it holds {}{}", listed(known), mangled(known))]
    NoSuchKernel {
        /// The name that was asked for.
        name: String,
        /// The names there are.
        known: Vec<String>,
    },
    /// A kernel was given too few or too many arguments.
    #[error("`{kernel}` takes {wanted} arguments, not {given}")]
    ArgumentCount {
        /// The kernel.
        kernel: String,
        /// How many parameters it declares.
        wanted: usize,
        /// How many arguments it was given.
        given: usize,
    },
    /// An argument has another size than its parameter.
    #[error("argument {index} of `{kernel}` is {given} bytes, its parameter {wanted}")]
    ArgumentSize {
        /// The kernel.
        kernel: String,
        /// Which argument, counted from 0.
        index: usize,
        /// Bytes of the parameter.
        wanted: usize,
        /// Bytes of the argument.
        given: usize,
    },
    /// A block or grid with no threads, or with more than the hardware allows.
    #[error("{what} of {given} is outside 1..={limit}")]
    Extent {
        /// Which extent: a block of threads, a grid's x, …
        what: &'static str,
        /// How large it is.
        given: u64,
        /// How large it may be.
        limit: u64,
    },
    /// More shared memory than a block may have.
    #[error("{wanted} bytes of shared memory for a block, at most {limit} {kind}")]
    SharedMemory {
        /// Bytes asked for.
        wanted: usize,
        /// Bytes there are.
        limit: usize,
        /// Static or in all.
        kind: &'static str,
    },
    /// More registers and local memory than the simulator gives a block.
    #[error(
        "the threads of a block need {wanted} bytes for registers and local memory, and the simulator has at most {limit}"
    )]
    PrivateMemory {
        /// Bytes that the threads of a block need together.
        wanted: usize,
        /// Bytes there are.
        limit: usize,
    },
}

/// C++ adds a function's types to its name.
fn mangled(names: &[String]) -> &'static str {
    if names.iter().any(|name| name.starts_with("_Z")) {
        " (a name like this is C++'s: write extern \"C\" before __global__ to keep your own)"
    } else {
        ""
    }
}

fn listed(names: &[String]) -> String {
    if names.is_empty() { "none".into() } else { names.join(", ") }
}
