//! Who holds what, and what has to be sent.

use crate::error::RingError;
use attn_core::{random::Random, shape::equal};
use ndarray::{Array3, ArrayView3, Axis, concatenate, s};
use std::ops::Range;

/// The sizes of the whole problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Query heads.
    pub h: usize,
    /// Heads of keys and values; h is a multiple of it.
    pub h_kv: usize,
    /// Queries.
    pub n: usize,
    /// Keys.
    pub m: usize,
    /// The width of queries and keys.
    pub d: usize,
    /// The width of values.
    pub d_v: usize,
    /// Whether query i sees only the keys up to m − n + i.
    pub causal: bool,
}

/// The most numbers that a tensor of a process may have: 1 GiB of f32. What is received is never larger.
const MOST: usize = 1 << 28;

impl Sizes {
    /// Those of `q` (h, n, d), `k` (h_kv, m, d) and `v` (h_kv, m, d_v).
    ///
    /// ```
    /// use ndarray::Array3;
    /// let (q, k) = (Array3::zeros((2, 3, 4)), Array3::zeros((1, 3, 5)));
    /// let error = attn_ring::Sizes::of(q.view(), k.view(), k.view(), true).unwrap_err();
    /// assert_eq!(error.to_string(), "key width 5 ≠ query width 4");
    /// ```
    ///
    /// # Errors
    /// Names the two sizes that do not fit.
    pub fn of(
        q: ArrayView3<f32>,
        k: ArrayView3<f32>,
        v: ArrayView3<f32>,
        causal: bool,
    ) -> Result<Self, RingError> {
        let ((h, n, d), (h_kv, m, d_k), (h_v, m_v, d_v)) = (q.dim(), k.dim(), v.dim());
        for (found, expected) in [
            (("value heads", h_v), ("key heads", h_kv)),
            (("key width", d_k), ("query width", d)),
            (("value count", m_v), ("key count", m)),
        ] {
            equal(found, expected).map_err(|error| RingError::Sizes(error.to_string()))?;
        }
        Sizes { h, h_kv, n, m, d, d_v, causal }.checked()
    }

    /// The same, if a ring can work on them.
    ///
    /// # Errors
    /// Says what does not fit, or is too large.
    pub fn checked(self) -> Result<Self, RingError> {
        let Sizes { h, h_kv, n, m, d, d_v, .. } = self;
        let refuse = |text: String| Err(RingError::Sizes(text));
        if d == 0 {
            return refuse("query width is 0, so 1/√d means nothing".into());
        }
        if h_kv == 0 || !h.is_multiple_of(h_kv) {
            return refuse(format!("{h} query heads cannot share {h_kv} key heads evenly"));
        }
        let numbers = |heads: usize, rows: usize, width: usize| {
            heads.checked_mul(rows).and_then(|x| x.checked_mul(width))
        };
        for tensor in
            [numbers(h, n, d), numbers(h_kv, m, d), numbers(h_kv, m, d_v), numbers(h, n, d_v)]
        {
            if tensor.is_none_or(|numbers| numbers > MOST) {
                return refuse(format!("{self:?}: a tensor of more than {MOST} numbers"));
            }
        }
        Ok(self)
    }

    /// The queries of process `rank` of `size`, which are as good as equally many for each.
    pub fn queries(&self, rank: usize, size: usize) -> Range<usize> {
        rank * self.n / size..(rank + 1) * self.n / size
    }

    /// Its keys and values.
    pub fn keys(&self, rank: usize, size: usize) -> Range<usize> {
        rank * self.m / size..(rank + 1) * self.m / size
    }

    /// Numbers of the block that belongs to process `rank`: its keys and its values.
    pub fn block(&self, rank: usize, size: usize) -> usize {
        self.h_kv * self.keys(rank, size).len() * (self.d + self.d_v)
    }

    /// Bytes that process `rank` sends: every block but that of the next process, where its way ends.
    /// 4·h_kv·(d + d_v)·(m − keys of the next process).
    ///
    /// ```
    /// use attn_ring::Sizes;
    /// let sizes = Sizes { h: 8, h_kv: 2, n: 12, m: 12, d: 4, d_v: 4, causal: true };
    /// assert_eq!(sizes.sent_by(0, 4), 4 * 2 * 8 * (12 - 3));
    /// assert_eq!(sizes.sent_by(0, 1), 0);
    /// ```
    pub fn sent_by(&self, rank: usize, size: usize) -> u64 {
        let passed = self.m - self.keys((rank + 1) % size, size).len();
        4 * (self.h_kv * (self.d + self.d_v) * passed) as u64
    }

    /// Bytes that all processes send together: each block goes P − 1 steps,
    /// 4·h_kv·(d + d_v)·m·(P − 1).
    pub fn sent(&self, size: usize) -> u64 {
        4 * (self.h_kv * (self.d + self.d_v) * self.m * (size - 1)) as u64
    }
}

/// What a process holds at first.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// Its queries, (h, n/P, d).
    pub q: Array3<f32>,
    /// Its keys, (h_kv, m/P, d).
    pub k: Array3<f32>,
    /// Its values, (h_kv, m/P, d_v).
    pub v: Array3<f32>,
}

impl Part {
    /// That of process `rank`, cut out of the whole.
    pub fn of(
        sizes: &Sizes,
        (q, k, v): (ArrayView3<f32>, ArrayView3<f32>, ArrayView3<f32>),
        rank: usize,
        size: usize,
    ) -> Self {
        let (queries, keys) = (sizes.queries(rank, size), sizes.keys(rank, size));
        Part {
            q: q.slice(s![.., queries, ..]).to_owned(),
            k: k.slice(s![.., keys.clone(), ..]).to_owned(),
            v: v.slice(s![.., keys, ..]).to_owned(),
        }
    }

    /// That of process `rank` in the problem of this seed, standard normal. Nobody needs the whole.
    ///
    /// ```
    /// use attn_ring::{Part, Sizes};
    /// let sizes = Sizes { h: 2, h_kv: 1, n: 5, m: 5, d: 4, d_v: 4, causal: true };
    /// let parts = [0, 1, 2].map(|rank| Part::seeded(&sizes, 1, rank, 3));
    /// let whole = Part::joined(&parts);
    /// assert_eq!(whole.q.dim(), (2, 5, 4));
    /// let views = (whole.q.view(), whole.k.view(), whole.v.view());
    /// assert_eq!(Part::of(&sizes, views, 2, 3), parts[2]);
    /// ```
    pub fn seeded(sizes: &Sizes, seed: u64, rank: usize, size: usize) -> Self {
        let mut random = Random::new(seed.wrapping_mul(1 << 20).wrapping_add(rank as u64));
        let (n, m) = (sizes.queries(rank, size).len(), sizes.keys(rank, size).len());
        Part {
            q: random.normal((sizes.h, n, sizes.d)),
            k: random.normal((sizes.h_kv, m, sizes.d)),
            v: random.normal((sizes.h_kv, m, sizes.d_v)),
        }
    }

    /// The whole that these parts are of, in the order of the processes.
    pub fn joined(parts: &[Part]) -> Part {
        let join = |tensor: fn(&Part) -> ArrayView3<f32>| {
            let tensors: Vec<ArrayView3<f32>> = parts.iter().map(tensor).collect();
            concatenate(Axis(1), &tensors).expect("parts of one whole")
        };
        Part { q: join(|p| p.q.view()), k: join(|p| p.k.view()), v: join(|p| p.v.view()) }
    }

    /// Keys, then values, row by row: what goes round.
    pub(crate) fn block(&self) -> Vec<f32> {
        self.k.iter().chain(&self.v).copied().collect()
    }
}
