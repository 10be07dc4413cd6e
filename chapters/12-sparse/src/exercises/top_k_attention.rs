//! 12.11 `top_k_attention`

use super::sparse_attention::{dense, from_maximum, most, softmax};
use crate::seeded::normal;
use attn_exercise::{exercise, pairwise};
use ndarray::{Array2, ArrayView1, ArrayView2, array};

exercise! {
    /// Queries, keys and values, an indexer's scores, and how many keys each query may read.
    crate::top_k_attention: (q: Array2<f64>[n d], k: Array2<f64>[m d], v: Array2<f64>[m d_v], index: Array2<f64>[n m], keep: usize[keep]) -> Array2<f64>;

    exact: |c| {
        // A key is read if fewer than `keep` others come before it.
        let rows: Vec<Vec<usize>> = (0..c.q.nrows()).map(|i| {
            let better = |j: usize, other: usize| c.index[[i, other]] > c.index[[i, j]] || c.index[[i, other]] == c.index[[i, j]] && other < j;
            (0..c.k.nrows()).filter(|&j| c.index[[i, j]].is_finite() && (0..c.k.nrows()).filter(|&other| better(j, other)).count() < c.keep).collect()
        }).collect();
        dense(c.q.view(), c.k.view(), c.v.view(), &rows)
    };

    cases: |random| {
        let infinite = f64::NEG_INFINITY;
        let mut of = |about: &str, (n, m): (usize, usize), (d, d_v): (usize, usize), keep: usize, kind: usize, strength: f64| {
            let mut index: Array2<f64> = normal(random, (n, m));
            index.indexed_iter_mut().for_each(|((i, j), x)| match kind {
                // Causal, aligned bottom-right.
                1 if j + n > m + i => *x = infinite,
                // Whole numbers, many of them equal.
                2 => *x = (*x * 1.5).round() + 0.0, // no −0
                3 if j + n > m + i => *x = infinite,
                3 => *x = x.round().abs(),
                _ => {}
            });
            case(about, (normal(random, (n, d)) * strength, normal(random, (m, d)), normal(random, (m, d_v)), index, keep))
        };
        let ln3 = 3.0_f64.ln();
        let mut cases = vec![
            case("by hand: keys 0 and 2, with weights 1/4 and 3/4", (array![[1.0]], array![[0.0], [9.0], [ln3]], array![[0.0], [7.0], [4.0]], array![[0.3, 0.1, 0.2]], 2)),
            of("causal", (6, 6), (4, 3), 3, 1, 1.0),
            of("causal, one key each", (5, 5), (4, 2), 1, 1, 1.0),
            of("causal, more than there are", (5, 5), (4, 2), 9, 1, 1.0),
            of("causal, as many as there are", (5, 5), (4, 2), 5, 1, 1.0),
            of("equal scores", (6, 9), (4, 3), 3, 2, 1.0),
            of("equal scores, causal", (7, 7), (4, 3), 3, 3, 1.0),
            of("a step of decoding", (1, 12), (8, 4), 4, 0, 1.0),
            of("a chunk in the middle", (3, 10), (4, 4), 4, 1, 1.0),
            of("the first queries see nothing", (6, 3), (4, 2), 2, 1, 1.0),
            case("nothing to be seen", (array![[1.0], [2.0]], array![[1.0]], array![[5.0]], array![[infinite], [infinite]], 1)),
            of("large scores", (4, 8), (16, 2), 3, 1, 4000.0),
            case("all equal", (array![[1.0], [0.5]], array![[1.0], [2.0], [3.0]], array![[2.0], [4.0], [8.0]], Array2::zeros((2, 3)), 2)),
            of("long", (4, 60), (8, 4), 16, 1, 1.0),
            of("scores far below zero", (3, 6), (4, 2), 3, 1, 1.0),
            of("many equal scores", (3, 60), (4, 2), 9, 2, 1.0),
            of("scores of some hundred", (3, 5), (16, 2), 3, 1, 1.0),
        ];
        let Case { q, k, .. } = &mut cases[14];
        q.fill(-1e5);
        k.fill(1e5);
        let Case { q, k, .. } = &mut cases[16];
        q.fill(10.0);
        k.indexed_iter_mut().for_each(|((j, _), x)| *x = 10.0 - 0.01 * j as f64);
        cases.extend(pairwise([4, 4, 4, 4, 4, 4]).into_iter().map(|[n, m, d, d_v, keep, kind]| {
            of("small", (n + 1, m + 1), (d + 1, d_v + 1), keep + 1, kind, 1.0)
        }));
        cases
    };

    right (q, k, v, index, keep) {
        "by rank" => reading(q, k, v, index, |row| {
            let before = |j: usize| (0..row.len()).filter(|&other| row[other] > row[j] || row[other] == row[j] && other < j).count();
            (0..row.len()).filter(|&j| row[j].is_finite() && before(j) < keep).collect()
        });
        "the best again and again" => reading(q, k, v, index, |row| {
            let mut left: Vec<usize> = (0..row.len()).filter(|&j| row[j].is_finite()).collect();
            let mut chosen = Vec::new();
            while chosen.len() < keep && !left.is_empty() {
                let mut best = 0;
                for at in 1..left.len() {
                    if row[left[at]] > row[left[best]] { best = at; }
                }
                chosen.push(left.remove(best));
            }
            chosen
        });
        "with a table of scores, −∞ for what was not chosen" => {
            let mut scores = q.dot(&k.t()) / (q.ncols() as f64).sqrt();
            for (i, row) in index.rows().into_iter().enumerate() {
                let chosen = best(row, keep);
                for j in 0..k.nrows() {
                    if !chosen.contains(&j) { scores[[i, j]] = f64::NEG_INFINITY; }
                }
            }
            for mut row in scores.rows_mut() {
                let most = row.fold(f64::NEG_INFINITY, |a, &b| a.max(b));
                row.mapv_inplace(|x| if x == f64::NEG_INFINITY { 0.0 } else { (x - most).exp() });
                let sum = row.sum();
                if sum > 0.0 { row /= sum; }
            }
            scores.dot(&v)
        };
    }

    mistakes (q, k, v, index, keep) {
        "softmax-first": "the softmax runs over all keys, and those that were not chosen are dropped afterwards: the weights sum to less than one"
            => weighing(q, v, index, keep, |i, chosen| {
                let all: Vec<usize> = (0..k.nrows()).filter(|&j| index[[i, j]].is_finite()).collect();
                let weights = softmax(&products(q, k, i, &all), (q.ncols() as f64).sqrt());
                chosen.iter().map(|j| weights[all.iter().position(|other| other == j).expect("a chosen key is there")]).collect()
            });
        "weights-of-the-index": "the weights are the softmax of the indexer's scores; those only choose"
            => weighing(q, v, index, keep, |i, chosen| softmax(&chosen.iter().map(|&j| index[[i, j]]).collect::<Vec<_>>(), 1.0));
        "index-added": "the indexer's scores are added to those of q and k"
            => weighing(q, v, index, keep, |i, chosen| {
                let root = (q.ncols() as f64).sqrt();
                softmax(&chosen.iter().map(|&j| q.row(i).dot(&k.row(j)) / root + index[[i, j]]).collect::<Vec<_>>(), 1.0)
            });
        "by-own-scores": "the keys are chosen by q · k: that costs the whole attention, and the indexer has nothing to say"
            => crate::top_k_attention(q, k, v, hidden_as(index, q.dot(&k.t())).view(), keep);
        "mean": "the chosen values are averaged, with equal weights"
            => weighing(q, v, index, keep, |_, chosen| vec![1.0 / chosen.len() as f64; chosen.len()]);
        "all-keys": "all keys are read: this is attention without a choice"
            => crate::top_k_attention(q, k, v, index, k.nrows());
        "least": "the keys with the lowest scores are read: the sort is the wrong way round"
            => reading(q, k, v, index, |row| {
                let mut chosen = best(row.mapv(|x| if x.is_finite() { -x } else { x }).view(), keep);
                chosen.sort();
                chosen
            });
        "lowest-of-all": "the keys with the lowest scores are read, those with −∞ first"
            => reading(q, k, v, index, |row| {
                let mut chosen: Vec<usize> = (0..row.len()).collect();
                chosen.sort_by(|&a, &b| row[a].total_cmp(&row[b]));
                chosen.truncate(keep);
                chosen
            });
        "future-fills-up": "where fewer than `keep` keys may be seen, the rest is filled up with keys of the future, whose score is −∞"
            => reading(q, k, v, index, |row| {
                let mut chosen: Vec<usize> = (0..row.len()).collect();
                chosen.sort_by(|&a, &b| row[b].total_cmp(&row[a]));
                chosen.truncate(keep);
                chosen
            });
        "one-more": "one key too many is read"
            => crate::top_k_attention(q, k, v, index, keep + 1);
        "one-fewer": "one key too few is read"
            => crate::top_k_attention(q, k, v, index, keep - 1);
        "later-of-equals": "of two equal scores the later key is read"
            => reading(q, k, v, index, |row| {
                let mut chosen: Vec<usize> = (0..row.len()).rev().filter(|&j| row[j].is_finite()).collect();
                chosen.sort_by(|&a, &b| row[b].total_cmp(&row[a]));
                chosen.truncate(keep);
                chosen
            });
        "threshold": "every key is read whose score is at least that of the last chosen one: with equal scores there are too many"
            => reading(q, k, v, index, |row| {
                let least = best(row, keep).into_iter().map(|j| row[j]).fold(f64::INFINITY, f64::min);
                (0..row.len()).filter(|&j| row[j].is_finite() && row[j] >= least).collect()
            });
        "above-the-threshold": "only keys are read whose score is above that of the last chosen one"
            => reading(q, k, v, index, |row| {
                let chosen = best(row, keep);
                let least = chosen.iter().map(|&j| row[j]).fold(f64::INFINITY, f64::min);
                chosen.into_iter().filter(|&j| row[j] > least).collect()
            });
        "most-recent": "the last `keep` keys that may be seen are read: this is a window"
            => reading(q, k, v, index, |row| { let all: Vec<usize> = (0..row.len()).filter(|&j| row[j].is_finite()).collect(); all[all.len().saturating_sub(keep)..].to_vec() });
        "earliest": "the first `keep` keys are read"
            => reading(q, k, v, index, |row| (0..row.len()).filter(|&j| row[j].is_finite()).take(keep).collect());
        "one-choice": "all queries read what the last one has chosen"
            => reading(q, k, v, index, |_| best(index.row(index.nrows() - 1), keep));
        "positive-only": "only keys with a score above 0 are read, although there is room for them"
            => reading(q, k, v, index, |row| best(row, keep).into_iter().filter(|&j| row[j] > 0.0).collect());
        "by-size": "the keys are chosen by the size of the score, whatever its sign"
            => reading(q, k, v, index, |row| best(row.mapv(|x| if x.is_finite() { x.abs() } else { x }).view(), keep));
        "no-scale": "the scores of q and k are not divided by √d"
            => crate::top_k_attention((&q * (q.ncols() as f64).sqrt()).view(), k, v, index, keep);
        "places": "the place in the order is taken for the key: the first `keep` values are read with the right weights"
            => {
                let mut out = Array2::zeros((q.nrows(), v.ncols()));
                for (i, row) in index.rows().into_iter().enumerate() {
                    let chosen = best(row, keep);
                    for (place, weight) in softmax(&products(q, k, i, &chosen), (q.ncols() as f64).sqrt()).into_iter().enumerate() {
                        out.row_mut(i).scaled_add(weight, &v.row(place));
                    }
                }
                out
            };
        "nan": "a query that has no key is divided by a sum of 0: NaN"
            => {
                let mut out = crate::top_k_attention(q, k, v, index, keep);
                out.rows_mut().into_iter().zip(index.rows()).filter(|(_, row)| row.iter().all(|x| !x.is_finite())).for_each(|(mut out, _)| out.fill(f64::NAN));
                out
            };
        "keys-choose": "every key chooses its queries: the largest scores of a column are kept instead of those of a row"
            => {
                let columns: Vec<Vec<usize>> = index.columns().into_iter().map(|column| best(column, keep)).collect();
                let rows: Vec<Vec<usize>> = (0..q.nrows()).map(|i| (0..k.nrows()).filter(|&j| columns[j].contains(&i)).collect()).collect();
                dense(q, k, v, &rows)
            };
        "panics-short": "`keep` keys are taken from the list, which panics where there are fewer"
            => {
                let fewest = index.rows().into_iter().map(|row| row.iter().filter(|x| x.is_finite()).count()).min().unwrap_or(0);
                assert!(keep <= fewest, "range end index {keep} out of range for slice of length {fewest}");
                crate::top_k_attention(q, k, v, index, keep)
            };
        "overflows": "the largest score is not subtracted: the exponential of a large one is infinite"
            => from(q, k, v, index, keep, |_, _| 0.0);
        "max-from-zero": "the maximum starts at 0 instead of −∞: where all scores are far below zero, the sum is 0, and the row NaN"
            => from(q, k, v, index, keep, |most, root| (most / root).max(0.0));
        "unscaled-maximum": "the maximum is that of the products, before they are divided by √d: large scores are shifted too far, and vanish"
            => from(q, k, v, index, keep, |most, _| most);
        "first-choice": "all queries read what the first one has chosen"
            => reading(q, k, v, index, |_| best(index.row(0), keep));
        "summed-choice": "all queries read the same keys, by the sum of their scores"
            => reading(q, k, v, index, |_| best(index.sum_axis(ndarray::Axis(0)).view(), keep));
        "best-choice": "all queries read the same keys, by the largest of their scores"
            => reading(q, k, v, index, |_| best(index.fold_axis(ndarray::Axis(0), f64::NEG_INFINITY, |a, &b| a.max(b)).view(), keep));
        "weights-times-index": "the weights are multiplied by the indexer's scores"
            => weighing(q, v, index, keep, |i, chosen| {
                let weights = softmax(&products(q, k, i, chosen), (q.ncols() as f64).sqrt());
                weights.iter().zip(chosen).map(|(weight, &j)| weight * index[[i, j]]).collect()
            });
        "scores-times-index": "the scores of q and k are multiplied by those of the indexer"
            => weighing(q, v, index, keep, |i, chosen| {
                let scores: Vec<f64> = chosen.iter().map(|&j| q.row(i).dot(&k.row(j)) * index[[i, j]]).collect();
                softmax(&scores, (q.ncols() as f64).sqrt())
            });
        "own-key-forced": "key i is always read by query i, in the place of the last one that it has chosen"
            => choosing(q, k, v, index, |i, row| {
                let mut chosen = best(row, keep);
                if i < row.len() && !chosen.contains(&i) && chosen.pop().is_some() { chosen.push(i); }
                chosen
            });
        "own-key-added": "key i is always read by query i, besides those that it has chosen"
            => choosing(q, k, v, index, |i, row| {
                let mut chosen = best(row, keep);
                if i < row.len() && !chosen.contains(&i) { chosen.push(i); }
                chosen
            });
        "causal-besides": "a key behind the query's own number is never read; which keys may be seen says the index"
            => choosing(q, k, v, index, |i, row| {
                let mut chosen: Vec<usize> = (0..row.len()).filter(|&j| j <= i && row[j].is_finite()).collect();
                chosen.sort_by(|&a, &b| row[b].total_cmp(&row[a]));
                chosen.truncate(keep);
                chosen
            });
        "causal-instead": "the keys up to the query's own number may be read; which keys may be seen says the index, by −∞"
            => choosing(q, k, v, index, |i, row| {
                let mut chosen: Vec<usize> = (0..row.len()).filter(|&j| j <= i).collect();
                chosen.sort_by(|&a, &b| row[b].total_cmp(&row[a]));
                chosen.truncate(keep);
                chosen
            });
        "by-d": "the scores of q and k are divided by d instead of √d"
            => crate::top_k_attention((&q / (q.ncols() as f64).sqrt()).view(), k, v, index, keep);
        "by-root-of-keep": "the scores of q and k are divided by the root of `keep` instead of √d"
            => weighing(q, v, index, keep, |i, chosen| softmax(&products(q, k, i, chosen), (keep as f64).sqrt()));
        "by-root-of-d-v": "the scores of q and k are divided by the root of the values' width instead of √d"
            => weighing(q, v, index, keep, |i, chosen| softmax(&products(q, k, i, chosen), (v.ncols() as f64).sqrt()));
        "not-divided": "the weights are not divided by their sum"
            => weighing(q, v, index, keep, |i, chosen| undivided(&products(q, k, i, chosen), (q.ncols() as f64).sqrt()));
        "divided-by-keep": "the weights are divided by `keep` instead of by their sum"
            => weighing(q, v, index, keep, |i, chosen| undivided(&products(q, k, i, chosen), (q.ncols() as f64).sqrt()).into_iter().map(|w| w / keep as f64).collect());
        "mean-of-keep": "the chosen values are summed up and divided by `keep`, even if there are fewer"
            => weighing(q, v, index, keep, |_, chosen| vec![1.0 / keep as f64; chosen.len()]);
        "places-of-keys": "the place in the order is taken for the key, and the values are the right ones"
            => weighing(q, v, index, keep, |i, chosen| softmax(&products(q, k, i, &(0..chosen.len()).collect::<Vec<_>>()), (q.ncols() as f64).sqrt()));
        "softmax-of-all-first": "the softmax runs over all keys, those with −∞ too, and those that were not chosen are dropped afterwards"
            => weighing(q, v, index, keep, |i, chosen| {
                let weights = softmax(&q.row(i).dot(&k.t()).to_vec(), (q.ncols() as f64).sqrt());
                chosen.iter().map(|&j| weights[j]).collect()
            });
        "hidden-as-zero": "a key that was not chosen has the score 0 instead of none: it takes a share of the softmax, with its value"
            => not_chosen(q, k, v, index, keep, 0.0);
        "minus-a-billion": "a key that was not chosen has the score −1e9 instead of −∞: a query that has no key gets the mean of all values"
            => not_chosen(q, k, v, index, keep, -1e9);
        "not-negative": "keys with a score below 0 are never read, although there is room for them"
            => reading(q, k, v, index, |row| best(row, keep).into_iter().filter(|&j| row[j] >= 0.0).collect());
        "mean-of-all": "a query that has no key gets the mean of all values; it gets zeros"
            => {
                let mut out = crate::top_k_attention(q, k, v, index, keep);
                let mean = v.sum_axis(ndarray::Axis(0)) / v.nrows() as f64;
                out.rows_mut().into_iter().zip(index.rows()).filter(|(_, row)| row.iter().all(|x| !x.is_finite())).for_each(|(mut out, _)| out.assign(&mean));
                out
            };
        "above-the-next": "only keys are read whose score is above that of the first one that was not chosen: with equal scores there are too few"
            => reading(q, k, v, index, |row| {
                let all = best(row, row.len());
                let next = all.get(keep).map_or(f64::NEG_INFINITY, |&j| row[j]);
                all.into_iter().filter(|&j| row[j] > next).collect()
            });
        "unstable": "the sort is not a stable one: of many equal scores it may be any that comes first"
            => reading(q, k, v, index, |row| {
                let mut chosen: Vec<usize> = (0..row.len()).filter(|&j| row[j].is_finite()).collect();
                chosen.sort_unstable_by(|&a, &b| row[b].total_cmp(&row[a]));
                chosen.truncate(keep);
                chosen
            });
        "selected": "the keys are chosen by select_nth_unstable_by: which of two equal ones it takes is open"
            => reading(q, k, v, index, |row| {
                let mut chosen: Vec<usize> = (0..row.len()).filter(|&j| row[j].is_finite()).collect();
                if keep < chosen.len() {
                    chosen.select_nth_unstable_by(keep, |&a, &b| row[b].total_cmp(&row[a]));
                    chosen.truncate(keep);
                }
                chosen
            });
        "above-the-last": "where there are more than `keep` keys, only those are read whose score is above that of the last one to be chosen"
            => reading(q, k, v, index, |row| {
                let all = best(row, row.len());
                let least = if all.len() > keep { row[all[keep - 1]] } else { f64::NEG_INFINITY };
                all.into_iter().filter(|&j| row[j] > least).collect()
            });
        "end-of-the-order": "the last `keep` keys of the order are read instead of the first: those with the lowest scores"
            => reading(q, k, v, index, |row| {
                let all = best(row, row.len());
                all[all.len().saturating_sub(keep)..].to_vec()
            });
        "negative": "the sign of the scores of q and k is wrong: what fits least counts most"
            => crate::top_k_attention((-&q).view(), k, v, index, keep);
    }
}

/// The best of a row, the best one first.
fn best(row: ArrayView1<f64>, keep: usize) -> Vec<usize> {
    let mut chosen: Vec<usize> = (0..row.len()).filter(|&j| row[j].is_finite()).collect();
    chosen.sort_by(|&a, &b| row[b].total_cmp(&row[a]));
    chosen.truncate(keep);
    chosen
}

fn products(q: ArrayView2<f64>, k: ArrayView2<f64>, i: usize, keys: &[usize]) -> Vec<f64> {
    keys.iter().map(|&j| q.row(i).dot(&k.row(j))).collect()
}

/// Other scores, with −∞ where the index has it.
fn hidden_as(index: ArrayView2<f64>, mut scores: Array2<f64>) -> Array2<f64> {
    scores.zip_mut_with(&index, |score, index| {
        if !index.is_finite() {
            *score = f64::NEG_INFINITY
        }
    });
    scores
}

/// Attention to another choice.
fn reading(
    q: ArrayView2<f64>,
    k: ArrayView2<f64>,
    v: ArrayView2<f64>,
    index: ArrayView2<f64>,
    choose: impl Fn(ArrayView1<f64>) -> Vec<usize>,
) -> Array2<f64> {
    choosing(q, k, v, index, |_, row| choose(row))
}

/// The same, by the query's number, too.
fn choosing(
    q: ArrayView2<f64>,
    k: ArrayView2<f64>,
    v: ArrayView2<f64>,
    index: ArrayView2<f64>,
    choose: impl Fn(usize, ArrayView1<f64>) -> Vec<usize>,
) -> Array2<f64> {
    let rows: Vec<Vec<usize>> =
        index.rows().into_iter().enumerate().map(|(i, row)| choose(i, row)).collect();
    dense(q, k, v, &rows)
}

/// The right choice with other weights.
fn weighing(
    q: ArrayView2<f64>,
    v: ArrayView2<f64>,
    index: ArrayView2<f64>,
    keep: usize,
    weights: impl Fn(usize, &[usize]) -> Vec<f64>,
) -> Array2<f64> {
    let mut out = Array2::zeros((q.nrows(), v.ncols()));
    for (i, row) in index.rows().into_iter().enumerate() {
        let chosen = best(row, keep);
        if chosen.is_empty() {
            continue;
        }
        for (&j, weight) in chosen.iter().zip(weights(i, &chosen)) {
            out.row_mut(i).scaled_add(weight, &v.row(j));
        }
    }
    out
}

/// With another number in the place of the maximum, by the largest product and √d.
fn from(
    q: ArrayView2<f64>,
    k: ArrayView2<f64>,
    v: ArrayView2<f64>,
    index: ArrayView2<f64>,
    keep: usize,
    subtracted: fn(f64, f64) -> f64,
) -> Array2<f64> {
    let root = (q.ncols() as f64).sqrt();
    weighing(q, v, index, keep, |i, chosen| {
        let products = products(q, k, i, chosen);
        from_maximum(&products, root, subtracted(most(&products), root))
    })
}

/// Weights that are not divided by their sum.
fn undivided(products: &[f64], root: f64) -> Vec<f64> {
    products.iter().map(|x| ((x - most(products)) / root).exp()).collect()
}

/// Attention to all keys, of which those that were not chosen have this score.
fn not_chosen(
    q: ArrayView2<f64>,
    k: ArrayView2<f64>,
    v: ArrayView2<f64>,
    index: ArrayView2<f64>,
    keep: usize,
    score: f64,
) -> Array2<f64> {
    let mut weights = q.dot(&k.t()) / (q.ncols() as f64).sqrt();
    for (i, mut row) in weights.rows_mut().into_iter().enumerate() {
        let chosen = best(index.row(i), keep);
        row.indexed_iter_mut().filter(|(j, _)| !chosen.contains(j)).for_each(|(_, x)| *x = score);
        let weights = softmax(&row.to_vec(), 1.0);
        row.assign(&ndarray::Array1::from(weights));
    }
    weights.dot(&v)
}
