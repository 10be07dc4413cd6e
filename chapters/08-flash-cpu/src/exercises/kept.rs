//! How much a body holds in memory at once, measured by the allocator.

use attn_exercise::memory;
use serde::{Deserialize, Serialize};

/// What was held at the worst moment, beside the inputs and the results.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    /// In bytes.
    pub bytes: usize,
    /// What that is enough for.
    pub what: What,
}

/// What a number of bytes is enough for: exact numbers differ between right answers, this does
/// not.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum What {
    /// Not measured.
    Unknown,
    /// A few rows, or a few tiles.
    Little,
    /// As many rows of m scores as a tile has queries.
    Strip,
    /// A table of n×m scores.
    Table,
    /// A copy of the keys, or of the values, of a head.
    Copy,
}

/// The sizes of a measured case.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    /// Queries.
    pub n: usize,
    /// Keys.
    pub m: usize,
    /// Queries of a tile.
    pub rows: usize,
    /// Bytes of the results.
    pub results: usize,
}

impl Scale {
    /// Runs a body and sorts what it held. Half of a strip or of a table counts as one.
    pub fn measure<T>(self, body: impl FnOnce() -> T) -> (T, Kept) {
        let (result, peak) = memory::peak(body);
        let bytes = peak.saturating_sub(self.results);
        let what = match bytes / 2 {
            half if half >= self.n * self.m => What::Table,
            half if half >= self.rows * self.m => What::Strip,
            _ => What::Little,
        };
        (result, Kept { bytes, what })
    }
}

/// Runs a body, and says whether it held what is enough for half of a copy of `copy` bytes, beside
/// results of `results` bytes.
pub fn measure_copies<T>(copy: usize, results: usize, body: impl FnOnce() -> T) -> (T, Kept) {
    let (result, peak) = memory::peak(body);
    let bytes = peak.saturating_sub(results);
    let what = if 2 * bytes >= copy {
        What::Copy
    } else {
        What::Little
    };
    (result, Kept { bytes, what })
}

impl Kept {
    /// For a case on which it says nothing.
    pub const UNKNOWN: Kept = Kept {
        bytes: 0,
        what: What::Unknown,
    };

    /// Refuses a strip, a table and a copy.
    pub fn judge(&self, n: usize, m: usize) -> Result<(), String> {
        let held = format!(
            "{} kB were held beside inputs and results",
            self.bytes / 1000
        );
        match self.what {
            What::Unknown | What::Little => Ok(()),
            What::Strip => Err(format!(
                "{held}: enough for whole rows of {m} scores; keep no more than a tile"
            )),
            What::Table => Err(format!(
                "{held}: enough for a table of {n}×{m} scores; keep no more than a tile"
            )),
            What::Copy => Err(format!(
                "{held}: enough for a copy of a head's {m} keys; read them where they are"
            )),
        }
    }
}

impl From<Kept> for String {
    fn from(kept: Kept) -> String {
        match kept.what {
            What::Unknown => "not measured",
            What::Little => "little",
            What::Strip => "whole rows of scores",
            What::Table => "a whole table of scores",
            What::Copy => "a copy of keys or values",
        }
        .into()
    }
}
