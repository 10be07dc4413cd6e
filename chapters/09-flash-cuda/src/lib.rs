//! Chapter 9: FlashAttention in CUDA.
//!
//! The kernels are in `kernels/`, real CUDA C++: the formula in three kernels, then one kernel over tiles in shared memory,
//! then warps that pass a row's numbers by shuffles, then the products on tensor cores, then tiles that are
//! copied while others are computed with; and for decoding, the keys split and merged again, and a group of
//! heads that shares its keys. NVRTC compiles them where it is found; the PTX it made is committed beside them. Here is the
//! host's side: the PTX runs on a GPU if one opens, and else in `ptx-sim`, which also says what a kernel did wrong and what
//! it moved.
//!
//! Shapes: `q` (h, n, d), `k` and `v` (h_kv, m, d), `out` (h, n, d), `lse` (h, n), in f32; for the tensor cores the first three in bf16.

pub mod arrays;
mod attention;
pub mod device;
mod error;
pub mod exercises;
pub mod figures;
mod foreign;
pub mod gpu;
pub mod harness;
mod inputs;
pub mod launch;
pub mod nvrtc;
pub mod precision;
pub mod program;
pub mod ptxas;
pub mod registry;
pub mod rung;
pub mod timing;
pub mod traffic;

pub use attention::{
    Outcome, Own, attention, attention_by, attention_by_own, attention_with, unwritten,
};
pub use device::Device;
pub use error::Error;
pub use inputs::{Inputs, Sizes};
pub use program::Program;
pub use rung::Rung;
