//! Scores that compare a query with a key: dot, additive, general and concat.

use crate::given::{Additive, Concat, Products, expect_between};
use attn_core::shape::expect_equal;
use ndarray::{Array2, ArrayView2, Axis, concatenate, s};

/// The dot product of every query with every key: `q kᵀ`.
///
/// Shapes: `q` n×d, `k` m×d; n×m. Costs 2·n·m·d FLOPs.
///
/// Luong et al., arXiv:1508.04025, §3.1.
#[track_caller]
pub fn dot_scores(q: ArrayView2<f32>, k: ArrayView2<f32>) -> Array2<f32> {
    expect_equal(("key width", k.ncols()), ("query width", q.ncols()));
    q.dot(&k.t())
}

// ANCHOR: additive_scores
/// Additive scores: for each pair of a query and a key, a network of one hidden layer.
///
// SOLUTION
/// `scores[i,j] = v · tanh(q_i W_q + k_j W_k)`.
///
// END SOLUTION
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
    // SOLUTION 2.1: project once, then add, bend and weigh for every pair
    let from_q = q.dot(&additive.w_q); // n×a
    let from_k = k.dot(&additive.w_k); // m×a
    Array2::from_shape_fn((q.nrows(), k.nrows()), |(i, j)| {
        let hidden = (&from_q.row(i) + &from_k.row(j)).mapv(f32::tanh); // a
        hidden.dot(&additive.v)
    })
    // END SOLUTION
}
// ANCHOR_END: additive_scores

// ANCHOR: general_scores
/// General scores: `q W kᵀ`, for all pairs at once, in the order of products that costs least.
///
/// Every product goes through `products`, which counts its FLOP.
///
/// Shapes: `w` d_q×d_k, `q` n×d_q, `k` m×d_k; n×m. Costs the smaller of two numbers, which depend on
/// n, m, d_q and d_k.
///
// SOLUTION
/// From the queries' side that is 2·n·d_q·d_k + 2·n·m·d_k FLOPs, from the keys' side
/// 2·m·d_q·d_k + 2·n·m·d_q.
///
// END SOLUTION
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
    // SOLUTION 2.2: q W kᵀ, with the brackets where they cost least
    let ((n, d_q), (m, d_k)) = (q.dim(), k.dim());
    let from_queries = n * d_q * d_k + n * m * d_k; // (q W) kᵀ
    let from_keys = m * d_q * d_k + n * m * d_q; // q (W kᵀ)
    if from_queries <= from_keys {
        let on_the_keys_side = products.multiply(q, w); // n×d_k
        products.multiply(on_the_keys_side.view(), k.t())
    } else {
        let on_the_queries_side = products.multiply(w, k.t()); // d_q×m
        products.multiply(q, on_the_queries_side.view())
    }
    // END SOLUTION
}
// ANCHOR_END: general_scores

// ANCHOR: concat_scores
/// Concat scores: as additive scores, from query and key in one row, the query first.
///
// SOLUTION
/// `scores[i,j] = v · tanh([q_i ; k_j] W)`.
///
// END SOLUTION
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
    // SOLUTION 2.3: join each query with each key, project, bend, weigh
    Array2::from_shape_fn((q.nrows(), k.nrows()), |(i, j)| {
        let both = concatenate![Axis(0), q.row(i), k.row(j)]; // d_q + d_k
        both.dot(&concat.w).mapv(f32::tanh).dot(&concat.v)
    })
    // END SOLUTION
}
// ANCHOR_END: concat_scores

/// The additive score that a concat score is: the rows of `w` that meet the query, and those that
/// meet the key.
///
/// # Panics
/// If there are fewer than `d_q` rows.
#[track_caller]
pub fn split(concat: &Concat, d_q: usize) -> Additive {
    Additive {
        w_q: concat.w.slice(s![..d_q, ..]).to_owned(),
        w_k: concat.w.slice(s![d_q.., ..]).to_owned(),
        v: concat.v.clone(),
    }
}
