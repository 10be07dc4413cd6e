//! What the kernels share: rows of numbers turned into lanes and back, which keys a lane sees, and
//! the step of the online softmax.

use super::{lanes::Lanes, registers::Registers, tasks::Head};
use pulp::bytemuck;
use std::{f32::consts::LN_2, ops::Range};

/// The maximum and the sum of one row of scores so far; the scores are exponents of 2.
#[derive(Clone, Copy)]
pub(super) struct RowState {
    pub row_max: f32,
    pub row_sum: f32,
}

impl RowState {
    /// Before the first key.
    pub const EMPTY: RowState = RowState { row_max: f32::NEG_INFINITY, row_sum: 0.0 };

    /// What is subtracted from the scores where the maximum has become `row_max`, and the factor
    /// that brings the sum and the output so far to it. Without a key the maximum is −∞, and
    /// −∞ − (−∞) would be NaN: any other number will do there.
    #[inline(always)]
    pub fn raise(&self, row_max: f32) -> (f32, f32) {
        let shift = if row_max == f32::NEG_INFINITY { 0.0 } else { row_max };
        (shift, (self.row_max - shift).exp2())
    }

    /// What the output is multiplied by at the end, and the log-sum-exp; 0 and −∞ without a key.
    #[inline(always)]
    pub fn finish(&self) -> (f32, f32) {
        if self.row_sum == 0.0 {
            (0.0, f32::NEG_INFINITY)
        } else {
            (1.0 / self.row_sum, LN_2 * (self.row_max + self.row_sum.log2()))
        }
    }
}

/// How many keys each lane sees; no lane fewer than the one before it.
#[derive(Clone, Copy)]
pub(super) struct Seen<S: Registers, const V: usize> {
    pub lanes: [S::u32s; V],
    least: usize,
    most: usize,
}

impl<S: Registers, const V: usize> Seen<S, V> {
    /// No key in any lane.
    pub fn nothing(simd: S) -> Self {
        Seen { lanes: [simd.splat_u32s(0); V], least: 0, most: 0 }
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

    /// How many keys every lane sees.
    #[inline(always)]
    pub fn least(&self) -> usize {
        self.least
    }

    /// How many keys some lane sees.
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
