//! Seeded inputs in f64, for the cases, the tests and the figures.

use attn_core::random::Random;
use ndarray::{Array, Dimension, ShapeBuilder};

/// Standard normal entries.
pub fn normal<D: Dimension, S: ShapeBuilder<Dim = D>>(
    random: &mut Random,
    shape: S,
) -> Array<f64, D> {
    random.normal(shape).mapv(f64::from)
}
