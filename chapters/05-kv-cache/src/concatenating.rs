//! Two caches that do the same, and what each of them copies.

use crate::{append, given::KvCache};
use ndarray::{Array3, ArrayView3, Axis, concatenate};

// ANCHOR: concatenating
/// A cache that is made anew for each chunk: what is held and the chunk, joined. It has no capacity.
#[derive(Clone, Debug)]
pub struct Concatenating {
    /// (h, m, d).
    pub keys: Array3<f32>,
    /// (h, m, d_v).
    pub values: Array3<f32>,
}

impl Concatenating {
    /// Puts a chunk behind what is held.
    ///
    /// # Panics
    /// If its heads or widths are others.
    pub fn append(&mut self, keys: ArrayView3<f32>, values: ArrayView3<f32>) {
        self.keys = concatenate![Axis(1), self.keys, keys];
        self.values = concatenate![Axis(1), self.values, values];
    }
}
// ANCHOR_END: concatenating

/// How many bytes each cache has written after each chunk: the preallocated one, and the
/// concatenating one.
///
/// It is looked up where the arrays lie. An array that lies elsewhere afterwards has been written
/// whole; in one that stayed, the chunk was.
pub fn written(chunks: &[usize]) -> Vec<[u64; 2]> {
    let tokens = chunks.iter().sum();
    let mut preallocated = KvCache::new(1, tokens, 1, 1);
    let empty = Array3::zeros((1, 0, 1));
    let mut concatenating = Concatenating { keys: empty.clone(), values: empty };
    let mut total = [0, 0];
    let mut bytes = |of: usize, before: *const f32, after: &Array3<f32>, chunk: usize| {
        let stayed = before == after.as_ptr();
        total[of] += 4 * if stayed { chunk } else { after.len() } as u64;
        total
    };
    let each = chunks.iter().map(|&n| {
        let chunk = Array3::ones((1, n, 1));
        let before = (preallocated.keys.as_ptr(), preallocated.values.as_ptr());
        let start = preallocated.len;
        append(&mut preallocated, chunk.view(), chunk.view(), start).expect("room for all chunks");
        bytes(0, before.0, &preallocated.keys, n);
        bytes(0, before.1, &preallocated.values, n);
        let before = (concatenating.keys.as_ptr(), concatenating.values.as_ptr());
        concatenating.append(chunk.view(), chunk.view());
        bytes(1, before.0, &concatenating.keys, n);
        bytes(1, before.1, &concatenating.values, n)
    });
    each.collect()
}
