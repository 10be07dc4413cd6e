//! What the exercises are given: the weights of the scores, and the checks that shapes fit.

use attn_core::shape::expect_equal;
use ndarray::{Array1, Array2, ArrayView2};
use serde::{Deserialize, Serialize};

// ANCHOR: additive
/// The weights of an additive score.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Additive {
    /// From a query to the hidden layer, d_q×a.
    pub w_q: Array2<f32>,
    /// From a key to the hidden layer, d_k×a.
    pub w_k: Array2<f32>,
    /// From the hidden layer to the score, a.
    pub v: Array1<f32>,
}
// ANCHOR_END: additive

// ANCHOR: concat
/// The weights of a concat score.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Concat {
    /// From a query and a key, one after the other, to the hidden layer, (d_q + d_k)×a.
    pub w: Array2<f32>,
    /// From the hidden layer to the score, a.
    pub v: Array1<f32>,
}
// ANCHOR_END: concat

// ANCHOR: pointer
/// The weights that turn a query into a position.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pointer {
    /// From a query to the hidden layer, d_q×a.
    pub w_p: Array2<f32>,
    /// From the hidden layer to a number, a.
    pub v_p: Array1<f32>,
}
// ANCHOR_END: pointer

// ANCHOR: additive_gradients
/// The gradients of an additive score's weights, each in the shape of the weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AdditiveGradients {
    /// With respect to `w_q`, d_q×a.
    pub dw_q: Array2<f32>,
    /// With respect to `w_k`, d_k×a.
    pub dw_k: Array2<f32>,
    /// With respect to `v`, a.
    pub dv: Array1<f32>,
}
// ANCHOR_END: additive_gradients

// ANCHOR: products
/// Multiplies matrices, and counts what that costs.
///
/// ```
/// use ch02_additive_attention::Products;
/// use ndarray::array;
/// let mut products = Products::default();
/// let (row, column) = (array![[1.0, 2.0, 3.0]], array![[4.0], [5.0], [6.0]]);
/// assert_eq!(products.multiply(row.view(), column.view()), array![[32.0]]);
/// assert_eq!(products.flop(), 6); // three multiplications, three additions
/// ```
#[derive(Clone, Debug, Default)]
pub struct Products {
    flop: u64,
}

impl Products {
    /// The product `a b`, which counts as 2 FLOP for each row of a, column of a and column of b.
    pub fn multiply(&mut self, a: ArrayView2<f32>, b: ArrayView2<f32>) -> Array2<f32> {
        self.flop += 2 * (a.nrows() * a.ncols() * b.ncols()) as u64;
        a.dot(&b)
    }

    /// What all products together have cost, in FLOP.
    pub fn flop(&self) -> u64 {
        self.flop
    }
}
// ANCHOR_END: products

impl Additive {
    /// Makes sure that these weights score queries `q` against keys `k`.
    ///
    /// # Panics
    /// Names the two sizes that differ, as in `query width 3 ≠ rows of w_q 4`.
    #[track_caller]
    pub fn expect_shapes(&self, q: ArrayView2<f32>, k: ArrayView2<f32>) {
        let v = ("length of v", self.v.len());
        expect_equal(("query width", q.ncols()), ("rows of w_q", self.w_q.nrows()));
        expect_equal(("key width", k.ncols()), ("rows of w_k", self.w_k.nrows()));
        expect_equal(("columns of w_q", self.w_q.ncols()), v);
        expect_equal(("columns of w_k", self.w_k.ncols()), v);
    }
}

/// Makes sure that `d_scores` is a gradient of the scores of `q` against `k`.
///
/// # Panics
/// Names the two sizes that differ.
#[track_caller]
pub fn expect_d_scores(q: ArrayView2<f32>, k: ArrayView2<f32>, d_scores: ArrayView2<f32>) {
    expect_equal(("gradient rows", d_scores.nrows()), ("query count", q.nrows()));
    expect_equal(("gradient columns", d_scores.ncols()), ("key count", k.nrows()));
}

impl Concat {
    /// Makes sure that these weights score queries `q` against keys `k`.
    ///
    /// # Panics
    /// Names the two sizes that differ.
    #[track_caller]
    pub fn expect_shapes(&self, q: ArrayView2<f32>, k: ArrayView2<f32>) {
        let both = q.ncols() + k.ncols();
        expect_equal(("query and key width", both), ("rows of w", self.w.nrows()));
        expect_equal(("columns of w", self.w.ncols()), ("length of v", self.v.len()));
    }
}

impl Pointer {
    /// Makes sure that these weights point for queries `q`, and that there is something to point
    /// at: m keys, and a window with a half-width.
    ///
    /// # Panics
    /// Names the two sizes that differ, or says what is missing.
    #[track_caller]
    pub fn expect_shapes(&self, q: ArrayView2<f32>, scores: ArrayView2<f32>, half: usize) {
        expect_equal(("query width", q.ncols()), ("rows of w_p", self.w_p.nrows()));
        expect_equal(("columns of w_p", self.w_p.ncols()), ("length of v_p", self.v_p.len()));
        expect_equal(("rows of scores", scores.nrows()), ("query count", q.nrows()));
        assert!(scores.ncols() > 0, "no keys to point at");
        assert!(half > 0, "a window of half-width 0 has no spread: σ = D/2 is 0");
    }
}

/// Makes sure that `w` d_q×d_k lies between queries and keys.
///
/// # Panics
/// Names the two sizes that differ.
#[track_caller]
pub fn expect_between(w: ArrayView2<f32>, q: ArrayView2<f32>, k: ArrayView2<f32>) {
    expect_equal(("query width", q.ncols()), ("rows of w", w.nrows()));
    expect_equal(("key width", k.ncols()), ("columns of w", w.ncols()));
}

/// Makes sure that location weights can be made for `m` keys.
///
/// # Panics
/// Names the two sizes that differ, or says that the table of positions is too short.
#[track_caller]
pub fn expect_positions(w: ArrayView2<f32>, q: ArrayView2<f32>, m: usize) {
    expect_equal(("query width", q.ncols()), ("rows of w", w.nrows()));
    let most = w.ncols();
    assert!(m <= most, "{m} keys, but the weights know {most} positions");
    assert!(m > 0, "no keys to attend to");
}
