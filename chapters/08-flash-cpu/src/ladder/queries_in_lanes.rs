//! Rung 6: queries in the lanes.
//!
//! The rung below has keys in the lanes, as everybody does first: a row of scores is a row of
//! lanes, and its maximum and its sum have to be collected across registers. Here a *panel* of
//! queries lies across the lanes, transposed, and keys go by one after the other. Then
//!
//! * keys and values are used as they lie in memory, a number at a time for all lanes: nothing is
//!   packed but the queries, once;
//! * a maximum, a sum and a factor are registers, and every step of the softmax is the same
//!   instruction for all queries;
//! * the mask is one comparison, and on the diagonal only a few keys too many are computed;
//! * d and d_v may be anything, since no register lies along them.

use super::{
    Instructions, decode,
    instructions::{Job, Scratch},
    lanes::Lanes,
    products::{columns_times_weights, rows_times_panel},
    registers::Registers,
    tasks::{self, Head, Rows, Task},
};
use crate::given::{Block, HeadsOutput, expect_heads};
use ndarray::{ArrayView3, Axis};
use pulp::bytemuck;
use std::{
    f32::consts::{LN_2, LOG2_E},
    hint::black_box,
    ops::Range,
};

/// How many panels of queries share a tile of keys and values while it is in the nearest caches. With
/// four, keys and values that do not fit into the second cache were a tenth slower: they were read from
/// afar four times as often.
pub const PANELS: usize = 16;

/// Keys of a tile. Its scores, and what they are made of, fit into the second cache with room to
/// spare; half as many and twice as many were no better.
pub const KEYS: usize = 64;

/// With up to so many queries a head, most lanes would be idle: they are for `decode`.
const FEW: usize = 4;

/// Attention of all heads, as fast as this processor can by this code.
///
/// Shapes and masks are those of [`flash_heads`](crate::flash_heads). Beside the results it needs a
/// few hundred kilobytes a thread, whatever the sizes, and copies of those inputs whose rows do not
/// lie one after the other. The result is the same to the last bit on any number of threads, and
/// differs in the last digits between instruction sets.
///
/// # Panics
/// If the shapes do not fit, naming both sizes.
#[track_caller]
pub fn queries_in_lanes(
    q: ArrayView3<f32>,
    k: ArrayView3<f32>,
    v: ArrayView3<f32>,
    causal: bool,
) -> HeadsOutput {
    queries_in_lanes_with(Instructions::detect(), q, k, v, causal)
}

/// The same on a certain instruction set.
#[track_caller]
pub fn queries_in_lanes_with(
    instructions: Instructions,
    q: ArrayView3<f32>,
    k: ArrayView3<f32>,
    v: ArrayView3<f32>,
    causal: bool,
) -> HeadsOutput {
    expect_heads(q, k, v);
    let rows = Rows::new(&q, &k, &v, causal);
    if q.len_of(Axis(1)) <= FEW {
        return decode::decode(instructions, &rows);
    }
    tasks::each(
        q.dim(),
        v.dim(),
        PANELS * instructions.lanes(),
        || Scratch::new(instructions),
        |scratch, task| {
            let head = rows.head(task.head, task.group);
            scratch.run(Job::Forward(&head, task));
        },
    )
}

/// The tiles on this processor.
pub(super) fn block() -> Block {
    Block {
        q: PANELS * Instructions::detect().lanes(),
        k: KEYS,
    }
}

/// What a thread works with.
pub(super) struct Tile<S: Registers, const V: usize> {
    panels: Vec<Panel<S, V>>,
    /// Scores of a tile, then weights: lanes for each key.
    weights: Vec<Lanes<S, V>>,
}

/// Queries in the lanes, and their states.
struct Panel<S: Registers, const V: usize> {
    /// Times log2(e)/√d, so that scores are exponents of 2: lanes for each of d components.
    q: Vec<Lanes<S, V>>,
    row_max: Lanes<S, V>,
    row_sum: Lanes<S, V>,
    /// Lanes for each of d_v components.
    out: Vec<Lanes<S, V>>,
    seen: Seen<S, V>,
}

/// How many keys each lane sees; no lane fewer than the one before it.
#[derive(Clone, Copy)]
pub(super) struct Seen<S: Registers, const V: usize> {
    lanes: [S::u32s; V],
    least: usize,
    most: usize,
}

impl<S: Registers, const V: usize> Tile<S, V> {
    /// For these widths.
    pub fn new(simd: S, d: usize, d_v: usize) -> Self {
        let zeros = |rows| vec![Lanes::splat(simd, 0.0); rows];
        let panel = || Panel {
            q: zeros(d),
            row_max: Lanes::splat(simd, f32::NEG_INFINITY),
            row_sum: Lanes::splat(simd, 0.0),
            out: zeros(d_v),
            seen: Seen::nothing(simd),
        };
        Tile {
            panels: (0..PANELS).map(|_| panel()).collect(),
            // Up to a whole number of the tiles in registers, which have at most 8 keys.
            weights: zeros(KEYS + 8),
        }
    }

    /// Attention of the queries `rows`, at most [`PANELS`] panels of them; `M` keys at a time.
    #[inline(always)]
    pub fn forward<const M: usize>(&mut self, simd: S, head: &Head, task: Task) {
        let (lanes, rows) = (Lanes::<S, V>::COUNT, task.rows);
        let panels = &mut self.panels[..rows.len().div_ceil(lanes)];
        for (i, panel) in panels.iter_mut().enumerate() {
            let first = rows.start + i * lanes;
            panel.start(simd, head, first..rows.end.min(first + lanes));
        }
        let end = head.seen(rows.end - 1);
        for key in (0..end).step_by(KEYS) {
            let keys = key..end.min(key + KEYS);
            fetch(&head.k[keys.start * head.d..keys.end * head.d]);
            fetch(&head.v[keys.start * head.d_v..keys.end * head.d_v]);
            for panel in panels.iter_mut() {
                panel.visit::<M>(simd, head, keys.clone(), &mut self.weights);
            }
        }
        for (i, panel) in panels.iter().enumerate() {
            let first = i * lanes;
            let count = lanes.min(rows.len() - first);
            let out = &mut task.out[first * head.d_v..][..count * head.d_v];
            panel.finish(out, &mut task.lse[first..][..count]);
        }
    }
}

impl<S: Registers, const V: usize> Panel<S, V> {
    /// Takes in the queries `rows`, transposed and scaled, with empty states.
    #[inline(always)]
    fn start(&mut self, simd: S, head: &Head, rows: Range<usize>) {
        let scale = LOG2_E / (head.d as f32).sqrt();
        transpose(&mut self.q, head.q, head.d, rows.clone(), scale);
        self.seen = Seen::of(simd, head, rows);
        self.row_max = Lanes::splat(simd, f32::NEG_INFINITY);
        self.row_sum = Lanes::splat(simd, 0.0);
        self.out.fill(Lanes::splat(simd, 0.0));
    }

    /// Brings the states up to date with a tile of keys and values.
    #[inline(always)]
    fn visit<const M: usize>(
        &mut self,
        simd: S,
        head: &Head,
        keys: Range<usize>,
        weights: &mut [Lanes<S, V>],
    ) {
        // What no lane sees is not computed.
        let keys = keys.start..keys.end.min(self.seen.most());
        if keys.is_empty() {
            return;
        }
        let masked = keys.end > self.seen.least;
        let weights = &mut weights[..keys.len().next_multiple_of(M)];

        // Scores, M keys at a time, and their maximum on the way.
        let mut row_max = self.row_max;
        for (tile, first) in weights.chunks_exact_mut(M).zip(keys.clone().step_by(M)) {
            let rows = key_rows(head.k, head.d, first, keys.end);
            let zeros = [Lanes::splat(simd, 0.0); M];
            let mut scores = rows_times_panel(simd, rows, &self.q, zeros);
            self.seen.hide(simd, &mut scores, first, keys.end);
            for (to, scores) in tile.iter_mut().zip(scores) {
                row_max = row_max.larger(simd, scores);
                *to = scores;
            }
        }

        // Weights from scores. A lane that has seen nothing keeps −∞ as its maximum; there,
        // anything else can be subtracted, and −∞ − (−∞) would be NaN.
        let shift = row_max.or_zero(simd);
        let old = self.row_max.exp2_from(simd, shift);
        let mut sum = Lanes::splat(simd, 0.0);
        for weight in weights.iter_mut() {
            *weight = weight.exp2_from(simd, shift);
            sum = sum.plus(simd, *weight);
        }
        self.row_max = row_max;
        self.row_sum = self.row_sum.times(simd, old).plus(simd, sum);

        // Output, M columns at a time, brought to the new maximum on the way.
        let values = &head.v[keys.start * head.d_v..keys.end * head.d_v];
        if masked && !values.iter().all(|x| x.is_finite()) {
            return self.add_carefully(simd, values, head.d_v, keys, weights, old);
        }
        let whole = head.d_v / M * M;
        let (whole, rest) = self.out.split_at_mut(whole);
        for (i, out) in whole.chunks_exact_mut(M).enumerate() {
            let mut sums = [old; M];
            for (sums, out) in sums.iter_mut().zip(&*out) {
                *sums = sums.times(simd, *out);
            }
            sums = columns_times_weights(simd, values, head.d_v, i * M, weights, sums);
            out.copy_from_slice(&sums);
        }
        for (i, out) in rest.iter_mut().enumerate() {
            let (column, sums) = (whole.len() + i, [old.times(simd, *out)]);
            let [sum] = columns_times_weights(simd, values, head.d_v, column, weights, sums);
            *out = sum;
        }
    }

    /// The output from values of which some are not finite: a lane takes nothing from a key that it
    /// does not see, where 0 · ∞ would be NaN.
    #[cold]
    fn add_carefully(
        &mut self,
        simd: S,
        values: &[f32],
        d_v: usize,
        keys: Range<usize>,
        weights: &[Lanes<S, V>],
        old: Lanes<S, V>,
    ) {
        for out in &mut self.out {
            *out = out.times(simd, old);
        }
        let seen: &[u32] = bytemuck::cast_slice(&self.seen.lanes);
        for (j, (row, weight)) in keys.zip(values.chunks_exact(d_v).zip(weights)) {
            for (out, &value) in self.out.iter_mut().zip(row) {
                let lanes = out.as_mut_slice().iter_mut().zip(weight.as_slice());
                for ((out, weight), &seen) in lanes.zip(seen) {
                    if j < seen as usize {
                        *out += weight * value;
                    }
                }
            }
        }
    }

    /// Divides, and writes the rows out, as many as `lse` has.
    #[inline(always)]
    fn finish(&self, out: &mut [f32], lse: &mut [f32]) {
        let empty = |sum: f32| sum == 0.0;
        let mut factor = self.row_sum;
        for x in factor.as_mut_slice() {
            *x = if empty(*x) { 0.0 } else { 1.0 / *x };
        }
        let (sums, maxima) = (self.row_sum.as_slice(), self.row_max.as_slice());
        for (lse, (sum, max)) in lse.iter_mut().zip(sums.iter().zip(maxima)) {
            *lse = if empty(*sum) {
                f32::NEG_INFINITY
            } else {
                LN_2 * (max + sum.log2())
            };
        }
        transpose_back(out, &self.out, lse.len(), factor);
    }
}

/// Reads a number of each cache line, in the order in which they lie. The processor notices the order
/// and brings the lines ahead of time; where several rows are read side by side, it does not.
#[inline(always)]
fn fetch(rows: &[f32]) {
    const LINE: usize = 16;
    let lines = rows.iter().step_by(LINE);
    black_box(lines.fold(0, |bits, x| bits ^ x.to_bits()));
}

/// The rows of `M` keys or values from `first` on; beyond `end`, the last one again, which a mask
/// hides.
#[inline(always)]
pub(super) fn key_rows<const M: usize>(
    x: &[f32],
    width: usize,
    first: usize,
    end: usize,
) -> [&[f32]; M] {
    let mut rows: [&[f32]; M] = [&[]; M];
    for (i, row) in rows.iter_mut().enumerate() {
        let j = (first + i).min(end - 1);
        *row = &x[j * width..][..width];
    }
    rows
}

impl<S: Registers, const V: usize> Seen<S, V> {
    /// No key in any lane.
    pub fn nothing(simd: S) -> Self {
        Seen {
            lanes: [simd.splat_u32s(0); V],
            least: 0,
            most: 0,
        }
    }

    /// Of the queries `rows`; lanes beyond the last one see what it sees, and are thrown away.
    #[inline(always)]
    pub fn of(simd: S, head: &Head, rows: Range<usize>) -> Self {
        let mut seen = Self::nothing(simd);
        let lanes: &mut [u32] = bytemuck::cast_slice_mut(&mut seen.lanes);
        for (lane, seen) in lanes.iter_mut().enumerate() {
            let i = (rows.start + lane).min(rows.end - 1);
            *seen = u32::try_from(head.seen(i)).unwrap_or(u32::MAX);
        }
        seen.least = head.seen(rows.start);
        seen.most = head.seen(rows.end - 1);
        seen
    }

    /// Keys that some lane sees.
    #[inline(always)]
    pub fn most(&self) -> usize {
        self.most
    }

    /// Sets to −∞ the scores with keys from `first` on that a lane does not see, and those with keys
    /// from `end` on.
    #[inline(always)]
    pub fn hide<const M: usize>(
        &self,
        simd: S,
        scores: &mut [Lanes<S, V>; M],
        first: usize,
        end: usize,
    ) {
        if first + M <= end.min(self.least) {
            return;
        }
        let hidden = simd.splat_f32s(f32::NEG_INFINITY);
        for i in 0..M {
            if first + i >= end {
                scores[i] = Lanes([hidden; V]);
                continue;
            }
            let j = simd.splat_u32s((first + i) as u32);
            for v in 0..V {
                let sees = simd.greater_than_u32s(self.lanes[v], j);
                scores[i].0[v] = simd.select_f32s(sees, scores[i].0[v], hidden);
            }
        }
    }
}

/// Puts the `rows` of `x` into lanes, times `factor`; lanes beyond the last row repeat it.
#[inline(always)]
pub(super) fn transpose<S: Registers, const V: usize>(
    to: &mut [Lanes<S, V>],
    x: &[f32],
    width: usize,
    rows: Range<usize>,
    factor: f32,
) {
    for lane in 0..Lanes::<S, V>::COUNT {
        let i = (rows.start + lane).min(rows.end - 1);
        for (to, x) in to.iter_mut().zip(&x[i * width..][..width]) {
            to.as_mut_slice()[lane] = x * factor;
        }
    }
}

/// Puts `count` lanes, each times its factor, into rows.
#[inline(always)]
pub(super) fn transpose_back<S: Registers, const V: usize>(
    to: &mut [f32],
    columns: &[Lanes<S, V>],
    count: usize,
    factor: Lanes<S, V>,
) {
    if columns.is_empty() {
        return;
    }
    let rows = to.chunks_exact_mut(columns.len());
    for (lane, row) in rows.take(count).enumerate() {
        let factor = factor.as_slice()[lane];
        for (to, column) in row.iter_mut().zip(columns) {
            *to = column.as_slice()[lane] * factor;
        }
    }
}
