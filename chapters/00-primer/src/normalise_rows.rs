use ndarray::{Array2, ArrayView2, Axis};

// ANCHOR: normalise_rows
/// Each row divided by its own sum.
///
// SOLUTION
/// `y[i,j] = x[i,j] / Σ_l x[i,l]`.
///
// END SOLUTION
/// Shapes: n×m in, n×m out. No entry of `x` is negative. Every row of the result sums to one,
/// however small its entries were; only a row of zeros stays a row of zeros.
///
/// ```
/// use ch00_primer::normalise_rows;
/// use ndarray::array;
/// let rows = normalise_rows(array![[3.0, 1.0], [0.0, 0.0]].view());
/// assert_eq!(rows, array![[0.75, 0.25], [0.0, 0.0]]);
/// ```
pub fn normalise_rows(x: ArrayView2<f32>) -> Array2<f32> {
    // SOLUTION 0.2: divide each row by its own sum
    let row_sum = x.sum_axis(Axis(1)).insert_axis(Axis(1)); // n×1
    // 0 / 0 is NaN; 0 / 1 is the zero that is wanted.
    let divisor = row_sum.mapv(|sum| if sum == 0.0 { 1.0 } else { sum });
    &x / &divisor // its one column serves all m columns of x
    // END SOLUTION
}
// ANCHOR_END: normalise_rows
