//! Attention of something: the bytes of a file, each turned into numbers by a seeded table.
//!
//! Byte b at place i has the embedding `table[b] + 0.3 · table[byte before it]`, where `table` is
//! 256 rows of standard normal numbers from seed 8. Queries and keys are the embeddings, so that a
//! byte attends to its like in like surroundings; values are the table's rows.

use super::Tensors;
use anyhow::{Context, Result, ensure};
use attn_core::random::Random;
use ndarray::{Array1, Array2, Array3, Axis, s};
use std::{fs, path::Path};

/// A file's bytes.
pub struct Text(Vec<u8>);

/// Characters of a line of the picture.
const LINE: usize = 60;

/// How much of the text before the last byte is shown.
const SHOWN: usize = 8 * LINE;

impl Text {
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?;
        ensure!(!bytes.is_empty(), "{} is empty", path.display());
        Ok(Text(bytes))
    }

    pub fn len(&self) -> usize {
        self.0.len()
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
                let byte = table.row(self.0[i].into());
                v.slice_mut(s![head, i, ..]).assign(&byte);
                let mut embedding = byte.to_owned();
                if i > 0 {
                    embedding.scaled_add(0.3, &table.row(self.0[i - 1].into()));
                }
                q.slice_mut(s![head, i, ..]).assign(&embedding);
            }
        }
        let k = q.clone();
        Tensors { q, k, v }
    }

    /// The shown part of the text, a line at a time; what cannot be printed as a dot.
    pub fn marked(&self, weights: &Array1<f32>) -> String {
        let n = weights.len();
        let shown = &self.0[n.saturating_sub(SHOWN)..n];
        let mut text = String::new();
        for line in shown.chunks(LINE) {
            for &byte in line {
                text.push(if (32..127).contains(&byte) {
                    byte.into()
                } else {
                    '·'
                });
                // As wide as an entry of the picture below.
                text.push(' ');
            }
            text.push('\n');
        }
        text + "\n"
    }
}

/// The weights of the last query of the first head, from its log-sum-exp: exp(score − lse).
pub fn weights(q: &Array3<f32>, k: &Array3<f32>, lse: f32) -> Array1<f32> {
    let (q, k) = (q.index_axis(Axis(0), 0), k.index_axis(Axis(0), 0));
    let scores = k.dot(&q.row(q.nrows() - 1)) / (q.ncols() as f32).sqrt();
    (scores - lse).exp()
}

/// The shown weights as lines, relative to the largest.
pub fn folded(weights: &Array1<f32>) -> Array2<f32> {
    let shown = weights.slice(s![weights.len().saturating_sub(SHOWN)..]);
    let largest = shown.fold(f32::MIN_POSITIVE, |a, &b| a.max(b));
    let mut lines = Array2::zeros((shown.len().div_ceil(LINE), LINE));
    for (i, weight) in shown.iter().enumerate() {
        lines[[i / LINE, i % LINE]] = weight / largest;
    }
    lines
}
