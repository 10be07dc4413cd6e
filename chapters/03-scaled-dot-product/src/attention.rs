use crate::{
    allowed,
    given::{Output, expect_shapes},
    softmax_rows,
};
use attn_core::Mask;
use ndarray::{Array2, ArrayView1, ArrayView2, Zip};

// ANCHOR: attention
/// Scaled dot-product attention: for each query the mean of the values, weighted by the softmax of
/// its scaled scores for the keys that it may attend to.
///
/// Shapes: `q` n×d, `k` m×d, `v` m×d_v; `out` n×d_v, `lse` n. `lse[i]` is the log-sum-exp of row
/// `i` of the masked scores, finite whenever the scores are. A query that may attend to nothing
/// gives a row of zeros and −∞. Costs 2·n·m·(d + d_v) FLOP. (Vaswani et al., 2017, §3.2.1, Equation
/// 1.)
///
/// ```
/// use {attn_core::Mask, ch03_scaled_dot_product::attention, ndarray::array};
/// // Both keys fit the query equally well: the mean of the values.
/// let [q, k, v] = [array![[1.0]], array![[2.0], [2.0]], array![[0.0], [4.0]]];
/// assert_eq!(attention(q.view(), k.view(), v.view(), &Mask::None).out, array![[2.0]]);
/// ```
#[track_caller]
pub fn attention(
    q: ArrayView2<f32>,
    k: ArrayView2<f32>,
    v: ArrayView2<f32>,
    mask: &Mask,
) -> Output {
    expect_shapes(q, k, v, mask);
    // SOLUTION 3.3: score, scale, mask, softmax, weigh the values; and the log-sum-exp of each row
    let scores = masked_scores(q, k, mask); // n×m
    let weights = softmax_rows(scores.view()); // n×m
    let lse = scores.rows().into_iter().map(log_sum_exp).collect();
    let out = weights.dot(&v); // n×d_v
    Output { out, lse }
    // END SOLUTION
}

// SOLUTION
/// `q kᵀ / √d`, with −∞ where the mask forbids: n×m. Costs 2·n·m·d FLOPs.
pub fn masked_scores(q: ArrayView2<f32>, k: ArrayView2<f32>, mask: &Mask) -> Array2<f32> {
    let ((n, d), m) = (q.dim(), k.nrows());
    let mut scores = q.dot(&k.t()) / (d as f32).sqrt();
    Zip::from(&mut scores).and(&allowed(mask, n, m)).for_each(|score, &may| {
        if !may {
            *score = f32::NEG_INFINITY;
        }
    });
    scores
}

/// `ln Σ exp(s)`, with the maximum taken out so that nothing overflows; −∞ if there is nothing to
/// sum.
pub fn log_sum_exp(row: ArrayView1<f32>) -> f32 {
    if row.iter().all(|&s| s == f32::NEG_INFINITY) {
        return f32::NEG_INFINITY;
    }
    let row_max = row.fold(f32::NEG_INFINITY, |max, &s| max.max(s));
    row_max + row.mapv(|s| (s - row_max).exp()).sum().ln()
}
// END SOLUTION
// ANCHOR_END: attention
