use crate::given::{Queries, QueryWeights, Source, expect_query_weights, rms_norm, rope};
use ndarray::{Array3, ArrayView2};

// ANCHOR: queries
/// The queries of all heads for new tokens, the first of which stands at position `start`: a content
/// part, which knows no position, and a rotary part.
///
/// Shapes: `x` n × d_model; the parts are (h, n, d) and (h, n, d_r). Costs 2·n·h·d_q·(d + d_r) FLOPs,
/// and 2·n·d_model·d_q where the queries are made of a latent.
///
/// Source: DeepSeek-V2, arXiv:2405.04434, Equations 12 to 14; the norm, §3.1.2.
///
/// ```
/// use ch07_mla::{given::{QueryWeights, Source}, queries};
/// use ndarray::{Array3, array};
/// // At position 0 nothing turns. One head, whose content part is the token's second number.
/// let weights = QueryWeights {
///     source: Source::Token,
///     w_uq: array![[[0.0], [1.0]]],
///     w_qr: Array3::ones((1, 2, 2)),
///     base: 100.0,
/// };
/// let queries = queries(&weights, array![[1.0, 7.0]].view(), 0);
/// assert_eq!(queries.content, array![[[7.0]]]);
/// assert_eq!(queries.rotary, array![[[8.0, 8.0]]]);
/// ```
#[track_caller]
pub fn queries(weights: &QueryWeights, x: ArrayView2<f64>, start: usize) -> Queries {
    expect_query_weights(weights, x);
    // SOLUTION 7.2: what the queries are made of, then both parts of every head
    let source = match &weights.source {
        Source::Token => x.to_owned(),
        Source::Latent { w_dq, gain } => rms_norm(x.dot(w_dq).view(), gain.view()),
    }; // n×d_q
    let ((h, _, d), (_, _, d_r)) = (weights.w_uq.dim(), weights.w_qr.dim());
    let mut content = Array3::zeros((h, x.nrows(), d));
    let mut rotary = Array3::zeros((h, x.nrows(), d_r));
    for (mut own, w) in content.outer_iter_mut().zip(weights.w_uq.outer_iter()) {
        own.assign(&source.dot(&w));
    }
    for (mut own, w) in rotary.outer_iter_mut().zip(weights.w_qr.outer_iter()) {
        own.assign(&rope(source.dot(&w).view(), start, weights.base));
    }
    Queries { content, rotary }
    // END SOLUTION
}
// ANCHOR_END: queries
