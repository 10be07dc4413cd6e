//! Attention of something: the bytes of a file, each turned into numbers by a seeded table.
//!
//! Byte b at place i has the embedding `table[b] + 0.3 · table[byte before it]`, where `table` is
//! 256 rows of standard normal numbers from seed 8. Queries and keys are the embeddings, so that a
//! byte attends to its like in like surroundings; values are the table's rows.

use super::Tensors;
use anyhow::{Context, Result, ensure};
use attn_core::{heatmap, random::Random};
use ndarray::{Array1, Array3, Axis, s};
use std::{fs::File, io::Read, path::Path};

/// The first bytes of a file.
pub struct Text {
    bytes: Vec<u8>,
    of: u64,
}

/// Characters of a line of the picture.
const LINE: usize = 38;

/// How much of the text before the last byte is shown.
const SHOWN: usize = 8 * LINE;

impl Text {
    /// Reads `most` bytes of a file, if it has as many.
    pub fn read(path: &Path, most: usize) -> Result<Self> {
        let why = || format!("{} cannot be read", path.display());
        let file = File::open(path).with_context(why)?;
        let of = file.metadata().with_context(why)?.len();
        let mut bytes = Vec::new();
        file.take(most as u64).read_to_end(&mut bytes).with_context(why)?;
        ensure!(!bytes.is_empty(), "{} is empty", path.display());
        Ok(Text { of: of.max(bytes.len() as u64), bytes })
    }

    /// How many bytes were read.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// How many bytes the file has.
    pub fn of(&self) -> u64 {
        self.of
    }

    /// The first n bytes, embedded for each head by a table of its own.
    pub fn tensors(&self, n: usize, d: usize, heads: usize) -> Tensors {
        let mut random = Random::new(8);
        let tables: Array3<f32> = random.normal((heads, 256, d));
        let mut q = Array3::zeros((heads, n, d));
        let mut v = Array3::zeros((heads, n, d));
        for head in 0..heads {
            let table = tables.index_axis(Axis(0), head);
            for i in 0..n {
                let byte = table.row(self.bytes[i].into());
                v.slice_mut(s![head, i, ..]).assign(&byte);
                let mut embedding = byte.to_owned();
                if i > 0 {
                    embedding.scaled_add(0.3, &table.row(self.bytes[i - 1].into()));
                }
                q.slice_mut(s![head, i, ..]).assign(&embedding);
            }
        }
        let k = q.clone();
        Tensors { q, k, v }
    }

    /// The end of the text, line by line, each with its weights below it, relative to the largest.
    /// What cannot be printed is a dot.
    pub fn shaded(&self, weights: &Array1<f32>) -> String {
        let first = weights.len().saturating_sub(SHOWN);
        let weights = weights.slice(s![first..]);
        let largest = weights.fold(f32::MIN_POSITIVE, |a, &b| a.max(b));
        let bytes = self.bytes[first..].chunks(LINE);
        let lines = bytes.zip(weights.axis_chunks_iter(Axis(0), LINE));
        lines
            .map(|(bytes, weights)| {
                let printable = |&byte: &u8| match byte {
                    32..127 => [char::from(byte), ' '],
                    // As wide as an entry of the picture.
                    _ => ['·', ' '],
                };
                let text: String = bytes[..weights.len()].iter().flat_map(printable).collect();
                let row = weights.insert_axis(Axis(0));
                format!("  {}\n  {}", text.trim_end(), heatmap::shades(row, largest))
            })
            .collect()
    }
}

/// The weights of the last query of the first head, from its log-sum-exp: exp(score − lse).
pub fn weights(q: &Array3<f32>, k: &Array3<f32>, lse: f32) -> Array1<f32> {
    let (q, k) = (q.index_axis(Axis(0), 0), k.index_axis(Axis(0), 0));
    let scores = k.dot(&q.row(q.nrows() - 1)) / (q.ncols() as f32).sqrt();
    (scores - lse).exp()
}
