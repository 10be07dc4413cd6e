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
    lanes::{Lanes, exp2, larger},
    products::{columns_times_weights, rows_times_panel},
    tasks::{self, Head, Rows, Task},
};
use crate::given::{Block, HeadsOutput, expect_heads};
use ndarray::{ArrayView3, Axis};
use std::{
    f32::consts::{LN_2, LOG2_E},
    ops::Range,
};

/// How many panels of queries share a tile of keys and values while it is in the nearest caches.
pub const PANELS: usize = 4;

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
pub fn block() -> Block {
    Block {
        q: PANELS * Instructions::detect().lanes(),
        k: KEYS,
    }
}

/// What a thread works with.
pub(super) struct Tile<const W: usize, const V: usize> {
    panels: Vec<Panel<W, V>>,
    /// Scores of a tile, then weights: lanes for each key.
    weights: Vec<Lanes<W, V>>,
}

/// Queries in the lanes, and their states.
struct Panel<const W: usize, const V: usize> {
    /// Times log2(e)/√d, so that scores are exponents of 2: lanes for each of d components.
    q: Vec<Lanes<W, V>>,
    row_max: Lanes<W, V>,
    row_sum: Lanes<W, V>,
    /// Lanes for each of d_v components.
    out: Vec<Lanes<W, V>>,
    seen: Seen<W, V>,
}

/// How many keys each lane sees; no lane fewer than the one before it.
#[derive(Clone, Copy)]
pub(super) struct Seen<const W: usize, const V: usize>([[i32; W]; V]);

impl<const W: usize, const V: usize> Tile<W, V> {
    /// For these widths.
    pub fn new(d: usize, d_v: usize) -> Self {
        let zeros = |rows| vec![Lanes::splat(0.0); rows];
        let panel = || Panel {
            q: zeros(d),
            row_max: Lanes::splat(f32::NEG_INFINITY),
            row_sum: Lanes::splat(0.0),
            out: zeros(d_v),
            seen: Seen::NOTHING,
        };
        Tile {
            panels: (0..PANELS).map(|_| panel()).collect(),
            // Up to a whole number of the tiles in registers, which have at most 8 keys.
            weights: zeros(KEYS + 8),
        }
    }

    /// Attention of the queries `rows`, at most [`PANELS`] panels of them; `M` keys at a time.
    #[inline(always)]
    pub fn forward<const M: usize, const FUSED: bool>(&mut self, head: &Head, task: Task) {
        let (lanes, rows) = (W * V, task.rows);
        let panels = &mut self.panels[..rows.len().div_ceil(lanes)];
        for (i, panel) in panels.iter_mut().enumerate() {
            let first = rows.start + i * lanes;
            panel.start(head, first..rows.end.min(first + lanes));
        }
        let end = head.seen(rows.end - 1);
        for key in (0..end).step_by(KEYS) {
            let keys = key..end.min(key + KEYS);
            for panel in panels.iter_mut() {
                panel.visit::<M, FUSED>(head, keys.clone(), &mut self.weights);
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

impl<const W: usize, const V: usize> Panel<W, V> {
    /// Takes in the queries `rows`, transposed and scaled, with empty states.
    #[inline(always)]
    fn start(&mut self, head: &Head, rows: Range<usize>) {
        let scale = LOG2_E / (head.d as f32).sqrt();
        transpose(&mut self.q, head.q, head.d, rows.clone(), scale);
        self.seen = Seen::of(head, rows);
        self.row_max = Lanes::splat(f32::NEG_INFINITY);
        self.row_sum = Lanes::splat(0.0);
        self.out.fill(Lanes::splat(0.0));
    }

    /// Brings the states up to date with a tile of keys and values.
    #[inline(always)]
    fn visit<const M: usize, const FUSED: bool>(
        &mut self,
        head: &Head,
        keys: Range<usize>,
        weights: &mut [Lanes<W, V>],
    ) {
        // What no lane sees is not computed.
        let keys = keys.start..keys.end.min(self.seen.most());
        if keys.is_empty() {
            return;
        }
        let masked = keys.end > self.seen.least();
        let weights = &mut weights[..keys.len().next_multiple_of(M)];

        // Scores, M keys at a time, and their maximum on the way.
        let mut row_max = self.row_max;
        for (tile, first) in weights.chunks_exact_mut(M).zip(keys.clone().step_by(M)) {
            let rows = key_rows(head.k, head.d, first, keys.end);
            let zeros = [Lanes::splat(0.0); M];
            let mut scores = rows_times_panel::<W, V, M, FUSED>(rows, &self.q, zeros);
            self.seen.hide(&mut scores, first, keys.end);
            for (to, scores) in tile.iter_mut().zip(scores) {
                row_max = scores.zip(row_max, larger);
                *to = scores;
            }
        }

        // Weights from scores. A lane that has seen nothing keeps −∞ as its maximum; there,
        // anything else can be subtracted, and −∞ − (−∞) would be NaN.
        let shift = row_max.map(|max| if max == f32::NEG_INFINITY { 0.0 } else { max });
        let old = self
            .row_max
            .zip(shift, |max, shift| exp2::<FUSED>(max - shift));
        let mut sum = Lanes::splat(0.0);
        for weight in weights.iter_mut() {
            *weight = weight.zip(shift, |score, shift| exp2::<FUSED>(score - shift));
            sum = sum.zip(*weight, |sum, weight| sum + weight);
        }
        self.row_max = row_max;
        self.row_sum = self.row_sum.zip(old, |sum, old| sum * old);
        self.row_sum = self.row_sum.zip(sum, |a, b| a + b);

        // Output, M columns at a time, brought to the new maximum on the way.
        let values = &head.v[keys.start * head.d_v..keys.end * head.d_v];
        if masked && !values.iter().all(|x| x.is_finite()) {
            return self.add_carefully(values, head.d_v, keys, weights, old);
        }
        let whole = head.d_v / M * M;
        let (whole, rest) = self.out.split_at_mut(whole);
        for (i, out) in whole.chunks_exact_mut(M).enumerate() {
            let mut sums = [old; M];
            for (sums, out) in sums.iter_mut().zip(&*out) {
                *sums = sums.zip(*out, |old, out| old * out);
            }
            sums = columns_times_weights::<W, V, M, FUSED>(values, head.d_v, i * M, weights, sums);
            out.copy_from_slice(&sums);
        }
        for (i, out) in rest.iter_mut().enumerate() {
            let (column, sums) = (whole.len() + i, [old.zip(*out, |old, out| old * out)]);
            let [sum] =
                columns_times_weights::<W, V, 1, FUSED>(values, head.d_v, column, weights, sums);
            *out = sum;
        }
    }

    /// The output from values of which some are not finite: a lane takes nothing from a key that it
    /// does not see, where 0 · ∞ would be NaN.
    #[cold]
    fn add_carefully(
        &mut self,
        values: &[f32],
        d_v: usize,
        keys: Range<usize>,
        weights: &[Lanes<W, V>],
        old: Lanes<W, V>,
    ) {
        for out in &mut self.out {
            *out = out.zip(old, |out, old| out * old);
        }
        for (j, (row, weight)) in keys.zip(values.chunks_exact(d_v).zip(weights)) {
            for (out, &value) in self.out.iter_mut().zip(row) {
                for v in 0..V {
                    for w in 0..W {
                        if j < self.seen.0[v][w] as usize {
                            out.0[v][w] += weight.0[v][w] * value;
                        }
                    }
                }
            }
        }
    }

    /// Divides, and writes the rows out, as many as `lse` has.
    #[inline(always)]
    fn finish(&self, out: &mut [f32], lse: &mut [f32]) {
        let empty = |sum: f32| sum == 0.0;
        let factor = self
            .row_sum
            .map(|sum| if empty(sum) { 0.0 } else { 1.0 / sum });
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

impl<const W: usize, const V: usize> Seen<W, V> {
    /// No key in any lane.
    pub const NOTHING: Self = Seen([[0; W]; V]);

    /// Of the queries `rows`; lanes beyond the last one see what it sees, and are thrown away.
    #[inline(always)]
    pub fn of(head: &Head, rows: Range<usize>) -> Self {
        let mut seen = [[0; W]; V];
        for (lane, seen) in seen.as_flattened_mut().iter_mut().enumerate() {
            let i = (rows.start + lane).min(rows.end - 1);
            *seen = i32::try_from(head.seen(i)).unwrap_or(i32::MAX);
        }
        Seen(seen)
    }

    /// Keys that every lane sees.
    #[inline(always)]
    pub fn least(&self) -> usize {
        self.0[0][0] as usize
    }

    /// Keys that some lane sees.
    #[inline(always)]
    pub fn most(&self) -> usize {
        self.0[V - 1][W - 1] as usize
    }

    /// Sets to −∞ the scores with keys from `first` on that a lane does not see, and those with keys
    /// from `end` on.
    #[inline(always)]
    pub fn hide<const M: usize>(&self, scores: &mut [Lanes<W, V>; M], first: usize, end: usize) {
        if first + M <= end.min(self.least()) {
            return;
        }
        for (i, scores) in scores.iter_mut().enumerate() {
            let (j, beyond) = ((first + i) as i32, first + i >= end);
            for v in 0..V {
                for w in 0..W {
                    if beyond || self.0[v][w] <= j {
                        scores.0[v][w] = f32::NEG_INFINITY;
                    }
                }
            }
        }
    }
}

/// Puts the `rows` of `x` into lanes, times `factor`; lanes beyond the last row repeat it.
#[inline(always)]
pub(super) fn transpose<const W: usize, const V: usize>(
    to: &mut [Lanes<W, V>],
    x: &[f32],
    width: usize,
    rows: Range<usize>,
    factor: f32,
) {
    for lane in 0..W * V {
        let i = (rows.start + lane).min(rows.end - 1);
        for (to, x) in to.iter_mut().zip(&x[i * width..][..width]) {
            to.as_mut_slice()[lane] = x * factor;
        }
    }
}

/// Puts `count` lanes, each times its factor, into rows.
#[inline(always)]
pub(super) fn transpose_back<const W: usize, const V: usize>(
    to: &mut [f32],
    columns: &[Lanes<W, V>],
    count: usize,
    factor: Lanes<W, V>,
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
