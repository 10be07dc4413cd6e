use ndarray::{Array2, ArrayView2};

// ANCHOR: finite_differences
/// The gradient of `f` at `x`, by central differences.
///
// SOLUTION
/// Entry `[i,j]` is `(f(x with x[i,j] + h) − f(x with x[i,j] − h)) / (2h)`, all other entries as they
/// are.
///
// END SOLUTION
/// Shapes: as `x`. Costs two evaluations of `f` for each entry; the error is of the order of h²,
/// plus that of the rounding of `f`, divided by h.
///
/// ```
/// use ch02_additive_attention::finite_differences;
/// use ndarray::array;
/// // The slope of a sum of squares is twice the point.
/// let gradient = finite_differences(&|x| (&x * &x).sum(), array![[1.0, -2.0]].view(), 0.5);
/// assert_eq!(gradient, array![[2.0, -4.0]]);
/// ```
pub fn finite_differences(
    f: &dyn Fn(ArrayView2<f64>) -> f64,
    x: ArrayView2<f64>,
    h: f64,
) -> Array2<f64> {
    // SOLUTION 2.6: move one entry at a time, up and down
    let mut moved = x.to_owned();
    Array2::from_shape_fn(x.raw_dim(), |at| {
        moved[at] = x[at] + h;
        let above = f(moved.view());
        moved[at] = x[at] - h;
        let below = f(moved.view());
        moved[at] = x[at];
        (above - below) / (2.0 * h)
    })
    // END SOLUTION
}
// ANCHOR_END: finite_differences
