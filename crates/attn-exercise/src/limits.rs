//! What a worker may use.

use serde::{Deserialize, Serialize};

/// What a worker may use before it is stopped.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    /// Time for one case.
    pub seconds: u64,
    /// Memory in bytes.
    pub memory: usize,
    /// Standard output and error in bytes.
    pub printed: u64,
}

impl Default for Limits {
    /// Ten seconds for a case, 2 GiB, 16 MiB of output.
    fn default() -> Self {
        Limits { seconds: 10, memory: 2 << 30, printed: 16 << 20 }
    }
}
