//! The ladder: one function, faster from rung to rung, an idea a file.
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
#![allow(
    clippy::approx_constant,
    reason = "a fitted coefficient, near ln 2 but not it"
)]

mod backward;
mod decode;
mod instructions;
mod keys_in_lanes;
mod lanes;
mod naive;
mod online;
mod products;
mod queries_in_lanes;
mod registers;
mod tasks;
mod threads;
mod tiled;

pub use backward::{HeadsGradients, backward, backward_with};
pub use instructions::Instructions;
pub use keys_in_lanes::{keys_in_lanes, keys_in_lanes_with};
pub use naive::naive;
pub use online::online;
pub use queries_in_lanes::{queries_in_lanes, queries_in_lanes_with};
pub use threads::threads;
pub use tiled::tiled;

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
    /// What it changes.
    pub idea: &'static str,
    /// The rung itself.
    pub forward: Forward,
    /// What it moves between slow memory and a fast one that holds a tile of each kind, for one
    /// head, in bytes.
    pub traffic: fn(&Sizes) -> u64,
    /// How many score tiles it visits, for one head; 0 if it has no tiles.
    pub tiles: fn(&Sizes) -> u64,
    /// About how much memory it needs beside inputs and results, in bytes, for one head after the
    /// other.
    pub memory: fn(&Sizes) -> u64,
}

/// The tiles of the rungs `tiled` and `threads`.
pub const BLOCK: Block = Block { q: 64, k: 64 };

/// From the bottom to the top.
pub const RUNGS: [Rung; 6] = [
    Rung {
        name: "naive",
        idea: "chapter 3, head by head, with its tables of n×m",
        forward: naive,
        traffic: Sizes::naive,
        tiles: |_| 0,
        // Scores, their mask, weights and two passing copies.
        memory: |sizes| 17 * (sizes.n * sizes.m) as u64,
    },
    Rung {
        name: "online",
        idea: "key by key, with a state a query: no table",
        forward: online,
        traffic: |sizes| moved(sizes, Block { q: 1, k: 1 }),
        tiles: |sizes| sizes.visited(Block { q: 1, k: 1 }),
        memory: |_| 0,
    },
    Rung {
        name: "tiled",
        idea: "tiles: products of matrices, hidden tiles skipped",
        forward: tiled,
        traffic: |sizes| moved(sizes, BLOCK),
        tiles: |sizes| sizes.visited(BLOCK),
        memory: |sizes| 4 * sizes.fast_memory(BLOCK) as u64,
    },
    Rung {
        name: "threads",
        idea: "query tiles side by side on all cores",
        forward: threads,
        traffic: |sizes| moved(sizes, BLOCK),
        tiles: |sizes| sizes.visited(BLOCK),
        memory: |sizes| 4 * sizes.fast_memory(BLOCK) as u64,
    },
    Rung {
        name: "keys in lanes",
        idea: "tiles of registers, packed keys, a vectorised exponential",
        forward: keys_in_lanes,
        traffic: |sizes| moved(sizes, keys_in_lanes::block()),
        tiles: |sizes| sizes.visited(keys_in_lanes::block()),
        memory: |sizes| 4 * sizes.fast_memory(keys_in_lanes::block()) as u64,
    },
    Rung {
        name: "queries in lanes",
        idea: "the other way round: no packing, nothing summed across a register",
        forward: queries_in_lanes,
        traffic: |sizes| moved(sizes, queries_in_lanes::block()),
        tiles: |sizes| sizes.visited(queries_in_lanes::block()),
        memory: |sizes| 4 * sizes.fast_memory(queries_in_lanes::block()) as u64,
    },
];

fn moved(sizes: &Sizes, block: Block) -> u64 {
    let traffic = sizes.flash(block);
    traffic.loaded + traffic.stored
}
