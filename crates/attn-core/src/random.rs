//! Seeded tensors. The generator is ChaCha8, whose stream is fixed by its specification, so that a
//! seed means the same numbers on every machine and after every update.

use ndarray::{Array, Dimension, ShapeBuilder};
use ndarray_rand::{
    RandomExt,
    rand::{RngCore, SeedableRng},
    rand_distr::{StandardNormal, Uniform},
};
use rand_chacha::ChaCha8Rng;

/// A stream of random numbers that its seed determines.
pub struct Random(ChaCha8Rng);

impl Random {
    /// The stream of `seed`.
    pub fn new(seed: u64) -> Self {
        Random(ChaCha8Rng::seed_from_u64(seed))
    }

    /// Standard normal entries: mean 0, variance 1.
    ///
    /// ```
    /// use attn_core::random::Random;
    /// let (a, b) = (Random::new(7).normal((3, 4)), Random::new(7).normal((3, 4)));
    /// assert_eq!(a, b);
    /// ```
    pub fn normal<D: Dimension, S: ShapeBuilder<Dim = D>>(&mut self, shape: S) -> Array<f32, D> {
        Array::random_using(shape, StandardNormal, &mut self.0)
    }

    /// Entries uniform in `[0, 1)`.
    pub fn uniform<D: Dimension, S: ShapeBuilder<Dim = D>>(&mut self, shape: S) -> Array<f32, D> {
        let unit = Uniform::new(0.0, 1.0).expect("0 < 1");
        Array::random_using(shape, unit, &mut self.0)
    }

    /// A whole number from `0` to `end − 1`, each as likely as the others (but for one part in
    /// 2⁶⁴/`end`).
    ///
    /// # Panics
    /// If `end` is 0.
    ///
    /// ```
    /// use attn_core::random::Random;
    /// let mut dice = Random::new(7);
    /// assert!((0..100).all(|_| dice.below(6) < 6));
    /// ```
    #[track_caller]
    pub fn below(&mut self, end: usize) -> usize {
        assert!(end > 0, "there is no whole number below 0");
        // The upper half of a product: unlike a library's way, it cannot change with an update.
        let wide = u128::from(self.0.next_u64()) * end as u128;
        (wide >> 64) as usize
    }
}
