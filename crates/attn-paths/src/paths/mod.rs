//! The table, chapter by chapter.

mod cached;
mod flash;
mod grouped;
mod kernels;
mod latent;
mod linear;
mod multi_head;
mod paged;
mod plain;
mod ring;
mod sparse;

use crate::path::Path;

/// All of them, chapter by chapter.
pub fn all() -> Vec<Path> {
    [
        plain::PATHS,
        multi_head::PATHS,
        cached::PATHS,
        grouped::PATHS,
        latent::PATHS,
        flash::PATHS,
        ring::PATHS,
        kernels::PATHS,
        paged::PATHS,
        linear::PATHS,
        sparse::PATHS,
    ]
    .concat()
}
