//! 12.12 `moba_blocks`

use crate::seeded::normal;
use attn_exercise::{exercise, pairwise};
use ndarray::{Array1, Array2, ArrayView2, Axis, array};

exercise! {
    /// Queries and keys, the tokens of a block, and how many blocks a token may read.
    crate::moba_blocks: (q: Array2<f64>[n d], k: Array2<f64>[n d], block: usize[block], count: usize[count]) -> Array2<bool>;

    exact: |c| {
        let (n, d) = c.q.dim();
        let blocks = n.div_ceil(c.block);
        let gate = |t: usize, b: usize| -> f64 {
            // The sum instead of the mean: all blocks that are over have as many tokens.
            (b * c.block..(b + 1) * c.block).map(|j| (0..d).map(|x| c.q[[t, x]] * c.k[[j, x]]).sum::<f64>()).sum()
        };
        Array2::from_shape_fn((n, blocks), |(t, b)| {
            let own = t / c.block;
            let better = |other: usize| gate(t, other) > gate(t, b) || gate(t, other) == gate(t, b) && other < b;
            b == own || b < own && (0..own).filter(|&other| other != b && better(other)).count() + 1 < c.count
        })
    };

    cases: |random| {
        let mut of = |about: &str, (n, d): (usize, usize), block: usize, count: usize| case(about, (normal(random, (n, d)), normal(random, (n, d)), block, count));
        let mut cases = vec![
            case("by hand: of keys 0 and 1 the second has the larger product", (array![[1.0], [1.0], [1.0]], array![[3.0], [5.0], [9.0]], 1, 2)),
            of("three of six blocks", (24, 4), 4, 3),
            of("a last block that is not full", (22, 4), 4, 3),
            of("its own block alone", (12, 3), 3, 1),
            of("more than there are", (12, 3), 3, 9),
            of("blocks of one token", (9, 4), 1, 3),
            of("a block that is longer than the text", (5, 3), 8, 2),
            of("one block", (6, 4), 6, 2),
            of("one token", (1, 2), 1, 1),
            of("one token, a larger block", (1, 1), 3, 2),
            case("all equal", (Array2::ones((12, 2)), Array2::ones((12, 2)), 2, 3)),
            case("all products are negative", (-Array2::<f64>::ones((10, 2)), Array2::from_shape_fn((10, 2), |(i, _)| 1.0 + ((7 * i) % 5) as f64), 2, 3)),
            case("the own block is the best", (Array2::ones((9, 1)), Array2::from_shape_fn((9, 1), |(i, _)| i as f64), 3, 2)),
            case("one key stands out in its block", (Array2::ones((8, 1)), array![[9.0], [-9.0], [1.0], [1.0], [0.0], [3.0], [0.0], [0.0]], 2, 2)),
            of("sixty tokens", (60, 8), 5, 4),
            of("two", (2, 2), 2, 2),
            of("three", (3, 3), 3, 3),
            of("four", (4, 4), 2, 4),
            case("many that are equal", (Array2::ones((60, 1)), Array2::from_shape_fn((60, 1), |(i, _)| [2.0, 1.0, 3.0][i % 3]), 1, 9)),
        ];
        cases.extend(pairwise([4, 3, 3, 3]).into_iter().map(|[n, d, block, count]| of("small", (4 * n + 3, d + 1), block + 1, count + 1)));
        cases
    };

    right (q, k, block, count) {
        "all gates, the own one infinite, those behind −∞" => {
            let gates = gates(q, k, block, mean);
            by(gates, block, |gate, b, own| match b.cmp(&own) {
                std::cmp::Ordering::Less => gate,
                std::cmp::Ordering::Equal => f64::INFINITY,
                std::cmp::Ordering::Greater => f64::NEG_INFINITY,
            }, count)
        };
        "the best again and again" => {
            let gates = gates(q, k, block, mean);
            let mut chosen = Array2::from_elem(gates.dim(), false);
            for t in 0..q.nrows() {
                let own = t / block;
                chosen[[t, own]] = true;
                for _ in 1..count {
                    let mut best: Option<usize> = None;
                    for b in 0..own {
                        if !chosen[[t, b]] && best.is_none_or(|best| gates[[t, b]] > gates[[t, best]]) {
                            best = Some(b);
                        }
                    }
                    if let Some(b) = best { chosen[[t, b]] = true; }
                }
            }
            chosen
        };
        "the mean of the products" => {
            let products = q.dot(&k.t());
            let gates = Array2::from_shape_fn((q.nrows(), q.nrows().div_ceil(block)), |(t, b)| {
                let end = ((b + 1) * block).min(q.nrows());
                products.slice(ndarray::s![t, b * block..end]).sum() / (end - b * block) as f64
            });
            by(gates, block, right, count)
        };
    }

    mistakes (q, k, block, count) {
        "own-by-its-mean": "the token's own block competes by its mean like the others: tokens behind the query are in it"
            => by(gates(q, k, block, mean), block, |gate, b, own| if b <= own { gate } else { f64::NEG_INFINITY }, count);
        "future": "blocks behind the token are chosen, too"
            => by(gates(q, k, block, mean), block, |gate, b, own| if b == own { f64::INFINITY } else { gate }, count);
        "own-besides": "the own block is not counted: there are `count` others"
            => by(gates(q, k, block, mean), block, right, count + 1);
        "own-afterwards": "the best `count` are chosen first, the own block among them by its mean, and the own one is added where it is missing"
            => {
                let mut chosen = by(gates(q, k, block, mean), block, |gate, b, own| if b <= own { gate } else { f64::NEG_INFINITY }, count);
                for t in 0..q.nrows() { chosen[[t, t / block]] = true; }
                chosen
            };
        "own-missing": "the token's own block is not read"
            => {
                let mut chosen = crate::moba_blocks(q, k, block, count);
                for t in 0..q.nrows() { chosen[[t, t / block]] = false; }
                chosen
            };
        "future-filled": "where fewer blocks are over than may be read, later ones fill up the list"
            => {
                let gates = gates(q, k, block, mean);
                let mut chosen = Array2::from_elem(gates.dim(), false);
                for t in 0..q.nrows() {
                    let row: Vec<f64> = (0..gates.ncols()).map(|b| right(gates[[t, b]], b, t / block)).collect();
                    let mut order: Vec<usize> = (0..row.len()).collect();
                    order.sort_by(|&a, &b| row[b].total_cmp(&row[a]));
                    order.into_iter().take(count).for_each(|b| chosen[[t, b]] = true);
                }
                chosen
            };
        "best-key": "a block is judged by the largest product of its keys, not by their mean"
            => by(products(q, k, block, |row| row.fold(f64::NEG_INFINITY, |a, &b| a.max(b))), block, right, count);
        "first-key": "a block is judged by its first key"
            => by(gates(q, k, block, |x| x.row(0).to_owned()), block, right, count);
        "last-key": "a block is judged by its last key"
            => by(gates(q, k, block, |x| x.row(x.nrows() - 1).to_owned()), block, right, count);
        "largest-numbers": "a block is judged by the largest numbers of its keys, column by column"
            => by(gates(q, k, block, |x| x.fold_axis(Axis(0), f64::NEG_INFINITY, |a, &b| a.max(b))), block, right, count);
        "sizes": "the sizes of the products are averaged, whatever their signs"
            => by(products(q, k, block, |row| row.mapv(f64::abs).sum() / row.len() as f64), block, right, count);
        "cosine": "the mean key is brought to length 1 before it meets the query"
            => by(gates(q, k, block, |x| { let m = mean(x); let length = m.dot(&m).sqrt().max(1e-300); m / length }), block, right, count);
        "by-size": "the blocks are chosen by the size of the product, whatever its sign"
            => by(gates(q, k, block, mean).mapv(f64::abs), block, right, count);
        "least": "the blocks with the smallest product are chosen: the sort is the wrong way round"
            => by(-gates(q, k, block, mean), block, right, count);
        "later-of-equals": "of two equal blocks the later one is chosen"
            => {
                let gates = gates(q, k, block, mean);
                let mut chosen = Array2::from_elem(gates.dim(), false);
                for t in 0..q.nrows() {
                    let own = t / block;
                    let mut past: Vec<usize> = (0..own).rev().collect();
                    past.sort_by(|&a, &b| gates[[t, b]].total_cmp(&gates[[t, a]]));
                    chosen[[t, own]] = true;
                    past.into_iter().take(count - 1).for_each(|b| chosen[[t, b]] = true);
                }
                chosen
            };
        "most-recent": "the most recent blocks are chosen: this is a window of blocks"
            => by(Array2::from_shape_fn((q.nrows(), q.nrows().div_ceil(block)), |(_, b)| b as f64), block, right, count);
        "earliest": "the earliest blocks are chosen"
            => by(Array2::from_shape_fn((q.nrows(), q.nrows().div_ceil(block)), |(_, b)| -(b as f64)), block, right, count);
        "positive-only": "blocks with a negative product are never chosen, although there is room for them"
            => by(gates(q, k, block, mean).mapv(|gate| if gate < 0.0 { f64::NEG_INFINITY } else { gate }), block, right, count);
        "no-choice": "all blocks that are over are read"
            => by(gates(q, k, block, mean), block, right, usize::MAX);
        "block-of-queries": "the tokens of a block choose together, by the mean of their queries: later tokens speak for earlier ones"
            => {
                let mut queries = q.to_owned();
                for (b, rows) in q.axis_chunks_iter(Axis(0), block).enumerate() {
                    let mean = mean(rows);
                    for t in b * block..b * block + rows.nrows() { queries.row_mut(t).assign(&mean); }
                }
                by(gates(queries.view(), k, block, mean), block, right, count)
            };
        "exchanged": "queries and keys have changed places: the mean of the queries meets the key"
            => by(gates(k, q, block, mean), block, right, count);
        "tokens": "the best tokens are chosen, and the blocks that they lie in: there may be fewer than `count`"
            => {
                let mut chosen = Array2::from_elem((q.nrows(), q.nrows().div_ceil(block)), false);
                for t in 0..q.nrows() {
                    let own = t / block;
                    let mut past: Vec<usize> = (0..own * block).collect();
                    past.sort_by(|&a, &b| q.row(t).dot(&k.row(b)).total_cmp(&q.row(t).dot(&k.row(a))));
                    chosen[[t, own]] = true;
                    past.into_iter().take(count - 1).for_each(|j| chosen[[t, j / block]] = true);
                }
                chosen
            };
        "above-zero-only": "blocks whose product is not above 0 are never chosen, although there is room for them"
            => by(gates(q, k, block, mean).mapv(|gate| if gate > 0.0 { gate } else { f64::NEG_INFINITY }), block, right, count);
        "best-from-zero": "the largest product is looked for from 0 on: where none is above it, block 0 is chosen"
            => {
                let gates = gates(q, k, block, mean);
                let mut chosen = Array2::from_elem(gates.dim(), false);
                for t in 0..q.nrows() {
                    chosen[[t, t / block]] = true;
                    for _ in 1..count {
                        let (mut best, mut most) = (0, 0.0);
                        for b in 0..t / block {
                            if !chosen[[t, b]] && gates[[t, b]] > most { (best, most) = (b, gates[[t, b]]); }
                        }
                        chosen[[t, best]] = true;
                    }
                }
                chosen
            };
        "before-always": "the block before the token's own is always read, and counted"
            => by(gates(q, k, block, mean), block, |gate, b, own| if b + 1 == own { f64::MAX } else { right(gate, b, own) }, count);
        "before-besides": "the block before the token's own is always read, besides the others"
            => {
                let mut chosen = crate::moba_blocks(q, k, block, count);
                for t in block.min(q.nrows())..q.nrows() { chosen[[t, t / block - 1]] = true; }
                chosen
            };
        "first-always": "block 0 is always read, and counted"
            => by(gates(q, k, block, mean), block, |gate, b, own| if b == 0 && own > 0 { f64::MAX } else { right(gate, b, own) }, count);
        "first-of-the-block": "the tokens of a block choose together, by the query of the first of them"
            => by(gates(queries(q, block, |b| b * block).view(), k, block, mean), block, right, count);
        "last-of-the-block": "the tokens of a block choose together, by the query of the last of them"
            => by(gates(queries(q, block, |b| ((b + 1) * block).min(q.nrows()) - 1).view(), k, block, mean), block, right, count);
        "another-for-the-own": "the token's own block is not read, and one more of the others is"
            => by(gates(q, k, block, mean), block, |gate, b, own| if b < own { gate } else { f64::NEG_INFINITY }, count);
        "block-missing-panics": "the number of blocks is rounded down, and the last one, which is not full, is written to all the same"
            => {
                let right = crate::moba_blocks(q, k, block, count);
                let mut chosen = Array2::from_elem((q.nrows(), q.nrows() / block), false);
                right.indexed_iter().filter(|((t, b), _)| *b == t / block).for_each(|(at, &seen)| chosen[at] = seen);
                right
            };
        "own-one-on": "the token's own block is (t + 1) / block: at the end of a block that is the next one"
            => own_by(q, k, block, count, |t| (t + 1) / block);
        "own-rounded-up": "the token's own block is t / block rounded up, which is the next one for all but its first token"
            => own_by(q, k, block, count, |t| t.div_ceil(block));
        "token-as-block": "the token's position is taken for its block"
            => own_by(q, k, block, count, |t| t);
        "nearest": "the blocks are chosen whose mean has the smallest distance to the query, not the largest product"
            => {
                let keys: Vec<Array1<f64>> = k.axis_chunks_iter(Axis(0), block).map(mean).collect();
                let gates = Array2::from_shape_fn((q.nrows(), keys.len()), |(t, b)| -(&q.row(t) - &keys[b]).mapv(|x| x * x).sum());
                by(gates, block, right, count)
            };
        "first-number": "only the first number of query and mean is multiplied, not the whole rows"
            => by(gates(q.slice(ndarray::s![.., ..1]), k.slice(ndarray::s![.., ..1]), block, mean), block, right, count);
        "threshold": "every block is chosen whose product is at least that of the last chosen one: with equal ones there are too many"
            => {
                let gates = gates(q, k, block, mean);
                let right = crate::moba_blocks(q, k, block, count);
                Array2::from_shape_fn(gates.dim(), |(t, b)| {
                    let own = t / block;
                    let least = (0..own).filter(|&b| right[[t, b]]).map(|b| gates[[t, b]]).fold(f64::INFINITY, f64::min);
                    b == own || b < own && gates[[t, b]] >= least
                })
            };
        "means-so-far": "a block is judged by the mean of all keys up to its end, not by its own"
            => {
                let sums = |b: usize| mean(k.slice(ndarray::s![..((b + 1) * block).min(k.nrows()), ..]));
                let gates = Array2::from_shape_fn((q.nrows(), q.nrows().div_ceil(block)), |(t, b)| q.row(t).dot(&sums(b)));
                by(gates, block, right, count)
            };
        "keys-only": "the token's key is multiplied with the means, not its query"
            => by(gates(k, k, block, mean), block, right, count);
        "best-left-out": "the best block is left out, and those after it are chosen, as if the token's own were the first in the order"
            => {
                let gates = gates(q, k, block, mean);
                let mut chosen = Array2::from_elem(gates.dim(), false);
                for t in 0..q.nrows() {
                    let own = t / block;
                    let mut past: Vec<usize> = (0..own).collect();
                    past.sort_by(|&a, &b| gates[[t, b]].total_cmp(&gates[[t, a]]));
                    chosen[[t, own]] = true;
                    past.into_iter().skip(1).take(count - 1).for_each(|b| chosen[[t, b]] = true);
                }
                chosen
            };
        "unstable": "the sort is not a stable one: of many equal blocks it may be any that comes first"
            => {
                let gates = gates(q, k, block, mean);
                let mut chosen = Array2::from_elem(gates.dim(), false);
                for t in 0..q.nrows() {
                    let own = t / block;
                    let mut past: Vec<usize> = (0..own).collect();
                    past.sort_unstable_by(|&a, &b| gates[[t, b]].total_cmp(&gates[[t, a]]));
                    chosen[[t, own]] = true;
                    past.into_iter().take(count - 1).for_each(|b| chosen[[t, b]] = true);
                }
                chosen
            };
        "own-by-its-mean-so-far": "the token's own block competes by the mean of its keys up to the token; it is always read"
            => {
                let so_far = |t: usize, b: usize| mean(k.slice(ndarray::s![b * block..((b + 1) * block).min(t + 1), ..]));
                let gates = Array2::from_shape_fn((q.nrows(), q.nrows().div_ceil(block)), |(t, b)| {
                    if b <= t / block { q.row(t).dot(&so_far(t, b)) } else { f64::NEG_INFINITY }
                });
                by(gates, block, |gate, _, _| gate, count)
            };
        "one-fewer": "one block too few is read"
            => crate::moba_blocks(q, k, block, (count - 1).max(1));
        "own-takes-a-place": "the token's own block is read, and competes by its mean as well: if it is among the best, there is one block fewer"
            => {
                let mut chosen = by(gates(q, k, block, mean), block, |gate, b, own| if b <= own { gate } else { f64::NEG_INFINITY }, count - 1);
                for t in 0..q.nrows() { chosen[[t, t / block]] = true; }
                chosen
            };
        "own-one-back": "the token's own block is (t − 1) / block: at the start of a block that is the one before"
            => own_by(q, k, block, count, |t| t.saturating_sub(1) / block);
        "relu": "negative products are cut off at 0: of such blocks the earliest are chosen, not the best"
            => by(gates(q, k, block, mean).mapv(|gate| gate.max(0.0)), block, right, count);
        "all": "every block is chosen for every token, those behind it too"
            => Array2::from_elem((q.nrows(), q.nrows().div_ceil(block)), true);
    }
}

fn mean(keys: ArrayView2<f64>) -> Array1<f64> {
    keys.sum_axis(Axis(0)) / keys.nrows() as f64
}

/// The products of queries and what stands for each block.
fn gates(
    q: ArrayView2<f64>,
    k: ArrayView2<f64>,
    block: usize,
    of: impl Fn(ArrayView2<f64>) -> Array1<f64>,
) -> Array2<f64> {
    let keys: Vec<Array1<f64>> = k.axis_chunks_iter(Axis(0), block).map(of).collect();
    Array2::from_shape_fn((q.nrows(), keys.len()), |(t, b)| q.row(t).dot(&keys[b]))
}

/// What is made of a query's products with the keys of a block.
fn products(
    q: ArrayView2<f64>,
    k: ArrayView2<f64>,
    block: usize,
    of: impl Fn(ndarray::ArrayView1<f64>) -> f64,
) -> Array2<f64> {
    let all = q.dot(&k.t());
    let n = q.nrows();
    Array2::from_shape_fn((n, n.div_ceil(block)), |(t, b)| {
        of(all.slice(ndarray::s![t, b * block..((b + 1) * block).min(n)]))
    })
}

fn right(gate: f64, b: usize, own: usize) -> f64 {
    match b.cmp(&own) {
        std::cmp::Ordering::Less => gate,
        std::cmp::Ordering::Equal => f64::INFINITY,
        std::cmp::Ordering::Greater => f64::NEG_INFINITY,
    }
}

/// The largest of these numbers, those of −∞ never.
fn by(
    gates: Array2<f64>,
    block: usize,
    of: impl Fn(f64, usize, usize) -> f64,
    count: usize,
) -> Array2<bool> {
    let mut chosen = Array2::from_elem(gates.dim(), false);
    for t in 0..gates.nrows() {
        let row: Vec<f64> = (0..gates.ncols()).map(|b| of(gates[[t, b]], b, t / block)).collect();
        let mut order: Vec<usize> =
            (0..row.len()).filter(|&b| row[b] > f64::NEG_INFINITY).collect();
        order.sort_by(|&a, &b| row[b].total_cmp(&row[a]));
        order.into_iter().take(count).for_each(|b| chosen[[t, b]] = true);
    }
    chosen
}

/// The queries, each that of a token of its block.
fn queries(q: ArrayView2<f64>, block: usize, of: impl Fn(usize) -> usize) -> Array2<f64> {
    Array2::from_shape_fn(q.dim(), |(t, x)| q[[of(t / block), x]])
}

/// With another own block; the last one of all at most.
fn own_by(
    q: ArrayView2<f64>,
    k: ArrayView2<f64>,
    block: usize,
    count: usize,
    own: impl Fn(usize) -> usize,
) -> Array2<bool> {
    let gates = gates(q, k, block, mean);
    let mut chosen = Array2::from_elem(gates.dim(), false);
    for t in 0..q.nrows() {
        let own = own(t).min(gates.ncols() - 1);
        let mut past: Vec<usize> = (0..own).collect();
        past.sort_by(|&a, &b| gates[[t, b]].total_cmp(&gates[[t, a]]));
        chosen[[t, own]] = true;
        past.into_iter().take(count - 1).for_each(|b| chosen[[t, b]] = true);
    }
    chosen
}
