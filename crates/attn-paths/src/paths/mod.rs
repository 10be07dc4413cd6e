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

use crate::{path::Path, problem::Setting};

/// Everything that needs no more than one head's queries, keys, values and a mask.
const ANY: &[Setting] = &Setting::ALL;

/// As many heads of keys as of queries.
const OWN_KEYS: &[Setting] =
    &[Setting::Every, Setting::Whole, Setting::Chunk, Setting::Step, Setting::Behind];

/// Causal, and each query has a key of its own.
const CAUSAL: &[Setting] =
    &[Setting::Whole, Setting::Chunk, Setting::Step, Setting::Groups, Setting::GroupStep];

/// Causal with keys of its own for every head.
const CAUSAL_OWN_KEYS: &[Setting] = &[Setting::Whole, Setting::Chunk, Setting::Step];

/// One query.
const STEPS: &[Setting] = &[Setting::Step, Setting::GroupStep];

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
    ]
    .concat()
}
