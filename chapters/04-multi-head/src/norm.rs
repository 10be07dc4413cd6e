use crate::given::{EPSILON, LayerNorm};
use attn_core::shape::expect_equal;
use ndarray::{Array2, ArrayView2};

// ANCHOR: layer_norm
/// Layer normalisation: each row is moved to mean 0 and scaled to variance 1, then every column
/// is multiplied by its gain, and its bias is added.
///
/// Shapes: n × d_model in and out. Mean and variance are those of one row; [`EPSILON`] keeps a
/// constant row finite.
///
/// Source: Ba, Kiros, Hinton, arXiv:1607.06450, §3, Equation 3.
///
/// ```
/// use ch04_multi_head::{LayerNorm, layer_norm};
/// use ndarray::{array, Array1};
/// // A constant row has nothing to scale: what is left is the bias.
/// let norm = LayerNorm { gain: Array1::ones(3), bias: array![1.0, 2.0, 3.0] };
/// assert_eq!(layer_norm(array![[5.0, 5.0, 5.0]].view(), &norm), array![[1.0, 2.0, 3.0]]);
/// ```
#[track_caller]
pub fn layer_norm(x: ArrayView2<f32>, norm: &LayerNorm) -> Array2<f32> {
    expect_equal(("gain length", norm.gain.len()), ("x width", x.ncols()));
    expect_equal(("bias length", norm.bias.len()), ("x width", x.ncols()));
    // SOLUTION 4.6: normalise each row, then apply gain and bias to its columns
    let mut y = x.to_owned();
    for mut row in y.rows_mut() {
        row -= row.sum() / row.len() as f32;
        let variance = row.dot(&row) / row.len() as f32;
        row /= (variance + EPSILON).sqrt();
    }
    y * &norm.gain + &norm.bias
    // END SOLUTION
}
// ANCHOR_END: layer_norm
