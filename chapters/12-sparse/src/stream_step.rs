use crate::given::{Stream, rotate};
use attn_core::shape::expect_equal;
use ndarray::{Array1, ArrayView1};

// ANCHOR: stream_step
/// One token of a stream that may never end: it joins the cache, the oldest token that is no sink leaves
/// it if there are more than `sinks + window`, and the query attends to what is left. Positions count
/// *within the cache*: its first token has 0, its last one, the token itself, the highest. Keys are kept as
/// they came, and turned by [`rotate`] each time they are read. Scores are divided by √d.
///
/// Shapes: q and k d, not turned yet; v and out d_v. Costs O((sinks + window)·(d + d_v)), however long the
/// stream. (Xiao et al., [arXiv:2309.17453](https://arxiv.org/abs/2309.17453), §3.2.)
///
/// ```
/// use ch12_sparse::{given::Stream, stream_step};
/// use ndarray::array;
/// let mut cache = Stream::new(1, 1);
/// let zero = array![0.0, 0.0];
/// for (value, expected) in [(2.0, 2.0), (4.0, 3.0), (8.0, 5.0)] {
///     let out = stream_step(&mut cache, zero.view(), zero.view(), array![value].view());
///     assert_eq!(out, array![expected]); // the mean of the first value and the newest
/// }
/// ```
#[track_caller]
pub fn stream_step(
    cache: &mut Stream,
    q: ArrayView1<f64>,
    k: ArrayView1<f64>,
    v: ArrayView1<f64>,
) -> Array1<f64> {
    assert!(cache.window > 0, "a window of 0 tokens does not hold the token itself");
    expect_equal(("key width", k.len()), ("query width", q.len()));
    // SOLUTION 12.6: take the token in, evict one if there are too many, and attend with positions in the cache
    cache.keys.push(k.to_owned());
    cache.values.push(v.to_owned());
    cache.tokens += 1;
    if cache.keys.len() > cache.sinks + cache.window {
        cache.keys.remove(cache.sinks);
        cache.values.remove(cache.sinks);
    }
    let root = (q.len() as f64).sqrt();
    let q = rotate(q, cache.keys.len() - 1);
    let keys = cache.keys.iter().enumerate();
    let scores: Vec<f64> = keys.map(|(place, k)| q.dot(&rotate(k.view(), place)) / root).collect();
    let most = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let weights: Vec<f64> = scores.iter().map(|score| (score - most).exp()).collect();
    let sum: f64 = weights.iter().sum();
    let mut out = Array1::zeros(v.len());
    for (weight, value) in weights.iter().zip(&cache.values) {
        out.scaled_add(weight / sum, value);
    }
    out
    // END SOLUTION
}
// ANCHOR_END: stream_step
