//! A Gaussian kernel as dot-product attention.

use super::{functions::FUNCTIONS, split::Split};
use attn_core::{Mask, shape::expect_equal};
use ch03_scaled_dot_product::{Output, masked_scores, softmax_rows};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, concatenate, s};

/// Queries and keys whose weights fall with their distance, as exp(−|q − k|²/2).
pub struct Kernel {
    /// n×(d+1).
    pub q: Array2<f32>,
    /// m×(d+1).
    pub k: Array2<f32>,
}

impl Kernel {
    /// Distance counts the same in all columns: weights fall as exp(−scale·|q − k|²/2).
    pub fn new(split: &Split, scale: f32) -> Self {
        let factor = scale.sqrt();
        Kernel::of((&split.queries * factor).view(), (&split.keys * factor).view())
    }

    /// Queries and keys with one more coordinate, whose dot products are squared distances in
    /// disguise: −|q − k|²/2 = q·k − |k|²/2 − |q|²/2, and the last term is the same for every key,
    /// so the softmax does not see it.
    pub fn of(queries: ArrayView2<f32>, keys: ArrayView2<f32>) -> Self {
        let ones = Array2::ones((queries.nrows(), 1));
        let half_norms = keys.mapv(|x| x * x).sum_axis(Axis(1)) / -2.0;
        let q = concatenate![Axis(1), queries, ones];
        let k = concatenate![Axis(1), keys, half_norms.insert_axis(Axis(1))];
        Kernel { q: q * Kernel::undo(queries.ncols()), k }
    }

    /// Attention divides by √d because a dot product of d random coordinates spreads as √d. Here the
    /// scores are distances, whose unit is chosen, so the queries are multiplied by this beforehand.
    pub fn undo(columns: usize) -> f32 {
        ((columns + 1) as f32).sqrt()
    }

    /// The average of the training targets that each query gets: n.
    pub fn predict(&self, split: &Split) -> Array1<f32> {
        self.attend(&split.values).out.column(0).to_owned()
    }

    /// How much of each training row goes into each answer: n×m, every row sums to one.
    pub fn weights(&self) -> Array2<f32> {
        if cfg!(overlay) {
            // A learner's attention may be any, and its weights are known by what it does to values:
            // with the rows of the identity for values, each answer is its weights.
            return self.attend(&Array2::eye(self.k.nrows())).out;
        }
        softmax_rows(masked_scores(self.q.view(), self.k.view(), &Mask::None).view())
    }

    fn attend(&self, values: &Array2<f32>) -> Output {
        let output =
            (FUNCTIONS.attention)(self.q.view(), self.k.view(), values.view(), &Mask::None);
        let (rows, columns) = output.out.dim();
        expect_equal(("rows of out", rows), ("query count", self.q.nrows()));
        expect_equal(("columns of out", columns), ("value width", values.ncols()));
        output
    }
}

/// Of these scales the one with which known rows are predicted best, each from all others. The rows
/// that are held out have no say. At most 500 rows are tried.
pub fn chosen_scale(split: &Split, scales: &[f32]) -> f32 {
    let m = split.keys.nrows();
    let tried = m.min(500);
    let others = Mask::Dense(Array2::from_shape_fn((tried, m), |(i, j)| i != j));
    let error = |scale: f32| {
        let keys = &split.keys * scale.sqrt();
        let kernel = Kernel::of(keys.slice(s![..tried, ..]), keys.view());
        let weights = softmax_rows(masked_scores(kernel.q.view(), kernel.k.view(), &others).view());
        let predicted = weights.dot(&split.values);
        (predicted - split.values.slice(s![..tried, ..])).mapv(|e| e * e).sum()
    };
    let errors = scales.iter().map(|&scale| (scale, error(scale)));
    errors.min_by(|a, b| a.1.total_cmp(&b.1)).map_or(1.0, |(scale, _)| scale)
}

/// The target of the nearest training row, for each query: n.
pub fn nearest(split: &Split) -> Array1<f32> {
    let distance = |q: ArrayView1<f32>, k: ArrayView1<f32>| (&q - &k).mapv(|x| x * x).sum();
    let nearest_to = |q| {
        let distances = split.keys.rows().into_iter().map(|k| distance(q, k));
        let nearest = distances.enumerate().min_by(|a, b| a.1.total_cmp(&b.1));
        nearest.map_or(f32::NAN, |(j, _)| split.values[[j, 0]])
    };
    split.queries.rows().into_iter().map(nearest_to).collect()
}

/// The mean of the training targets, for each query: n.
pub fn mean(split: &Split) -> Array1<f32> {
    Array1::from_elem(split.queries.nrows(), split.values.sum() / split.values.len() as f32)
}

/// Root of the mean squared error against the held-out targets.
pub fn rmse(split: &Split, predicted: &Array1<f32>) -> f64 {
    let errors = predicted.mapv(f64::from) - &split.answers;
    (errors.mapv(|e| e * e).sum() / errors.len() as f64).sqrt()
}

/// The mean over the queries of the largest weight.
pub fn largest_weight(weights: &Array2<f32>) -> f32 {
    let largest = weights.fold_axis(Axis(1), 0.0_f32, |most, &w| most.max(w));
    largest.sum() / largest.len() as f32
}

/// The mean over the queries of how many rows share the weight: exp of the entropy, 1 for a single
/// row, m for all alike.
pub fn effective_rows(weights: &Array2<f32>) -> f32 {
    let entropy = weights.mapv(|w| if w > 0.0 { -w * w.ln() } else { 0.0 });
    let effective = entropy.sum_axis(Axis(1)).exp();
    effective.sum() / effective.len() as f32
}
