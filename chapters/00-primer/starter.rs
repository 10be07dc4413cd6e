//! Chapter 0 · Primer: your answers.
//!
//! Replace each `todo!`, save, and run `cargo attn check 0`. Stuck? `cargo attn hint 0.1`.
//! Add helpers and imports as you like; keep the headings and the first line of each function.
#![allow(unused)] // what is imported below waits to be used

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, Zip, array, s};

// ━━ 0.1 A weighted sum of rows · 5 points · about 1 minute ━━

/// The sum of the rows of `values`, each times its weight.
///
/// Shapes: `weights` m, `values` m×d_v, the result d_v. The weights are used as they are. They sum to
/// one; or all of them are zero, and then so is the result.
///
/// ```
/// use ch00_primer::weighted_sum;
/// use ndarray::array;
/// let values = array![[10.0, 0.0], [20.0, 4.0]];
/// assert_eq!(weighted_sum(array![0.5, 0.5].view(), values.view()), array![15.0, 2.0]);
/// ```
pub fn weighted_sum(weights: ArrayView1<f32>, values: ArrayView2<f32>) -> Array1<f32> {
    todo!("0.1: add up the rows, each times its weight")
}

// ━━ 0.2 Rows that sum to one · 5 points · about 5 minutes ━━

/// Each row divided by its own sum.
///
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
    todo!("0.2: divide each row by its own sum")
}
