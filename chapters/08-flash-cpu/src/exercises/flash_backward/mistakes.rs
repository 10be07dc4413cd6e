//! The known mistakes.

use super::Body;
use crate::given::{Block, Gradients, Output, seen};
use attn_core::Mask;
use attn_exercise::Mistake;
use ch03_scaled_dot_product::attention_backward;
use ndarray::{Array1, Array2, ArrayView2, Axis, s};

/// The choices. [`RIGHT`] has the right ones; a mistake changes one.
#[derive(Clone, Copy)]
struct Recipe {
    /// What the scores are multiplied by, of d.
    scale: fn(d: f32) -> f32,
    /// What is subtracted in the exponent, from the scores of a row and its log-sum-exp.
    shift: fn(scores: &[f32], lse: f32) -> f32,
    /// D, from a row of d_out and of out.
    row_dot: fn(d_out: &[f32], out: &[f32]) -> f32,
    /// Whether the mask is applied to the weights.
    masked: bool,
    /// What dq and dk are multiplied by, of d.
    back: [fn(d: f32) -> f32; 2],
    /// Whether dv is made from the gradient of the scores.
    dv_from_d_scores: bool,
    /// Whether tiles replace what is in dq, and in dk and dv, instead of adding to it.
    replace: [bool; 2],
    /// How many rows are covered by tiles of `block` rows.
    covered: fn(rows: usize, block: usize) -> usize,
    /// Whether a row without keys is spared.
    spare_empty: bool,
}

const RIGHT: Recipe = Recipe {
    scale: |d| 1.0 / d.sqrt(),
    shift: |_, lse| lse,
    row_dot: |d_out, out| d_out.iter().zip(out).map(|(a, b)| a * b).sum(),
    masked: true,
    back: [|d| 1.0 / d.sqrt(), |d| 1.0 / d.sqrt()],
    dv_from_d_scores: false,
    replace: [false, false],
    covered: |rows, _| rows,
    spare_empty: true,
};

impl Recipe {
    fn run(
        &self,
        (q, k, v): (ArrayView2<f32>, ArrayView2<f32>, ArrayView2<f32>),
        causal: bool,
        forward: &Output,
        d_out: ArrayView2<f32>,
        block: Block,
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
            let end = seen(rows.end - 1, n, m, causal).min(covered.1);
            for key in (0..end).step_by(block.k) {
                let keys = key..m.min(key + block.k);
                let (queries, columns) = (s![rows.clone(), ..], s![keys.clone(), ..]);
                let (q, k, v) = (q.slice(queries), k.slice(columns), v.slice(columns));
                let d_out = d_out.slice(queries);
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
                    let out = forward.out.row(i).to_vec();
                    let row_dot = (self.row_dot)(&d_out.row(r).to_vec(), &out);
                    let weights: Array1<f32> = row.to_owned();
                    let mut d_row = d_scores.row_mut(r);
                    d_row -= row_dot;
                    d_row *= &weights;
                }
                let for_dv = if self.dv_from_d_scores {
                    &d_scores
                } else {
                    &weights
                };
                let parts = [
                    d_scores.dot(&k) * factors[0],
                    d_scores.t().dot(&q) * factors[1],
                    for_dv.t().dot(&d_out),
                ];
                let targets = [
                    gradients.dq.slice_mut(queries),
                    gradients.dk.slice_mut(columns),
                    gradients.dv.slice_mut(columns),
                ];
                let [of_q, of_keys] = self.replace;
                for ((part, mut to), replace) in
                    parts.iter().zip(targets).zip([of_q, of_keys, of_keys])
                {
                    if replace {
                        to.fill(0.0);
                    }
                    to += part;
                }
            }
        }
        gradients
    }
}

#[rustfmt::skip] // a mistake a line or two
pub(super) fn mistakes() -> Vec<Mistake<Body>> {
    vec![
        Mistake {
            name: "no-row-term",
            when: "D is forgotten: the gradient of the scores is weights ∘ (d_weights − D)",
            body: |q, k, v, causal, forward, d_out, block| Recipe { row_dot: |_, _| 0.0, ..RIGHT }.run((q, k, v), causal, forward, d_out, block),
        },
        Mistake {
            name: "row-term-of-d-out",
            when: "D is the sum of the row of d_out alone; it is the sum of d_out ∘ out",
            body: |q, k, v, causal, forward, d_out, block| Recipe { row_dot: |d_out, _| d_out.iter().sum(), ..RIGHT }.run((q, k, v), causal, forward, d_out, block),
        },
        Mistake {
            name: "row-term-of-the-tile",
            when: "D is computed from the weights of the tile at hand, so that it covers only a part of the row's keys",
            body: row_term_of_the_tile,
        },
        Mistake {
            name: "dk-unscaled",
            when: "dk is not divided by √d",
            body: |q, k, v, causal, forward, d_out, block| Recipe { back: [RIGHT.scale, |_| 1.0], ..RIGHT }.run((q, k, v), causal, forward, d_out, block),
        },
        Mistake {
            name: "dq-unscaled",
            when: "dq is not divided by √d",
            body: |q, k, v, causal, forward, d_out, block| Recipe { back: [|_| 1.0, RIGHT.scale], ..RIGHT }.run((q, k, v), causal, forward, d_out, block),
        },
        Mistake {
            name: "both-unscaled",
            when: "neither dq nor dk is divided by √d",
            body: |q, k, v, causal, forward, d_out, block| Recipe { back: [|_| 1.0, |_| 1.0], ..RIGHT }.run((q, k, v), causal, forward, d_out, block),
        },
        Mistake {
            name: "unscaled-weights",
            when: "the weights are computed again from scores that are not divided by √d",
            body: |q, k, v, causal, forward, d_out, block| Recipe { scale: |_| 1.0, ..RIGHT }.run((q, k, v), causal, forward, d_out, block),
        },
        Mistake {
            name: "exponent-from-max",
            when: "the row's maximum is subtracted in the exponent instead of its log-sum-exp, so that the weights do not sum to one",
            body: exponent_from_max,
        },
        Mistake {
            name: "softmax-of-the-tile",
            when: "each tile's weights are normalised by themselves instead of with the row's log-sum-exp",
            body: |q, k, v, causal, forward, d_out, block| Recipe { shift: |scores, _| log_sum_exp(scores), ..RIGHT }.run((q, k, v), causal, forward, d_out, block),
        },
        Mistake {
            name: "mask-forgotten",
            when: "the weights in the tile on the diagonal are computed again without the mask",
            body: |q, k, v, causal, forward, d_out, block| Recipe { masked: false, ..RIGHT }.run((q, k, v), causal, forward, d_out, block),
        },
        Mistake {
            name: "dv-from-d-scores",
            when: "dv is computed from the gradient of the scores instead of the weights",
            body: |q, k, v, causal, forward, d_out, block| Recipe { dv_from_d_scores: true, ..RIGHT }.run((q, k, v), causal, forward, d_out, block),
        },
        Mistake {
            name: "dq-of-the-last-tile",
            when: "each key tile replaces dq instead of adding to it",
            body: |q, k, v, causal, forward, d_out, block| Recipe { replace: [true, false], ..RIGHT }.run((q, k, v), causal, forward, d_out, block),
        },
        Mistake {
            name: "dk-dv-of-the-last-tile",
            when: "each query tile replaces dk and dv instead of adding to them",
            body: |q, k, v, causal, forward, d_out, block| Recipe { replace: [false, true], ..RIGHT }.run((q, k, v), causal, forward, d_out, block),
        },
        Mistake {
            name: "ragged-ends-dropped",
            when: "only whole tiles are visited: the rows at the end that do not fill one are left out",
            body: |q, k, v, causal, forward, d_out, block| Recipe { covered: |rows, block| rows / block * block, ..RIGHT }.run((q, k, v), causal, forward, d_out, block),
        },
        Mistake {
            name: "empty-row-nan",
            when: "exp(score − lse) is computed for a query that saw nothing, where lse is −∞",
            body: |q, k, v, causal, forward, d_out, block| Recipe { spare_empty: false, ..RIGHT }.run((q, k, v), causal, forward, d_out, block),
        },
        Mistake {
            name: "keeps-a-table",
            when: "this is the way back of chapter 3, with its tables of n×m: the numbers are right, the memory is not",
            body: |q, k, v, causal, _, d_out, _| attention_backward(q, k, v, if causal { &Mask::Causal } else { &Mask::None }, d_out),
        },
    ]
}

fn log_sum_exp(scores: &[f32]) -> f32 {
    let row_max = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    row_max + scores.iter().map(|s| (s - row_max).exp()).sum::<f32>().ln()
}

/// The forward pass again, for the maxima in place of the log-sum-exp.
fn exponent_from_max(
    q: ArrayView2<f32>,
    k: ArrayView2<f32>,
    v: ArrayView2<f32>,
    causal: bool,
    forward: &Output,
    d_out: ArrayView2<f32>,
    block: Block,
) -> Gradients {
    let (n, m) = (q.nrows(), k.nrows());
    let scale = 1.0 / (q.ncols() as f32).sqrt();
    let row_max = |i: usize| {
        let scores = (0..seen(i, n, m, causal)).map(|j| q.row(i).dot(&k.row(j)) * scale);
        scores.fold(f32::NEG_INFINITY, f32::max)
    };
    let forward = Output {
        out: forward.out.clone(),
        lse: (0..n).map(row_max).collect(),
    };
    RIGHT.run((q, k, v), causal, &forward, d_out, block)
}

/// Like the right one, but for D, which is taken over the tile's own weights.
fn row_term_of_the_tile(
    q: ArrayView2<f32>,
    k: ArrayView2<f32>,
    v: ArrayView2<f32>,
    causal: bool,
    forward: &Output,
    d_out: ArrayView2<f32>,
    block: Block,
) -> Gradients {
    let (n, m) = (q.nrows(), k.nrows());
    let scale = 1.0 / (q.ncols() as f32).sqrt();
    let mut gradients = RIGHT.run((q, k, v), causal, forward, d_out, block);
    gradients.dq.fill(0.0);
    gradients.dk.fill(0.0);
    for i in 0..n {
        for key in (0..seen(i, n, m, causal)).step_by(block.k) {
            let keys = key..seen(i, n, m, causal).min(key + block.k);
            let (k, v) = (k.slice(s![keys.clone(), ..]), v.slice(s![keys.clone(), ..]));
            let weights = (k.dot(&q.row(i)) * scale - forward.lse[i]).exp();
            let d_weights = v.dot(&d_out.row(i));
            let row_dot = weights.dot(&d_weights);
            let d_products = &weights * &(d_weights - row_dot) * scale;
            gradients.dq.row_mut(i).scaled_add(1.0, &d_products.dot(&k));
            let mut dk = gradients.dk.slice_mut(s![keys, ..]);
            let outer = d_products.insert_axis(Axis(1));
            dk += &(&outer * &q.row(i));
        }
    }
    gradients
}
