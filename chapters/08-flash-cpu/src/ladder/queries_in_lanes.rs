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
    instructions::{Kernel, Scratch},
    lanes::Lanes,
    panels::{RowState, Seen, key_rows, transpose, transpose_back},
    products::{columns_times_weights, rows_times_panel},
    registers::Registers,
    tasks::{self, Head, Rows, Task},
};
use crate::given::{Block, HeadsOutput, expect_heads};
use ndarray::{ArrayView3, Axis};
use pulp::bytemuck;
use std::{f32::consts::LOG2_E, hint::black_box, ops::Range};

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
        || Scratch::<QueriesInLanes>::new(instructions),
        |scratch, task| scratch.run((rows.head(task.head, task.group), task)),
    )
}

/// The tiles on this processor.
pub(super) fn block() -> Block {
    Block { q: PANELS * Instructions::detect().lanes(), k: KEYS }
}

struct QueriesInLanes;

impl Kernel for QueriesInLanes {
    type Job<'a> = (Head<'a>, Task<'a>);
    type Tile<S: Registers, const V: usize> = Tile<S, V>;

    fn tile<S: Registers, const V: usize>(simd: S, (head, _): &Self::Job<'_>) -> Tile<S, V> {
        Tile::new(simd, head.d, head.d_v)
    }

    #[inline(always)]
    fn run<S: Registers, const V: usize, const M: usize>(
        simd: S,
        tile: &mut Tile<S, V>,
        (head, task): Self::Job<'_>,
    ) {
        tile.forward::<M>(simd, &head, task);
    }
}

/// What a thread works with.
struct Tile<S: Registers, const V: usize> {
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
        let masked = keys.end > self.seen.least();
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
        let mut factors = self.row_sum;
        let states = self.row_max.as_slice().iter().zip(self.row_sum.as_slice());
        for (lane, (&row_max, &row_sum)) in states.enumerate() {
            let (factor, of_row) = RowState { row_max, row_sum }.finish();
            factors.as_mut_slice()[lane] = factor;
            if let Some(lse) = lse.get_mut(lane) {
                *lse = of_row;
            }
        }
        transpose_back(out, &self.out, lse.len(), factors);
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
