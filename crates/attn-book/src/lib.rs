//! Builds, tests and serves the book, in process.
//!
//! * [`Build`]: the pages of `book/src`, rendered by mdBook into `book/book`.
//! * [`check()`]: everything that can be wrong with them, by file and line.
//! * [`protocol`]: the same preprocessor for a plain `mdbook`, and [`compare_with_plain`] to see that it
//!   is the same.
//! * [`server`]: the built book on localhost, with the state of the learner's exercises in it.
//! * [`play`]: the module with which figures are played.
//! * [`Live`]: the learner's exercises, checked on every save.
//! * [`Registry`]: the figures and tables that chapters compute.

mod build;
mod chapters;
mod check;
mod claims;
mod code;
mod exercises;
mod folder;
mod history;
mod live;
mod map;
mod math;
mod page;
mod plain;
pub mod play;
mod preprocessor;
mod problem;
mod registry;
mod render;
pub mod server;
mod tables;
mod ties;

use exercises::Exercise;
use page::Page;

pub use build::Build;
pub use check::{Report, check};
pub use live::Live;
pub use plain::compare_with_plain;
pub use preprocessor::protocol;
pub use problem::Problem;
pub use registry::{Draw, Registry, Write};
pub use tables::rewrite as rewrite_tables;
