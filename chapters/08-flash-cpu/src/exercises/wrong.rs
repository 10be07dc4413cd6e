//! Attention tile by tile once more, with every choice left open: the wrong answers of two
//! exercises are made of it.

use crate::given::{Block, Output, Traffic, seen};
use ndarray::{Array1, Array2, ArrayView2, s};

/// The choices. [`RIGHT`] has the right ones; a mistake changes one.
#[derive(Clone, Copy)]
pub(super) struct Recipe {
    /// What the scores are multiplied by, of d and d_v.
    pub scale: fn(d: f32, d_v: f32) -> f32,
    /// How many keys query i of n sees among m, if causal.
    pub seen: fn(i: usize, n: usize, m: usize) -> usize,
    /// Which query row r of the tile that begins with query `first` is, for the mask.
    pub query: fn(first: usize, r: usize) -> usize,
    /// How many keys a query sees, given how many it should see.
    pub sees: fn(keys: usize) -> usize,
    /// How many keys row r of a tile sees in the tile's key tile, given how many it should see.
    pub open: fn(r: usize, open: usize) -> usize,
    /// The score of a hidden key.
    pub hidden: f32,
    /// Whether key tiles are loaded whole where the mask hides a part for all rows.
    pub whole: bool,
    /// Where the maximum of a row starts.
    pub max_from: f32,
    /// The new maximum, from the old one and the tile's own.
    pub new_max: fn(old: f32, tile: f32) -> f32,
    /// What the sum and the output so far are multiplied by, of the old maximum and the new one.
    pub rescale: fn(old: f32, new: f32) -> f32,
    /// Whether the sum so far is brought to the new maximum.
    pub rescale_sum: bool,
    /// Whether the output so far is brought to the new maximum.
    pub rescale_out: bool,
    /// Whether each tile's weights are divided by their own sum.
    pub normalise: bool,
    /// Whether the output is divided by the sum so far after each tile.
    pub divide_tiles: bool,
    /// Whether the output is divided by the sum at the end.
    pub divide: bool,
    /// Whether −∞ − (−∞) is avoided.
    pub spare_exponent: bool,
    /// Whether 0/0 is avoided.
    pub spare_division: bool,
    /// The log-sum-exp of a row without keys, where 0/0 is avoided.
    pub empty_lse: f32,
    /// How many of a tile's rows decide how far it has to look: 1 for the last one's limit.
    pub end: fn(first: usize, rows: usize) -> usize,
    /// How many rows are covered by tiles of `block` rows.
    pub covered: fn(rows: usize, block: usize) -> usize,
    /// The log-sum-exp from maximum and sum.
    pub lse: fn(row_max: f32, row_sum: f32) -> f32,
}

pub(super) const RIGHT: Recipe = Recipe {
    scale: |d, _| 1.0 / d.sqrt(),
    seen: |i, n, m| seen(i, n, m, true),
    query: |first, r| first + r,
    sees: |keys| keys,
    open: |_, open| open,
    hidden: f32::NEG_INFINITY,
    whole: true,
    max_from: f32::NEG_INFINITY,
    new_max: f32::max,
    rescale: |old, new| (old - new).exp(),
    rescale_sum: true,
    rescale_out: true,
    normalise: false,
    divide_tiles: false,
    divide: true,
    spare_exponent: true,
    spare_division: true,
    empty_lse: f32::NEG_INFINITY,
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
        let scale = (self.scale)(d as f32, d_v as f32);
        let seen = |i| if causal { (self.seen)(i, n, m) } else { m };
        let mut result = Output {
            out: Array2::zeros((n, d_v)),
            lse: Array1::from_elem(n, self.empty_lse),
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
                let last = if self.whole { m } else { end };
                let keys = key..last.min(key + block.k);
                let k = traffic.load(k.slice(s![keys.clone(), ..]));
                let v = traffic.load(v.slice(s![keys.clone(), ..]));
                for r in 0..rows.len() {
                    let sees = (self.sees)(seen((self.query)(first, r)));
                    let open = sees.saturating_sub(key).min(keys.len());
                    let open = if causal { (self.open)(r, open) } else { open };
                    let hidden = |j: usize| j >= open.min(keys.len());
                    let score = |j: usize| match hidden(j) {
                        true => self.hidden,
                        false => q.row(r).dot(&k.row(j)) * scale,
                    };
                    let mut weights: Array1<f32> = (0..keys.len()).map(score).collect();
                    let old_max = row_max[r];
                    let own = weights.fold(f32::NEG_INFINITY, |max, &s| max.max(s));
                    let new_max = (self.new_max)(old_max, own);
                    let empty = self.spare_exponent && new_max == f32::NEG_INFINITY;
                    let shift = if empty { 0.0 } else { new_max };
                    weights.mapv_inplace(|s| (s - shift).exp());
                    let old = (self.rescale)(old_max, shift);
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
                    if self.divide_tiles && row_sum[r] != 0.0 {
                        out /= row_sum[r];
                    }
                }
            }
            for (r, mut row) in out.rows_mut().into_iter().enumerate() {
                if !self.spare_division || row_sum[r] != 0.0 {
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
