//! Work for threads: tiles of queries, each with its own piece of the result to write to.

use crate::given::HeadsOutput;
use ndarray::{Array2, Array3, ArrayView3, CowArray, Ix3};
use rayon::prelude::*;
use std::ops::Range;

/// What every tensor here is: made so, or copied into that form.
pub(super) const GAPLESS: &str = "rows without gaps";

/// The queries `rows` of one head, and where their result goes.
pub struct Task<'a> {
    /// The query head.
    pub head: usize,
    /// Its key and value head.
    pub group: usize,
    /// The queries.
    pub rows: Range<usize>,
    /// Their rows of `out`, one after the other.
    pub out: &'a mut [f32],
    /// Their log-sum-exps.
    pub lse: &'a mut [f32],
}

/// Does the work `run` for tiles of `block` queries of all heads, and returns what they wrote.
/// `scratch` makes what a thread needs to work with.
///
/// The last queries come first: causal, they have most to do, and small tasks at the end leave no
/// core waiting for long.
pub fn each<S>(
    (h, n, _): (usize, usize, usize),
    (h_kv, _, d_v): (usize, usize, usize),
    block: usize,
    scratch: impl Fn() -> S + Sync,
    run: impl Fn(&mut S, Task) + Sync,
) -> HeadsOutput {
    let mut out = Array3::zeros((h, n, d_v));
    let mut lse = Array2::zeros((h, n));
    if h > 0 && n > 0 {
        let group_size = h / h_kv;
        let mut outs = out.as_slice_mut().expect(GAPLESS);
        let mut lses = lse.as_slice_mut().expect(GAPLESS);
        let mut tasks = Vec::new();
        for head in 0..h {
            for start in (0..n).step_by(block) {
                let rows = start..n.min(start + block);
                let (out, rest) = outs.split_at_mut(rows.len() * d_v);
                outs = rest;
                let (lse, rest) = lses.split_at_mut(rows.len());
                lses = rest;
                let group = head / group_size;
                tasks.push(Task { head, group, rows, out, lse });
            }
        }
        tasks.sort_by_key(|task| std::cmp::Reverse(task.rows.start));
        let tasks = tasks.into_iter().par_bridge();
        tasks.for_each_init(&scratch, |scratch, task| run(scratch, task));
    }
    HeadsOutput { out, lse }
}

/// One query head and its keys and values, in rows without gaps.
#[derive(Clone, Copy)]
pub struct Head<'a> {
    /// n×d.
    pub q: &'a [f32],
    /// m×d.
    pub k: &'a [f32],
    /// m×d_v.
    pub v: &'a [f32],
    /// Queries.
    pub n: usize,
    /// Keys.
    pub m: usize,
    /// Width of a query and of a key.
    pub d: usize,
    /// Width of a value.
    pub d_v: usize,
    /// Whether a query sees only the keys up to its own position.
    pub causal: bool,
}

impl Head<'_> {
    /// How many keys query `i` sees.
    #[inline(always)]
    pub fn seen(&self, i: usize) -> usize {
        crate::given::seen(i, self.n, self.m, self.causal)
    }
}

/// All heads' tensors in rows without gaps: borrowed if they are so already, copied if not.
pub struct Rows<'a> {
    q: CowArray<'a, f32, Ix3>,
    k: CowArray<'a, f32, Ix3>,
    v: CowArray<'a, f32, Ix3>,
    causal: bool,
}

impl<'a> Rows<'a> {
    /// Of these tensors.
    pub fn new(
        q: &'a ArrayView3<'a, f32>,
        k: &'a ArrayView3<'a, f32>,
        v: &'a ArrayView3<'a, f32>,
        causal: bool,
    ) -> Self {
        Rows {
            q: q.as_standard_layout(),
            k: k.as_standard_layout(),
            v: v.as_standard_layout(),
            causal,
        }
    }

    /// The shape of the output: h, n, d_v.
    pub fn results(&self) -> (usize, usize, usize) {
        let ((h, n, _), (_, _, d_v)) = (self.q.dim(), self.v.dim());
        (h, n, d_v)
    }

    /// How many keys there are.
    pub fn keys(&self) -> usize {
        self.k.dim().1
    }

    /// How many key heads there are.
    pub fn key_heads(&self) -> usize {
        self.k.dim().0
    }

    /// The query heads that read key head `group`.
    pub fn heads_of(&self, group: usize) -> Range<usize> {
        let size = self.q.dim().0 / self.key_heads();
        group * size..(group + 1) * size
    }

    /// Query head `head` with key head `group`.
    pub fn head(&self, head: usize, group: usize) -> Head<'_> {
        let ((_, n, d), (_, m, d_v)) = (self.q.dim(), self.v.dim());
        Head {
            q: &self.q.as_slice().expect(GAPLESS)[head * n * d..][..n * d],
            k: &self.k.as_slice().expect(GAPLESS)[group * m * d..][..m * d],
            v: &self.v.as_slice().expect(GAPLESS)[group * m * d_v..][..m * d_v],
            n,
            m,
            d,
            d_v,
            causal: self.causal,
        }
    }
}
