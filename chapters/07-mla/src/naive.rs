use crate::given::{Latents, Queries, Up, causal_softmax, expect_attention};
use ndarray::{Array3, Axis};

// ANCHOR: mla_naive
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
    // SOLUTION 7.3: in every head, keys and values of the latents, and attention to them
    let ((h, n, d), (_, _, d_r)) = (queries.content.dim(), queries.rotary.dim());
    let scale = ((d + d_r) as f64).sqrt();
    let mut out = Array3::zeros((h, n, up.w_uv.dim().2));
    for (head, mut out) in out.outer_iter_mut().enumerate() {
        let [q, q_r] = [&queries.content, &queries.rotary].map(|q| q.index_axis(Axis(0), head));
        let k = kept.c.dot(&up.w_uk.index_axis(Axis(0), head)); // m×d
        let v = kept.c.dot(&up.w_uv.index_axis(Axis(0), head)); // m×d_v
        let scores = (q.dot(&k.t()) + q_r.dot(&kept.k_r.t())) / scale; // n×m
        out.assign(&causal_softmax(scores.view()).dot(&v));
    }
    out
    // END SOLUTION
}
// ANCHOR_END: mla_naive
