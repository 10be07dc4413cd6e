//! Seeded inputs in f64, for the cases, the tests and the figures.

use attn_core::random::Random;
use ndarray::{Array, Array2, Axis, Dimension, ShapeBuilder};

/// Standard normal entries.
pub fn normal<D: Dimension, S: ShapeBuilder<Dim = D>>(
    random: &mut Random,
    shape: S,
) -> Array<f64, D> {
    random.normal(shape).mapv(f64::from)
}

/// Entries between 0 and 1, uniform.
pub fn uniform<D: Dimension, S: ShapeBuilder<Dim = D>>(
    random: &mut Random,
    shape: S,
) -> Array<f64, D> {
    random.uniform(shape).mapv(f64::from)
}

/// Rows of length 1 in random directions, n × d.
pub fn units(random: &mut Random, n: usize, d: usize) -> Array2<f64> {
    let mut rows = normal(random, (n, d));
    for mut row in rows.axis_iter_mut(Axis(0)) {
        let length = row.dot(&row).sqrt().max(f64::MIN_POSITIVE);
        row /= length;
    }
    rows
}
