//! Every way through the course that has to give the same attention, in one table.
//!
//! Each chapter computes `softmax(q kᵀ / √d + mask) v` in a way of its own: with a cache, in tiles, from
//! latents, from blocks of a pool, by a kernel. A [`Path`] is one such way, with the condition under which
//! it is plain attention, the [`Setting`]s that it can take, and how far it may be from the exact result.
//! [`PATHS`] lists all of them.
//!
//! Two paths that take the same setting have to agree there: [`Web`] runs every path once on every
//! [`Problem`] that it takes, and compares them pair by pair. The book's map of equivalences is drawn from
//! the same table.
//!
//! A new path is one line in the table of its chapter, in `paths/`. What the variants cost is in a table of
//! its own, [`VARIANTS`].

mod costs;
mod path;
mod paths;
mod problem;
mod web;

pub use costs::{Layer, VARIANTS, Variant};
pub use path::{DOUBLE, Path, SINGLE, Widths};
pub use paths::all;
pub use problem::{Problem, Setting, problems};
pub use web::{Agreement, Web};
