use crate::given::expect_all_heads;
use attn_core::Mask;
use ch03_scaled_dot_product::{masked_scores, softmax_rows};
use ndarray::{Array3, ArrayView3, Axis};

// ANCHOR: alibi_attention
/// Causal attention of several heads that tells the order by a *linear bias* (ALiBi): from the score
/// of each key, after the division by √d, its distance to the query is subtracted, times the slope
/// of the head.
///
/// Heads are counted from 0. With p the largest power of two that is at most h, head a < p has the
/// slope 2^(−8(a + 1)/p). The others, a ≥ p, have the first, the third, the fifth … of the slopes
/// that 2p heads would have.
///
/// Shapes: `q` (h, n, d), `k` (h, m, d), `v` (h, m, d_v), out (h, n, d_v). The last query stands at
/// the last key. A query that sees nothing gives zeros. Costs n·m multiplications and subtractions
/// per head more than attention.
///
/// Source: Press, Smith, Lewis, arXiv:2108.12409, §3; the rule for other numbers of heads is from
/// the authors' code.
///
/// ```
/// use ch04_multi_head::alibi_attention;
/// use ndarray::{Array3, array};
/// // Queries of zero: what is left is the bias. The nearer of two keys has the larger weight.
/// let out = alibi_attention(
///     Array3::zeros((1, 1, 2)).view(),
///     Array3::zeros((1, 2, 2)).view(),
///     array![[[0.0], [1.0]]].view(),
/// );
/// assert!(out[[0, 0, 0]] > 0.5);
/// ```
#[track_caller]
pub fn alibi_attention(q: ArrayView3<f32>, k: ArrayView3<f32>, v: ArrayView3<f32>) -> Array3<f32> {
    expect_all_heads(q, k, v);
    // SOLUTION 4.10: a slope for every head, and a bias for every pair of query and key
    let ((h, n, _), (_, m, d_v)) = (q.dim(), v.dim());
    let mut out = Array3::zeros((h, n, d_v));
    for (head, slope) in slopes(h).into_iter().enumerate() {
        let [q, k, v] = [q, k, v].map(|x| x.index_axis_move(Axis(0), head));
        let mut scores = masked_scores(q, k, &Mask::Causal);
        for ((i, j), score) in scores.indexed_iter_mut() {
            let distance = (m + i) as f32 - (n + j) as f32; // query i stands at key m − n + i
            *score -= slope * distance;
        }
        out.index_axis_mut(Axis(0), head).assign(&softmax_rows(scores.view()).dot(&v));
    }
    out
    // END SOLUTION
}

// SOLUTION
/// The slopes of `h` heads.
pub(crate) fn slopes(h: usize) -> Vec<f32> {
    let evenly =
        |heads: usize| (1..=heads).map(move |number| (-8.0 * number as f32 / heads as f32).exp2());
    let p = if h.is_power_of_two() { h } else { h.next_power_of_two() / 2 };
    evenly(p).chain(evenly(2 * p).step_by(2)).take(h).collect()
}
// END SOLUTION
// ANCHOR_END: alibi_attention
