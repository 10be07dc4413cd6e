//! Chapter 11: linear attention, one recurrence and its family.
//!
//! Softmax attention keeps every key and value. Here a head keeps one matrix S, of d × d_v numbers,
//! however long the text is. A token writes its value into it at the place that its key names, and reads
//! with its query:
//!
//! ```text
//! S ← A S + β k vᵀ          A: forget, and erase;  β k vᵀ: write
//! o = Sᵀ q                  read
//! ```
//!
//! The members of the family differ in A: I, γ I, Diag(α), I − β k kᵀ, and their products. Each has
//! three forms, which give the same rows: *parallel*, all pairs of tokens at once; *recurrent*, token by
//! token; *chunkwise*, parallel within a chunk and recurrent between chunks. [`Recurrence`] has all
//! three for all of them.
//!
//! Shapes: one head; n tokens; q and k n × d, v n × d_v, S d × d_v. All in f64, so that the forms can be
//! compared to 1e-10; `Recurrence` takes f32 as well.

pub mod beside;
mod bonus_step;
mod chunk_backward;
mod chunked;
mod delta_step;
mod error;
pub mod exercises;
mod feature_map;
pub mod figures;
pub mod functions;
mod gated_scores;
pub mod given;
mod kda_step;
mod linear_attention;
mod linear_step;
pub mod mechanisms;
mod positive_features;
pub mod recall;
pub mod recurrence;
pub mod seeded;
mod wy_form;

pub use bonus_step::bonus_step;
pub use chunk_backward::chunk_backward;
pub use chunked::chunked;
pub use delta_step::delta_step;
pub use error::{LinearError, check_features};
pub use feature_map::feature_map;
pub use gated_scores::gated_scores;
pub use kda_step::kda_step;
pub use linear_attention::linear_attention;
pub use linear_step::linear_step;
pub use positive_features::positive_features;
pub use recurrence::{Forget, Read, Recurrence, Write};
pub use wy_form::wy_form;

/// Makes the Rust in the book's page on this chapter a test.
#[cfg(doctest)]
#[doc = include_str!("../../../book/src/ch11-linear.md")]
struct Book;
