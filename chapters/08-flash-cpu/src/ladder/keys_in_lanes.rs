//! Rung 5: tiles of registers.
//!
//! A product of matrices is fast when its sums stay in registers. A tile of `M` queries by one
//! panel of keys has M·V registers of sums; each step takes V registers of keys and one number of
//! each query. For that, keys have to lie across the lanes: they are *packed*, transposed, a tile
//! at a time and again for every tile of queries, so that no copy of all keys is needed. The
//! exponential is a polynomial on registers instead of a call for each score. What it leaves: the
//! packing, and a maximum and a sum across registers for every row.

use super::{
    instructions::{Instructions, Job, Scratch},
    lanes::Lanes,
    products::rows_times_panel,
    queries_in_lanes::{key_rows, transpose},
    registers::Registers,
    tasks::{self, Head, Rows, Task},
};
use crate::given::{Block, HeadsOutput, expect_heads};
use ndarray::ArrayView3;
use pulp::bytemuck;
use std::f32::consts::{LN_2, LOG2_E};

/// Queries of a tile: the more, the fewer times keys are packed.
const QUERIES: usize = 192;

/// Panels of keys of a tile.
const PANELS: usize = 4;

/// Registers of values that one step takes, whatever a panel has.
const COLUMNS: usize = 2;

/// See the file.
#[track_caller]
pub fn keys_in_lanes(
    q: ArrayView3<f32>,
    k: ArrayView3<f32>,
    v: ArrayView3<f32>,
    causal: bool,
) -> HeadsOutput {
    keys_in_lanes_with(Instructions::detect(), q, k, v, causal)
}

/// The same on a certain instruction set.
#[track_caller]
pub fn keys_in_lanes_with(
    instructions: Instructions,
    q: ArrayView3<f32>,
    k: ArrayView3<f32>,
    v: ArrayView3<f32>,
    causal: bool,
) -> HeadsOutput {
    expect_heads(q, k, v);
    let rows = Rows::new(&q, &k, &v, causal);
    let scratch = || Scratch::new(instructions);
    tasks::each(q.dim(), v.dim(), QUERIES, scratch, |scratch, task| {
        let head = rows.head(task.head, task.group);
        scratch.run(Job::KeysInLanes(&head, task));
    })
}

/// The tiles on this processor.
pub(super) fn block() -> Block {
    Block {
        q: QUERIES,
        k: PANELS * Instructions::detect().lanes(),
    }
}

/// What a thread works with.
pub(super) struct PackedTile<S: Registers, const V: usize> {
    /// Keys, transposed: panel by panel, lanes for each of d components.
    keys: Vec<Lanes<S, V>>,
    /// 0, 1, 2, … across the lanes.
    numbers: [S::u32s; V],
    /// Values: for each few columns, lanes for each key.
    values: Vec<Lanes<S, COLUMNS>>,
    /// The queries, scaled, row by row.
    q: Vec<f32>,
    row_max: [f32; QUERIES],
    row_sum: [f32; QUERIES],
    /// For each few columns, lanes for each query.
    out: Vec<Lanes<S, COLUMNS>>,
}

impl<S: Registers, const V: usize> PackedTile<S, V> {
    const LANES: usize = Lanes::<S, V>::COUNT;
    const WIDTH: usize = Lanes::<S, COLUMNS>::COUNT;
    const KEYS: usize = PANELS * Self::LANES;

    pub fn new(simd: S, d: usize, d_v: usize) -> Self {
        let chunks = d_v.div_ceil(Self::WIDTH);
        let mut numbers = [simd.splat_u32s(0); V];
        for (i, number) in (0..).zip(bytemuck::cast_slice_mut(&mut numbers)) {
            *number = i;
        }
        PackedTile {
            numbers,
            keys: vec![Lanes::splat(simd, 0.0); PANELS * d],
            values: vec![Lanes::splat(simd, 0.0); chunks * Self::KEYS],
            q: vec![0.0; QUERIES * d],
            row_max: [0.0; QUERIES],
            row_sum: [0.0; QUERIES],
            out: vec![Lanes::splat(simd, 0.0); chunks * QUERIES],
        }
    }

    #[inline(always)]
    pub fn forward<const M: usize>(&mut self, simd: S, head: &Head, task: Task) {
        let rows = task.rows;
        let scale = LOG2_E / (head.d as f32).sqrt();
        let queries = &head.q[rows.start * head.d..rows.end * head.d];
        for (to, x) in self.q.iter_mut().zip(queries) {
            *to = x * scale;
        }
        self.row_max.fill(f32::NEG_INFINITY);
        self.row_sum.fill(0.0);
        self.out.fill(Lanes::splat(simd, 0.0));
        let end = head.seen(rows.end - 1);
        for first in (0..end).step_by(Self::KEYS) {
            let count = Self::KEYS.min(end - first);
            let finite = self.pack(simd, head, first, count);
            for row in (0..rows.len()).step_by(M) {
                let seen: [usize; M] = seen_by(head, rows.start, row, rows.len());
                self.visit::<M>(simd, head.d, row, rows.len(), seen, (first, count), finite);
            }
        }
        self.finish(task.out, task.lse, head.d_v);
    }

    /// Packs keys and values of a tile. Whether all values are finite.
    #[inline(always)]
    fn pack(&mut self, simd: S, head: &Head, first: usize, count: usize) -> bool {
        let panels = self.keys.chunks_exact_mut(head.d);
        for (panel, start) in panels.zip((0..count).step_by(Self::LANES)) {
            let end = count.min(start + Self::LANES);
            transpose(panel, head.k, head.d, first + start..first + end, 1.0);
        }
        let values = &head.v[first * head.d_v..][..count * head.d_v];
        let chunks = self.values.chunks_exact_mut(Self::KEYS);
        for (chunk, start) in chunks.zip((0..head.d_v).step_by(Self::WIDTH)) {
            let columns = start..head.d_v.min(start + Self::WIDTH);
            for (to, row) in chunk.iter_mut().zip(values.chunks_exact(head.d_v)) {
                *to = Lanes::load(simd, &row[columns.clone()]);
            }
            // Values of an earlier tile must not meet the zero weights beyond the last key: they
            // might not be finite.
            chunk[count..].fill(Lanes::splat(simd, 0.0));
        }
        values.iter().all(|x| x.is_finite())
    }

    /// Brings the states of `M` queries from `row` on up to date.
    #[inline(always)]
    #[allow(clippy::too_many_arguments)] // whose rows, which keys, and what they hide
    fn visit<const M: usize>(
        &mut self,
        simd: S,
        d: usize,
        row: usize,
        rows: usize,
        seen: [usize; M],
        (first, count): (usize, usize),
        finite: bool,
    ) {
        let mut weights = [[Lanes::<S, V>::splat(simd, 0.0); PANELS]; M];
        let panels = count.div_ceil(Self::LANES);
        for (p, panel) in self.keys.chunks_exact(d).take(panels).enumerate() {
            let queries = key_rows::<M>(&self.q, d, row, rows);
            let zeros = [Lanes::splat(simd, 0.0); M];
            let scores = rows_times_panel(simd, queries, panel, zeros);
            for i in 0..M {
                weights[i][p] = scores[i];
            }
        }
        let mut old = [0.0; M];
        for i in 0..M {
            let open = seen[i].saturating_sub(first).min(count);
            let at = (row + i).min(QUERIES - 1);
            let weights = &mut weights[i][..panels];
            let hidden = simd.splat_f32s(f32::NEG_INFINITY);
            let mut best = Lanes::<S, V>::splat(simd, self.row_max[at]);
            for (p, scores) in weights.iter_mut().enumerate() {
                let open = open.saturating_sub(p * Self::LANES);
                if open < Self::LANES {
                    let open = simd.splat_u32s(open as u32);
                    for v in 0..V {
                        let sees = simd.less_than_u32s(self.numbers[v], open);
                        scores.0[v] = simd.select_f32s(sees, scores.0[v], hidden);
                    }
                }
                best = best.larger(simd, *scores);
            }
            // Across the registers, then across the one that is left.
            let mut one = best.0[0];
            for v in 1..V {
                one = simd.larger(best.0[v], one);
            }
            let row_max = simd.reduce_max_f32s(one);
            let shift = if row_max == f32::NEG_INFINITY {
                0.0
            } else {
                row_max
            };
            let shifts = Lanes::splat(simd, shift);
            let mut sums = Lanes::<S, V>::splat(simd, 0.0);
            for weight in weights.iter_mut() {
                *weight = weight.exp2_from(simd, shifts);
                sums = sums.plus(simd, *weight);
            }
            let mut sum = sums.0[0];
            for v in 1..V {
                sum = simd.add_f32s(sum, sums.0[v]);
            }
            let sum = simd.reduce_sum_f32s(sum);
            old[i] = (self.row_max[at] - shift).exp2();
            if row + i < rows {
                self.row_max[at] = row_max;
                self.row_sum[at] = self.row_sum[at] * old[i] + sum;
            }
        }
        let values = self.values.chunks_exact(Self::KEYS);
        for (out, values) in self.out.chunks_exact_mut(QUERIES).zip(values) {
            let mut sums = [Lanes::splat(simd, 0.0); M];
            for i in 0..M {
                let at = (row + i).min(rows - 1);
                sums[i] = out[at].times(simd, Lanes::splat(simd, old[i]));
            }
            for p in 0..panels {
                let values = &values[p * Self::LANES..][..Self::LANES];
                let mut part: [&[f32]; M] = [&[]; M];
                for i in 0..M {
                    part[i] = weights[i][p].as_slice();
                }
                if finite {
                    sums = rows_times_panel(simd, part, values, sums);
                } else {
                    let open = seen.map(|seen| seen.saturating_sub(first + p * Self::LANES));
                    add_carefully(simd, &mut sums, part, values, open);
                }
            }
            for i in 0..M.min(rows - row) {
                out[row + i] = sums[i];
            }
        }
    }

    /// Divides, and writes the rows out, as many as `lse` has.
    #[inline(always)]
    fn finish(&self, out: &mut [f32], lse: &mut [f32], d_v: usize) {
        for (i, lse) in lse.iter_mut().enumerate() {
            let (sum, max) = (self.row_sum[i], self.row_max[i]);
            let empty = sum == 0.0;
            let factor = if empty { 0.0 } else { 1.0 / sum };
            *lse = if empty {
                f32::NEG_INFINITY
            } else {
                LN_2 * (max + sum.log2())
            };
            let row = &mut out[i * d_v..][..d_v];
            let chunks = self.out.chunks_exact(QUERIES);
            for (to, chunk) in row.chunks_mut(Self::WIDTH).zip(chunks) {
                for (to, x) in to.iter_mut().zip(chunk[i].as_slice()) {
                    *to = x * factor;
                }
            }
        }
    }
}

/// How many keys `M` queries see from `row` on; beyond the last one, what it sees.
#[inline(always)]
fn seen_by<const M: usize>(head: &Head, start: usize, row: usize, rows: usize) -> [usize; M] {
    let mut seen = [0; M];
    for (i, seen) in seen.iter_mut().enumerate() {
        *seen = head.seen(start + (row + i).min(rows - 1));
    }
    seen
}

/// The output from values of which some are not finite: a query takes nothing from a key that it
/// does not see, where 0 · ∞ would be NaN.
#[cold]
fn add_carefully<S: Registers, const M: usize>(
    simd: S,
    sums: &mut [Lanes<S, COLUMNS>; M],
    weights: [&[f32]; M],
    values: &[Lanes<S, COLUMNS>],
    open: [usize; M],
) {
    for i in 0..M {
        for (&weight, value) in weights[i].iter().zip(values).take(open[i]) {
            let weight = Lanes::splat(simd, weight);
            sums[i] = sums[i].plus(simd, weight.times(simd, *value));
        }
    }
}
