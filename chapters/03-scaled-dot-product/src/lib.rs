//! Chapter 3: scaled dot-product attention.
//!
//! `out = softmax(q kᵀ / √d + mask) v`: each query is compared with every key, the scores become
//! weights that sum to one, and the values are averaged with those weights. Here are its parts, one
//! a file: the stable softmax, what a mask means, attention itself with its log-sum-exp, dropout on
//! the weights, the way back for gradients, and attention from scores in half precision.
//!
//! Shapes: `q` n×d, `k` m×d, `v` m×d_v, `out` n×d_v, one sequence at a time. `true` in a mask means
//! *may attend*.

mod attend_half;
mod attention;
mod attention_dropout;
mod backward;
mod dropout;
pub mod exercises;
pub mod figures;
pub mod functions;
pub mod given;
mod mask;
pub mod saturation;
mod softmax;

pub use attend_half::attend_half;
pub use attention::{attention, log_sum_exp, masked_scores};
pub use attention_dropout::{attention_dropout, dropout_backward, thin_out};
pub use backward::{attention_backward, softmax_backward};
pub use dropout::dropout;
pub use given::{Gradients, Output};
pub use mask::allowed;
pub use softmax::softmax_rows;

/// Makes the Rust in the book's page on this chapter a test.
#[cfg(doctest)]
#[doc = include_str!("../../../book/src/ch03-scaled-dot-product.md")]
struct Book;
