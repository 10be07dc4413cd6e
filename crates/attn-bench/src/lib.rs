//! What the course's benchmarks share: the sizes and inputs of a measurement, the comparison with
//! the naive version that comes before it, and the table of what was measured.
//!
//! Benchmarks live here and not in the chapters, so that chapters stay quick to compile.

mod attention;
pub mod peer;
mod plain_sum;
pub mod rounds;
pub mod table;

pub use attention::{Attention, Inputs, assert_like_naive};
pub use plain_sum::plain_sum;
