//! Chapter 2 · Additive attention and its family: your answers.
//!
//! Replace each `todo!`, save, and run `cargo attn check 2`. Stuck? `cargo attn hint 2.1`.
//! Add helpers and imports as you like; keep the headings and the first line of each function.
#![allow(unused)] // what is imported below waits to be used

use ch01_rnn_attention::softmax;
use ch02_additive_attention::given::{
    Additive, AdditiveGradients, Concat, Pointer, Products, expect_between, expect_d_scores, expect_positions,
};
use attn_core::shape::expect_equal;
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, array, concatenate, s};

// ━━ 2.1 Additive scores · 20 points · about 30 minutes ━━

/// Additive scores: for each pair of a query and a key, a network of one hidden layer.
///
/// Shapes: `q` n×d_q, `k` m×d_k; n×m. Costs 2·a·(n·d_q + m·d_k) + 4·n·m·a FLOPs, a tanh counted as
/// one.
///
/// Bahdanau et al., arXiv:1409.0473, App. A.1.2.
///
/// ```
/// use ch02_additive_attention::{Additive, additive_scores};
/// use ndarray::{Array1, Array2};
/// // Two queries and three keys: six scores, and without weights they are all zero.
/// let none = Additive { w_q: Array2::zeros((4, 8)), w_k: Array2::zeros((5, 8)), v: Array1::zeros(8) };
/// let scores = additive_scores(&none, Array2::ones((2, 4)).view(), Array2::ones((3, 5)).view());
/// assert_eq!(scores, Array2::<f32>::zeros((2, 3)));
/// ```
#[track_caller]
pub fn additive_scores(additive: &Additive, q: ArrayView2<f32>, k: ArrayView2<f32>) -> Array2<f32> {
    additive.expect_shapes(q, k);
    todo!("2.1: project once, then add, bend and weigh for every pair")
}

// ━━ 2.2 General scores · 15 points · about 20 minutes ━━

/// General scores: `q W kᵀ`, for all pairs at once, in the order of products that costs least.
///
/// Every product goes through `products`, which counts its FLOP.
///
/// Shapes: `w` d_q×d_k, `q` n×d_q, `k` m×d_k; n×m. Costs the smaller of two numbers, which depend on
/// n, m, d_q and d_k.
///
/// Luong et al., arXiv:1508.04025, §3.1.
///
/// ```
/// use ch02_additive_attention::{Products, general_scores};
/// use ndarray::array;
/// // The one entry of W lets the query's first number meet the key's second one.
/// let (w, q, k) = (array![[0.0, 2.0]], array![[3.0]], array![[4.0, 5.0]]);
/// let mut products = Products::default();
/// let scores = general_scores(w.view(), q.view(), k.view(), &mut products);
/// assert_eq!(scores, array![[30.0]]);
/// assert_eq!(products.flop(), 6); // k brought over to q's side: one number instead of two
/// ```
#[track_caller]
pub fn general_scores(
    w: ArrayView2<f32>,
    q: ArrayView2<f32>,
    k: ArrayView2<f32>,
    products: &mut Products,
) -> Array2<f32> {
    expect_between(w, q, k);
    todo!("2.2: q W kᵀ, with the brackets where they cost least")
}

// ━━ 2.3 Concat scores · 10 points · about 15 minutes ━━

/// Concat scores: as additive scores, from query and key in one row, the query first.
///
/// Shapes: `w` (d_q + d_k)×a, `q` n×d_q, `k` m×d_k; n×m. Written as it stands it costs
/// 2·n·m·a·(d_q + d_k) FLOPs and more, since every pair is projected anew.
///
/// Luong et al., arXiv:1508.04025, §3.1.
///
/// ```
/// use ch02_additive_attention::{Concat, concat_scores};
/// use ndarray::array;
/// // W looks at the query alone, and tanh of so large a number is 1: the score is v.
/// let concat = Concat { w: array![[100.0], [0.0]], v: array![0.5] };
/// assert_eq!(concat_scores(&concat, array![[1.0]].view(), array![[7.0]].view()), array![[0.5]]);
/// ```
#[track_caller]
pub fn concat_scores(concat: &Concat, q: ArrayView2<f32>, k: ArrayView2<f32>) -> Array2<f32> {
    concat.expect_shapes(q, k);
    todo!("2.3: join each query with each key, project, bend, weigh")
}

// ━━ 2.8 Cosine scores · 15 points · about 20 minutes ━━

/// Cosine scores: β times the cosine of the angle between query and key. They lie between −β and β.
///
/// A row of zeros has no direction: its scores are 0. The length of any other row does not matter,
/// however small it is.
///
/// Shapes: `q` n×d, `k` m×d; n×m. No entry is so small or so large that its square leaves the range
/// of an f32. Costs 2·d·(n + m) + 2·n·m·d FLOPs, if each length is computed once.
///
/// Graves, Wayne and Danihelka, *Neural Turing Machines*, arXiv:1410.5401, §3.3.1.
///
/// ```
/// use ch02_additive_attention::cosine_scores;
/// use ndarray::array;
/// let (q, k) = (array![[3.0, 4.0]], array![[30.0, 40.0], [0.0, 0.0], [-0.03, -0.04]]);
/// let scores = cosine_scores(2.0, q.view(), k.view());
/// let far = &scores - &array![[2.0, 0.0, -2.0]];
/// assert!(far.iter().all(|x: &f32| x.abs() < 1e-6));
/// ```
#[track_caller]
pub fn cosine_scores(beta: f32, q: ArrayView2<f32>, k: ArrayView2<f32>) -> Array2<f32> {
    expect_equal(("key width", k.ncols()), ("query width", q.ncols()));
    todo!("2.8: the products of rows of length 1, times beta")
}

// ━━ 2.4 Weights by location · 15 points · about 15 minutes ━━

/// Location weights: each query has a score for each position, whatever the key there is.
///
/// Shapes: `w` d_q×s for at most s positions, `q` n×d_q, m ≤ s; n×m. Costs 2·n·d_q·s FLOPs.
/// The scores are of ordinary size, between −80 and 80.
///
/// Luong et al., arXiv:1508.04025, §3.1, Equation 8.
///
/// ```
/// use ch02_additive_attention::location_weights;
/// use ndarray::array;
/// // Weights for at most four positions, of which two exist; the query has the same score for each.
/// let weights = location_weights(array![[5.0, 5.0, 5.0, 5.0]].view(), array![[1.0]].view(), 2);
/// assert_eq!(weights, array![[0.5, 0.5]]);
/// ```
#[track_caller]
pub fn location_weights(w: ArrayView2<f32>, q: ArrayView2<f32>, m: usize) -> Array2<f32> {
    expect_positions(w, q, m);
    todo!("2.4: the softmax of the first m scores of each query")
}

// ━━ 2.5 A window that a query chooses · 25 points · about 35 minutes ━━

/// Local weights with a predicted position (local-p): each query points at a position, and looks at
/// the keys that are at most `half` (D) away from it.
///
/// The result is not normalised again: a row sums to less than one.
///
/// Shapes: `q` n×d_q, `scores` n×m with m ≥ 1; n×m. `half` ≥ 1. The scores are of ordinary size,
/// between −80 and 80.
///
/// Luong et al., arXiv:1508.04025, §3.2, Equations 9 and 10.
///
/// ```
/// use ch02_additive_attention::{Pointer, local_weights};
/// use ndarray::array;
/// // Without weights a query points at the middle, at 2 of 4. Keys 1 to 3 are in the window.
/// let pointer = Pointer { w_p: array![[0.0]], v_p: array![0.0] };
/// let weights = local_weights(&pointer, array![[1.0]].view(), array![[0.0, 0.0, 0.0, 0.0]].view(), 1);
/// assert!(weights[[0, 0]] == 0.0 && weights[[0, 1]] == weights[[0, 3]]);
/// ```
#[track_caller]
pub fn local_weights(
    pointer: &Pointer,
    q: ArrayView2<f32>,
    scores: ArrayView2<f32>,
    half: usize,
) -> Array2<f32> {
    pointer.expect_shapes(q, scores, half);
    todo!("2.5: point, cut the window out, softmax inside it, and fade towards its edges")
}

// ━━ 2.6 Gradients by differences · 20 points · about 25 minutes ━━

/// The gradient of `f` at `x`, by central differences.
///
/// Shapes: as `x`. Costs two evaluations of `f` for each entry; the error is of the order of h²,
/// plus that of the rounding of `f`, divided by h.
///
/// ```
/// use ch02_additive_attention::finite_differences;
/// use ndarray::array;
/// // The slope of a sum of squares is twice the point.
/// let gradient = finite_differences(&|x| (&x * &x).sum(), array![[1.0, -2.0]].view(), 0.5);
/// assert_eq!(gradient, array![[2.0, -4.0]]);
/// ```
pub fn finite_differences(
    f: &dyn Fn(ArrayView2<f64>) -> f64,
    x: ArrayView2<f64>,
    h: f64,
) -> Array2<f64> {
    todo!("2.6: move one entry at a time, up and down")
}

// ━━ 2.7 Additive scores, backwards · 25 points · about 40 minutes ━━

/// The gradients of an additive score's weights: from the inputs and the loss's gradient with
/// respect to the scores, those with respect to `w_q`, `w_k` and `v`.
///
/// The hidden layers are computed again from the inputs.
///
/// Shapes: `q` n×d_q, `k` m×d_k, `d_scores` n×m; each gradient in the shape of its weights. Costs
/// about twice what the scores do, if each query's and each key's share is added up before it is
/// multiplied with the query or the key.
///
/// ```
/// use ch02_additive_attention::{Additive, additive_backward};
/// use ndarray::array;
/// // The sum is 0, where the tanh is 0 and has the slope 1: v hardly matters yet, its sign does.
/// let additive = Additive { w_q: array![[0.0]], w_k: array![[0.0]], v: array![2.0] };
/// let gradients =
///     additive_backward(&additive, array![[3.0]].view(), array![[5.0]].view(), array![[1.0]].view());
/// assert_eq!((gradients.dw_q, gradients.dw_k), (array![[6.0]], array![[10.0]]));
/// assert_eq!(gradients.dv, array![0.0]);
/// ```
#[track_caller]
pub fn additive_backward(
    additive: &Additive,
    q: ArrayView2<f32>,
    k: ArrayView2<f32>,
    d_scores: ArrayView2<f32>,
) -> AdditiveGradients {
    additive.expect_shapes(q, k);
    expect_d_scores(q, k, d_scores);
    todo!("2.7: back through v, the tanh and the two projections")
}
