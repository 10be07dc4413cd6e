//! Both functions written once more as plain loops over any float: in f64 they are the judges'
//! oracle, in f32 the sequential order of summation that the tolerance is measured with. They share
//! no code with the reference.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, NdFloat};

fn to<F: NdFloat>(x: f32) -> F {
    F::from(x).expect("f32 fits every float")
}

/// The sum of the rows of `values`, each times its weight, entry by entry.
pub fn weighted_sum<F: NdFloat>(weights: ArrayView1<f32>, values: ArrayView2<f32>) -> Array1<F> {
    let mut out = Array1::zeros(values.ncols());
    for ((j, c), &value) in values.indexed_iter() {
        out[c] += to::<F>(weights[j]) * to(value);
    }
    out
}

/// Each row divided by its sum, entry by entry; zeros where the sum is zero.
pub fn normalise_rows<F: NdFloat>(x: ArrayView2<f32>) -> Array2<F> {
    let mut result = Array2::zeros(x.raw_dim());
    for i in 0..x.nrows() {
        let mut sum = F::zero();
        for j in 0..x.ncols() {
            sum += to(x[[i, j]]);
        }
        if sum > F::zero() {
            for j in 0..x.ncols() {
                result[[i, j]] = to::<F>(x[[i, j]]) / sum;
            }
        }
    }
    result
}
