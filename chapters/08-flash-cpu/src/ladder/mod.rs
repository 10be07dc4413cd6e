//! The ladder: one function, faster from rung to rung, one idea per file.
//!
//! All rungs have the signature [`Forward`] and are tried on the same table of cases
//! (`tests/ladder.rs`). What each is worth is measured by `cargo attn bench 8`.
//!
//! Not finite inputs, on every rung: a query row, key or value that is NaN makes NaN of what depends
//! on it, as does +∞ among a row's scores. Rows that may not attend to it do not feel it, except on
//! the rung `naive`, which multiplies hidden values by 0.

#![allow(
    clippy::needless_range_loop,
    clippy::manual_memcpy,
    reason = "loops of a fixed length over arrays stay in registers; calls of memcpy do not"
)]
#![allow(clippy::too_many_arguments, reason = "the sizes of a tile")]
#![allow(clippy::approx_constant, reason = "a fitted coefficient, near ln 2 but not it")]

mod backward;
mod decode;
mod instructions;
mod keys_in_lanes;
mod lanes;
mod naive;
mod online;
mod panels;
mod products;
mod queries_in_lanes;
mod registers;
mod tasks;
mod threads;
mod tiled;

pub use backward::{HeadsGradients, backward, backward_with};
pub use instructions::Instructions;
pub use keys_in_lanes::{keys_in_lanes, keys_in_lanes_with};
pub use naive::{by_head, naive};
pub use online::online;
pub use queries_in_lanes::{queries_in_lanes, queries_in_lanes_with};
pub use threads::threads;
pub use tiled::{BLOCK, tiled};

use crate::{
    given::{Block, HeadsOutput},
    traffic::Sizes,
};
use ndarray::ArrayView3;

/// Attention of all heads: `q` h×n×d, `k` h_kv×m×d, `v` h_kv×m×d_v, and whether causal.
pub type Forward = fn(ArrayView3<f32>, ArrayView3<f32>, ArrayView3<f32>, bool) -> HeadsOutput;

/// One rung.
#[derive(Clone, Copy, Debug)]
pub struct Rung {
    /// A word or two.
    pub name: &'static str,
    /// The rung itself.
    pub forward: Forward,
    /// Its tiles on this processor; none where whole tables are kept.
    pub block: fn() -> Option<Block>,
}

/// From the bottom to the top.
pub const RUNGS: [Rung; 6] = [
    Rung { name: "naive", forward: naive, block: || None },
    Rung { name: "online", forward: online, block: || Some(Block { q: 1, k: 1 }) },
    Rung { name: "tiled", forward: tiled, block: || Some(BLOCK) },
    Rung { name: "threads", forward: threads, block: || Some(BLOCK) },
    Rung { name: "keys in lanes", forward: keys_in_lanes, block: || Some(keys_in_lanes::block()) },
    Rung {
        name: "queries in lanes",
        forward: queries_in_lanes,
        block: || Some(queries_in_lanes::block()),
    },
];

impl Rung {
    /// What it moves between slow memory and a fast one that holds a tile of each kind, for one
    /// head, in bytes.
    pub fn moved(&self, sizes: &Sizes) -> u64 {
        match (self.block)() {
            None => sizes.naive(),
            Some(block) => {
                let traffic = sizes.flash(block);
                traffic.loaded + traffic.stored
            }
        }
    }

    /// About how much memory it needs beside inputs and results, in bytes: a table's worth of
    /// scores, their mask, weights and two passing copies, for one head after the other; or tiles,
    /// which nobody would miss.
    pub fn memory(&self, sizes: &Sizes) -> u64 {
        match (self.block)() {
            None => 17 * (sizes.n * sizes.m) as u64,
            Some(block) => 4 * sizes.fast_memory(block) as u64,
        }
    }
}
