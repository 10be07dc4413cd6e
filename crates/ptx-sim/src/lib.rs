//! A GPU for those who have none: runs PTX on the CPU, checks every access, and counts what moves.
//!
//! [`Module::parse`] reads the PTX that NVRTC or nvcc made of a CUDA kernel, [`Memory`] holds its
//! buffers, and [`Kernel::launch`] runs a grid of thread blocks: warps of 32 lanes that part and
//! meet again, barriers, shuffles, shared memory, atomics. The [`Report`] says what the kernel did
//! wrong, with the lines of its source (compile with `--generate-line-info`), and what it cost.
//!
//! # A kernel to follow by hand
//!
//! Eight threads; each adds its own index to its number and passes the sum to its right neighbour
//! by a shuffle. The lane without a left neighbour keeps its own.
//!
//! ```
//! use ptx_sim::{Launch, Memory, Module};
//!
//! let module = Module::parse("
//!     .version 8.4
//!     .target sm_75
//!     .address_size 64
//!     .visible .entry pass(.param .u64 x) {
//!         .reg .b32 %i, %v, %w; .reg .b64 %p, %at;
//!         ld.param.u64       %p, [x];
//!         mov.u32            %i, %tid.x;            // i = threadIdx.x
//!         mul.wide.u32       %at, %i, 4;
//!         add.s64            %at, %p, %at;          // &x[i]
//!         ld.global.u32      %v, [%at];
//!         add.s32            %v, %v, %i;            // v = x[i] + i
//!         shfl.sync.up.b32   %w, %v, 1, 0, 0xff;    // of the lane to the left
//!         st.global.u32      [%at], %w;
//!         ret;
//!     }")?;
//! let mut memory = Memory::new();
//! let x = memory.alloc("x", &[10u32, 20, 30, 40, 50, 60, 70, 80]);
//! let report = module.kernel("pass")?.launch(&mut memory, &Launch::new([1, 1, 1], [8, 1, 1]), &[x.into()])?;
//!
//! assert_eq!(memory.read::<u32>(x), [10, 10, 21, 32, 43, 54, 65, 76]);
//! assert!(report.findings.is_empty());
//! assert_eq!(report.total.instructions, 9); // one warp, nine instructions
//! assert_eq!(report.total.read_bytes, 32); // eight neighbours of 4 bytes: one sector
//! assert_eq!(report.total.sectors, 2); // one read, one written
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What it knows, and what it does not
//!
//! The list of opcodes and modifiers is closed: anything else is an error that names the
//! instruction and its line. Missing are calls of functions that were not inlined, textures, clusters,
//! barriers other than barrier 0, and directed rounding except for f32 `add`, `sub`, `mul` and `fma`. Of the
//! tensor cores it knows `mma` with f32 sums, as `m16n8k16` of f16 and bf16 and as `m16n8k8` of tf32, and what
//! brings its matrices: `ldmatrix`, `stmatrix`, `movmatrix`, and `cp.async` with its groups.
//!
//! Whatever the text and the arguments, there is an error or a report and never a panic, and a block
//! stops at its limit of instructions. What the simulator itself allows is less than the hardware
//! does: 2²⁰ blocks, 256 shared arrays, and 256 MiB for the registers and local memory of a block.
//!
//! A variable without a value it sees where the PTX still reads a register that nobody wrote. Often
//! the compiler has chosen a value before.
//!
//! It is not cycle-accurate and has no caches: it counts, and [`Device`] turns counts into lower
//! bounds of a stated model. It sees one order of execution. Races on shared memory, and between
//! blocks, it finds by what was touched and not by what came out, so the order does not matter.
//! `.approx` functions are as exact as their type allows, where a GPU's are a little worse. NaNs
//! have no particular payload. An `mma` adds exact products in f64 and rounds the sum once, where a GPU rounds
//! more often and towards zero: the last bits differ.
//!
//! What `cp.async` brings is in shared memory from the moment that its thread waits for it, the latest that the
//! hardware may take. Reading it before is a finding, whatever the numbers.
//!
//! **A race on global memory within one block it does not see**: two threads of a block that write
//! the same element of a buffer, or one that reads what another writes without a barrier between,
//! give no finding.

mod access;
mod barrier;
mod bits;
mod block;
mod change;
mod collective;
mod commit;
mod compute;
mod count;
mod decode;
mod defined;
mod error;
mod execute;
mod finding;
mod half;
mod instruction;
mod join;
mod lane;
mod launch;
mod lex;
mod local;
mod log;
mod matrix;
mod memory;
mod module;
mod operand;
mod order;
mod parse;
mod provenance;
mod register;
mod report;
mod roofline;
mod scope;
mod shared;
mod spaces;
mod start;
mod types;
mod view;
mod warp;

pub use count::{Counts, SECTOR};
pub use error::{LaunchError, ParseError, Place};
pub use finding::{Array, Finding, Kind};
pub use launch::{Argument, Launch};
pub use memory::{Buffer, Element, Memory};
pub use module::{Kernel, Module};
pub use report::Report;
pub use roofline::{Bound, Device};
