use crate::{
    absorb_query,
    given::{Absorbed, Latents, Queries, Up, causal_softmax, expect_attention},
};
use ndarray::{Array3, Axis};

// ANCHOR: mla_absorbed
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
    // SOLUTION 7.5: in every head, attention to the latents, and only then its values
    let ((h, n, d), (_, _, d_r)) = (queries.content.dim(), queries.rotary.dim());
    let ((_, d_c, d_v), scale) = (up.w_uv.dim(), ((d + d_r) as f64).sqrt());
    let absorbed = absorb_query(queries.content.view(), up.w_uk.view()); // (h, n, d_c)
    let mut latents = Array3::zeros((h, n, d_c));
    let mut heads = Array3::zeros((h, n, d_v));
    for head in 0..h {
        let q = absorbed.index_axis(Axis(0), head); // n×d_c
        let q_r = queries.rotary.index_axis(Axis(0), head); // n×d_r
        let scores = (q.dot(&kept.c.t()) + q_r.dot(&kept.k_r.t())) / scale; // n×m
        let found = causal_softmax(scores.view()).dot(&kept.c); // n×d_c
        let w_uv = up.w_uv.index_axis(Axis(0), head); // d_c×d_v
        heads.index_axis_mut(Axis(0), head).assign(&found.dot(&w_uv));
        latents.index_axis_mut(Axis(0), head).assign(&found);
    }
    Absorbed { latents, heads }
    // END SOLUTION
}
// ANCHOR_END: mla_absorbed
