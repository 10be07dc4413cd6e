//! The known mistakes.

use super::Body;
use crate::{
    exercises::wrong::{RIGHT, Recipe},
    given::{Block, Output, Traffic, seen},
};
use attn_core::Mask;
use attn_exercise::Mistake;
use ch03_scaled_dot_product::attention;
use ndarray::{Array1, Array2, ArrayView2, s};

#[rustfmt::skip] // a mistake a line or two
pub(super) fn mistakes() -> Vec<Mistake<Body>> {
    vec![
        Mistake {
            name: "sum-not-rescaled",
            when: "out is rescaled to each tile's new maximum and row_sum is not",
            body: |q, k, v, causal, block, traffic| Recipe { rescale_sum: false, ..RIGHT }.run((q, k, v), causal, block, traffic),
        },
        Mistake {
            name: "out-not-rescaled",
            when: "row_sum is rescaled to each tile's new maximum and out is not",
            body: |q, k, v, causal, block, traffic| Recipe { rescale_out: false, ..RIGHT }.run((q, k, v), causal, block, traffic),
        },
        Mistake {
            name: "nothing-rescaled",
            when: "the maximum changes from tile to tile and what was summed before is never rescaled to it",
            body: |q, k, v, causal, block, traffic| Recipe { rescale_sum: false, rescale_out: false, ..RIGHT }.run((q, k, v), causal, block, traffic),
        },
        Mistake {
            name: "normalised-tiles",
            when: "each tile's weights are divided by their own sum before they are added: every tile then counts alike, whatever its scores",
            body: |q, k, v, causal, block, traffic| Recipe { normalise: true, ..RIGHT }.run((q, k, v), causal, block, traffic),
        },
        Mistake {
            name: "published-recipe",
            when: "each tile's output is normalised, the old one rescaled and the new one added, and nothing divides by the sum at the end: the weights of a row then sum to more than one",
            body: |q, k, v, causal, block, traffic| Recipe { normalise: true, divide: false, ..RIGHT }.run((q, k, v), causal, block, traffic),
        },
        Mistake {
            name: "undivided",
            when: "out is not divided by row_sum at the end",
            body: |q, k, v, causal, block, traffic| Recipe { divide: false, ..RIGHT }.run((q, k, v), causal, block, traffic),
        },
        Mistake {
            name: "no-scale",
            when: "the scores are not divided by √d",
            body: |q, k, v, causal, block, traffic| Recipe { scale: |_, _| 1.0, ..RIGHT }.run((q, k, v), causal, block, traffic),
        },
        Mistake {
            name: "by-d-v",
            when: "the scores are divided by √d_v instead of √d",
            body: |q, k, v, causal, block, traffic| Recipe { scale: |_, d_v| 1.0 / d_v.sqrt(), ..RIGHT }.run((q, k, v), causal, block, traffic),
        },
        Mistake {
            name: "inverted",
            when: "the exponent has the wrong sign: what was summed before is rescaled by e^(old − new), at most 1, not by e^(new − old)",
            body: |q, k, v, causal, block, traffic| Recipe { rescale: |old, new| (new - old).exp(), ..RIGHT }.run((q, k, v), causal, block, traffic),
        },
        Mistake {
            name: "divided-at-each-tile",
            when: "out is divided by the running row_sum after each tile, and so again and again; divide once, at the very end",
            body: |q, k, v, causal, block, traffic| Recipe { divide_tiles: true, divide: false, ..RIGHT }.run((q, k, v), causal, block, traffic),
        },
        Mistake {
            name: "max-of-the-tile",
            when: "the new maximum is that of the tile alone, even where the row sees none of the tile: then it falls back to −∞",
            body: |q, k, v, causal, block, traffic| Recipe { new_max: |_, tile| tile, ..RIGHT }.run((q, k, v), causal, block, traffic),
        },
        Mistake {
            name: "max-falls",
            when: "the new maximum is that of the tile alone, not the larger of it and the old one: where it falls by much, the factor is infinite",
            body: |q, k, v, causal, block, traffic| Recipe { new_max: |old, tile| if tile == f32::NEG_INFINITY { old } else { tile }, ..RIGHT }.run((q, k, v), causal, block, traffic),
        },
        Mistake {
            name: "max-from-zero",
            when: "the maximum starts at 0 instead of −∞: a row whose scores are all far below zero loses them all",
            body: |q, k, v, causal, block, traffic| Recipe { max_from: 0.0, ..RIGHT }.run((q, k, v), causal, block, traffic),
        },
        Mistake {
            name: "ragged-ends-dropped",
            when: "only whole tiles are visited: the rows at the end that do not fill one are left out",
            body: |q, k, v, causal, block, traffic| Recipe { covered: |rows, block| rows / block * block, ..RIGHT }.run((q, k, v), causal, block, traffic),
        },
        Mistake {
            name: "no-mask-in-the-tile",
            when: "whole tiles are skipped, but within the tile on the diagonal every row sees every key",
            body: |q, k, v, causal, block, traffic| Recipe { open: |_, _| usize::MAX, ..RIGHT }.run((q, k, v), causal, block, traffic),
        },
        Mistake {
            name: "mask-of-the-tile",
            when: "the mask is applied with the row's and the key's places in their tile instead of in the sequence",
            body: |q, k, v, causal, block, traffic| Recipe { open: |r, open| open.min(r + 1), ..RIGHT }.run((q, k, v), causal, block, traffic),
        },
        Mistake {
            name: "row-of-the-tile",
            when: "how far a row sees is asked with its place in the tile, seen(r, …); its query is first + r",
            body: |q, k, v, causal, block, traffic| Recipe { query: |_, r| r, ..RIGHT }.run((q, k, v), causal, block, traffic),
        },
        Mistake {
            name: "mask-of-zeros",
            when: "what is hidden gets the score 0 instead of −∞: the weight of a score of 0 is not 0",
            body: |q, k, v, causal, block, traffic| Recipe { hidden: 0.0, ..RIGHT }.run((q, k, v), causal, block, traffic),
        },
        Mistake {
            name: "one-key-too-many",
            when: "every row sees one key more than it should",
            body: |q, k, v, causal, block, traffic| Recipe { sees: |keys| keys + 1, ..RIGHT }.run((q, k, v), causal, block, traffic),
        },
        Mistake {
            name: "first-row-decides",
            when: "how far a tile has to look is decided by its first query instead of its last",
            body: |q, k, v, causal, block, traffic| Recipe { end: |first, _| first, ..RIGHT }.run((q, k, v), causal, block, traffic),
        },
        Mistake {
            name: "causal-ignored",
            when: "every query sees every key, causal or not",
            body: |q, k, v, _, block, traffic| RIGHT.run((q, k, v), false, block, traffic),
        },
        Mistake {
            name: "top-left",
            when: "causal is aligned top-left (j ≤ i) instead of bottom-right",
            body: |q, k, v, causal, block, traffic| Recipe { seen: |i, _, m| m.min(i + 1), ..RIGHT }.run((q, k, v), causal, block, traffic),
        },
        Mistake {
            name: "nothing-seen-yet-nan",
            when: "−∞ − (−∞) is computed for a row that has seen no key yet, in a tile whose other rows have: that is NaN",
            body: |q, k, v, causal, block, traffic| Recipe { spare_exponent: false, ..RIGHT }.run((q, k, v), causal, block, traffic),
        },
        Mistake {
            name: "empty-row-nan",
            when: "out is divided by row_sum where a row saw no key at all: 0/0 is NaN",
            body: |q, k, v, causal, block, traffic| Recipe { spare_division: false, ..RIGHT }.run((q, k, v), causal, block, traffic),
        },
        Mistake {
            name: "nothing-seen-nan",
            when: "neither −∞ − (−∞) is avoided, for a row that has seen no key yet, nor 0/0 at the end, for one that saw none at all: both are NaN",
            body: |q, k, v, causal, block, traffic| Recipe { spare_exponent: false, spare_division: false, ..RIGHT }.run((q, k, v), causal, block, traffic),
        },
        Mistake {
            name: "lse-of-nothing-zero",
            when: "the log-sum-exp of a row that saw no key at all is left at 0; it is −∞, the logarithm of an empty sum",
            body: |q, k, v, causal, block, traffic| Recipe { empty_lse: 0.0, ..RIGHT }.run((q, k, v), causal, block, traffic),
        },
        Mistake {
            name: "lse-without-max",
            when: "the log-sum-exp is only ln row_sum; row_max was not added back",
            body: |q, k, v, causal, block, traffic| Recipe { lse: |_, row_sum| row_sum.ln(), ..RIGHT }.run((q, k, v), causal, block, traffic),
        },
        Mistake {
            name: "lse-is-max",
            when: "row_max is returned in place of the log-sum-exp",
            body: |q, k, v, causal, block, traffic| Recipe { lse: |row_max, _| row_max, ..RIGHT }.run((q, k, v), causal, block, traffic),
        },
        Mistake {
            name: "nothing-skipped",
            when: "the numbers are right, but tiles that are hidden as a whole are loaded and masked instead of skipped",
            body: |q, k, v, causal, block, traffic| {
                let output = RIGHT.run((q, k, v), causal, block, &mut Traffic::default());
                RIGHT.run((q, k, v), false, block, traffic);
                output
            },
        },
        Mistake {
            name: "tiles-cut-at-the-mask",
            when: "the numbers are right, but of the last key tile only the part is loaded that the last query sees; a tile is loaded whole, and its rest is masked",
            body: |q, k, v, causal, block, traffic| Recipe { whole: false, ..RIGHT }.run((q, k, v), causal, block, traffic),
        },
        Mistake {
            name: "blocks-swapped",
            when: "the numbers are right, but query tiles have block.k rows and key tiles block.q",
            body: |q, k, v, causal, Block { q: of_k, k: of_q }, traffic| RIGHT.run((q, k, v), causal, Block { q: of_q, k: of_k }, traffic),
        },
        Mistake {
            name: "queries-loaded-again",
            when: "the numbers are right, but the query tile is loaded again for every key tile",
            body: |q, k, v, causal, block, traffic| {
                let output = RIGHT.run((q, k, v), causal, block, traffic);
                for first in (0..q.nrows()).step_by(block.q) {
                    let rows = first..q.nrows().min(first + block.q);
                    let keys = seen(rows.end - 1, q.nrows(), k.nrows(), causal);
                    for _ in 1..keys.div_ceil(block.k) {
                        traffic.load(q.slice(s![rows.clone(), ..]));
                    }
                }
                output
            },
        },
        Mistake {
            name: "nothing-loaded",
            when: "the numbers are right, but the tiles are read where they lie: load them with traffic.load, and store with traffic.store",
            body: |q, k, v, causal, block, _| RIGHT.run((q, k, v), causal, block, &mut Traffic::default()),
        },
        Mistake {
            name: "keys-outside",
            when: "the numbers are right, but the loops are the other way round, keys outside and queries inside: then a query tile and its output move once for every key tile (the order of the first FlashAttention)",
            body: keys_outside,
        },
        Mistake {
            name: "keeps-a-strip",
            when: "the numbers and the traffic are right, but a tile's scores with all keys are kept: memory grows with the keys",
            body: |q, k, v, causal, block, traffic| {
                let strip = Array2::<f32>::zeros((block.q, k.nrows()));
                let output = RIGHT.run((q, k, v), causal, block, traffic);
                std::hint::black_box(strip);
                output
            },
        },
        Mistake {
            name: "keeps-a-table",
            when: "this is attention as in chapter 3, with its tables of n×m scores and weights: the numbers are right, traffic and memory are not",
            body: |q, k, v, causal, _, traffic| {
                let [q, k, v] = [q, k, v].map(|x| traffic.load(x));
                let mask = if causal { Mask::Causal } else { Mask::None };
                let output = attention(q.view(), k.view(), v.view(), &mask);
                let mut out = Array2::zeros(output.out.dim());
                traffic.store(&output.out, out.view_mut());
                output
            },
        },
    ]
}

/// The first FlashAttention's order: for each key tile, all query tiles, with their states and
/// outputs loaded and stored each time.
fn keys_outside(
    q: ArrayView2<f32>,
    k: ArrayView2<f32>,
    v: ArrayView2<f32>,
    causal: bool,
    block: Block,
    traffic: &mut Traffic,
) -> Output {
    let output = RIGHT.run((q, k, v), causal, block, &mut Traffic::default());
    let (n, m) = (q.nrows(), k.nrows());
    let mut scratch = Array2::zeros(output.out.dim());
    let _state: Array1<f32> = Array1::zeros(n);
    for key in (0..m).step_by(block.k) {
        let keys = key..m.min(key + block.k);
        traffic.load(k.slice(s![keys.clone(), ..]));
        traffic.load(v.slice(s![keys, ..]));
        for first in (0..n).step_by(block.q) {
            let rows = first..n.min(first + block.q);
            if seen(rows.end - 1, n, m, causal) > key {
                traffic.load(q.slice(s![rows.clone(), ..]));
                let out = traffic.load(output.out.slice(s![rows.clone(), ..]));
                traffic.store(&out, scratch.slice_mut(s![rows, ..]));
            }
        }
    }
    output
}
