//! Ring attention: a text that no process holds whole.
//!
//! P processes share a text. Each holds a P-th of the queries, and of the keys and values. In P steps each
//! attends from its queries to the block of keys and values that it has at the moment, while it passes that
//! block on to the next process and gets another from the one before. What is known of a query after some
//! blocks is the state of chapter 8 (maximum, sum, output), and a new block is merged into it, so the
//! result is exact attention, whatever the order in which the blocks come.
//!
//! ```text
//! step        process 0     process 1     process 2     process 3
//!  0          block 0       block 1       block 2       block 3       its own
//!  1          block 3       block 0       block 1       block 2       from the process before
//!  2          block 2       block 3       block 0       block 1
//!  3          block 1       block 2       block 3       block 0
//! ```
//!
//! Liu, Zaharia and Abbeel, *Ring Attention with Blockwise Transformers for Near-Infinite Context*
//! ([arXiv:2310.01889](https://arxiv.org/abs/2310.01889)).
//!
//! [`ring_attention`] is the algorithm, written once over a [`Link`]: between threads ([`threads`]),
//! between processes on this machine over loopback sockets ([`processes`]), or between processes that
//! `mpirun` has started, on this machine or on many (the feature `mpi`). The program `attn-ring` runs it:
//!
//! ```text
//! cargo run -p attn-ring -- --processes 4 --causal
//! cargo build -p attn-ring --features mpi && mpirun -n 4 target/debug/attn-ring --mpi --causal
//! ```

mod error;
mod link;
#[cfg(feature = "mpi")]
mod mpi;
mod processes;
mod ring;
mod sizes;
mod sockets;
mod threads;
mod wire;
mod worker;

pub use error::RingError;
pub use link::Link;
#[cfg(feature = "mpi")]
pub use mpi::{MpiLink, mpi_universe};
pub use processes::{Run, processes};
pub use ring::ring_attention;
pub use sizes::{Part, Sizes};
pub use sockets::SocketLink;
pub use threads::threads;
pub use worker::worker;
