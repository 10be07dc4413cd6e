//! The way back once more, with every choice left open: the wrong answers are made of it.

use crate::given::{Block, Gradients, Output, Traffic, seen};
use ndarray::{Array1, Array2, ArrayView2, s};

/// The choices. [`RIGHT`] has the right ones; a mistake changes one.
#[derive(Clone, Copy)]
pub(super) struct Recipe {
    /// What the scores are multiplied by, of d.
    pub scale: fn(d: f32) -> f32,
    /// What is subtracted in the exponent, from the scores of a row and its log-sum-exp.
    pub shift: fn(scores: &[f32], lse: f32) -> f32,
    /// D, from a row of d_out and of out.
    pub row_dot: fn(d_out: &[f32], out: &[f32]) -> f32,
    /// Which row of out belongs to row r of the tile that begins with query `first`.
    pub out_row: fn(first: usize, r: usize) -> usize,
    /// Whether the mask is applied to the weights.
    pub masked: bool,
    /// Whether the gradient of the scores is multiplied by the weights.
    pub weighted: bool,
    /// What dq and dk are multiplied by, of d.
    pub back: [fn(d: f32) -> f32; 2],
    /// Whether dv is made from the gradient of the scores.
    pub dv_from_d_scores: bool,
    /// Whether tiles replace what is in dq, dk and dv, instead of adding to it.
    pub replace: [bool; 3],
    /// Whether a tile of dq is complete before it is moved.
    pub dq_stays: bool,
    /// How many rows are covered by tiles of `block` rows.
    pub covered: fn(rows: usize, block: usize) -> usize,
    /// Whether a row without keys is spared.
    pub spare_empty: bool,
}

pub(super) const RIGHT: Recipe = Recipe {
    scale: |d| 1.0 / d.sqrt(),
    shift: |_, lse| lse,
    row_dot: |d_out, out| d_out.iter().zip(out).map(|(a, b)| a * b).sum(),
    out_row: |first, r| first + r,
    masked: true,
    weighted: true,
    back: [|d| 1.0 / d.sqrt(), |d| 1.0 / d.sqrt()],
    dv_from_d_scores: false,
    replace: [false, false, false],
    dq_stays: true,
    covered: |rows, _| rows,
    spare_empty: true,
};

impl Recipe {
    #[allow(clippy::too_many_arguments)] // the exercise's signature
    pub fn run(
        &self,
        (q, k, v): (ArrayView2<f32>, ArrayView2<f32>, ArrayView2<f32>),
        causal: bool,
        forward: &Output,
        d_out: ArrayView2<f32>,
        block: Block,
        traffic: &mut Traffic,
    ) -> Gradients {
        let ((n, d), m) = (q.dim(), k.nrows());
        let factors = self.back.map(|factor| factor(d as f32));
        let mut gradients = Gradients {
            dq: Array2::zeros(q.dim()),
            dk: Array2::zeros(k.dim()),
            dv: Array2::zeros(v.dim()),
        };
        let covered = ((self.covered)(n, block.q), (self.covered)(m, block.k));
        for first in (0..covered.0).step_by(block.q) {
            let rows = first..n.min(first + block.q);
            let queries = s![rows.clone(), ..];
            let q = traffic.load(q.slice(queries));
            traffic.load(forward.out.slice(queries));
            let d_out = traffic.load(d_out.slice(queries));
            let mut dq = Array2::<f32>::zeros(q.dim());
            let end = seen(rows.end - 1, n, m, causal).min(covered.1);
            for key in (0..end).step_by(block.k) {
                let keys = key..m.min(key + block.k);
                let columns = s![keys.clone(), ..];
                let (k, v) = (
                    traffic.load(k.slice(columns)),
                    traffic.load(v.slice(columns)),
                );
                let mut weights = q.dot(&k.t()) * (self.scale)(d as f32);
                let mut d_scores = d_out.dot(&v.t());
                for r in 0..rows.len() {
                    let (i, mut row) = (first + r, weights.row_mut(r));
                    let open = seen(i, n, m, causal).saturating_sub(key).min(keys.len());
                    let shift = (self.shift)(&row.to_vec(), forward.lse[i]);
                    row.mapv_inplace(|score| (score - shift).exp());
                    if self.masked {
                        row.slice_mut(s![open..]).fill(0.0);
                    }
                    if forward.lse[i] == f32::NEG_INFINITY {
                        let nothing = if self.spare_empty { 0.0 } else { f32::NAN };
                        row.fill(nothing);
                    }
                    let out = forward.out.row((self.out_row)(first, r)).to_vec();
                    let row_dot = (self.row_dot)(&d_out.row(r).to_vec(), &out);
                    let weights: Array1<f32> = row.to_owned();
                    let mut d_row = d_scores.row_mut(r);
                    d_row -= row_dot;
                    if self.weighted {
                        d_row *= &weights;
                    }
                }
                let for_dv = if self.dv_from_d_scores {
                    &d_scores
                } else {
                    &weights
                };
                let part = d_scores.dot(&k) * factors[0];
                if self.replace[0] {
                    dq.fill(0.0);
                }
                dq += &part;
                if !self.dq_stays {
                    traffic.add(&part, gradients.dq.slice_mut(queries));
                }
                let parts = [d_scores.t().dot(&q) * factors[1], for_dv.t().dot(&d_out)];
                let targets = [
                    gradients.dk.slice_mut(columns),
                    gradients.dv.slice_mut(columns),
                ];
                for ((part, to), replace) in parts.iter().zip(targets).zip(&self.replace[1..]) {
                    if *replace {
                        traffic.store(part, to);
                    } else {
                        traffic.add(part, to);
                    }
                }
            }
            if self.dq_stays {
                traffic.store(&dq, gradients.dq.slice_mut(queries));
            }
        }
        gradients
    }
}
