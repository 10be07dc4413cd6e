use std::time::Duration;

/// Why a ring gives no result. The process that is at fault is named.
#[derive(Debug, thiserror::Error)]
pub enum RingError {
    /// Queries, keys and values that do not belong together, or a ring of no process.
    #[error("{0}")]
    Sizes(String),
    /// A process that was started has ended without a result.
    #[error("process {rank} ended before its result: {how}")]
    Ended {
        /// Which one.
        rank: usize,
        /// Its exit status, in the system's words.
        how: String,
    },
    /// Nothing came from a process in the time that it has.
    #[error("process {rank} sent nothing for {limit:?}, in step {step}")]
    Silent {
        /// Which one.
        rank: usize,
        /// Which pass it was, from 0.
        step: usize,
        /// The time that it has.
        limit: Duration,
    },
    /// A process has closed its connection.
    #[error("process {rank} closed its connection, in step {step}: {why}")]
    Closed {
        /// Which one.
        rank: usize,
        /// Which pass it was, from 0.
        step: usize,
        /// In the system's words.
        why: String,
    },
    /// A block of another size than the one whose turn it is.
    #[error("process {rank} sends {found} numbers in step {step}, should be {expected}")]
    Block {
        /// Which one.
        rank: usize,
        /// Which pass it was, from 0.
        step: usize,
        /// How many it announces.
        found: u64,
        /// How many the block has.
        expected: u64,
    },
    /// What a worker said of its failure.
    #[error("process {reporter} reports: {text}")]
    Reported {
        /// Who said it.
        reporter: usize,
        /// In which step.
        step: usize,
        /// What it said.
        text: String,
    },
    /// A process could not be started, or no socket was to be had.
    #[error("{what}: {source}")]
    System {
        /// What was tried.
        what: &'static str,
        /// Why it failed.
        source: std::io::Error,
    },
}

impl RingError {
    /// The step in which it was found; the first one for what is found before the ring turns.
    pub fn step(&self) -> usize {
        match self {
            RingError::Silent { step, .. }
            | RingError::Closed { step, .. }
            | RingError::Block { step, .. }
            | RingError::Reported { step, .. } => *step,
            RingError::Sizes(_) | RingError::Ended { .. } | RingError::System { .. } => 0,
        }
    }

    pub(crate) fn system(what: &'static str) -> impl Fn(std::io::Error) -> RingError {
        move |source| RingError::System { what, source }
    }
}
