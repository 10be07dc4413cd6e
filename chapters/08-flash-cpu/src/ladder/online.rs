//! Rung 2: no table. A query's keys go by one after the other, and only a state stays: exercise 8.2
//! for every head.
//!
//! Memory falls from n×m numbers to a few rows. Time does not: a dot product at a time is less work
//! for the processor's pipeline than a product of matrices, and every key costs two exponentials in
//! place of one.

use super::naive::by_head;
use crate::given::{HeadsOutput, expect_heads};
use ndarray::ArrayView3;

/// See the file.
#[track_caller]
pub fn online(
    q: ArrayView3<f32>,
    k: ArrayView3<f32>,
    v: ArrayView3<f32>,
    causal: bool,
) -> HeadsOutput {
    expect_heads(q, k, v);
    by_head(q, k, v, |q, k, v| crate::online(q, k, v, causal))
}
