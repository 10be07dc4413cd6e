//! The exercises of this chapter, a file each: the cases, the judge and the known mistakes.
//!
//! The judges trust [`oracle`], which shares no code with the reference.

pub mod additive_scores;
pub mod concat_scores;
pub mod finite_differences;
pub mod general_scores;
pub mod local_weights;
pub mod location_weights;
pub mod oracle;

use crate::Additive;
use attn_core::random::Random;

/// Sizes at which scores are tried: n, m, d_q, d_k, a.
const SIZES: [(usize, usize, usize, usize, usize); 6] = [
    (1, 1, 1, 1, 1),
    (2, 3, 4, 4, 4),
    (5, 3, 2, 4, 6),
    (1, 33, 8, 5, 3),
    (31, 33, 16, 16, 8),
    (33, 31, 7, 32, 31),
];

/// Weights of an additive score whose hidden layer neither saturates nor stays linear.
pub(crate) fn random_additive(
    random: &mut Random,
    (d_q, d_k): (usize, usize),
    a: usize,
) -> Additive {
    Additive {
        w_q: random.normal((d_q, a)) / (d_q as f32).sqrt(),
        w_k: random.normal((d_k, a)) / (d_k as f32).sqrt(),
        v: random.normal(a),
    }
}
