//! Chapter 2: additive attention and its family.
//!
//! A look back needs a *score*: how well a query fits a key. Here is the family of scores that
//! translation tried before the Transformer: additive, general and concat, of which the dot product
//! is a special case; cosine, which looks at directions alone; location, which does not look at the
//! keys; and a window that decides where to look first. Then the tool that checks every gradient of
//! the course, differences, and the gradient of the additive score, which it checks.
//!
//! Shapes: `q` n×d_q, `k` m×d_k, one per row; scores and weights n×m.

mod backward;
mod cosine;
pub mod cost;
mod differences;
pub mod exercises;
pub mod figures;
pub mod functions;
pub mod given;
mod local;
mod location;
mod look;
pub mod oracle;
pub mod scores;

pub use backward::additive_backward;
pub use cosine::cosine_scores;
pub use differences::finite_differences;
pub use given::{Additive, AdditiveGradients, Concat, Pointer, Products};
pub use local::{local_weights, positions};
pub use location::location_weights;
pub use look::{additive_look, additive_translator, additive_translator_on};
pub use scores::{additive_scores, concat_scores, dot_scores, general_scores};

/// Makes the Rust in the book's page on this chapter a test.
#[cfg(doctest)]
#[doc = include_str!("../../../book/src/ch02-additive-attention.md")]
struct Book;
