use ndarray::{Array2, ArrayView2};

// ANCHOR: softmax_rows
/// Softmax of each row: the exponential of each score over the sum of its row's exponentials.
///
/// Shapes: n×m in, n×m out; every row of the result sums to one. Scores of ±10 000 must neither
/// overflow nor give NaN. A row in which every score is −∞ (nothing may be attended to) becomes
/// zeros.
///
/// ```
/// use ch03_scaled_dot_product::softmax_rows;
/// use ndarray::array;
/// assert_eq!(softmax_rows(array![[7.0, 7.0]].view()), array![[0.5, 0.5]]);
/// ```
pub fn softmax_rows(x: ArrayView2<f32>) -> Array2<f32> {
    // SOLUTION 3.1: turn each row of scores into weights that sum to one
    let mut weights = x.to_owned();
    for mut row in weights.rows_mut() {
        if row.iter().all(|&s| s == f32::NEG_INFINITY) {
            row.fill(0.0);
            continue;
        }
        // exp(s − c) / Σ exp(s − c) is the same for every c; with c = the maximum nothing
        // overflows.
        let row_max = row.fold(f32::NEG_INFINITY, |max, &s| max.max(s));
        row.mapv_inplace(|s| (s - row_max).exp());
        let row_sum = row.sum();
        row /= row_sum;
    }
    weights
    // END SOLUTION
}
// ANCHOR_END: softmax_rows
