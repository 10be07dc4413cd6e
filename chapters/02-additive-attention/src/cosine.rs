use attn_core::shape::expect_equal;
use ndarray::{Array2, ArrayView2, Axis};

// ANCHOR: cosine_scores
/// Cosine scores: β times the cosine of the angle between query and key. They lie between −β and β.
///
// SOLUTION
/// `scores[i,j] = β · q_i · k_j / (‖q_i‖ ‖k_j‖)`.
///
// END SOLUTION
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
    // SOLUTION 2.8: the products of rows of length 1, times beta
    unit_rows(q).dot(&unit_rows(k).t()) * beta
    // END SOLUTION
}

// SOLUTION
/// Each row divided by its length. A row of zeros stays as it is.
fn unit_rows(x: ArrayView2<f32>) -> Array2<f32> {
    let length = (&x * &x).sum_axis(Axis(1)).sqrt().insert_axis(Axis(1));
    &x / &length.mapv(|length| if length == 0.0 { 1.0 } else { length })
}
// END SOLUTION
// ANCHOR_END: cosine_scores
