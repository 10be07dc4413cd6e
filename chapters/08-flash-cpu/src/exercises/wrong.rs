//! Attention tile by tile once more, with every choice left open: the wrong answers of two
//! exercises are made of it.

use crate::given::{Block, Output, Traffic, seen};
use ndarray::{Array1, Array2, ArrayView2, s};

/// The choices. [`RIGHT`] has the right ones; a mistake changes one.
#[derive(Clone, Copy)]
pub(super) struct Recipe {
    /// What the scores are multiplied by, of d.
    pub scale: fn(d: f32) -> f32,
    /// How many keys query i of n sees among m, if causal.
    pub seen: fn(i: usize, n: usize, m: usize) -> usize,
    /// How many keys row r of a tile sees in the tile's key tile, given how many it should see.
    pub open: fn(r: usize, open: usize) -> usize,
    /// Where the maximum of a row starts.
    pub max_from: f32,
    /// Whether the sum so far is brought to the new maximum.
    pub rescale_sum: bool,
    /// Whether the output so far is brought to the new maximum.
    pub rescale_out: bool,
    /// Whether each tile's weights are divided by their own sum.
    pub normalise: bool,
    /// Whether the output is divided by the sum at the end.
    pub divide: bool,
    /// Whether −∞ − (−∞) is avoided.
    pub spare_empty: bool,
    /// How many of a tile's rows decide how far it has to look: 1 for the last one's limit.
    pub end: fn(first: usize, rows: usize) -> usize,
    /// How many rows are covered by tiles of `block` rows.
    pub covered: fn(rows: usize, block: usize) -> usize,
    /// The log-sum-exp from maximum and sum.
    pub lse: fn(row_max: f32, row_sum: f32) -> f32,
}

pub(super) const RIGHT: Recipe = Recipe {
    scale: |d| 1.0 / d.sqrt(),
    seen: |i, n, m| seen(i, n, m, true),
    open: |_, open| open,
    max_from: f32::NEG_INFINITY,
    rescale_sum: true,
    rescale_out: true,
    normalise: false,
    divide: true,
    spare_empty: true,
    end: |first, rows| first + rows - 1,
    covered: |rows, _| rows,
    lse: |row_max, row_sum| row_max + row_sum.ln(),
};

impl Recipe {
    pub fn run(
        &self,
        (q, k, v): (ArrayView2<f32>, ArrayView2<f32>, ArrayView2<f32>),
        causal: bool,
        block: Block,
        traffic: &mut Traffic,
    ) -> Output {
        let ((n, d), (m, d_v)) = (q.dim(), v.dim());
        let scale = (self.scale)(d as f32);
        let seen = |i| if causal { (self.seen)(i, n, m) } else { m };
        let mut result = Output {
            out: Array2::zeros((n, d_v)),
            lse: Array1::from_elem(n, f32::NEG_INFINITY),
        };
        let covered = ((self.covered)(n, block.q), (self.covered)(m, block.k));
        for first in (0..covered.0).step_by(block.q) {
            let rows = first..n.min(first + block.q);
            let q = traffic.load(q.slice(s![rows.clone(), ..]));
            let mut row_max = Array1::from_elem(rows.len(), self.max_from);
            let mut row_sum = Array1::<f32>::zeros(rows.len());
            let mut out = Array2::<f32>::zeros((rows.len(), d_v));
            let end = seen((self.end)(first, rows.len())).min(covered.1);
            for key in (0..end).step_by(block.k) {
                let keys = key..m.min(key + block.k);
                let k = traffic.load(k.slice(s![keys.clone(), ..]));
                let v = traffic.load(v.slice(s![keys.clone(), ..]));
                for r in 0..rows.len() {
                    let open = seen(first + r).saturating_sub(key).min(keys.len());
                    let open = if causal { (self.open)(r, open) } else { open };
                    let hidden = |j: usize| j >= open.min(keys.len());
                    let score = |j: usize| match hidden(j) {
                        true => f32::NEG_INFINITY,
                        false => q.row(r).dot(&k.row(j)) * scale,
                    };
                    let mut weights: Array1<f32> = (0..keys.len()).map(score).collect();
                    let old_max = row_max[r];
                    let new_max = weights.fold(old_max, |max, &s| max.max(s));
                    let empty = self.spare_empty && new_max == f32::NEG_INFINITY;
                    let shift = if empty { 0.0 } else { new_max };
                    weights.mapv_inplace(|s| (s - shift).exp());
                    let old = (old_max - shift).exp();
                    let mut sum = weights.sum();
                    if self.normalise && sum > 0.0 {
                        weights /= sum;
                        sum = 1.0;
                    }
                    let keep = |rescale| if rescale { old } else { 1.0 };
                    row_max[r] = new_max;
                    row_sum[r] = keep(self.rescale_sum) * row_sum[r] + sum;
                    let mut out = out.row_mut(r);
                    out *= keep(self.rescale_out);
                    out += &weights.dot(&v);
                }
            }
            for (r, mut row) in out.rows_mut().into_iter().enumerate() {
                if !self.spare_empty || row_sum[r] != 0.0 {
                    if self.divide {
                        row /= row_sum[r];
                    }
                    result.lse[first + r] = (self.lse)(row_max[r], row_sum[r]);
                }
            }
            traffic.store(&out, result.out.slice_mut(s![rows, ..]));
        }
        result
    }
}
