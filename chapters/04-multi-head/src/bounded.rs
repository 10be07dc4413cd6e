use crate::given::{Bound, EPSILON, expect_bounded};
use attn_core::Mask;
use ch03_scaled_dot_product::{allowed, attention, masked_scores, softmax_rows};
use ndarray::{Array1, Array2, ArrayView2, Zip};

// ANCHOR: bounded_attention
/// Attention of one head whose scores cannot grow without limit.
///
/// * [`Bound::Norm`] divides every query and every key by the root of the mean of its squares, with
///   [`EPSILON`] added to the mean, and multiplies column by column with the gains. No mean is
///   subtracted. Attention follows as ever.
/// * [`Bound::Cap`] squeezes every score, divided by √d, between −cap and cap. What the mask hides
///   weighs nothing, as ever.
///
/// Shapes: `q` n×d, `k` m×d, `v` m×d_v, out n×d_v. Costs 4·(n + m)·d FLOPs more than attention, or
/// n·m hyperbolic tangents.
///
/// Source: Henry et al., arXiv:2010.04245, for normalised queries and keys; Gemma Team,
/// arXiv:2408.00118, §2, for the cap.
///
/// ```
/// use attn_core::Mask;
/// use ch04_multi_head::{Bound, bounded_attention};
/// use ndarray::array;
/// // Scores of 100 and 50 would leave nothing for the second key. Capped at 1, they are alike.
/// let (q, k, v) = (array![[1.0]], array![[100.0], [50.0]], array![[1.0], [3.0]]);
/// let out = bounded_attention(q.view(), k.view(), v.view(), &Bound::Cap(1.0), &Mask::None);
/// assert_eq!(out, array![[2.0]]);
/// ```
#[track_caller]
pub fn bounded_attention(
    q: ArrayView2<f32>,
    k: ArrayView2<f32>,
    v: ArrayView2<f32>,
    bound: &Bound,
    mask: &Mask,
) -> Array2<f32> {
    expect_bounded(q, k, v, bound, mask);
    // SOLUTION 4.9: attention whose scores are bounded in one of two ways
    match bound {
        Bound::Norm { q_gain, k_gain } => {
            let (q, k) = (rms_norm(q, q_gain), rms_norm(k, k_gain));
            attention(q.view(), k.view(), v, mask).out
        }
        Bound::Cap(cap) => {
            let mut scores = masked_scores(q, k, &Mask::None).mapv(|s| cap * (s / cap).tanh());
            // After the cap: before it, the −∞ of a hidden key would become −cap.
            Zip::from(&mut scores).and(&allowed(mask, q.nrows(), k.nrows())).for_each(|s, &may| {
                if !may {
                    *s = f32::NEG_INFINITY;
                }
            });
            softmax_rows(scores.view()).dot(&v)
        }
    }
    // END SOLUTION
}

// SOLUTION
/// Every row divided by the root of the mean of its squares, times the gain of each column.
fn rms_norm(x: ArrayView2<f32>, gain: &Array1<f32>) -> Array2<f32> {
    let mut x = x.to_owned();
    for mut row in x.rows_mut() {
        let mean_square = row.dot(&row) / row.len() as f32;
        row /= (mean_square + EPSILON).sqrt();
    }
    x * gain
}
// END SOLUTION
// ANCHOR_END: bounded_attention
