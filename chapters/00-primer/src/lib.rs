//! Before chapter 1: the Rust and the `ndarray` that the course uses.
//!
//! Two small functions to learn the loop of read, write and check on: the weighted sum of rows, with
//! which every attention ends, and the division of each row by its sum, with which every softmax
//! ends. The rest of the primer is its page in the book, whose code is the demonstration's:
//! `cargo attn run 0`.

pub mod exercises;
mod normalise_rows;
mod weighted_sum;

pub use normalise_rows::normalise_rows;
pub use weighted_sum::weighted_sum;
