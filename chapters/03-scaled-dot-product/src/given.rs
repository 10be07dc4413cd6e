//! What the exercises are given: the types that they return, and the check that shapes fit.

use attn_core::{Mask, shape::expect_equal};
use ndarray::{Array1, Array2, ArrayView2};
use serde::{Deserialize, Serialize};

// ANCHOR: output
/// What attention gives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Output {
    /// The weighted values, n×d_v. A row that may attend to nothing is zeros.
    pub out: Array2<f32>,
    /// The log-sum-exp of each row of the masked scores, n. −∞ for a row that may attend to
    /// nothing.
    pub lse: Array1<f32>,
}
// ANCHOR_END: output

// ANCHOR: gradients
/// The gradients of attention's inputs, each in the shape of its input.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Gradients {
    /// With respect to the queries, n×d.
    pub dq: Array2<f32>,
    /// With respect to the keys, m×d.
    pub dk: Array2<f32>,
    /// With respect to the values, m×d_v.
    pub dv: Array2<f32>,
}
// ANCHOR_END: gradients

/// Makes sure that `q` n×d, `k` m×d, `v` m×d_v and the mask belong together.
///
/// # Panics
/// Names the two sizes that differ, as in `key width 32 ≠ query width 64`; or says that the width
/// is zero.
#[track_caller]
pub fn expect_shapes(q: ArrayView2<f32>, k: ArrayView2<f32>, v: ArrayView2<f32>, mask: &Mask) {
    let ((n, d), (m, d_k)) = (q.dim(), k.dim());
    assert!(d > 0, "query width is 0, so 1/√d means nothing");
    expect_equal(("key width", d_k), ("query width", d));
    expect_equal(("value count", v.nrows()), ("key count", m));
    expect_mask(mask, n, m);
}

/// Makes sure that a mask is one for `n` queries and `m` keys.
///
/// # Panics
/// Names the two sizes that differ.
#[track_caller]
pub fn expect_mask(mask: &Mask, n: usize, m: usize) {
    match mask {
        Mask::None | Mask::Causal | Mask::Prefix(_) => {}
        Mask::Padding(keys) => expect_equal(("padding mask length", keys.len()), ("key count", m)),
        Mask::Dense(table) => {
            expect_equal(("mask rows", table.nrows()), ("query count", n));
            expect_equal(("mask columns", table.ncols()), ("key count", m));
        }
        Mask::All(masks) => {
            for mask in masks {
                expect_mask(mask, n, m);
            }
        }
    }
}

/// Makes sure that a table of kept weights is one for `n` queries and `m` keys, and that the
/// probability of dropping a weight leaves some.
///
/// # Panics
/// Names the two sizes that differ, or the probability.
#[track_caller]
pub fn expect_kept(kept: ArrayView2<bool>, p: f32, n: usize, m: usize) {
    expect_equal(("rows of kept", kept.nrows()), ("query count", n));
    expect_equal(("columns of kept", kept.ncols()), ("key count", m));
    assert!(
        (0.0..1.0).contains(&p),
        "probability {p} is not in [0, 1): 1/(1 − p) has to be finite"
    );
}
