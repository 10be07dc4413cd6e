//! A few queries against a long cache: flash-decoding, exercise 8.6.
//!
//! One query uses every key and every value once, so the time is that of reading them, and the
//! registers lie along d, as the numbers do in memory. The keys are cut into parts of fixed length,
//! which the cores take one after the other; then the parts are merged in their order. So the
//! result does not depend on the number of threads.

use super::{
    instructions::{Instructions, Kernel, Scratch},
    panels::RowState,
    registers::Registers,
    tasks::{Head, Rows},
};
use crate::given::HeadsOutput;
use ndarray::{Array2, Array3};
use pulp::bytemuck;
use rayon::prelude::*;
use std::{f32::consts::LOG2_E, ops::Range};

/// Keys of a part.
const PART: usize = 1024;

/// Keys whose scores are kept at once.
const TILE: usize = 64;

/// The state of one query after some keys, with scores as exponents of 2.
struct Part {
    state: RowState,
    out: Vec<f32>,
}

impl Part {
    fn new(d_v: usize) -> Self {
        Part { state: RowState::EMPTY, out: vec![0.0; d_v] }
    }

    /// The merge of exercise 8.1.
    fn merge(&mut self, other: &Part) {
        let (ours, theirs) = (self.state, other.state);
        let row_max = ours.row_max.max(theirs.row_max);
        // Without a key there is nothing to rescale (and a sum that is NaN stays NaN).
        let factor = |old: f32| match old {
            f32::NEG_INFINITY => 0.0,
            _ => (old - row_max).exp2(),
        };
        let (a, b) = (factor(ours.row_max), factor(theirs.row_max));
        self.state = RowState { row_max, row_sum: a * ours.row_sum + b * theirs.row_sum };
        for (x, y) in self.out.iter_mut().zip(&other.out) {
            *x = a * *x + b * y;
        }
    }
}

/// Attention of all heads, a query at a time.
pub(super) fn decode(instructions: Instructions, rows: &Rows) -> HeadsOutput {
    let (h, n, d_v) = rows.results();
    let parts = rows.keys().div_ceil(PART);
    // The heads of a group one after the other, so that they find their keys in the caches.
    let works: Vec<(usize, usize, usize)> = (0..rows.key_heads())
        .flat_map(|group| (0..parts).map(move |part| (group, part)))
        .flat_map(|(group, part)| rows.heads_of(group).map(move |head| (group, part, head)))
        .collect();
    let visit = |scratch: &mut Scratch<Decode>,
                 (group, part, head): (usize, usize, usize)|
     -> Vec<Part> {
        let head = rows.head(head, group);
        let scale = LOG2_E / (head.d as f32).sqrt();
        let queries = (0..n).map(|i| {
            let q: Vec<f32> = head.q[i * head.d..][..head.d].iter().map(|x| x * scale).collect();
            let mut part_state = Part::new(d_v);
            let end = head.seen(i).min((part + 1) * PART);
            if part * PART < end {
                scratch.run((&q, head, part * PART..end, &mut part_state));
            }
            part_state
        });
        queries.collect()
    };
    let done: Vec<Vec<Part>> = works
        .par_iter()
        .with_max_len(1)
        .map_init(|| Scratch::new(instructions), |scratch, work| visit(scratch, *work))
        .collect();

    let mut states: Vec<Part> = (0..h * n).map(|_| Part::new(d_v)).collect();
    for ((_, _, head), parts) in works.iter().zip(&done) {
        for (state, part) in states[head * n..].iter_mut().zip(parts) {
            state.merge(part);
        }
    }
    let mut result = HeadsOutput {
        out: Array3::zeros((h, n, d_v)),
        lse: Array2::from_elem((h, n), f32::NEG_INFINITY),
    };
    let outs = result.out.rows_mut().into_iter();
    for ((state, mut out), lse) in states.iter().zip(outs).zip(&mut result.lse) {
        let row_sum = state.state.row_sum;
        if row_sum != 0.0 {
            (_, *lse) = state.state.finish();
            for (to, x) in out.iter_mut().zip(&state.out) {
                *to = x / row_sum;
            }
        }
    }
    result
}

struct Decode;

impl Kernel for Decode {
    /// A scaled query, its head, some of the keys, and the state to bring up to date.
    type Job<'a> = (&'a [f32], Head<'a>, Range<usize>, &'a mut Part);
    type Tile<S: Registers, const V: usize> = ();

    fn tile<S: Registers, const V: usize>(_: S, _: &Self::Job<'_>) {}

    #[inline(always)]
    fn run<S: Registers, const V: usize, const M: usize>(
        simd: S,
        (): &mut (),
        (q, head, keys, part): Self::Job<'_>,
    ) {
        visit(simd, q, &head, keys, part);
    }
}

/// Brings `part` up to date with `keys`. `q` is scaled already.
#[inline(always)]
fn visit<S: Registers>(simd: S, q: &[f32], head: &Head, keys: Range<usize>, part: &mut Part) {
    let (d, d_v) = (head.d, head.d_v);
    for first in keys.clone().step_by(TILE) {
        let count = TILE.min(keys.end - first);
        let mut weights = [f32::NEG_INFINITY; TILE];
        let mut row_max = part.state.row_max;
        let rows = head.k[first * d..][..count * d].chunks_exact(d);
        for (weight, row) in weights.iter_mut().zip(rows) {
            *weight = dot(simd, q, row);
            row_max = row_max.max(*weight);
        }
        let (shift, old) = part.state.raise(row_max);
        let (registers, _) = S::as_mut_simd_f32s(&mut weights);
        let mut sum = simd.splat_f32s(0.0);
        for weight in registers {
            *weight = simd.exp2(simd.sub_f32s(*weight, simd.splat_f32s(shift)));
            sum = simd.add_f32s(sum, *weight);
        }
        let row_sum = part.state.row_sum * old + simd.reduce_sum_f32s(sum);
        part.state = RowState { row_max, row_sum };
        let values = &head.v[first * d_v..][..count * d_v];
        let mut column = 0;
        while column + 4 * S::F32_LANES <= d_v {
            add::<S, 4>(simd, &mut part.out, column, values, d_v, &weights, old);
            column += 4 * S::F32_LANES;
        }
        while column + S::F32_LANES <= d_v {
            add::<S, 1>(simd, &mut part.out, column, values, d_v, &weights, old);
            column += S::F32_LANES;
        }
        for column in column..d_v {
            let rows = values.chunks_exact(d_v).zip(&weights);
            let sum: f32 = rows.map(|(row, weight)| row[column] * weight).sum();
            part.out[column] = part.out[column] * old + sum;
        }
    }
}

/// `Σ a·b`.
#[inline(always)]
fn dot<S: Registers>(simd: S, a: &[f32], b: &[f32]) -> f32 {
    let ((a, a_rest), (b, b_rest)) = (S::as_simd_f32s(a), S::as_simd_f32s(b));
    let mut sum = simd.splat_f32s(0.0);
    for (a, b) in a.iter().zip(b) {
        sum = simd.multiply_add(*a, *b, sum);
    }
    let rest = a_rest.iter().zip(b_rest);
    rest.fold(simd.reduce_sum_f32s(sum), |sum, (a, b)| sum + a * b)
}

/// Adds the weighted values of `V` registers of columns from `column` on.
#[inline(always)]
fn add<S: Registers, const V: usize>(
    simd: S,
    out: &mut [f32],
    column: usize,
    values: &[f32],
    d_v: usize,
    weights: &[f32; TILE],
    old: f32,
) {
    let columns = column..column + V * S::F32_LANES;
    let mut sums = [simd.splat_f32s(0.0); V];
    for (sum, out) in sums.iter_mut().zip(S::as_simd_f32s(&out[columns.clone()]).0) {
        *sum = simd.mul_f32s(*out, simd.splat_f32s(old));
    }
    for (row, &weight) in values.chunks_exact(d_v).zip(weights) {
        let (row, _) = S::as_simd_f32s(&row[columns.clone()]);
        let weight = simd.splat_f32s(weight);
        for v in 0..V {
            sums[v] = simd.multiply_add(row[v], weight, sums[v]);
        }
    }
    out[columns].copy_from_slice(bytemuck::cast_slice(&sums));
}
