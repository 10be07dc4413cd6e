//! Rung 5: tiles of registers.
//!
//! A product of matrices is fast when its sums stay in registers. A tile of `M` queries by one
//! panel of keys has M·V registers of sums; each step takes V registers of keys and one number of
//! each query. For that, keys have to lie across the lanes: they are *packed*, transposed, a tile
//! at a time and again for every tile of queries, so that no copy of all keys is needed. The
//! exponential is a polynomial on registers instead of a call for each score. What it leaves: the
//! packing, and a maximum and a sum across registers for every row.

use super::{
    instructions::{Instructions, Kernel, Scratch},
    lanes::Lanes,
    panels::{RowState, key_rows, transpose},
    products::rows_times_panel,
    registers::Registers,
    tasks::{self, Head, Rows, Task},
};
use crate::given::{Block, HeadsOutput, expect_heads};
use ndarray::ArrayView3;
use pulp::bytemuck;
use std::f32::consts::LOG2_E;

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
    let scratch = || Scratch::<KeysInLanes>::new(instructions);
    tasks::each(q.dim(), v.dim(), QUERIES, scratch, |scratch, task| {
        scratch.run((rows.head(task.head, task.group), task));
    })
}

/// The tiles on this processor.
pub(super) fn block() -> Block {
    Block { q: QUERIES, k: PANELS * Instructions::detect().lanes() }
}

struct KeysInLanes;

impl Kernel for KeysInLanes {
    type Job<'a> = (Head<'a>, Task<'a>);
    type Tile<S: Registers, const V: usize> = PackedTile<S, V>;

    fn tile<S: Registers, const V: usize>(simd: S, (head, _): &Self::Job<'_>) -> PackedTile<S, V> {
        PackedTile::new(simd, head.d, head.d_v)
    }

    #[inline(always)]
    fn run<S: Registers, const V: usize, const M: usize>(
        simd: S,
        tile: &mut PackedTile<S, V>,
        (head, task): Self::Job<'_>,
    ) {
        tile.forward::<M>(simd, &head, task);
    }
}

/// What a thread works with.
struct PackedTile<S: Registers, const V: usize> {
    /// Keys, transposed: panel by panel, lanes for each of d components.
    keys: Vec<Lanes<S, V>>,
    /// 0, 1, 2, … across the lanes.
    numbers: [S::u32s; V],
    /// Values: for each few columns, lanes for each key.
    values: Vec<Lanes<S, COLUMNS>>,
    /// The queries, scaled, row by row.
    q: Vec<f32>,
    states: [RowState; QUERIES],
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
            states: [RowState::EMPTY; QUERIES],
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
        self.states.fill(RowState::EMPTY);
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

    /// Brings the states of `M` queries from `row` on up to date with `count` keys from `first` on.
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
        let panels = count.div_ceil(Self::LANES);
        let mut weights = self.scores::<M>(simd, d, row, rows, panels);
        let mut factors = [0.0; M];
        for i in 0..M {
            let visible = seen[i].saturating_sub(first).min(count);
            let query = (row + i).min(QUERIES - 1);
            let (state, factor) =
                self.weigh(simd, self.states[query], &mut weights[i][..panels], visible);
            factors[i] = factor;
            if row + i < rows {
                self.states[query] = state;
            }
        }
        let values = self.values.chunks_exact(Self::KEYS);
        for (out, values) in self.out.chunks_exact_mut(QUERIES).zip(values) {
            let mut sums = [Lanes::splat(simd, 0.0); M];
            for i in 0..M {
                let query = (row + i).min(rows - 1);
                sums[i] = out[query].times(simd, Lanes::splat(simd, factors[i]));
            }
            for p in 0..panels {
                let values = &values[p * Self::LANES..][..Self::LANES];
                let mut of_panel: [&[f32]; M] = [&[]; M];
                for i in 0..M {
                    of_panel[i] = weights[i][p].as_slice();
                }
                if finite {
                    sums = rows_times_panel(simd, of_panel, values, sums);
                } else {
                    let visible = seen.map(|seen| seen.saturating_sub(first + p * Self::LANES));
                    add_carefully(simd, &mut sums, of_panel, values, visible);
                }
            }
            for i in 0..M.min(rows - row) {
                out[row + i] = sums[i];
            }
        }
    }

    /// The scores of `M` queries with the keys of the first few panels.
    #[inline(always)]
    fn scores<const M: usize>(
        &self,
        simd: S,
        d: usize,
        row: usize,
        rows: usize,
        panels: usize,
    ) -> [[Lanes<S, V>; PANELS]; M] {
        let mut of_rows = [[Lanes::<S, V>::splat(simd, 0.0); PANELS]; M];
        for (p, panel) in self.keys.chunks_exact(d).take(panels).enumerate() {
            let queries = key_rows::<M>(&self.q, d, row, rows);
            let scores = rows_times_panel(simd, queries, panel, [Lanes::splat(simd, 0.0); M]);
            for i in 0..M {
                of_rows[i][p] = scores[i];
            }
        }
        of_rows
    }

    /// Makes weights of the scores of one query, of which it sees the first `visible`. Gives its new
    /// state, and the factor of its output so far.
    #[inline(always)]
    fn weigh(
        &self,
        simd: S,
        state: RowState,
        scores: &mut [Lanes<S, V>],
        visible: usize,
    ) -> (RowState, f32) {
        let hidden = simd.splat_f32s(f32::NEG_INFINITY);
        let mut maxima = Lanes::<S, V>::splat(simd, state.row_max);
        for (p, scores) in scores.iter_mut().enumerate() {
            let visible = visible.saturating_sub(p * Self::LANES);
            if visible < Self::LANES {
                let visible = simd.splat_u32s(visible as u32);
                for v in 0..V {
                    let sees = simd.less_than_u32s(self.numbers[v], visible);
                    scores.0[v] = simd.select_f32s(sees, scores.0[v], hidden);
                }
            }
            maxima = maxima.larger(simd, *scores);
        }
        let row_max = maxima.largest(simd);
        let (shift, factor) = state.raise(row_max);
        let shifts = Lanes::splat(simd, shift);
        let mut sums = Lanes::<S, V>::splat(simd, 0.0);
        for score in scores.iter_mut() {
            *score = score.exp2_from(simd, shifts);
            sums = sums.plus(simd, *score);
        }
        let row_sum = state.row_sum * factor + sums.sum(simd);
        (RowState { row_max, row_sum }, factor)
    }

    /// Divides, and writes the rows out, as many as `lse` has.
    #[inline(always)]
    fn finish(&self, out: &mut [f32], lse: &mut [f32], d_v: usize) {
        for (i, lse) in lse.iter_mut().enumerate() {
            let (factor, of_row) = self.states[i].finish();
            *lse = of_row;
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
    visible: [usize; M],
) {
    for i in 0..M {
        for (&weight, value) in weights[i].iter().zip(values).take(visible[i]) {
            let weight = Lanes::splat(simd, weight);
            sums[i] = sums[i].plus(simd, weight.times(simd, *value));
        }
    }
}
