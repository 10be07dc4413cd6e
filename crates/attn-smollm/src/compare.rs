//! Whether the learner's functions give what the reference's give.

use attn_exercise::is_yours;
use ndarray::{Array, ArrayView, Dimension};

/// How far an answer may be from the reference's, as a part of the largest number in that.
const TOLERANCE: f32 = 1e-3;

/// An exercise: its id and its function's name.
type Exercise = (&'static str, &'static str);

/// The learner's functions that gave something else.
#[derive(Default)]
pub struct Comparison {
    /// Whether answers are compared.
    pub on: bool,
    differing: Vec<Exercise>,
    /// How many of them have been told.
    told: usize,
}

impl Comparison {
    /// Compares an answer of the learner's function, if it is the learner's, with the reference's.
    pub fn expect<D: Dimension>(
        &mut self,
        exercise: Exercise,
        got: ArrayView<f32, D>,
        want: impl FnOnce() -> Array<f32, D>,
    ) {
        if !self.on || !is_yours(exercise.0) || self.differing.contains(&exercise) {
            return;
        }
        let want = want();
        let largest = want.fold(0.0_f32, |largest, x| largest.max(x.abs()));
        let near = |(a, b): (&f32, &f32)| (a - b).abs() <= TOLERANCE * largest;
        if got.dim() != want.dim() || !got.iter().zip(&want).all(near) {
            self.differing.push(exercise);
        }
    }

    /// Tells those that were found since it last told.
    pub fn tell(&mut self) {
        for (id, item) in &self.differing[self.told..] {
            eprintln!(
                "{item} ({id}) gives something else than the reference; `cargo attn check {id}` says what."
            );
        }
        self.told = self.differing.len();
    }
}
