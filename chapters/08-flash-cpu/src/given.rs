//! What the exercises are given: the types that they take and return, and the checks that shapes
//! fit.

use attn_core::shape::expect_equal;
use ndarray::{Array1, Array2, Array3, ArrayView1, ArrayView2, ArrayView3};
use serde::{Deserialize, Serialize};

pub use crate::traffic::Traffic;
pub use ch03_scaled_dot_product::{Gradients, Output};

// ANCHOR: state
/// What is known of one query after some of its keys: attention over those keys, before the
/// division. Over all keys, `out / row_sum` is the result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// The largest score so far, the papers' m. −∞ before the first key.
    pub row_max: f32,
    /// `Σ exp(score − row_max)` over the keys so far, the papers' ℓ.
    pub row_sum: f32,
    /// `Σ exp(score − row_max) · value` over the keys so far, d_v numbers.
    pub out: Array1<f32>,
}
// ANCHOR_END: state

// ANCHOR: state-ends
impl State {
    /// The state before the first key: (−∞, 0, 0).
    pub fn empty(d_v: usize) -> Self {
        State { row_max: f32::NEG_INFINITY, row_sum: 0.0, out: Array1::zeros(d_v) }
    }

    /// The state after a single key: its own score is the largest, and its weight is e⁰ = 1.
    pub fn of_key(score: f32, value: ArrayView1<f32>) -> Self {
        State { row_max: score, row_sum: 1.0, out: value.to_owned() }
    }

    /// The row of attention's result and its log-sum-exp; zeros and −∞ if there was no key.
    pub fn finish(&self) -> (Array1<f32>, f32) {
        if self.row_sum == 0.0 {
            return (Array1::zeros(self.out.len()), f32::NEG_INFINITY);
        }
        (&self.out / self.row_sum, self.row_max + self.row_sum.ln())
    }
}
// ANCHOR_END: state-ends

// ANCHOR: block
/// How many rows a tile has: of queries, and of keys and values. Neither has to divide anything.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Block {
    /// Rows of a query tile.
    pub q: usize,
    /// Rows of a key tile and of a value tile.
    pub k: usize,
}
// ANCHOR_END: block

// ANCHOR: heads
/// What attention of several heads gives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HeadsOutput {
    /// h×n×d_v.
    pub out: Array3<f32>,
    /// h×n: the log-sum-exp of each row of scores; −∞ for a row that may attend to nothing.
    pub lse: Array2<f32>,
}
// ANCHOR_END: heads

// ANCHOR: split
/// One query's attention to a long cache, computed in parts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Split {
    /// The state of each part by itself.
    pub parts: Vec<State>,
    /// The whole: d_v numbers.
    pub out: Array1<f32>,
    /// The whole row's log-sum-exp.
    pub lse: f32,
}
// ANCHOR_END: split

// ANCHOR: seen
/// How many keys query `i` of `n` sees among `m`: all of them, or, causal, those up to `m − n + i`.
pub fn seen(i: usize, n: usize, m: usize, causal: bool) -> usize {
    if causal {
        // m − n + i + 1, with the subtraction last so that it cannot go below zero, and not above
        // m. As i < n, it never is.
        (m + i + 1).saturating_sub(n)
    } else {
        m
    }
}
// ANCHOR_END: seen

/// `weights · values`, rows×keys times keys×d_v. A value whose weight is 0 is not felt, even where it
/// is not finite: 0 · ∞ would be NaN.
pub fn weigh(weights: &Array2<f32>, values: &Array2<f32>) -> Array2<f32> {
    if values.iter().all(|x| x.is_finite()) {
        return weights.dot(values);
    }
    let mut sums = Array2::zeros((weights.nrows(), values.ncols()));
    for ((i, j), &weight) in weights.indexed_iter().filter(|(_, weight)| **weight != 0.0) {
        sums.row_mut(i).scaled_add(weight, &values.row(j));
    }
    sums
}

/// Makes sure that one head's `q` n×d, `k` m×d and `v` m×d_v belong together.
///
/// # Panics
/// Names the two sizes that differ, as in `key width 32 ≠ query width 64`; or says that the width
/// is zero.
#[track_caller]
pub fn expect_shapes(q: ArrayView2<f32>, k: ArrayView2<f32>, v: ArrayView2<f32>) {
    expect_sizes((q.dim(), k.dim(), v.dim()));
}

/// Makes sure that `q` h×n×d, `k` h_kv×m×d and `v` h_kv×m×d_v belong together, and that h_kv
/// divides h.
///
/// # Panics
/// Names the two sizes that do not fit.
#[track_caller]
pub fn expect_heads(q: ArrayView3<f32>, k: ArrayView3<f32>, v: ArrayView3<f32>) {
    let ((h, n, d), (h_kv, m, d_k), (h_v, m_v, d_v)) = (q.dim(), k.dim(), v.dim());
    expect_equal(("value heads", h_v), ("key heads", h_kv));
    assert!(
        h == 0 || h_kv > 0 && h.is_multiple_of(h_kv),
        "query heads {h} are not a multiple of key heads {h_kv}"
    );
    expect_sizes(((n, d), (m, d_k), (m_v, d_v)));
}

type Size = (usize, usize);

#[track_caller]
fn expect_sizes(((_, d), (m, d_k), (m_v, _)): (Size, Size, Size)) {
    assert!(d > 0, "query width is 0, so 1/√d means nothing");
    expect_equal(("key width", d_k), ("query width", d));
    expect_equal(("value count", m_v), ("key count", m));
}

/// Makes sure that what comes back into the backward pass has the forward pass's shapes.
///
/// # Panics
/// Names the two sizes that differ.
#[track_caller]
pub fn expect_forward(
    (n, d_v): (usize, usize),
    out: (usize, usize),
    lse: usize,
    d_out: (usize, usize),
) {
    expect_equal(("output rows", out.0), ("query count", n));
    expect_equal(("output width", out.1), ("value width", d_v));
    expect_equal(("log-sum-exp count", lse), ("query count", n));
    expect_equal(("gradient rows", d_out.0), ("query count", n));
    expect_equal(("gradient width", d_out.1), ("value width", d_v));
}

/// Makes sure that no tile is without rows.
///
/// # Panics
/// If it is.
#[track_caller]
pub fn expect_block(block: Block) {
    assert!(block.q > 0, "block.q is 0: a tile needs a row");
    assert!(block.k > 0, "block.k is 0: a tile needs a row");
}

/// Makes sure that `starts` cuts `rows` rows into sequences: 0 first, `rows` last, never falling.
///
/// # Panics
/// Says which of them it is not.
#[track_caller]
pub fn expect_starts(name: &str, starts: &[usize], rows: usize) {
    assert_eq!(starts.first(), Some(&0), "{name} starts have to begin with 0");
    assert!(starts.is_sorted(), "{name} starts fall: {starts:?}");
    let last = starts[starts.len() - 1];
    assert_eq!(last, rows, "{name} starts end at {last}, there are {rows} rows");
}
