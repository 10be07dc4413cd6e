//! Why the scores are divided by √d, measured: without it the softmax saturates as d grows, and its
//! gradients vanish.

use attn_core::random::Random;
use attn_oracle as oracle;
use ndarray::{Array2, ArrayView1, ArrayView2, Axis};

/// How far the softmax of one query is from spreading its weight.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Saturation {
    /// The weight of its best key.
    pub largest_weight: f64,
    /// The Frobenius norm of ∂weights/∂scores, an m×m matrix: how much of a gradient comes through
    /// the softmax.
    pub jacobian_norm: f64,
}

/// The keys that each query is compared with.
pub const KEYS: usize = 64;
/// Keys are drawn anew after so many queries, so that no single set of keys decides.
const QUERIES_A_SET: usize = 16;

/// The saturation of `queries` standard normal queries of width `d`, each against [`KEYS`] standard
/// normal keys; the scores are divided by √d if `scaled`. The same seed draws the same queries and
/// keys, scaled or not.
///
/// Costs about `queries`·64·(2d + 64) operations.
///
/// ```
/// use ch03_scaled_dot_product::saturation::{quantile, saturation};
/// let largest = |scaled| {
///     let sample = saturation(256, scaled, 32, 1);
///     quantile(sample.iter().map(|s| s.largest_weight), 0.5)
/// };
/// assert!(largest(false) > 0.5 && largest(true) < 0.2);
/// ```
pub fn saturation(d: usize, scaled: bool, queries: usize, seed: u64) -> Vec<Saturation> {
    let scale = if scaled { (d as f32).sqrt() } else { 1.0 };
    saturation_of(d, queries, seed, |q, k| q.dot(&k.t()) / scale)
}

/// The same, with scores n×m that are made of the queries n×d and keys m×d in some other way.
pub fn saturation_of(
    d: usize,
    queries: usize,
    seed: u64,
    scores: impl Fn(Array2<f32>, Array2<f32>) -> Array2<f32>,
) -> Vec<Saturation> {
    let mut random = Random::new(seed);
    let mut sample = Vec::with_capacity(queries);
    while sample.len() < queries {
        let scores = scores(random.normal((QUERIES_A_SET, d)), random.normal((KEYS, d)));
        let left = queries - sample.len();
        sample.extend(of_scores(scores.view()).into_iter().take(left));
    }
    sample
}

/// The saturation of each row of scores, n×m.
///
/// ```
/// use ndarray::array;
/// let even = ch03_scaled_dot_product::saturation::of_scores(array![[3.0, 3.0]].view())[0];
/// assert_eq!((even.largest_weight, even.jacobian_norm), (0.5, 0.5));
/// ```
pub fn of_scores(scores: ArrayView2<f32>) -> Vec<Saturation> {
    // In f64: in f32, 1 − w is lost where the softmax is saturated.
    let weights = oracle::softmax_rows::<f64>(scores);
    weights.rows().into_iter().map(of_row).collect()
}

/// Each row divided by the root of its mean square, so that its length is √d.
///
/// ```
/// use ndarray::array;
/// let normed = ch03_scaled_dot_product::saturation::normalised(array![[30.0, 40.0]]);
/// assert!((normed.mapv(|x| x * x).sum() - 2.0_f32).abs() < 1e-6);
/// ```
pub fn normalised(x: Array2<f32>) -> Array2<f32> {
    let mean_square = x.mapv(|x| x * x).mean_axis(Axis(1)).expect("a width");
    x / mean_square.sqrt().insert_axis(Axis(1))
}

fn of_row(weights: ArrayView1<f64>) -> Saturation {
    Saturation {
        largest_weight: weights.fold(0.0, |most, &w| most.max(w)),
        jacobian_norm: jacobian_norm(weights),
    }
}

/// The Frobenius norm of `∂w_i/∂s_j = w_i (δ_ij − w_j)`.
pub fn jacobian_norm(weights: ArrayView1<f64>) -> f64 {
    let mut squares = 0.0;
    for (i, w_i) in weights.iter().enumerate() {
        for (j, w_j) in weights.iter().enumerate() {
            let delta = if i == j { 1.0 } else { 0.0 };
            squares += (w_i * (delta - w_j)).powi(2);
        }
    }
    squares.sqrt()
}

/// The value below which a share `p` of the values lies, interpolated between neighbours: 0.5 gives
/// the median.
///
/// # Panics
/// If there are no values, or `p` is not in [0, 1].
pub fn quantile(values: impl IntoIterator<Item = f64>, p: f64) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    assert!(!values.is_empty(), "no values have no quantile");
    assert!((0.0..=1.0).contains(&p), "share {p} is not in [0, 1]");
    values.sort_by(f64::total_cmp);
    let place = p * (values.len() - 1) as f64;
    let (below, above) = (place.floor() as usize, place.ceil() as usize);
    values[below] + (values[above] - values[below]) * place.fract()
}
