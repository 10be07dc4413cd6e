//! What the exercises are given: the types that they take and return, and what makes sure of the sizes.

use attn_core::shape::expect_equal;
use ndarray::{Array1, Array2, ArrayView1, ArrayView2};
use serde::{Deserialize, Serialize};

// ANCHOR: state
/// All that linear attention keeps of the tokens so far, in one head.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// S, the sum of k vᵀ over the tokens so far, r × d_v.
    pub s: Array2<f64>,
    /// z, the sum of k over the tokens so far, r.
    pub z: Array1<f64>,
}

impl State {
    /// Before the first token.
    pub fn empty(r: usize, d_v: usize) -> Self {
        State { s: Array2::zeros((r, d_v)), z: Array1::zeros(r) }
    }
}
// ANCHOR_END: state

// ANCHOR: wy
/// A chunk of the delta rule as sums: S after n tokens is S + Kᵀ (U − W S), with S the state before
/// them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Wy {
    /// n × d: what each token erases.
    pub w: Array2<f64>,
    /// n × d_v: what each token writes, if the state before the chunk is empty.
    pub u: Array2<f64>,
}
// ANCHOR_END: wy

// ANCHOR: gradients
/// The gradients of a loss with respect to what a chunk takes in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Gradients {
    /// n × d.
    pub dq: Array2<f64>,
    /// n × d.
    pub dk: Array2<f64>,
    /// n × d_v.
    pub dv: Array2<f64>,
    /// With respect to the state before the chunk, d × d_v.
    pub d_state: Array2<f64>,
}
// ANCHOR_END: gradients

/// Makes sure that queries, keys and values belong to the same tokens, and queries and keys have one
/// width.
///
/// # Panics
/// Names the two sizes that do not fit.
#[track_caller]
pub fn expect_tokens(q: ArrayView2<f64>, k: ArrayView2<f64>, v: ArrayView2<f64>) {
    expect_equal(("keys", k.nrows()), ("queries", q.nrows()));
    expect_equal(("values", v.nrows()), ("queries", q.nrows()));
    expect_equal(("key width", k.ncols()), ("query width", q.ncols()));
}

/// Makes sure that a key and a value fit a state d × d_v.
///
/// # Panics
/// Names the two sizes that do not fit.
#[track_caller]
pub fn expect_state((d, d_v): (usize, usize), key: usize, value: usize) {
    expect_equal(("key width", key), ("rows of the state", d));
    expect_equal(("value width", value), ("columns of the state", d_v));
}

/// Makes sure that a query, a key and a value of one token fit a state d × d_v.
///
/// # Panics
/// Names the two sizes that do not fit.
#[track_caller]
pub fn expect_token(
    state: (usize, usize),
    q: ArrayView1<f64>,
    k: ArrayView1<f64>,
    v: ArrayView1<f64>,
) {
    expect_state(state, k.len(), v.len());
    expect_equal(("query width", q.len()), ("key width", k.len()));
}
