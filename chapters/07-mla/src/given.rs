//! What the exercises are given: the weights, what is kept of a token, and the small parts of
//! chapters 3 and 4 that return here, in f64.

use attn_core::shape::expect_equal;
use ndarray::{Array1, Array2, Array3, ArrayView1, ArrayView2, ArrayView3};
use serde::{Deserialize, Serialize};

// ANCHOR: down
/// The weights that make what is kept of a token.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Down {
    /// W_DKV, down to the latent, d_model × d_c.
    pub w_dkv: Array2<f64>,
    /// Multiplies the normalised latent, d_c.
    pub gain: Array1<f64>,
    /// W_KR, to the one rotary key, d_model × d_r.
    pub w_kr: Array2<f64>,
    /// The base of the rotation.
    pub base: f64,
}

/// What is kept of m tokens: d_c + d_r numbers each, for all heads together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Latents {
    /// The latents, normalised, m × d_c.
    pub c: Array2<f64>,
    /// The rotary keys, each turned by its position, m × d_r.
    pub k_r: Array2<f64>,
}
// ANCHOR_END: down

// ANCHOR: query_weights
/// The weights that make the queries of all heads.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct QueryWeights {
    /// What the queries are made of, d_q numbers for each token.
    pub source: Source,
    /// W_UQ of each head, to the content part, (h, d_q, d).
    pub w_uq: Array3<f64>,
    /// W_QR of each head, to the rotary part, (h, d_q, d_r).
    pub w_qr: Array3<f64>,
    /// The base of the rotation.
    pub base: f64,
}

/// What queries are made of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Source {
    /// The token itself: d_q = d_model.
    Token,
    /// A latent of the token: a product with W_DQ, normalised.
    Latent {
        /// W_DQ, d_model × d_q.
        w_dq: Array2<f64>,
        /// Multiplies the normalised latent, d_q.
        gain: Array1<f64>,
    },
}

/// The queries of all heads, in two parts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Queries {
    /// Without a position, (h, n, d).
    pub content: Array3<f64>,
    /// Turned by the position, (h, n, d_r).
    pub rotary: Array3<f64>,
}
// ANCHOR_END: query_weights

// ANCHOR: up
/// The weights that make keys and values of a latent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Up {
    /// W_UK of each head, to the content part of a key, (h, d_c, d).
    pub w_uk: Array3<f64>,
    /// W_UV of each head, to a value, (h, d_c, d_v).
    pub w_uv: Array3<f64>,
}
// ANCHOR_END: up

// ANCHOR: absorbed
/// What the absorbed form finds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Absorbed {
    /// The weighted sums of latents, (h, n, d_c).
    pub latents: Array3<f64>,
    /// What W_UV makes of them, (h, n, d_v).
    pub heads: Array3<f64>,
}
// ANCHOR_END: absorbed

// ANCHOR: output
/// W_UV and W_O as one matrix per head, and what that costs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AbsorbedOutput {
    /// (h, d_c, d_model).
    pub product: Array3<f64>,
    /// How many numbers W_UV and W_O have, over all heads.
    pub apart: usize,
    /// How many the products have.
    pub together: usize,
}
// ANCHOR_END: output

// ANCHOR: shape
/// The sizes of one layer of latent attention.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shape {
    /// Heads.
    pub h: usize,
    /// The content part of a query or key.
    pub d: usize,
    /// Its rotary part.
    pub d_r: usize,
    /// A value.
    pub d_v: usize,
    /// The latent.
    pub d_c: usize,
}

/// The two ways to attend to what is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Form {
    /// Makes the keys and values of all tokens that are kept, in each call.
    Naive,
    /// Works on the latents.
    Absorbed,
}

/// What one call costs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Costs {
    /// FLOPs of the naive form.
    pub naive: usize,
    /// FLOPs of the absorbed form.
    pub absorbed: usize,
    /// The one with fewer; naive where they are equal.
    pub cheaper: Form,
}
// ANCHOR_END: shape

// ANCHOR: as_mla
/// Keys and values of groups, written as latents and weights that make them again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AsMla {
    /// One row per token, m × d_c.
    pub c: Array2<f64>,
    /// Makes the keys and values of all heads of it.
    pub up: Up,
}
// ANCHOR_END: as_mla

/// Added to the mean of the squares in [`rms_norm`], as in chapter 4; DeepSeek's code has 1e-6.
pub const EPSILON: f64 = 1e-5;

// ANCHOR: rms_norm
/// Each row divided by the root of the mean of its squares; then each column times its gain.
pub fn rms_norm(x: ArrayView2<f64>, gain: ArrayView1<f64>) -> Array2<f64> {
    let mut y = x.to_owned();
    for mut row in y.rows_mut() {
        let mean = row.dot(&row) / row.len() as f64;
        row /= (mean + EPSILON).sqrt();
    }
    y * gain
}
// ANCHOR_END: rms_norm

/// The rotation of chapter 4, interleaved: row r stands at position `start + r`.
#[track_caller]
pub fn rope(x: ArrayView2<f64>, start: usize, base: f64) -> Array2<f64> {
    let d = x.ncols();
    assert!(d.is_multiple_of(2), "width {d} is odd, a rotation needs pairs of numbers");
    let mut turned = x.to_owned();
    for (r, mut row) in turned.rows_mut().into_iter().enumerate() {
        for i in 0..d / 2 {
            let angle = (start + r) as f64 * base.powf(-2.0 * i as f64 / d as f64);
            let (sin, cos) = angle.sin_cos();
            let (a, b) = (row[2 * i], row[2 * i + 1]);
            row[2 * i] = a * cos - b * sin;
            row[2 * i + 1] = a * sin + b * cos;
        }
    }
    turned
}

// ANCHOR: causal_softmax
/// The weights that scores n×m give in causal attention: the last query stands at the last key, and
/// no query sees a key behind its own place. Each row sums to one.
pub fn causal_softmax(scores: ArrayView2<f64>) -> Array2<f64> {
    let (n, m) = scores.dim();
    let mut weights = Array2::zeros((n, m));
    for (i, row) in scores.rows().into_iter().enumerate() {
        let seen = (m + i + 1).saturating_sub(n).min(m);
        let row_max = row.iter().take(seen).fold(f64::NEG_INFINITY, |max, &s| max.max(s));
        let row_sum: f64 = row.iter().take(seen).map(|s| (s - row_max).exp()).sum();
        for j in 0..seen {
            weights[[i, j]] = (row[j] - row_max).exp() / row_sum;
        }
    }
    weights
}
// ANCHOR_END: causal_softmax

impl Latents {
    /// Nothing yet.
    pub fn empty(d_c: usize, d_r: usize) -> Self {
        Latents { c: Array2::zeros((0, d_c)), k_r: Array2::zeros((0, d_r)) }
    }

    /// How many tokens are kept.
    pub fn len(&self) -> usize {
        self.c.nrows()
    }

    /// Whether no token is kept.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many numbers are kept: m · (d_c + d_r).
    pub fn numbers(&self) -> usize {
        self.c.len() + self.k_r.len()
    }

    /// Puts those of new tokens behind the others.
    ///
    /// # Panics
    /// If they have other widths.
    #[track_caller]
    pub fn append(&mut self, new: &Latents) {
        expect_latents(&self.c, &self.k_r, new);
        for (kept, new) in [(&mut self.c, &new.c), (&mut self.k_r, &new.k_r)] {
            for row in new.rows() {
                kept.push_row(row).expect("widths were compared");
            }
        }
    }
}

#[track_caller]
fn expect_latents(c: &Array2<f64>, k_r: &Array2<f64>, new: &Latents) {
    expect_equal(("new latent width", new.c.ncols()), ("kept latent width", c.ncols()));
    expect_equal(("new rotary width", new.k_r.ncols()), ("kept rotary width", k_r.ncols()));
}

/// Makes sure that weights and tokens belong together.
///
/// # Panics
/// Names what does not fit.
#[track_caller]
pub fn expect_down(weights: &Down, x: ArrayView2<f64>) {
    expect_equal(("x width", x.ncols()), ("rows of w_dkv", weights.w_dkv.nrows()));
    expect_equal(("rows of w_kr", weights.w_kr.nrows()), ("rows of w_dkv", weights.w_dkv.nrows()));
    expect_equal(("gain length", weights.gain.len()), ("latent width", weights.w_dkv.ncols()));
    expect_even(weights.w_kr.ncols());
}

/// Makes sure that weights and tokens belong together.
///
/// # Panics
/// Names what does not fit.
#[track_caller]
pub fn expect_query_weights(weights: &QueryWeights, x: ArrayView2<f64>) {
    let ((h, d_q, _), (h_r, d_qr, d_r)) = (weights.w_uq.dim(), weights.w_qr.dim());
    expect_equal(("heads of w_qr", h_r), ("heads of w_uq", h));
    expect_equal(("rows of w_qr", d_qr), ("rows of w_uq", d_q));
    match &weights.source {
        Source::Token => expect_equal(("x width", x.ncols()), ("rows of w_uq", d_q)),
        Source::Latent { w_dq, gain } => {
            expect_equal(("x width", x.ncols()), ("rows of w_dq", w_dq.nrows()));
            expect_equal(("width of w_dq", w_dq.ncols()), ("rows of w_uq", d_q));
            expect_equal(("gain length", gain.len()), ("rows of w_uq", d_q));
        }
    }
    expect_even(d_r);
}

/// Makes sure that queries, what is kept, and the weights that expand it belong together, and that
/// the new tokens are among those that are kept.
///
/// # Panics
/// Names what does not fit.
#[track_caller]
pub fn expect_attention(queries: &Queries, kept: &Latents, up: &Up) {
    let ((h, n, d), (h_r, n_r, d_r)) = (queries.content.dim(), queries.rotary.dim());
    let ((h_k, d_c, d_k), (h_v, d_cv, _)) = (up.w_uk.dim(), up.w_uv.dim());
    expect_equal(("rotary heads", h_r), ("content heads", h));
    expect_equal(("rotary queries", n_r), ("content queries", n));
    expect_equal(("heads of w_uk", h_k), ("content heads", h));
    expect_equal(("heads of w_uv", h_v), ("content heads", h));
    expect_equal(("width of w_uk", d_k), ("content width", d));
    expect_equal(("rows of w_uk", d_c), ("latent width", kept.c.ncols()));
    expect_equal(("rows of w_uv", d_cv), ("latent width", kept.c.ncols()));
    expect_equal(("rotary key width", kept.k_r.ncols()), ("rotary query width", d_r));
    expect_equal(("rotary keys", kept.k_r.nrows()), ("latents", kept.c.nrows()));
    assert!(n <= kept.len(), "{n} queries, but only {} tokens are kept", kept.len());
}

/// Makes sure that the heads of two arrays are as many, and the last axis of one fits the middle one
/// of the other.
///
/// # Panics
/// Names the two sizes that differ.
#[track_caller]
pub fn expect_heads(
    (left, a): (&'static str, ArrayView3<f64>),
    (right, b): (&'static str, ArrayView3<f64>),
    (width, other): (usize, usize),
) {
    assert!(
        a.dim().0 == b.dim().0,
        "heads of {left} {} ≠ heads of {right} {}",
        a.dim().0,
        b.dim().0
    );
    assert!(width == other, "width of {left} {width} ≠ {right} {other}");
}

#[track_caller]
fn expect_even(d_r: usize) {
    assert!(d_r.is_multiple_of(2), "rotary width {d_r} is odd, a rotation needs pairs of numbers");
}

/// Makes sure that the keys and values are of as many groups and tokens, and that the heads can be
/// dealt out to the groups.
///
/// # Panics
/// Names what does not fit.
#[track_caller]
pub fn expect_groups(k: ArrayView3<f64>, v: ArrayView3<f64>, h: usize) {
    expect_equal(("value groups", v.dim().0), ("key groups", k.dim().0));
    expect_equal(("values", v.dim().1), ("keys", k.dim().1));
    let h_kv = k.dim().0;
    assert!(h_kv > 0 && h.is_multiple_of(h_kv), "{h} heads cannot be dealt out to {h_kv} groups");
}
