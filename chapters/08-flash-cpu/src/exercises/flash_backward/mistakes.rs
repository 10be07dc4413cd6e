//! The known mistakes.

use super::{
    Body,
    recipe::{RIGHT, Recipe},
};
use crate::{
    given::{Block, Gradients, Output, Traffic, seen},
    traffic::Sizes,
};
use attn_core::Mask;
use attn_exercise::Mistake;
use ch03_scaled_dot_product::attention_backward;
use ndarray::{Array2, ArrayView2, Axis, s};

#[rustfmt::skip] // a mistake a line or two
pub(super) fn mistakes() -> Vec<Mistake<Body>> {
    vec![
        Mistake {
            name: "no-row-term",
            when: "D is forgotten: the gradient of the scores is weights ∘ (d_weights − D)",
            body: |q, k, v, causal, forward, d_out, block, traffic| Recipe { row_dot: |_, _| 0.0, ..RIGHT }.run((q, k, v), causal, forward, d_out, block, traffic),
        },
        Mistake {
            name: "row-term-added",
            when: "D is added to d_out · vᵀ instead of subtracted",
            body: |q, k, v, causal, forward, d_out, block, traffic| Recipe { row_dot: |d_out, out| -(RIGHT.row_dot)(d_out, out), ..RIGHT }.run((q, k, v), causal, forward, d_out, block, traffic),
        },
        Mistake {
            name: "row-term-of-d-out",
            when: "D is the sum of the row of d_out alone; it is the sum of d_out ∘ out",
            body: |q, k, v, causal, forward, d_out, block, traffic| Recipe { row_dot: |d_out, _| d_out.iter().sum(), ..RIGHT }.run((q, k, v), causal, forward, d_out, block, traffic),
        },
        Mistake {
            name: "row-term-of-the-tile",
            when: "D is computed from the weights of the tile at hand, so that it covers only a part of the row's keys",
            body: row_term_of_the_tile,
        },
        Mistake {
            name: "row-term-of-other-rows",
            when: "D of each tile is computed from the first rows of out instead of the tile's own",
            body: |q, k, v, causal, forward, d_out, block, traffic| Recipe { out_row: |_, r| r, ..RIGHT }.run((q, k, v), causal, forward, d_out, block, traffic),
        },
        Mistake {
            name: "d-scores-unweighted",
            when: "the gradient of the scores is d_out · vᵀ − D, without the weights: it is weights ∘ (d_out · vᵀ − D)",
            body: |q, k, v, causal, forward, d_out, block, traffic| Recipe { weighted: false, ..RIGHT }.run((q, k, v), causal, forward, d_out, block, traffic),
        },
        Mistake {
            name: "dk-unscaled",
            when: "dk is not divided by √d",
            body: |q, k, v, causal, forward, d_out, block, traffic| Recipe { back: [RIGHT.scale, |_| 1.0], ..RIGHT }.run((q, k, v), causal, forward, d_out, block, traffic),
        },
        Mistake {
            name: "dq-unscaled",
            when: "dq is not divided by √d",
            body: |q, k, v, causal, forward, d_out, block, traffic| Recipe { back: [|_| 1.0, RIGHT.scale], ..RIGHT }.run((q, k, v), causal, forward, d_out, block, traffic),
        },
        Mistake {
            name: "both-unscaled",
            when: "neither dq nor dk is divided by √d",
            body: |q, k, v, causal, forward, d_out, block, traffic| Recipe { back: [|_| 1.0, |_| 1.0], ..RIGHT }.run((q, k, v), causal, forward, d_out, block, traffic),
        },
        Mistake {
            name: "unscaled-weights",
            when: "the weights are computed again from scores that are not divided by √d",
            body: |q, k, v, causal, forward, d_out, block, traffic| Recipe { scale: |_| 1.0, ..RIGHT }.run((q, k, v), causal, forward, d_out, block, traffic),
        },
        Mistake {
            name: "exponent-from-max",
            when: "the row's maximum is subtracted in the exponent instead of its log-sum-exp, so that the weights do not sum to one",
            body: exponent_from_max,
        },
        Mistake {
            name: "softmax-of-the-tile",
            when: "each tile's weights are normalised by themselves instead of with the row's log-sum-exp",
            body: |q, k, v, causal, forward, d_out, block, traffic| Recipe { shift: |scores, _| log_sum_exp(scores), ..RIGHT }.run((q, k, v), causal, forward, d_out, block, traffic),
        },
        Mistake {
            name: "mask-forgotten",
            when: "the weights in the tile on the diagonal are computed again without the mask",
            body: |q, k, v, causal, forward, d_out, block, traffic| Recipe { masked: false, ..RIGHT }.run((q, k, v), causal, forward, d_out, block, traffic),
        },
        Mistake {
            name: "dv-from-d-scores",
            when: "dv is computed from the gradient of the scores instead of the weights",
            body: |q, k, v, causal, forward, d_out, block, traffic| Recipe { dv_from_d_scores: true, ..RIGHT }.run((q, k, v), causal, forward, d_out, block, traffic),
        },
        Mistake {
            name: "dq-of-the-last-tile",
            when: "each key tile replaces dq instead of adding to it",
            body: |q, k, v, causal, forward, d_out, block, traffic| Recipe { replace: [true, false, false], ..RIGHT }.run((q, k, v), causal, forward, d_out, block, traffic),
        },
        Mistake {
            name: "dk-dv-of-the-last-tile",
            when: "each query tile replaces dk and dv instead of adding to them",
            body: |q, k, v, causal, forward, d_out, block, traffic| Recipe { replace: [false, true, true], ..RIGHT }.run((q, k, v), causal, forward, d_out, block, traffic),
        },
        Mistake {
            name: "dv-of-the-last-tile",
            when: "each query tile replaces dv instead of adding to it",
            body: |q, k, v, causal, forward, d_out, block, traffic| Recipe { replace: [false, false, true], ..RIGHT }.run((q, k, v), causal, forward, d_out, block, traffic),
        },
        Mistake {
            name: "ragged-ends-dropped",
            when: "only whole tiles are visited: the rows at the end that do not fill one are left out",
            body: |q, k, v, causal, forward, d_out, block, traffic| Recipe { covered: |rows, block| rows / block * block, ..RIGHT }.run((q, k, v), causal, forward, d_out, block, traffic),
        },
        Mistake {
            name: "empty-row-nan",
            when: "exp(score − lse) is computed for a query that saw nothing, where lse is −∞",
            body: |q, k, v, causal, forward, d_out, block, traffic| Recipe { spare_empty: false, ..RIGHT }.run((q, k, v), causal, forward, d_out, block, traffic),
        },
        Mistake {
            name: "nothing-skipped",
            when: "the numbers are right, but tiles that are hidden as a whole are loaded and masked instead of skipped",
            body: |q, k, v, causal, forward, d_out, block, traffic| {
                RIGHT.run((q, k, v), false, forward, d_out, block, traffic);
                RIGHT.run((q, k, v), causal, forward, d_out, block, &mut Traffic::default())
            },
        },
        Mistake {
            name: "queries-loaded-again",
            when: "the numbers are right, but the tiles of q, out and d_out are loaded again for every key tile",
            body: |q, k, v, causal, forward, d_out, block, traffic| {
                let gradients = RIGHT.run((q, k, v), causal, forward, d_out, block, traffic);
                for first in (0..q.nrows()).step_by(block.q) {
                    let rows = first..q.nrows().min(first + block.q);
                    let keys = seen(rows.end - 1, q.nrows(), k.nrows(), causal);
                    for _ in 1..keys.div_ceil(block.k) {
                        for tensor in [q, forward.out.view(), d_out] {
                            traffic.load(tensor.slice(s![rows.clone(), ..]));
                        }
                    }
                }
                gradients
            },
        },
        Mistake {
            name: "dq-moved-for-every-tile",
            when: "the numbers are right, but dq is added to in slow memory for every key tile: keep the query tile's dq until it is complete, and store it once",
            body: |q, k, v, causal, forward, d_out, block, traffic| Recipe { dq_stays: false, ..RIGHT }.run((q, k, v), causal, forward, d_out, block, traffic),
        },
        Mistake {
            name: "gradients-where-they-lie",
            when: "the numbers are right, but the gradients are changed where they lie: store a tile of dq with traffic.store, and add to dk and dv with traffic.add",
            body: |q, k, v, causal, forward, d_out, block, traffic| {
                let gradients = RIGHT.run((q, k, v), causal, forward, d_out, block, &mut Traffic::default());
                let sizes = Sizes { n: q.nrows(), m: k.nrows(), d: q.ncols(), d_v: v.ncols(), causal };
                let right = sizes.flash_backward(block);
                let of_keys = right.stored - 4 * q.len() as u64;
                *traffic = Traffic { tiles: right.tiles - 2 * sizes.visited(block), loaded: right.loaded - of_keys, stored: 0 };
                gradients
            },
        },
        Mistake {
            name: "nothing-loaded",
            when: "the numbers are right, but nothing is moved with traffic: load the tiles with traffic.load, store those of dq with traffic.store, and add to dk and dv with traffic.add",
            body: |q, k, v, causal, forward, d_out, block, _| RIGHT.run((q, k, v), causal, forward, d_out, block, &mut Traffic::default()),
        },
        Mistake {
            name: "keys-outside",
            when: "the numbers are right, but the loops are the other way round, keys outside and queries inside, as in the paper: then dk and dv stay and dq moves; here queries are outside, as on the way forward",
            body: keys_outside,
        },
        Mistake {
            name: "keeps-a-table",
            when: "this is the way back of chapter 3, with its tables of n×m: the numbers are right, traffic and memory are not",
            body: |q, k, v, causal, _, d_out, _, _| attention_backward(q, k, v, if causal { &Mask::Causal } else { &Mask::None }, d_out),
        },
    ]
}

fn log_sum_exp(scores: &[f32]) -> f32 {
    let row_max = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    row_max + scores.iter().map(|s| (s - row_max).exp()).sum::<f32>().ln()
}

/// The paper's order: for each key tile, all query tiles that see it, whose dq is loaded and stored
/// each time.
#[allow(clippy::too_many_arguments)] // the exercise's signature
fn keys_outside(
    q: ArrayView2<f32>,
    k: ArrayView2<f32>,
    v: ArrayView2<f32>,
    causal: bool,
    forward: &Output,
    d_out: ArrayView2<f32>,
    block: Block,
    traffic: &mut Traffic,
) -> Gradients {
    let (n, m) = (q.nrows(), k.nrows());
    let mut scratch = Gradients {
        dq: Array2::zeros(q.dim()),
        dk: Array2::zeros(k.dim()),
        dv: Array2::zeros(v.dim()),
    };
    for key in (0..m).step_by(block.k) {
        let columns = s![key..m.min(key + block.k), ..];
        let (dk, dv) = (
            traffic.load(k.slice(columns)),
            traffic.load(v.slice(columns)),
        );
        for first in (0..n).step_by(block.q) {
            let rows = first..n.min(first + block.q);
            if seen(rows.end - 1, n, m, causal) > key {
                let queries = s![rows, ..];
                let dq = traffic.load(q.slice(queries));
                traffic.load(forward.out.slice(queries));
                traffic.load(d_out.slice(queries));
                traffic.add(&dq, scratch.dq.slice_mut(queries));
            }
        }
        traffic.store(&dk, scratch.dk.slice_mut(columns));
        traffic.store(&dv, scratch.dv.slice_mut(columns));
    }
    drop(scratch); // memory is measured
    let traffic = &mut Traffic::default();
    RIGHT.run((q, k, v), causal, forward, d_out, block, traffic)
}

/// The forward pass again, for the maxima in place of the log-sum-exp.
#[allow(clippy::too_many_arguments)] // the exercise's signature
fn exponent_from_max(
    q: ArrayView2<f32>,
    k: ArrayView2<f32>,
    v: ArrayView2<f32>,
    causal: bool,
    forward: &Output,
    d_out: ArrayView2<f32>,
    block: Block,
    traffic: &mut Traffic,
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
    RIGHT.run((q, k, v), causal, &forward, d_out, block, traffic)
}

/// Like the right one, but for D, which is taken over the tile's own weights.
#[allow(clippy::too_many_arguments)] // the exercise's signature
fn row_term_of_the_tile(
    q: ArrayView2<f32>,
    k: ArrayView2<f32>,
    v: ArrayView2<f32>,
    causal: bool,
    forward: &Output,
    d_out: ArrayView2<f32>,
    block: Block,
    traffic: &mut Traffic,
) -> Gradients {
    let (n, m) = (q.nrows(), k.nrows());
    let scale = 1.0 / (q.ncols() as f32).sqrt();
    let mut gradients = RIGHT.run((q, k, v), causal, forward, d_out, block, traffic);
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
