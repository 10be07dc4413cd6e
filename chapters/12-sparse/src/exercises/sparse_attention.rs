//! 12.4 `sparse_attention`

use crate::{
    given::{Pattern, Work, draw_keys},
    pattern_row,
    seeded::normal,
};
use attn_core::random::Random;
use attn_exercise::{exercise, fields, pairwise};
use ndarray::{Array2, ArrayView2, array};
use serde::{Deserialize, Serialize};

/// A result, and how many products it took.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Counted {
    out: Array2<f64>,
    products: usize,
}
fields! { Counted { out, products } }

exercise! {
    /// Queries, keys and values, and the keys that each query sees.
    crate::sparse_attention as fn(ArrayView2<f64>, ArrayView2<f64>, ArrayView2<f64>, &[Vec<usize>], &mut Work) -> Array2<f64>:
        (q: Array2<f64>[n d], k: Array2<f64>[m d], v: Array2<f64>[m d_v], rows: Vec<Vec<usize>>) -> Counted;
    answer: |sparse_attention, c| {
        let mut work = Work::default();
        let out = sparse_attention(c.q.view(), c.k.view(), c.v.view(), &c.rows, &mut work);
        Counted { out, products: work.products }
    };

    exact: |c| Counted {
        out: dense(c.q.view(), c.k.view(), c.v.view(), &c.rows),
        products: c.rows.iter().map(Vec::len).sum(),
    };

    cases: |random| {
        let ln3 = 3.0_f64.ln();
        let mut of = |about: &str, rows: Vec<Vec<usize>>, (m, d, d_v): (usize, usize, usize), scale: f64| {
            let n = rows.len();
            case(about, (normal(random, (n, d)) * scale, normal(random, (m, d)), normal(random, (m, d_v)), rows))
        };
        let all = |pattern: Pattern, n: usize| (0..n).map(|i| pattern_row(&pattern, i, n)).collect::<Vec<_>>();
        let mut cases = vec![
            case("by hand: weights 1/4 and 3/4, then key 1 alone", (array![[1.0], [5.0]], array![[0.0], [7.0], [ln3]], array![[0.0], [5.0], [4.0]], vec![vec![0, 2], vec![1]])),
            of("a causal window of three", all(Pattern::window(3), 9), (9, 4, 3), 1.0),
            of("a window with a global token", all(Pattern { globals: vec![0], causal: false, ..Pattern::window(3) }, 8), (8, 4, 2), 1.0),
            of("a query that sees nothing", vec![vec![0, 1], vec![], vec![2]], (3, 4, 2), 1.0),
            of("nobody sees anything", vec![vec![], vec![]], (3, 2, 2), 1.0),
            of("every key", vec![(0..6).collect(); 4], (6, 3, 3), 1.0),
            of("large scores", all(Pattern::window(4), 7), (7, 16, 3), 8000.0),
            of("rows in any order", vec![vec![4, 0, 2], vec![3, 1]], (5, 4, 4), 1.0),
            of("one query, a long text", vec![vec![3, 17, 30]], (40, 8, 4), 1.0),
            of("scores far below zero", vec![vec![0, 2], vec![1], vec![]], (3, 4, 2), 1.0),
            of("scores of some hundred", vec![vec![0, 2], vec![1], vec![2, 1, 0]], (3, 16, 2), 1.0),
        ];
        let Case { q, k, .. } = &mut cases[9];
        q.fill(-60.0);
        k.fill(60.0);
        let Case { q, k, .. } = &mut cases[10];
        q.fill(10.0);
        k.indexed_iter_mut().for_each(|((j, _), x)| *x = 10.0 - 0.01 * j as f64);
        let shapes = pairwise([4, 4, 4, 4, 3]).into_iter().map(|[n, m, d, d_v, drawn]| {
            (some_rows(n + 1, m + 1, drawn, n + 7 * m + 31 * d), (m + 1, d + 1, d_v + 1))
        });
        cases.extend(shapes.collect::<Vec<_>>().into_iter().map(|(rows, sizes)| of("small", rows, sizes, 1.0)).collect::<Vec<_>>());
        cases
    };

    right (q, k, v, rows, work) {
        "one product at a time, with a running maximum" => {
            let mut out = Array2::zeros((q.nrows(), v.ncols()));
            for (i, row) in rows.iter().enumerate() {
                let (mut most, mut sum) = (f64::NEG_INFINITY, 0.0);
                for &j in row {
                    let score = work.product(q.row(i), k.row(j)) / (q.ncols() as f64).sqrt();
                    let new = score.max(most);
                    let (old, weight) = ((most - new).exp(), (score - new).exp());
                    (most, sum) = (new, sum * old + weight);
                    let mut out = out.row_mut(i);
                    out *= old;
                    out.scaled_add(weight, &v.row(j));
                }
                if sum > 0.0 {
                    out.row_mut(i).mapv_inplace(|x| x / sum);
                }
            }
            out
        };
        "a table of weights, with zeros" => {
            let mut weights = Array2::zeros((q.nrows(), k.nrows()));
            for (i, row) in rows.iter().enumerate() {
                let scores: Vec<f64> = row.iter().map(|&j| work.product(q.row(i), k.row(j))).collect();
                for (&j, weight) in row.iter().zip(softmax(&scores, (q.ncols() as f64).sqrt())) {
                    weights[[i, j]] = weight;
                }
            }
            weights.dot(&v)
        };
        "queries divided first" => {
            let q = &q / (q.ncols() as f64).sqrt();
            let mut out = Array2::zeros((q.nrows(), v.ncols()));
            for (i, row) in rows.iter().enumerate() {
                let scores: Vec<f64> = row.iter().map(|&j| work.product(q.row(i), k.row(j))).collect();
                for (&j, weight) in row.iter().zip(softmax(&scores, 1.0)) {
                    out.row_mut(i).scaled_add(weight, &v.row(j));
                }
            }
            out
        };
    }

    mistakes (q, k, v, rows, work) {
        "mask-after-dense": "all products are computed and those outside the pattern hidden afterwards: the rows are right, and nothing is saved"
            => { work.products += q.nrows() * k.nrows(); dense(q, k, v, rows) };
        "twice": "every product is computed twice, once for the maximum and once for the weight"
            => { crate::sparse_attention(q, k, v, rows, work); crate::sparse_attention(q, k, v, rows, work) };
        "not-counted": "the products are computed without `work`, which counts them"
            => dense(q, k, v, rows);
        "no-scale": "the scores are not divided by √d"
            => crate::sparse_attention((&q * (q.ncols() as f64).sqrt()).view(), k, v, rows, work);
        "by-d": "the scores are divided by d instead of √d"
            => crate::sparse_attention((&q / (q.ncols() as f64).sqrt()).view(), k, v, rows, work);
        "hidden-as-zero": "what the pattern leaves out has the score 0 instead of none: it takes a share of the softmax"
            => each(q, k, rows, work, v, |i, scores, root| {
                let weights = softmax(scores, root);
                let most = scores.iter().fold(0.0_f64, |most, &x| most.max(x / root));
                let inside: f64 = scores.iter().map(|x| (x / root - most).exp()).sum();
                let outside = (k.nrows() - rows[i].len()) as f64 * (-most).exp();
                weights.into_iter().map(|w| w * inside / (inside + outside)).collect()
            });
        "not-divided": "the weights are not divided by their sum"
            => each(q, k, rows, work, v, |_, scores, root| scores.iter().map(|x| (x / root - most(scores) / root).exp()).collect());
        "divided-by-length": "the weights are divided by the length of the row instead of by their sum"
            => each(q, k, rows, work, v, |_, scores, root| scores.iter().map(|x| (x / root - most(scores) / root).exp() / scores.len() as f64).collect());
        "mean": "the row is the plain mean of the values that are seen"
            => each(q, k, rows, work, v, |_, scores, _| vec![1.0 / scores.len() as f64; scores.len()]);
        "sum-of-values": "the row is the plain sum of the values that are seen"
            => each(q, k, rows, work, v, |_, scores, _| vec![1.0; scores.len()]);
        "overflows": "the largest score is not subtracted: the exponential of a large one is infinite"
            => each(q, k, rows, work, v, |_, scores, root| {
                let weights: Vec<f64> = scores.iter().map(|x| (x / root).exp()).collect();
                let sum: f64 = weights.iter().sum();
                weights.into_iter().map(|w| w / sum).collect()
            });
        "nan": "an empty row is divided by its sum, which is 0: NaN"
            => {
                let mut out = crate::sparse_attention(q, k, v, rows, work);
                out.rows_mut().into_iter().zip(rows).filter(|(_, row)| row.is_empty()).for_each(|(mut out, _)| out.fill(f64::NAN));
                out
            };
        "mean-of-all": "a query that sees nothing gets the mean of all values; it gets zeros"
            => {
                let mut out = crate::sparse_attention(q, k, v, rows, work);
                let mean = v.sum_axis(ndarray::Axis(0)) / v.nrows() as f64;
                out.rows_mut().into_iter().zip(rows).filter(|(_, row)| row.is_empty()).for_each(|(mut out, _)| out.assign(&mean));
                out
            };
        "empty-panics": "the maximum of an empty row is asked for, which panics"
            => { assert!(rows.iter().all(|row| !row.is_empty()), "called `Option::unwrap()` on a `None` value"); crate::sparse_attention(q, k, v, rows, work) };
        "first-keys": "the place in the row is taken for the key: a row of three sees keys 0, 1 and 2"
            => crate::sparse_attention(q, k, v, &rows.iter().map(|row| (0..row.len()).collect()).collect::<Vec<_>>(), work);
        "first-values": "the place in the row is taken for the value: the weights are right, and belong to others"
            => {
                let mut out = Array2::zeros((q.nrows(), v.ncols()));
                for (i, row) in rows.iter().enumerate() {
                    let scores: Vec<f64> = row.iter().map(|&j| work.product(q.row(i), k.row(j))).collect();
                    for (place, weight) in softmax(&scores, (q.ncols() as f64).sqrt()).into_iter().enumerate() {
                        out.row_mut(i).scaled_add(weight, &v.row(place));
                    }
                }
                out
            };
        "best-alone": "the value of the best key is the whole answer"
            => each(q, k, rows, work, v, |_, scores, _| {
                let best = (0..scores.len()).rev().max_by(|&a, &b| scores[a].total_cmp(&scores[b]));
                (0..scores.len()).map(|at| f64::from(u8::from(Some(at) == best))).collect()
            });
        "last-missing": "the last key of a row is left out"
            => crate::sparse_attention(q, k, v, &rows.iter().map(|row| row[..row.len().saturating_sub(1)].to_vec()).collect::<Vec<_>>(), work);
        "first-missing": "the first key of a row is left out"
            => crate::sparse_attention(q, k, v, &rows.iter().map(|row| row.iter().copied().skip(1).collect()).collect::<Vec<_>>(), work);
        "to-the-last": "a row is taken for a range: all keys between its first and its last are seen"
            => crate::sparse_attention(q, k, v, &rows.iter().map(|row| row.iter().min().map_or(Vec::new(), |&a| (a..=*row.iter().max().unwrap_or(&a)).collect())).collect::<Vec<_>>(), work);
        "first-row": "every query has the keys of the first one"
            => crate::sparse_attention(q, k, v, &vec![rows[0].clone(); rows.len()], work);
        "scores-as-weights": "the scores are divided by their sum: there is no exponential"
            => each(q, k, rows, work, v, |_, scores, _| {
                let sum: f64 = scores.iter().sum();
                scores.iter().map(|x| x / sum).collect()
            });
        "negative": "the sign of the scores is wrong: what fits least counts most"
            => crate::sparse_attention((-&q).view(), k, v, rows, work);
        "hidden-as-zero-with-values": "what the pattern leaves out has the score 0 instead of none: a query attends to it, too"
            => {
                let root = (q.ncols() as f64).sqrt();
                let mut scores = Array2::zeros((q.nrows(), k.nrows()));
                for (i, row) in rows.iter().enumerate() {
                    for &j in row { scores[[i, j]] = work.product(q.row(i), k.row(j)) / root; }
                }
                for mut row in scores.rows_mut() {
                    let weights = softmax(&row.to_vec(), 1.0);
                    row.assign(&ndarray::Array1::from(weights));
                }
                scores.dot(&v)
            };
        "first-keys-alone": "the place in the row is taken for the key, and the values are the right ones: a row of three has the scores of keys 0, 1 and 2"
            => {
                let mut out = Array2::zeros((q.nrows(), v.ncols()));
                for (i, row) in rows.iter().enumerate() {
                    let scores: Vec<f64> = (0..row.len()).map(|place| work.product(q.row(i), k.row(place))).collect();
                    for (&j, weight) in row.iter().zip(softmax(&scores, (q.ncols() as f64).sqrt())) {
                        out.row_mut(i).scaled_add(weight, &v.row(j));
                    }
                }
                out
            };
        "by-root-of-keys": "the scores are divided by the root of the number of keys instead of √d"
            => each(q, k, rows, work, v, |_, scores, _| softmax(scores, (k.nrows() as f64).sqrt()));
        "by-root-of-row": "the scores are divided by the root of the row's length instead of √d"
            => each(q, k, rows, work, v, |_, scores, _| softmax(scores, (scores.len() as f64).sqrt()));
        "by-root-of-d-v": "the scores are divided by the root of the values' width instead of √d"
            => each(q, k, rows, work, v, |_, scores, _| softmax(scores, (v.ncols() as f64).sqrt()));
        "times-root": "the scores are multiplied by √d instead of divided by it"
            => each(q, k, rows, work, v, |_, scores, root| softmax(scores, 1.0 / root));
        "max-from-zero": "the maximum starts at 0 instead of −∞: where all scores are far below zero, the sum is 0, and the row NaN"
            => each(q, k, rows, work, v, |_, scores, root| from_maximum(scores, root, (most(scores) / root).max(0.0)));
        "max-from-zero-guarded": "the maximum starts at 0 instead of −∞: where all scores are far below zero, the sum is 0, and the row is left at zeros"
            => each(q, k, rows, work, v, |_, scores, root| {
                let weights = from_maximum(scores, root, (most(scores) / root).max(0.0));
                weights.into_iter().map(|w| if w.is_nan() { 0.0 } else { w }).collect()
            });
        "unscaled-maximum": "the maximum is that of the products, before they are divided by √d: large scores are shifted too far, and vanish"
            => each(q, k, rows, work, v, |_, scores, root| from_maximum(scores, root, most(scores)));
        "one-maximum": "one maximum is subtracted from all rows: where a row lies far below it, all its weights vanish"
            => {
                let root = (q.ncols() as f64).sqrt();
                let most = rows.iter().enumerate().flat_map(|(i, row)| row.iter().map(move |&j| q.row(i).dot(&k.row(j)) / root)).fold(f64::NEG_INFINITY, f64::max);
                each(q, k, rows, work, v, |_, scores, root| from_maximum(scores, root, most))
            };
        "one-softmax": "one softmax runs over all rows together: the weights of all queries sum to 1"
            => {
                let root = (q.ncols() as f64).sqrt();
                let all: Vec<f64> = rows.iter().enumerate().flat_map(|(i, row)| row.iter().map(move |&j| q.row(i).dot(&k.row(j)) / root)).collect();
                let most = most(&all);
                let sum: f64 = all.iter().map(|x| (x - most).exp()).sum();
                each(q, k, rows, work, v, |_, scores, root| scores.iter().map(|x| (x / root - most).exp() / sum).collect())
            };
        "last-value-alone": "the weighted values are not added up: the last one of a row is the whole answer"
            => each(q, k, rows, work, v, |_, scores, root| {
                let mut weights = softmax(scores, root);
                let last = weights.len() - 1;
                weights[..last].fill(0.0);
                weights
            });
        "ends-at-empty": "the loop ends at the first query that sees nothing: those behind it get nothing, either"
            => {
                let end = rows.iter().position(|row| row.is_empty()).unwrap_or(rows.len());
                let until: Vec<Vec<usize>> = rows.iter().enumerate().map(|(i, row)| if i < end { row.clone() } else { Vec::new() }).collect();
                crate::sparse_attention(q, k, v, &until, work)
            };
        "weights-by-root": "the weights are divided by √d, and the scores are not"
            => each(q, k, rows, work, v, |_, scores, root| softmax(scores, 1.0).into_iter().map(|weight| weight / root).collect());
        "divided-by-the-scores": "the weights are divided by the sum of the scores instead of their own"
            => each(q, k, rows, work, v, |_, scores, root| {
                let sum: f64 = scores.iter().map(|x| x / root).sum();
                scores.iter().map(|x| ((x - most(scores)) / root).exp() / sum).collect()
            });
        "sum-goes-on": "the sum is not begun anew for every row: a row is divided by the weights of those before it as well"
            => {
                let sum = std::cell::Cell::new(0.0);
                each(q, k, rows, work, v, |_, scores, root| {
                    let weights: Vec<f64> = scores.iter().map(|x| (x / root - most(scores) / root).exp()).collect();
                    sum.set(sum.get() + weights.iter().sum::<f64>());
                    weights.into_iter().map(|weight| weight / sum.get()).collect()
                })
            };
        "smallest-subtracted": "the smallest score is subtracted instead of the largest: the exponentials of others are infinite"
            => each(q, k, rows, work, v, |_, scores, root| from_maximum(scores, root, scores.iter().copied().fold(f64::INFINITY, f64::min) / root));
        "causal": "keys behind the query's own number are left out; the row says what is seen"
            => {
                let past: Vec<Vec<usize>> = rows.iter().enumerate().map(|(i, row)| row.iter().copied().filter(|&j| j <= i).collect()).collect();
                crate::sparse_attention(q, k, v, &past, work)
            };
        "all-keys": "every query attends to all keys: which ones its row has is not looked at"
            => crate::sparse_attention(q, k, v, &vec![(0..k.nrows()).collect(); rows.len()], work);
        "first-subtracted": "the first score of the row is subtracted instead of the largest: the exponentials of others may be infinite"
            => each(q, k, rows, work, v, |_, scores, root| from_maximum(scores, root, scores[0] / root));
        "by-root-of-queries": "the scores are divided by the root of the number of queries instead of √d"
            => each(q, k, rows, work, v, |_, scores, _| softmax(scores, (q.nrows() as f64).sqrt()));
    }
}

/// Attention with a table of scores, −∞ outside the rows.
pub(super) fn dense(
    q: ArrayView2<f64>,
    k: ArrayView2<f64>,
    v: ArrayView2<f64>,
    rows: &[Vec<usize>],
) -> Array2<f64> {
    let root = (q.ncols() as f64).sqrt();
    Array2::from_shape_fn((q.nrows(), v.ncols()), |(i, column)| {
        let score = |j: usize| (0..q.ncols()).map(|c| q[[i, c]] * k[[j, c]]).sum::<f64>() / root;
        let most = rows[i].iter().map(|&j| score(j)).fold(f64::NEG_INFINITY, f64::max);
        let (mut above, mut below) = (0.0, 0.0);
        for &j in &rows[i] {
            let weight = (score(j) - most).exp();
            above += weight * v[[j, column]];
            below += weight;
        }
        if rows[i].is_empty() { 0.0 } else { above / below }
    })
}

pub(super) fn softmax(products: &[f64], root: f64) -> Vec<f64> {
    let most = most(products);
    let weights: Vec<f64> = products.iter().map(|x| ((x - most) / root).exp()).collect();
    let sum: f64 = weights.iter().sum();
    weights.into_iter().map(|weight| weight / sum).collect()
}

/// The weights of scores from which this is subtracted.
pub(super) fn from_maximum(products: &[f64], root: f64, most: f64) -> Vec<f64> {
    let weights: Vec<f64> = products.iter().map(|x| (x / root - most).exp()).collect();
    let sum: f64 = weights.iter().sum();
    weights.into_iter().map(|weight| weight / sum).collect()
}

pub(super) fn most(products: &[f64]) -> f64 {
    products.iter().copied().fold(f64::NEG_INFINITY, f64::max)
}

/// Row by row, with weights of a query's products and √d.
fn each(
    q: ArrayView2<f64>,
    k: ArrayView2<f64>,
    rows: &[Vec<usize>],
    work: &mut Work,
    v: ArrayView2<f64>,
    weights: impl Fn(usize, &[f64], f64) -> Vec<f64>,
) -> Array2<f64> {
    let mut out = Array2::zeros((q.nrows(), v.ncols()));
    for (i, row) in rows.iter().enumerate() {
        let products: Vec<f64> = row.iter().map(|&j| work.product(q.row(i), k.row(j))).collect();
        if row.is_empty() {
            continue;
        }
        for (&j, weight) in row.iter().zip(weights(i, &products, (q.ncols() as f64).sqrt())) {
            out.row_mut(i).scaled_add(weight, &v.row(j));
        }
    }
    out
}

/// Rows of up to `most` different keys, in ascending order.
pub(super) fn some_rows(n: usize, m: usize, most: usize, seed: usize) -> Vec<Vec<usize>> {
    let mut random = Random::new(seed as u64 + 1);
    let rows = draw_keys(&mut random, m, most + 1);
    (0..n)
        .map(|i| {
            let mut row = rows[i % m].clone();
            row.truncate((i + seed) % (most + 2));
            row.sort();
            row
        })
        .collect()
}
