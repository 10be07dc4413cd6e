use crate::given::expect_heads;
use ndarray::{Array3, ArrayView3};

// ANCHOR: absorb_query
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
    // SOLUTION 7.4: every head's queries, carried over to the latents by its own matrix
    let ((h, n, _), (_, d_c, _)) = (content.dim(), w_uk.dim());
    let mut absorbed = Array3::zeros((h, n, d_c));
    for ((mut absorbed, q), w) in
        absorbed.outer_iter_mut().zip(content.outer_iter()).zip(w_uk.outer_iter())
    {
        absorbed.assign(&q.dot(&w.t()));
    }
    absorbed
    // END SOLUTION
}
// ANCHOR_END: absorb_query
