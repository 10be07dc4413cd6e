//! Chapter 7 · MLA and absorption: your answers.
//!
//! Replace each `todo!`, save, and run `cargo attn check 7`. Stuck? `cargo attn hint 7.1`.
//! Add helpers and imports as you like; keep the headings and the first line of each function.
#![allow(unused)] // what is imported below waits to be used

use attn_core::shape::expect_equal;
use ch07_mla::given::*;
use ndarray::{Array2, Array3, ArrayView2, ArrayView3, Axis, concatenate, s};

// ━━ 7.1 What is kept of a token · 15 points · about 20 minutes ━━

/// What is kept of new tokens: the normalised latent of each, and its rotary key, which all heads
/// share. The first of them stands at position `start`.
///
/// Shapes: `x` n × d_model; of each token d_c + d_r numbers are kept. Costs
/// 2·n·d_model·(d_c + d_r) FLOPs.
///
/// Source: DeepSeek-V2, arXiv:2405.04434, Equations 9 and 15; the norm, §3.1.2.
///
/// ```
/// use ch07_mla::{compress, given::Down};
/// use ndarray::{Array2, array};
/// // A token at position 0. The mean of the squares of its latent is 25.
/// let weights = Down { w_dkv: Array2::eye(2), gain: array![5.0, 5.0], w_kr: Array2::eye(2), base: 100.0 };
/// let kept = compress(&weights, array![[1.0, 7.0]].view(), 0);
/// assert!((kept.c[[0, 1]] - 7.0).abs() < 1e-5 && kept.k_r == array![[1.0, 7.0]]);
/// ```
#[track_caller]
pub fn compress(weights: &Down, x: ArrayView2<f64>, start: usize) -> Latents {
    expect_down(weights, x);
    todo!("7.1: the normalised latent and the rotary key of each token")
}

// ━━ 7.2 Queries in two parts · 15 points · about 25 minutes ━━

/// The queries of all heads for new tokens, the first of which stands at position `start`: a content
/// part, which knows no position, and a rotary part.
///
/// Shapes: `x` n × d_model; the parts are (h, n, d) and (h, n, d_r). Costs 2·n·h·d_q·(d + d_r) FLOPs,
/// and 2·n·d_model·d_q where the queries are made of a latent.
///
/// Source: DeepSeek-V2, arXiv:2405.04434, Equations 12 to 14; the norm, §3.1.2.
///
/// ```
/// use ch07_mla::{given::{QueryWeights, Source}, queries};
/// use ndarray::{Array3, array};
/// // At position 0 nothing turns. One head, whose content part is the token's second number.
/// let weights = QueryWeights {
///     source: Source::Token,
///     w_uq: array![[[0.0], [1.0]]],
///     w_qr: Array3::ones((1, 2, 2)),
///     base: 100.0,
/// };
/// let queries = queries(&weights, array![[1.0, 7.0]].view(), 0);
/// assert_eq!(queries.content, array![[[7.0]]]);
/// assert_eq!(queries.rotary, array![[[8.0, 8.0]]]);
/// ```
#[track_caller]
pub fn queries(weights: &QueryWeights, x: ArrayView2<f64>, start: usize) -> Queries {
    expect_query_weights(weights, x);
    todo!("7.2: what the queries are made of, then both parts of every head")
}

// ━━ 7.3 Keys and values made again · 20 points · about 30 minutes ━━

/// Latent attention, the naive form: the keys and values of every head are made of the latents, and
/// each head attends to them.
///
/// Shapes: `queries` (h, n, d) and (h, n, d_r), `kept` m × d_c and m × d_r, out (h, n, d_v). The n new
/// tokens are the last of the m that are kept; a query sees itself and what stands before it.
///
/// What it costs is task 7.8.
///
/// Source: DeepSeek-V2, arXiv:2405.04434, Equations 10, 11 and 16 to 18.
///
/// ```
/// use ch07_mla::{given::{Latents, Queries, Up}, mla_naive};
/// use ndarray::{Array3, array};
/// // Queries of zero: the two latents count alike, and the value of each is its second number.
/// let queries = Queries { content: Array3::zeros((1, 1, 2)), rotary: Array3::zeros((1, 1, 2)) };
/// let kept = Latents { c: array![[1.0, 2.0], [3.0, 4.0]], k_r: array![[5.0, 6.0], [7.0, 8.0]] };
/// let up = Up { w_uk: Array3::ones((1, 2, 2)), w_uv: array![[[0.0], [1.0]]] };
/// assert_eq!(mla_naive(&queries, &kept, &up), array![[[3.0]]]);
/// ```
#[track_caller]
pub fn mla_naive(queries: &Queries, kept: &Latents, up: &Up) -> Array3<f64> {
    expect_attention(queries, kept, up);
    todo!("7.3: in every head, keys and values of the latents, and attention to them")
}

// ━━ 7.4 A query for latents · 15 points · about 15 minutes ━━

/// The content part of each query, carried over to the latents: a vector whose product with a latent
/// is the product of the query with the key that W_UK makes of that latent.
///
/// Shapes: `content` (h, n, d), `w_uk` (h, d_c, d), out (h, n, d_c). Costs 2·h·n·d·d_c FLOPs, however
/// many tokens are kept.
///
/// Source: DeepSeek-V2, arXiv:2405.04434, §2.1.2 and Appendix C.
///
/// ```
/// use ch07_mla::absorb_query;
/// use ndarray::array;
/// // The key of the latent (5, 6) is 1·5 + 2·6 = 17, and the query 3 times that is 51.
/// let q = absorb_query(array![[[3.0]]].view(), array![[[1.0], [2.0]]].view());
/// assert_eq!(q[[0, 0, 0]] * 5.0 + q[[0, 0, 1]] * 6.0, 51.0);
/// ```
#[track_caller]
pub fn absorb_query(content: ArrayView3<f64>, w_uk: ArrayView3<f64>) -> Array3<f64> {
    expect_heads(("content", content), ("w_uk", w_uk), (content.dim().2, w_uk.dim().2));
    todo!("7.4: every head's queries, carried over to the latents by its own matrix")
}

// ━━ 7.5 Attention among latents · 25 points · about 35 minutes ━━

/// Latent attention, the absorbed form: the same heads as [`crate::mla_naive`] gives, and no key or
/// value is ever made.
///
/// Shapes: as there; the weighted sums of latents are (h, n, d_c).
///
/// What it costs is task 7.8.
///
/// Source: DeepSeek-V2, arXiv:2405.04434, §2.1.2 and Appendix C.
///
/// ```
/// use ch07_mla::{given::{Latents, Queries, Up}, mla_absorbed};
/// use ndarray::{Array3, array};
/// // Queries of zero: the two latents count alike. Their mean is (2, 3), and its value 3.
/// let queries = Queries { content: Array3::zeros((1, 1, 2)), rotary: Array3::zeros((1, 1, 2)) };
/// let kept = Latents { c: array![[1.0, 2.0], [3.0, 4.0]], k_r: array![[5.0, 6.0], [7.0, 8.0]] };
/// let up = Up { w_uk: Array3::ones((1, 2, 2)), w_uv: array![[[0.0], [1.0]]] };
/// let found = mla_absorbed(&queries, &kept, &up);
/// assert_eq!(found.latents, array![[[2.0, 3.0]]]);
/// assert_eq!(found.heads, array![[[3.0]]]);
/// ```
#[track_caller]
pub fn mla_absorbed(queries: &Queries, kept: &Latents, up: &Up) -> Absorbed {
    expect_attention(queries, kept, up);
    todo!("7.5: in every head, attention to the latents, and only then its values")
}

// ━━ 7.6 Values into the output · 10 points · about 15 minutes ━━

/// W_UV and W_O as one matrix per head, which takes a weighted sum of latents to what the head adds
/// to the output; and how many numbers there are to be kept and read, apart and together.
///
/// Shapes: `w_uv` (h, d_c, d_v), `w_o` (h, d_v, d_model), product (h, d_c, d_model).
///
/// Source: DeepSeek-V2, arXiv:2405.04434, §2.1.2 and Appendix C.
///
/// ```
/// use ch07_mla::absorb_output;
/// use ndarray::array;
/// // A row of three and a column of three: six numbers, or one.
/// let w_uv = array![[[1.0, 2.0, 3.0]]];
/// let w_o = array![[[4.0], [5.0], [6.0]]];
/// let output = absorb_output(w_uv.view(), w_o.view());
/// assert_eq!((output.product, output.apart, output.together), (array![[[32.0]]], 6, 1));
/// ```
#[track_caller]
pub fn absorb_output(w_uv: ArrayView3<f64>, w_o: ArrayView3<f64>) -> AbsorbedOutput {
    expect_heads(("w_uv", w_uv), ("w_o", w_o), (w_uv.dim().2, w_o.dim().1));
    todo!("7.6: one matrix per head, and both counts")
}

// ━━ 7.7 What a rotation leaves between · 15 points · about 25 minutes ━━

/// What would stand between a query's latent and a token's latent, if the content part were turned
/// by positions: the matrix M with c_q M cᵀ = (R_t q) · (R_j k), for a query at position t and a key
/// at position j = t − `distance`, where q = c_q W_UQ and k = c W_UK are those of one head.
///
/// Shapes: `w_uq` d_q × d, `w_uk` d_c × d, out d_q × d_c. Costs 2·d_q·d·d_c FLOPs for each distance.
///
/// Source: DeepSeek-V2, arXiv:2405.04434, §2.1.3.
///
/// ```
/// use ch07_mla::rotation_between;
/// use ndarray::array;
/// // At distance 0 there is no turn between the two.
/// let (w_uq, w_uk) = (array![[1.0, 2.0]], array![[3.0, 4.0], [5.0, 6.0]]);
/// assert_eq!(rotation_between(w_uq.view(), w_uk.view(), 0, 100.0), array![[11.0, 17.0]]);
/// ```
#[track_caller]
pub fn rotation_between(
    w_uq: ArrayView2<f64>,
    w_uk: ArrayView2<f64>,
    distance: usize,
    base: f64,
) -> Array2<f64> {
    expect_equal(("width of w_uq", w_uq.ncols()), ("width of w_uk", w_uk.ncols()));
    todo!("7.7: W_UQ, the turn by the distance, and W_UK")
}

// ━━ 7.8 The cheaper form · 15 points · about 25 minutes ━━

/// What one call of each form costs, for `n` new tokens among `m` that are kept, in FLOPs: a
/// multiplication and an addition are two. Counted are the matrix products of all heads, over all
/// n·m pairs, from the queries to the heads; the projections before and after are the same in both.
///
/// ```
/// use ch07_mla::{cheaper_form, given::{Form, Shape}};
/// // One new token among many: the naive form makes keys and values of them all.
/// let shape = Shape { h: 2, d: 16, d_r: 8, d_v: 16, d_c: 32 };
/// assert_eq!(cheaper_form(&shape, 1, 1000).cheaper, Form::Absorbed);
/// assert_eq!(cheaper_form(&shape, 1000, 1000).cheaper, Form::Naive);
/// ```
pub fn cheaper_form(shape: &Shape, n: usize, m: usize) -> Costs {
    todo!("7.8: count both forms, then compare")
}

// ━━ 7.9 Groups as latents · 20 points · about 30 minutes ━━

/// Grouped-query attention, written as latent attention: the keys and values of `h_kv` groups become
/// latents, and the weights make of a latent the key and the value of each of `h` heads. Heads
/// g·h/h_kv to (g + 1)·h/h_kv − 1 belong to group g.
///
/// Shapes: `k` (h_kv, m, d), turned by the positions already, `v` (h_kv, m, d_v). A latent has
/// h_kv·(d + d_v) numbers, as many as grouped-query attention keeps; there is no rotary key beside it.
///
/// Source: the idea is in TransMLA, arXiv:2502.07864.
///
/// ```
/// use ch07_mla::gqa_as_mla;
/// use ndarray::array;
/// // One group of two heads: both find its key again.
/// let as_mla = gqa_as_mla(array![[[1.0], [2.0]]].view(), array![[[3.0], [4.0]]].view(), 2);
/// for w_uk in as_mla.up.w_uk.outer_iter() {
///     assert_eq!(as_mla.c.dot(&w_uk), array![[1.0], [2.0]]);
/// }
/// ```
#[track_caller]
pub fn gqa_as_mla(k: ArrayView3<f64>, v: ArrayView3<f64>, h: usize) -> AsMla {
    expect_groups(k, v, h);
    todo!("7.9: the latents side by side, and the weights that repeat them")
}
