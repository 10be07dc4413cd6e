//! What the exercises are given: the cache that counts, the sizes of a layer, and the checks that things fit.

use attn_core::{Mask, shape::expect_equal};
use ndarray::{Array3, ArrayView2, ArrayView3, Axis};
use serde::{Deserialize, Serialize};
use std::cell::Cell;

// ANCHOR: cache
/// Keys and values of earlier tokens, which counts how many of its numbers are read.
#[derive(Clone, Debug)]
pub struct Cache {
    keys: Array3<f32>,
    values: Array3<f32>,
    read: Cell<usize>,
}

impl Cache {
    /// A cache of `keys` (h_kv, m, d) and `values` (h_kv, m, d_v); nothing has been read.
    ///
    /// # Panics
    /// If there are not as many heads or places of both.
    #[track_caller]
    pub fn new(keys: Array3<f32>, values: Array3<f32>) -> Self {
        let ((h_kv, m, _), (h_v, m_v, _)) = (keys.dim(), values.dim());
        expect_equal(("value heads", h_v), ("key heads", h_kv));
        expect_equal(("value count", m_v), ("key count", m));
        Cache { keys, values, read: Cell::new(0) }
    }

    /// How many key/value heads there are.
    pub fn kv_heads(&self) -> usize {
        self.keys.len_of(Axis(0))
    }

    /// How wide a value is.
    pub fn value_width(&self) -> usize {
        self.values.len_of(Axis(2))
    }

    /// Reads the keys (m×d) and values (m×d_v) of a head: m·(d + d_v) numbers come from memory.
    pub fn read(&self, kv_head: usize) -> (ArrayView2<'_, f32>, ArrayView2<'_, f32>) {
        let keys = self.keys.index_axis(Axis(0), kv_head);
        let values = self.values.index_axis(Axis(0), kv_head);
        self.read.set(self.read.get() + keys.len() + values.len());
        (keys, values)
    }

    /// How many numbers have been read so far.
    pub fn numbers_read(&self) -> usize {
        self.read.get()
    }
}
// ANCHOR_END: cache

// ANCHOR: gradients
/// The gradients of grouped-query attention, each in the shape of its input.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Gradients {
    /// (h, n, d).
    pub dq: Array3<f32>,
    /// (h_kv, m, d).
    pub dk: Array3<f32>,
    /// (h_kv, m, d_v).
    pub dv: Array3<f32>,
}
// ANCHOR_END: gradients

// ANCHOR: transformer
/// The sizes that determine how many weights a Transformer has, embeddings and norms left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transformer {
    /// How wide a token's state is.
    pub d_model: usize,
    /// Query heads of each attention.
    pub h: usize,
    /// How wide a head is, its queries, keys and values alike.
    pub d: usize,
    /// How many attentions there are: one per layer of a decoder alone; two where a layer looks at an
    /// encoder too.
    pub attentions: usize,
    /// How many feed-forward networks there are.
    pub feed_forwards: usize,
    /// The matrices of a feed-forward network, each d_model × d_ff or d_ff × d_model: 2, or 3 with a gate.
    pub matrices: usize,
    /// The inner width of a feed-forward network.
    pub d_ff: usize,
}
// ANCHOR_END: transformer

/// Makes sure that `h` query heads can be shared out evenly to `h_kv` key/value heads.
///
/// # Panics
/// Names both numbers.
#[track_caller]
pub fn expect_groups(h: usize, h_kv: usize) {
    assert!(
        h_kv > 0 && h.is_multiple_of(h_kv),
        "{h} query heads cannot be shared out evenly to {h_kv} key/value heads"
    );
}

/// Makes sure that query heads, and key/value heads too, can be dealt out to devices evenly.
///
/// # Panics
/// Names the numbers.
#[track_caller]
pub fn expect_ranks(h: usize, h_kv: usize, ranks: usize) {
    assert!(
        ranks > 0 && h.is_multiple_of(ranks),
        "{h} query heads cannot be dealt out evenly to {ranks} devices"
    );
    assert!(
        h_kv.is_multiple_of(ranks) || ranks.is_multiple_of(h_kv),
        "{h_kv} key/value heads can neither be dealt out nor copied evenly to {ranks} devices"
    );
}

/// Makes sure that the heads of `q` (h, n, d), `k` (h_kv, m, d) and `v` (h_kv, m, d_v) and a mask belong
/// together.
///
/// # Panics
/// Names the two sizes that do not fit.
#[track_caller]
pub fn expect_grouped(q: ArrayView3<f32>, k: ArrayView3<f32>, v: ArrayView3<f32>, mask: &Mask) {
    let ((h, n, d), (h_kv, m, d_k), (h_v, m_v, _)) = (q.dim(), k.dim(), v.dim());
    expect_groups(h, h_kv);
    expect_equal(("value heads", h_v), ("key heads", h_kv));
    expect_equal(("key width", d_k), ("query width", d));
    expect_equal(("value count", m_v), ("key count", m));
    assert!(d > 0, "query width is 0, so 1/√d means nothing");
    ch03_scaled_dot_product::given::expect_mask(mask, n, m);
}

/// Makes sure that a gradient has the shape of the output, (h, n, d_v).
///
/// # Panics
/// Names the two sizes that differ.
#[track_caller]
pub fn expect_gradient(d_out: ArrayView3<f32>, q: ArrayView3<f32>, v: ArrayView3<f32>) {
    let (h, n, d_v) = d_out.dim();
    expect_equal(("gradient heads", h), ("query heads", q.dim().0));
    expect_equal(("gradient rows", n), ("query count", q.dim().1));
    expect_equal(("gradient width", d_v), ("value width", v.dim().2));
}
