use crate::given::{Compressed, expect_tokens, spans};
use ndarray::{Array2, ArrayView2, Axis, s};

// ANCHOR: compressed_attention
/// Causal attention to spans in the place of tokens: span b has the tokens from b·stride on, `length` of
/// them, and its key and value are the means of theirs. A query sees a span if it sees all of its tokens,
/// so none that has not ended yet.
///
/// Shapes: q and k n×d, v n×d_v; `out` n×d_v, `weights` n×[`spans`]. A query that sees no span gets zeros.
/// Scores are divided by √d. Costs about 2·n²·(d + d_v)/(2·stride) FLOPs. (The first branch of Yuan et
/// al., [arXiv:2502.11089](https://arxiv.org/abs/2502.11089), Eq 7, where a learned function stands for the mean.)
///
/// # Panics
/// If `length` or `stride` is 0, or sizes do not fit.
///
/// ```
/// use ch12_sparse::compressed_attention;
/// use ndarray::{Array2, array};
/// let (zero, v) = (Array2::zeros((4, 1)), array![[2.0], [4.0], [8.0], [16.0]]);
/// let found = compressed_attention(zero.view(), zero.view(), v.view(), 2, 2);
/// assert_eq!(found.out, array![[0.0], [3.0], [3.0], [7.5]]); // spans of the values 3 and 12
/// ```
#[track_caller]
pub fn compressed_attention(
    q: ArrayView2<f64>,
    k: ArrayView2<f64>,
    v: ArrayView2<f64>,
    length: usize,
    stride: usize,
) -> Compressed {
    expect_tokens(q, k, v);
    assert!(length > 0 && stride > 0, "spans of {length} tokens, every {stride}");
    // SOLUTION 12.7: the spans' means, and a softmax over those that have ended
    let (n, count) = (q.nrows(), spans(q.nrows(), length, stride));
    let means = |x: ArrayView2<f64>| {
        let mut means = Array2::zeros((count, x.ncols()));
        for (b, mut mean) in means.rows_mut().into_iter().enumerate() {
            let span = x.slice(s![b * stride..b * stride + length, ..]);
            mean.assign(&(span.sum_axis(Axis(0)) / length as f64));
        }
        means
    };
    let mut weights = q.dot(&means(k).t()) / (q.ncols() as f64).sqrt(); // n×spans; scores so far
    for t in 0..n {
        let ended = spans(t + 1, length, stride);
        let mut row = weights.row_mut(t);
        row.slice_mut(s![ended..]).fill(f64::NEG_INFINITY);
        if ended > 0 {
            let most = row.fold(f64::NEG_INFINITY, |most, &score| most.max(score));
            row.mapv_inplace(|score| (score - most).exp());
            let sum = row.sum();
            row /= sum;
        } else {
            row.fill(0.0);
        }
    }
    Compressed { out: weights.dot(&means(v)), weights }
    // END SOLUTION
}
// ANCHOR_END: compressed_attention
