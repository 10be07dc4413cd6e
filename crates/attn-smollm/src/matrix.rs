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

/// Rows that are read side by side.
const ROWS: usize = 4;
/// Up to so many states, dot products are faster than a product of matrices, which copies both first.
const FEW: usize = 16;
/// Sums of a row that are kept apart, so that they do not wait for each other.
const LANES: usize = 32;

impl Linear for Matrix {
    fn apply(&self, x: ArrayView2<f32>) -> Array2<f32> {
        let (outputs, inputs) = self.0.dim();
        let share = outputs.div_ceil(rayon::current_num_threads()).next_multiple_of(ROWS);
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
        let mut rows = w.chunks_exact(ROWS * inputs);
        let mut output = 0;
        for w in rows.by_ref() {
            for (i, x) in x.chunks_exact(inputs).enumerate() {
                let mut y = [0.0; ROWS];
                dots::<S>(w, x, &mut y);
                y.into_iter().enumerate().for_each(|(j, y)| out[[i, output + j]] = y);
            }
            output += ROWS;
        }
        for w in rows.remainder().chunks_exact(inputs) {
            for (i, x) in x.chunks_exact(inputs).enumerate() {
                out[[i, output]] = w.iter().zip(x).map(|(w, x)| w * x).sum();
            }
            output += 1;
        }
    }
}

/// Four rows at once: their sums do not depend on each other, and four streams of memory are read.
#[inline(always)]
fn dots<S: Simd>(w: &[f32], x: &[f32], y: &mut [f32]) {
    let (w0, rest) = w.split_at(x.len());
    let (w1, rest) = rest.split_at(x.len());
    let (w2, w3) = rest.split_at(x.len());
    let mut sums = [[0.0_f32; LANES]; ROWS];
    let lanes = |w| <[f32]>::as_chunks::<LANES>(w).0;
    let rows = lanes(w0).iter().zip(lanes(w1)).zip(lanes(w2)).zip(lanes(w3));
    for (x, (((w0, w1), w2), w3)) in lanes(x).iter().zip(rows) {
        for lane in 0..LANES {
            // Where there is no such instruction, `mul_add` is a function call.
            let add = |w: f32, sum: f32| match S::IS_SCALAR {
                false => w.mul_add(x[lane], sum),
                true => w * x[lane] + sum,
            };
            sums[0][lane] = add(w0[lane], sums[0][lane]);
            sums[1][lane] = add(w1[lane], sums[1][lane]);
            sums[2][lane] = add(w2[lane], sums[2][lane]);
            sums[3][lane] = add(w3[lane], sums[3][lane]);
        }
    }
    let whole = x.len() / LANES * LANES;
    for ((y, sums), w) in y.iter_mut().zip(sums).zip([w0, w1, w2, w3]) {
        let rest: f32 = w[whole..].iter().zip(&x[whole..]).map(|(w, x)| w * x).sum();
        *y = sums.iter().sum::<f32>() + rest;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_shape_gives_the_products() {
        let number = |i: usize, j: usize| ((7 * i + 3 * j) as f32).sin();
        for outputs in [1, 3, 4, 5, 8, 70] {
            for inputs in [1, 31, 32, 33, 96] {
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
