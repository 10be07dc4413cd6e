//! 10.5 `paged_attention`

use super::slot::permutation;
use crate::given::Table;
use attn_core::Mask;
use attn_exercise::{SOME_VALUES, exercise, field, pairwise, some_values};
use attn_oracle as oracle;
use ch03_scaled_dot_product::{attention, masked_scores, softmax_rows};
use ndarray::{
    Array2, Array3, Array4, ArrayView2, ArrayView3, ArrayView4, Axis, NdFloat, array, concatenate,
    s,
};

exercise! {
    /// Queries of the last n tokens, keys and values of all m, the tokens of a block, and in which blocks of the pool they are put.
    crate::paged_attention as fn(ArrayView3<f32>, ArrayView4<f32>, ArrayView4<f32>, &Table) -> Array3<f32>: (
        q: Array3<f32>[h n d], k: Array3<f32>[h m d], v: Array3<f32>[h m d_v], size: usize[size], places: Vec<usize>,
    ) -> Array3<f32>;
    answer: |paged_attention, c| {
        let (keys, values, table) = (c.pages(&c.k), c.pages(&c.v), c.table());
        paged_attention(c.q.view(), keys.view(), values.view(), &table)
    };

    exact: |c| exact::<f64>(c);
    plain: |c| [exact::<f32>(c), by_blocks(c.q.view(), c.pages(&c.k).view(), c.pages(&c.v).view(), &c.table())];
    steps: |c| [
        field("table", super::slot::said(&c.table())),
        field("keys of the pool", &c.pages(&c.k)),
        field("values of the pool", &c.pages(&c.v)),
        field("scores of head 0", &masked_scores(c.q.index_axis(Axis(0), 0), c.k.index_axis(Axis(0), 0), &Mask::Causal)),
    ];

    cases: |random| {
        let mut of = |about: &str, (n, m, size): (usize, usize, usize), (h, d, d_v): (usize, usize, usize), kinds: [usize; 3]| {
            let needed = m.div_ceil(size);
            let places = permutation(random, needed + 3)[..needed].to_vec();
            let [of_q, of_k, of_v] = kinds;
            case(about, (some_values(of_q, (h, n, d), random), some_values(of_k, (h, m, d), random), some_values(of_v, (h, m, d_v), random), size, places))
        };
        let ln3 = 3.0_f32.ln();
        let mut cases = vec![
            case("by hand: weights 1/4 and 3/4, then 1/3 each", (array![[[1.0], [0.0]]], array![[[0.0], [ln3], [7.0]]], array![[[0.0], [4.0], [8.0]]], 2, vec![2, 0])),
            of("a step of decoding", (1, 7, 4), (2, 4, 3), [0; 3]),
            of("a whole prompt", (6, 6, 4), (2, 4, 3), [0; 3]),
            of("a chunk in the middle", (3, 10, 4), (2, 3, 5), [0; 3]),
            of("exactly full blocks", (2, 8, 4), (3, 4, 4), [0; 3]),
            of("one token in the last block", (1, 9, 4), (2, 4, 4), [0; 3]),
            of("blocks of one token", (2, 5, 1), (2, 4, 3), [0; 3]),
            of("a single block, hardly used", (1, 2, 16), (2, 4, 3), [0; 3]),
            of("the first token", (1, 1, 4), (1, 3, 2), [0; 3]),
            of("blocks of sixteen", (1, 100, 16), (4, 8, 8), [0; 3]),
            of("a chunk of sixteen", (16, 41, 16), (2, 8, 8), [0; 3]),
        ];
        let levels = [3, 3, 4, 3, 3, 3, SOME_VALUES, SOME_VALUES, SOME_VALUES];
        let small = pairwise(levels).into_iter().map(|[n, more, size, h, d, d_v, of_q, of_k, of_v]| {
            of("small", (n + 1, n + 1 + 2 * more, size + 1), (h + 1, d + 1, d_v + 1), [of_q, of_k, of_v])
        });
        cases.extend(small.collect::<Vec<_>>());
        let pairs = [(1, 3, 3), (2, 2, 2), (3, 3, 4), (2, 3, 4), (1, 1, 1), (1, 2, 2), (4, 4, 4), (1, 4, 2), (3, 5, 2)];
        let more = pairs.into_iter().enumerate().flat_map(|(i, sizes)| {
            (1..=4).map(move |width| (sizes, (1 + (i + width) % 4, width, 1 + (i + 2 * width) % 4)))
        });
        cases.extend(more.map(|(sizes, widths)| of("small", sizes, widths, [0; 3])).collect::<Vec<_>>());
        cases
    };

    never {
        "n > m": "the queries are those of tokens in the cache";
    }

    right (q, keys, values, table) {
        "block by block, with one softmax" => by_blocks(q, keys, values, table);
        "one entry after the other" => {
            let ((h, n, _), size, m) = (q.dim(), keys.dim().2, table.tokens);
            let row = |pages: ArrayView4<f32>, head: usize| {
                let d = pages.dim().3;
                Array2::from_shape_fn((m, d), |(j, c)| pages[[table.blocks[j / size], head, j % size, c]])
            };
            let mut out = Array3::zeros((h, n, values.dim().3));
            for head in 0..h {
                let found = attention(q.index_axis(Axis(0), head), row(keys, head).view(), row(values, head).view(), &Mask::Causal);
                out.index_axis_mut(Axis(0), head).assign(&found.out);
            }
            out
        };
        "query by query" => {
            let ((h, n, _), m) = (q.dim(), table.tokens);
            let mut out = Array3::zeros((h, n, values.dim().3));
            for head in 0..h {
                let (k, v) = (gathered(keys, head, table), gathered(values, head, table));
                for i in 0..n {
                    let seen = m - n + i + 1;
                    let found = attention(q.slice(s![head, i..i + 1, ..]), k.slice(s![..seen, ..]), v.slice(s![..seen, ..]), &Mask::None);
                    out.slice_mut(s![head, i, ..]).assign(&found.out.row(0));
                }
            }
            out
        };
        "in f64" => with(q, keys, values, table, |q, k, v| oracle::attention::<f64>(q, k, v, &Mask::Causal).out.mapv(|x| x as f32));
        "whole blocks, cut at the end" => {
            let mut out = Array3::zeros((q.dim().0, q.dim().1, values.dim().3));
            for (head, mut out) in out.outer_iter_mut().enumerate() {
                let [k, v] = [keys, values].map(|pages| {
                    let parts: Vec<ArrayView2<f32>> = table.blocks.iter().map(|&block| pages.slice_move(s![block, head, .., ..])).collect();
                    concatenate(Axis(0), &parts).expect("blocks of one width")
                });
                let held = s![..table.tokens, ..];
                out.assign(&attention(q.index_axis(Axis(0), head), k.slice(held), v.slice(held), &Mask::Causal).out);
            }
            out
        };
    }

    mistakes (q, keys, values, table) {
        "contiguous": "the blocks are taken to be 0, 1, 2, … of the pool; which they are is what the table says"
            => {
                let blocks = (0..table.blocks.len()).collect();
                with(q, keys, values, &Table { blocks, tokens: table.tokens }, causal)
            };
        "from-the-first": "the blocks are taken to follow the first one in the pool; which they are is what the table says"
            => {
                let blocks = (0..table.blocks.len()).map(|i| (table.blocks[0] + i) % keys.dim().0).collect();
                with(q, keys, values, &Table { blocks, tokens: table.tokens }, causal)
            };
        "tail-read": "the last block is read to its end: places without a token take part"
            => {
                let tokens = table.blocks.len() * keys.dim().2;
                with(q, keys, values, &Table { tokens, ..table.clone() }, causal)
            };
        "tail-unmasked": "the last block is read to its end, and nothing is masked"
            => {
                let tokens = table.blocks.len() * keys.dim().2;
                with(q, keys, values, &Table { tokens, ..table.clone() }, |q, k, v| attention(q, k, v, &Mask::None).out)
            };
        "tail-masked": "places without a token are masked, but read all the same: a weight of 0 times NaN is NaN, so cut them off"
            => {
                let (tokens, m) = (table.blocks.len() * keys.dim().2, table.tokens);
                with(q, keys, values, &Table { tokens, ..table.clone() }, |q, k, v| {
                    let (n, all) = (q.nrows(), k.nrows());
                    let table = Array2::from_shape_fn((n, all), |(i, j)| j < m && j + n <= m + i);
                    let root = (q.ncols() as f32).sqrt();
                    let mut scores = q.dot(&k.t()) / root;
                    scores.zip_mut_with(&table, |score, &may| if !may { *score = f32::NEG_INFINITY });
                    softmax_rows(scores.view()).dot(&v)
                })
            };
        "sorted": "the blocks are read in the order of the pool; the table has the order of the text, and the causal mask hides other tokens"
            => {
                let size = keys.dim().2;
                let mut parts: Vec<(usize, usize)> = table.blocks.iter().copied().zip(0..).collect();
                parts.sort();
                let order: Vec<usize> = parts.iter().flat_map(|&(_, i)| i * size..((i + 1) * size).min(table.tokens)).collect();
                with(q, keys, values, table, |q, k, v| causal(q, k.select(Axis(0), &order).view(), v.select(Axis(0), &order).view()))
            };
        "backwards": "the blocks are read from the end of the table, and the causal mask hides other tokens"
            => {
                let size = keys.dim().2;
                let order: Vec<usize> = (0..table.blocks.len()).rev().flat_map(|i| i * size..((i + 1) * size).min(table.tokens)).collect();
                with(q, keys, values, table, |q, k, v| causal(q, k.select(Axis(0), &order).view(), v.select(Axis(0), &order).view()))
            };
        "full-blocks-only": "the last block is left out unless it is full: the newest tokens are in it"
            => {
                let full = table.tokens / keys.dim().2 * keys.dim().2;
                let n = q.dim().1;
                with(q, keys, values, table, |q, k, v| {
                    let seen = Array2::from_shape_fn((n, table.tokens), |(i, j)| j < full && j + n <= table.tokens + i);
                    attention(q, k, v, &Mask::Dense(seen)).out
                })
            };
        "last-block-only": "the last block alone is attended to, as if the text began with it"
            => {
                let first = (table.blocks.len() - 1) * keys.dim().2;
                let n = q.dim().1;
                with(q, keys, values, table, |q, k, v| {
                    let seen = Array2::from_shape_fn((n, table.tokens), |(i, j)| j >= first && j + n <= table.tokens + i);
                    attention(q, k, v, &Mask::Dense(seen)).out
                })
            };
        "first-block-only": "the first block alone is attended to"
            => {
                let size = keys.dim().2;
                let n = q.dim().1;
                with(q, keys, values, table, |q, k, v| {
                    let seen = Array2::from_shape_fn((n, table.tokens), |(i, j)| j < size && j + n <= table.tokens + i);
                    attention(q, k, v, &Mask::Dense(seen)).out
                })
            };
        "softmax-per-block": "each block has a softmax of its own, and the results are averaged: one softmax runs over all tokens"
            => {
                let size = keys.dim().2;
                let (n, m) = (q.dim().1, table.tokens);
                with(q, keys, values, table, |q, k, v| {
                    let blocks = m.div_ceil(size);
                    let of = |block: usize| attention(q, k, v, &Mask::Dense(Array2::from_shape_fn((n, m), |(i, j)| j / size == block && j + n <= m + i))).out;
                    (0..blocks).map(of).fold(Array2::zeros((n, v.ncols())), |sum, part| sum + part) / blocks as f32
                })
            };
        "sum-of-blocks": "each block has a softmax of its own, and the results are added up: the weights of a row sum to the number of blocks"
            => {
                let size = keys.dim().2;
                let (n, m) = (q.dim().1, table.tokens);
                with(q, keys, values, table, |q, k, v| {
                    let of = |block: usize| attention(q, k, v, &Mask::Dense(Array2::from_shape_fn((n, m), |(i, j)| j / size == block && j + n <= m + i))).out;
                    (0..m.div_ceil(size)).map(of).fold(Array2::zeros((n, v.ncols())), |sum, part| sum + part)
                })
            };
        "top-left": "the causal mask is aligned top-left: query i sees tokens 0 to i, as if the chunk stood at the beginning of the text"
            => {
                let (n, m) = (q.dim().1, table.tokens);
                let seen = Array2::from_shape_fn((n, m), |(i, j)| j <= i);
                with(q, keys, values, table, |q, k, v| attention(q, k, v, &Mask::Dense(seen.clone())).out)
            };
        "no-mask": "nothing is masked: within the chunk, tokens see those behind them"
            => with(q, keys, values, table, |q, k, v| attention(q, k, v, &Mask::None).out);
        "itself-hidden": "a token does not see itself: query i sees the keys up to m − n + i"
            => {
                let (n, m) = (q.dim().1, table.tokens);
                let seen = Array2::from_shape_fn((n, m), |(i, j)| j + n < m + i);
                with(q, keys, values, table, |q, k, v| attention(q, k, v, &Mask::Dense(seen.clone())).out)
            };
        "values-contiguous": "the table is used for the keys, and the values are read from the pool's first blocks"
            => {
                let front = Table { blocks: (0..table.blocks.len()).collect(), tokens: table.tokens };
                let mut out = Array3::zeros((q.dim().0, q.dim().1, values.dim().3));
                for (head, mut out) in out.outer_iter_mut().enumerate() {
                    let (k, v) = (gathered(keys, head, table), gathered(values, head, &front));
                    out.assign(&causal(q.index_axis(Axis(0), head), k.view(), v.view()));
                }
                out
            };
        "first-head": "the keys and values of head 0 are used for all heads"
            => {
                let (k, v) = (gathered(keys, 0, table), gathered(values, 0, table));
                let mut out = Array3::zeros((q.dim().0, q.dim().1, values.dim().3));
                for (head, mut out) in out.outer_iter_mut().enumerate() {
                    out.assign(&causal(q.index_axis(Axis(0), head), k.view(), v.view()));
                }
                out
            };
        "unscaled": "the scores are not divided by √d"
            => {
                let root = (q.dim().2 as f32).sqrt();
                crate::paged_attention((&q * root).view(), keys, values, table)
            };
        "first-place": "every token is read from the first place of its block"
            => {
                let size = keys.dim().2;
                let order: Vec<usize> = (0..table.tokens).map(|j| j / size * size).collect();
                with(q, keys, values, table, |q, k, v| causal(q, k.select(Axis(0), &order).view(), v.select(Axis(0), &order).view()))
            };
        "offset-by-position": "place and block have changed places: token j is looked for in block j mod size, place j / size, as far as there are such"
            => {
                let size = keys.dim().2;
                let order: Vec<usize> = (0..table.tokens).map(|j| ((j % size) * size + j / size) % table.tokens).collect();
                with(q, keys, values, table, |q, k, v| causal(q, k.select(Axis(0), &order).view(), v.select(Axis(0), &order).view()))
            };
    }
}

impl Case {
    fn table(&self) -> Table {
        let m = self.k.dim().1;
        Table { blocks: self.places[..m.div_ceil(self.size)].to_vec(), tokens: m }
    }

    /// Rows in their places. In all others is NaN, or with a single head what somebody left there.
    fn pages(&self, rows: &Array3<f32>) -> Array4<f32> {
        let ((h, m, d), size) = (rows.dim(), self.size);
        let total = self.places.iter().max().map_or(0, |most| most + 1).max(self.places.len());
        let mut pages =
            Array4::from_shape_fn((total, h, size, d), |(block, _, place, column)| match h {
                1 => ((31 * block + 7 * place + 3 * column) % 13) as f32 - 6.0,
                _ => f32::NAN,
            });
        for j in 0..m {
            pages
                .slice_mut(s![self.places[j / size], .., j % size, ..])
                .assign(&rows.index_axis(Axis(1), j));
        }
        pages
    }
}

/// Attention to rows that were never put into blocks.
fn exact<F: NdFloat>(c: &Case) -> Array3<F> {
    let ((h, n, _), d_v) = (c.q.dim(), c.v.dim().2);
    let mut out = Array3::zeros((h, n, d_v));
    for (head, mut out) in out.outer_iter_mut().enumerate() {
        let [q, k, v] = [&c.q, &c.k, &c.v].map(|x| x.index_axis(Axis(0), head));
        out.assign(&oracle::attention::<F>(q, k, v, &Mask::Causal).out);
    }
    out
}

fn causal(q: ArrayView2<f32>, k: ArrayView2<f32>, v: ArrayView2<f32>) -> Array2<f32> {
    attention(q, k, v, &Mask::Causal).out
}

/// One head's rows, token by token.
fn gathered(pages: ArrayView4<f32>, head: usize, table: &Table) -> Array2<f32> {
    let (size, d) = (pages.dim().2, pages.dim().3);
    Array2::from_shape_fn((table.tokens, d), |(j, c)| {
        pages[[table.blocks[j / size], head, j % size, c]]
    })
}

/// Attention of any kind in every head.
fn with(
    q: ArrayView3<f32>,
    keys: ArrayView4<f32>,
    values: ArrayView4<f32>,
    table: &Table,
    attend: impl Fn(ArrayView2<f32>, ArrayView2<f32>, ArrayView2<f32>) -> Array2<f32>,
) -> Array3<f32> {
    let mut out = Array3::zeros((q.dim().0, q.dim().1, values.dim().3));
    for (head, mut out) in out.outer_iter_mut().enumerate() {
        let (k, v) = (gathered(keys, head, table), gathered(values, head, table));
        out.assign(&attend(q.index_axis(Axis(0), head), k.view(), v.view()));
    }
    out
}

/// The scores of each block, one softmax over all of them, and the weighted values of each block.
fn by_blocks(
    q: ArrayView3<f32>,
    keys: ArrayView4<f32>,
    values: ArrayView4<f32>,
    table: &Table,
) -> Array3<f32> {
    let ((h, n, d), size, m) = (q.dim(), keys.dim().2, table.tokens);
    let mut out = Array3::zeros((h, n, values.dim().3));
    for head in 0..h {
        let mut scores = Array2::from_elem((n, m), f32::NEG_INFINITY);
        for (i, &block) in table.blocks.iter().enumerate() {
            let held = size.min(m - i * size);
            let part =
                q.index_axis(Axis(0), head).dot(&keys.slice(s![block, head, ..held, ..]).t());
            scores.slice_mut(s![.., i * size..i * size + held]).assign(&(part / (d as f32).sqrt()));
        }
        for ((i, j), score) in scores.indexed_iter_mut() {
            if j + n > m + i {
                *score = f32::NEG_INFINITY;
            }
        }
        let weights = softmax_rows(scores.view());
        for (i, &block) in table.blocks.iter().enumerate() {
            let held = size.min(m - i * size);
            let part = weights.slice(s![.., i * size..i * size + held]).dot(&values.slice(s![
                block,
                head,
                ..held,
                ..
            ]));
            let mut out = out.index_axis_mut(Axis(0), head);
            out += &part;
        }
    }
    out
}
