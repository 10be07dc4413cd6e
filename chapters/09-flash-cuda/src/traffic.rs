//! The bytes of global memory that each kernel asks for, in closed form.
//!
//! A byte is counted once for each access of a warp that asks for it: lanes that want the same byte share it, but a warp
//! that asks again, and another warp, count again. So this is what crosses from the caches to the multiprocessors; what
//! crosses from device memory may be less.

use crate::{Rung, Sizes, rung::SPLITS};
use ptx_sim::Report;

/// Bytes that one kernel asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Traffic {
    /// By loads.
    pub read: u64,
    /// By stores.
    pub written: u64,
}

/// Bytes of an f32, and of a bfloat16.
const F32: usize = 4;
const BF16: usize = 2;
/// Lanes of a warp, and keys of a tile.
const LANES: usize = 32;

impl Traffic {
    /// What the simulator counted.
    pub fn counted(report: &Report) -> Self {
        Traffic { read: report.total.read_bytes, written: report.total.written_bytes }
    }

    /// What the kernels of a rung have to ask for, one after the other.
    pub fn of(rung: Rung, sizes: Sizes, causal: bool) -> Vec<Self> {
        let Sizes { heads: h, kv_heads, n, m, d } = sizes;
        let kernel = |read: usize, written: usize| Traffic {
            read: (F32 * read) as u64,
            written: (F32 * written) as u64,
        };
        // A block of so many rows reads the keys, then the values, up to the end of the last tile that it visits.
        let numbers = |rows: usize, block: usize, tile: usize, skips: bool, row_to_query: usize| {
            let blocks = (0..rows.div_ceil(block)).map(|first| {
                let last = ((first + 1) * block).min(rows) - 1;
                let end =
                    if skips { (m + last / row_to_query + 1).saturating_sub(n).min(m) } else { m };
                2 * d * (end.div_ceil(tile) * tile).min(m)
            });
            blocks.sum::<usize>()
        };
        let fused = |groups: usize, rows: usize, block: usize, skips: bool, row_to_query: usize| {
            let keys = groups * numbers(rows, block, LANES, skips, row_to_query);
            kernel(h * n * d + keys, h * n * (d + 1))
        };
        let halves = |tile: usize| Traffic {
            read: (BF16 * (h * n * d + h * numbers(n, 64, tile, causal, 1))) as u64,
            ..kernel(0, h * n * (d + 1))
        };
        match rung {
            // Every warp reads one query and up to 32 keys. Then three passes over a row of scores. Then d/32 warps an
            // output row, each of which reads the row's weights, and together all values.
            Rung::Naive => vec![
                kernel(h * n * (m.div_ceil(LANES) * d + m * d), h * n * m),
                kernel(3 * h * n * m, 2 * h * n * m + h * n),
                kernel(h * n * m * (d / LANES + d), h * n * d),
            ],
            Rung::Tiled => vec![fused(h, n, 8, false, 1)],
            Rung::Warp => vec![fused(h, n, 16, causal, 1)],
            Rung::Tensor => vec![halves(64)],
            Rung::Pipelined => vec![halves(4096 / d)],
            Rung::Gqa => vec![fused(kv_heads, n * sizes.group(), 16, causal, sizes.group())],
            // Each split reads the query. The d/32 warps of a merge read every lse twice.
            Rung::Split => vec![
                kernel(h * (SPLITS * d + 2 * m * d), h * SPLITS * (d + 1)),
                kernel(h * SPLITS * (2 * d / LANES + d), h * (d + 1)),
            ],
        }
    }
}
