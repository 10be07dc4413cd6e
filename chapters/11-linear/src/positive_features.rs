use attn_core::shape::expect_equal;
use ndarray::{Array2, ArrayView2};

// ANCHOR: positive_features
/// Random features whose products estimate softmax's exponentials without bias: φ(q) · φ(k) is
/// e^(q·k/√d) on average over directions drawn from the standard normal distribution.
///
/// Shapes: x n × d, directions r × d, out n × r. The same directions are for queries and for keys. Costs
/// 2·n·r·d FLOPs and n·r exponentials. (Choromanski et al.,
/// [arXiv:2009.14794](https://arxiv.org/abs/2009.14794), Lemma 1.)
///
/// ```
/// use ch11_linear::positive_features;
/// use ndarray::array;
/// let directions = array![[0.0], [0.0]]; // no direction at all
/// let features = positive_features(array![[2.0]].view(), directions.view());
/// assert!((features[[0, 0]] - (-2.0_f64).exp() / 2.0_f64.sqrt()).abs() < 1e-15);
/// ```
#[track_caller]
pub fn positive_features(x: ArrayView2<f64>, directions: ArrayView2<f64>) -> Array2<f64> {
    expect_equal(("width of the directions", directions.ncols()), ("width of x", x.ncols()));
    // SOLUTION 11.5: exp(ω · x′ − ‖x′‖²/2) / √r, with x′ = x / d^¼
    let x = &x / (x.ncols() as f64).powf(0.25);
    let mut features = x.dot(&directions.t());
    for (mut row, x) in features.rows_mut().into_iter().zip(x.rows()) {
        let half = x.dot(&x) / 2.0;
        row.mapv_inplace(|product| (product - half).exp());
    }
    features / (directions.nrows() as f64).sqrt()
    // END SOLUTION
}
// ANCHOR_END: positive_features
