//! Chapter 7: multi-head latent attention, and absorption.
//!
//! All keys and values of a token are made of one short vector, its *latent* c, and only the latent
//! is kept, beside one small key that carries the position:
//!
//! ```text
//! c = norm(x W_DKV)      k_r = rope(x W_KR)                         kept: d_c + d_r numbers
//! k = c W_UK             v = c W_UV                                 made again when needed …
//! scores = (q · k + q_r · k_r) / √(d + d_r)
//!        = ((q W_UKᵀ) · c + q_r · k_r) / √(d + d_r)                 … or never
//! ```
//!
//! The last line is the absorbed form. Shapes: n new tokens, m that are kept; heads lead. All in f64,
//! so that the two forms can be compared to 1e-12.

mod absorb_query;
mod absorbed;
mod cheaper;
mod compress;
pub mod exercises;
pub mod figures;
pub mod functions;
pub mod given;
mod gqa;
mod layer;
mod mqa;
mod naive;
pub mod numbers;
pub mod oracle;
mod output;
mod queries;
mod rotation;
pub mod seeded;

pub use absorb_query::absorb_query;
pub use absorbed::mla_absorbed;
pub use cheaper::cheaper_form;
pub use compress::compress;
pub use gqa::gqa_as_mla;
pub use layer::{Expanded, Mla, mixed};
pub use mqa::mla_as_mqa;
pub use naive::mla_naive;
pub use output::absorb_output;
pub use queries::queries;
pub use rotation::rotation_between;

/// Makes the Rust in the book's page on this chapter a test.
#[cfg(doctest)]
#[doc = include_str!("../../../book/src/ch07-mla.md")]
struct Book;
