//! The vocabulary of the course: what every chapter speaks of and no chapter teaches.
//!
//! * [`Mask`]: which keys a query may attend to, as data; chapter 3 gives it its meaning.
//! * [`shape`]: the error that names both sizes when two tensors do not fit.
//! * [`random`]: seeded tensors, the same on every machine.
//! * [`heatmap`]: a matrix drawn in a terminal.

pub mod heatmap;
mod mask;
pub mod random;
pub mod shape;

pub use mask::Mask;
