//! What the checks of the exercises look at beside the numbers: what was moved, and how much memory
//! was in use.

use crate::given::{Block, Traffic};
use attn_core::Mask;
use attn_exercise::{Field, Fields, Given, Input, Value, field, judge::require, memory};
use serde::{Deserialize, Serialize};

/// The mask of a causal exercise.
pub(crate) fn mask(causal: bool) -> Mask {
    if causal { Mask::Causal } else { Mask::None }
}

/// Both numbers are sizes, `b_q` and `b_k`.
impl Given for Block {
    fn own_sizes(&self) -> attn_exercise::Sizes {
        vec![("b_q", self.q), ("b_k", self.k)]
    }

    fn fields(&self, name: &'static str, _sizes: &attn_exercise::Sizes) -> Vec<Field> {
        vec![field(name, format!("q = {}, k = {}", self.q, self.k))]
    }
}

impl Input for Block {
    type Passed<'a> = Block;

    fn pass(&self) -> Block {
        *self
    }

    fn altered(&self) -> Vec<Self> {
        vec![Block { q: self.k, k: self.q }]
    }
}

/// A result, and what was moved for it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Moved<T> {
    result: T,
    /// What was moved.
    pub traffic: Traffic,
}

impl<T> Moved<T> {
    /// Does `work` with a count of its own.
    pub fn by(work: impl FnOnce(&mut Traffic) -> T) -> Self {
        let mut traffic = Traffic::default();
        Moved { result: work(&mut traffic), traffic }
    }

    /// Refuses any other traffic than `right`; `of` says what its tiles, the bytes loaded and the
    /// bytes stored consist of.
    pub(crate) fn expect(&self, right: &Traffic, of: [&str; 3]) -> Result<(), String> {
        let Traffic { tiles, loaded, stored } = self.traffic;
        let counts = [
            (tiles, right.tiles, "tile", "loaded"),
            (loaded, right.loaded, "byte", "loaded"),
            (stored, right.stored, "byte", "stored"),
        ];
        for ((got, right, unit, verb), of) in counts.into_iter().zip(of) {
            let were = if got == 1 { " was" } else { "s were" };
            require(got == right, || {
                format!("{got} {unit}{were} {verb}, should be {right}: {of}")
            })?;
        }
        Ok(())
    }
}

impl<T: Fields> Fields for Moved<T> {
    fn fields(&self) -> Vec<Field> {
        let mut fields = self.result.fields();
        fields.push(field("traffic", self.traffic.to_string()));
        fields
    }
}

/// A result, and how much memory was in use at the worst moment, beside the inputs and the result.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Held<T> {
    /// The result.
    pub result: T,
    bytes: usize,
    memory: Memory,
}

/// What a number of bytes is enough for. Exact numbers differ between right answers, this does not.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
enum Memory {
    /// The case is too short for a difference.
    NotMeasured,
    /// Some rows or some tiles.
    Little,
    /// Something as long as there are keys: rows of scores for a tile of queries, or a copy.
    AsLongAsTheKeys,
    /// A table of n×m scores.
    Table,
}

/// From this many keys on the memory is measured.
const MANY_KEYS: usize = 256;

impl<T: Fields> Held<T> {
    /// Does `work` for `n` queries and `m` keys. Half of `rows` numbers for each key counts as whole
    /// rows of scores or as a copy of the keys, half of `n` numbers as a table.
    pub fn during((n, m): (usize, usize), rows: usize, work: impl FnOnce() -> T) -> Self {
        let (result, peak) = memory::peak(work);
        let numbers = |field: &Field| match &field.value {
            Value::Numbers(numbers) => numbers.len(),
            _ => 0,
        };
        let results: usize = result.fields().iter().map(numbers).sum();
        let bytes = peak.saturating_sub(4 * results);
        let memory = match bytes / 2 {
            _ if m < MANY_KEYS => Memory::NotMeasured,
            half if half >= n.max(rows) * m => Memory::Table,
            half if half >= rows * m => Memory::AsLongAsTheKeys,
            _ => Memory::Little,
        };
        Held { result, bytes, memory }
    }

    /// Refuses what is as long as there are keys, and a table.
    pub(crate) fn expect_little(&self) -> Result<(), String> {
        let enough = match self.memory {
            Memory::NotMeasured | Memory::Little => return Ok(()),
            Memory::AsLongAsTheKeys => "whole rows of scores, or for a copy of the keys",
            Memory::Table => "a table of all scores",
        };
        let held = self.bytes / 1000;
        Err(format!(
            "{held} kB were held beside inputs and results: enough for {enough}; keep nothing that grows with the keys"
        ))
    }
}

impl<T: Fields> Fields for Held<T> {
    fn fields(&self) -> Vec<Field> {
        let memory = match self.memory {
            Memory::NotMeasured => "not measured",
            Memory::Little => "little",
            Memory::AsLongAsTheKeys => "as long as there are keys",
            Memory::Table => "a whole table of scores",
        };
        let mut fields = self.result.fields();
        fields.push(field("memory", memory.to_string()));
        fields
    }
}
