//! Products with a matrix that is read once per call.

use attn_lm::Linear;
use ndarray::{ArcArray2, Array2, ArrayView2, ArrayViewMut2, Axis, linalg::general_mat_mul};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

/// A matrix of weights as the file has it, outputs × inputs.
///
/// The rows are dealt out to threads. For a few tokens, each row is a dot product with the state of each,
/// while it is in the nearest cache; the time is that of reading the matrix. For many, each thread
/// multiplies all states with its rows.
///
/// ```
/// use {attn_lm::Linear, attn_smollm::Matrix, ndarray::array};
/// let w = Matrix(array![[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]].into_shared());
/// assert_eq!(w.apply(array![[1.0, 1.0]].view()), array![[3.0, 7.0, 11.0]]);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Matrix(pub ArcArray2<f32>);

/// Up to so many states, dot products are faster than a product of matrices, which copies both first.
const FEW: usize = 16;
/// Sums of a row that are kept apart, so that they do not wait for each other. One row after another and
/// as many sums as this came nearest to a plain sum over the weights; four rows side by side with half
/// as many sums each took a sixth more time, since four streams of memory are read more slowly than one.
const LANES: usize = 64;

impl Linear for Matrix {
    fn apply(&self, x: ArrayView2<f32>) -> Array2<f32> {
        let (outputs, inputs) = self.0.dim();
        let share = outputs.div_ceil(rayon::current_num_threads());
        let mut out = Array2::zeros((x.nrows(), outputs));
        let w = self.0.axis_chunks_iter(Axis(0), share);
        let shares: Vec<_> = w.zip(out.axis_chunks_iter_mut(Axis(1), share)).collect();
        shares.into_par_iter().for_each(|(w, mut out)| match (x.to_slice(), w.to_slice()) {
            (Some(x), Some(w)) if out.nrows() <= FEW => {
                Arch::new().dispatch(Dots { w, x, inputs, out: &mut out });
            }
            _ => general_mat_mul(1.0, &x, &w.t(), 0.0, &mut out),
        });
        out
    }
}

/// The dot products of the rows of `x` with those of `w`, both of so many `inputs`.
struct Dots<'a, 'b> {
    w: &'a [f32],
    x: &'a [f32],
    inputs: usize,
    out: &'a mut ArrayViewMut2<'b, f32>,
}

impl WithSimd for Dots<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Dots { w, x, inputs, out } = self;
        for (j, w) in w.chunks_exact(inputs).enumerate() {
            for (i, x) in x.chunks_exact(inputs).enumerate() {
                out[[i, j]] = dot::<S>(w, x);
            }
        }
    }
}

#[inline(always)]
fn dot<S: Simd>(w: &[f32], x: &[f32]) -> f32 {
    let ((w, w_rest), (x, x_rest)) = (w.as_chunks::<LANES>(), x.as_chunks::<LANES>());
    let mut sums = [0.0_f32; LANES];
    for (w, x) in w.iter().zip(x) {
        for lane in 0..LANES {
            // Where there is no such instruction, `mul_add` is a function call.
            sums[lane] = match S::IS_SCALAR {
                false => w[lane].mul_add(x[lane], sums[lane]),
                true => w[lane] * x[lane] + sums[lane],
            };
        }
    }
    let rest = w_rest.iter().zip(x_rest).map(|(w, x)| w * x);
    sums.iter().sum::<f32>() + rest.sum::<f32>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_shape_gives_the_products() {
        let number = |i: usize, j: usize| ((7 * i + 3 * j) as f32).sin();
        for outputs in [1, 2, 3, 8, 70] {
            for inputs in [1, 63, 64, 65, 192] {
                for n in [1, 2, 5, 16, 17] {
                    let w = Array2::from_shape_fn((outputs, inputs), |(i, j)| number(i, j));
                    let x = Array2::from_shape_fn((n, inputs), |(i, j)| number(j, i));
                    let got = Matrix(w.to_shared()).apply(x.view());
                    let wrong = (got - x.dot(&w.t())).fold(0.0_f32, |most, e| most.max(e.abs()));
                    assert!(wrong < 1e-4, "{outputs} × {inputs}, n = {n}: {wrong}");
                }
            }
        }
    }
}
