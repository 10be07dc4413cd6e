//! 6.3 `grouped_decode`

use super::kv_head::HEADS;
use crate::{Cache, kv_head, oracle};
use attn_core::Mask;
use attn_exercise::{SOME_VALUES, exercise, field, fields, judge::require, pairwise, some_values};
use ch03_scaled_dot_product::softmax_rows;
use ndarray::{Array2, Array3, ArrayView2, Axis, array, s};
use serde::{Deserialize, Serialize};

/// What the heads found, and how many numbers of the cache were read.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Answer {
    out: Array2<f32>,
    numbers_read: usize,
}

fields! { Answer { out, numbers_read } }

exercise! {
    /// The queries of one token (h × d), and the keys (h_kv, m, d) and values (h_kv, m, d_v) in the cache.
    crate::grouped_decode as fn(ArrayView2<f32>, &Cache) -> Array2<f32>: (
        q: Array2<f32>[h d], keys: Array3<f32>[h_kv m d], values: Array3<f32>[h_kv m d_v],
    ) -> Answer;

    answer: |grouped_decode, c| {
        let cache = Cache::new(c.keys.clone(), c.values.clone());
        let out = grouped_decode(c.q.view(), &cache);
        Answer { out, numbers_read: cache.numbers_read() }
    };

    exact: |c| vec![field("out", &attend::<f64>(c))];
    plain: |c| [vec![field("out", &attend::<f32>(c))], vec![field("out", &decoded(c, online))]];
    then: |c, answer| {
        let least = c.keys.len() + c.values.len();
        require(answer.numbers_read != 0, || "nothing was read from the cache: `read` gives the keys and values of a head".into())?;
        require(answer.numbers_read == least, || {
            format!("{} numbers of the cache were read; it holds {least}, and each has to be read once", answer.numbers_read)
        })
    };
    steps: |c| {
        let group = c.q.nrows() / c.keys.dim().0;
        let scores = Array2::from_shape_fn((c.q.nrows(), c.keys.dim().1), |(i, j)| {
            c.q.row(i).dot(&c.keys.slice(s![i / group, j, ..])) / (c.q.ncols() as f32).sqrt()
        });
        [
            field("query heads of each group", group),
            field("scores of each query head", &scores),
            field("their weights", &softmax_rows(scores.view())),
            field("numbers in the cache", c.keys.len() + c.values.len()),
        ]
    };

    cases: |random| {
        let mut of = |about: &str, (h, h_kv), m, (d, d_v), kinds: [usize; 3]| case(about, (
            some_values(kinds[0], (h, d), random),
            some_values(kinds[1], (h_kv, m, d), random),
            some_values(kinds[2], (h_kv, m, d_v), random),
        ));
        let ln3 = 3.0_f32.ln();
        let mut cases = vec![
            case("by hand: 3, 1, 30 and 10", (
                array![[1.0], [-1.0], [1.0], [-1.0]],
                array![[[0.0], [ln3]], [[0.0], [ln3]]],
                array![[[0.0], [4.0]], [[0.0], [40.0]]],
            )),
            of("", (4, 2), 5, (4, 3), [0; 3]),
            of("MQA", (8, 1), 7, (8, 8), [0; 3]),
            of("MHA", (4, 4), 9, (4, 4), [0; 3]),
            of("a long text", (8, 2), 257, (16, 16), [0; 3]),
            of("a longer text", (2, 1), 1025, (2, 2), [0; 3]),
            of("many heads", (32, 8), 3, (2, 2), [0; 3]),
            of("", (12, 4), 33, (6, 5), [0; 3]),
        ];
        let levels = [HEADS.len(), 3, 3, 3, SOME_VALUES, SOME_VALUES, SOME_VALUES];
        cases.extend(pairwise(levels).into_iter().map(|[heads, m, d, d_v, of_q, of_k, of_v]| {
            of("small", HEADS[heads], [1, 3, 5][m], ([1, 3, 4][d], [1, 3, 4][d_v]), [of_q, of_k, of_v])
        }));
        cases
    };

    never { "h < h_kv": "a key/value head without a query head would be of no use"; }

    right (q, cache) {
        "key by key, online" => online(q, cache);
        "scaled queries" => {
            let q = &q / (q.ncols() as f32).sqrt();
            group_by_group(q.view(), cache, |q, keys, values| softmax_rows(q.dot(&keys.t()).view()).dot(&values))
        };
        "keys times queries" => group_by_group(q, cache, |q, keys, values| {
            let scores = keys.dot(&q.t()) / (q.ncols() as f32).sqrt();
            softmax_rows(scores.t()).dot(&values)
        });
    }

    mistakes (q, cache) {
        "read-for-each-head": "the keys and values are read once for each query head; the heads of a group are to share one reading"
            => {
                let mut out = Array2::zeros((q.nrows(), cache.value_width()));
                for i in 0..q.nrows() {
                    let (keys, values) = cache.read(kv_head(i, q.nrows(), cache.kv_heads()));
                    let own = q.slice(s![i..=i, ..]);
                    out.slice_mut(s![i..=i, ..]).assign(&weigh(own, keys, values));
                }
                out
            };
        "read-twice": "each head is read twice, as when it is read once for its keys and once for its values; `read` gives both"
            => {
                for shared in 0..cache.kv_heads() {
                    cache.read(shared);
                }
                crate::grouped_decode(q, cache)
            };
        "modulo": "the queries of a group are h_kv apart; a group is made of neighbours"
            => {
                let (h, h_kv) = (q.nrows(), cache.kv_heads());
                let mut out = Array2::zeros((h, cache.value_width()));
                for shared in 0..h_kv {
                    let (keys, values) = cache.read(shared);
                    let own = q.slice(s![shared..;h_kv, ..]);
                    out.slice_mut(s![shared..;h_kv, ..]).assign(&weigh(own, keys, values));
                }
                out
            };
        "first-head-only": "only the first head of the cache is read, and all queries meet it"
            => {
                let (keys, values) = cache.read(0);
                weigh(q, keys, values)
            };
        "no-scale": "the scores are not divided by √d"
            => crate::grouped_decode((&q * (q.ncols() as f32).sqrt()).view(), cache);
        "scale-of-all-heads": "the scores are divided by √(h·d) instead of √d"
            => crate::grouped_decode((&q / (q.nrows() as f32).sqrt()).view(), cache);
        "scale-by-d": "the scores are divided by d instead of √d"
            => crate::grouped_decode((&q / (q.ncols() as f32).sqrt()).view(), cache);
        "softmax-over-the-group": "the softmax runs over the queries of a group instead of the keys"
            => group_by_group(q, cache, |q, keys, values| {
                let scores = keys.dot(&q.t()) / (q.ncols() as f32).sqrt();
                softmax_rows(scores.view()).t().dot(&values)
            });
        "softmax-over-both": "a single softmax runs over all scores of a group; each query has one of its own"
            => group_by_group(q, cache, |q, keys, values| {
                let scores = q.dot(&keys.t()) / (q.ncols() as f32).sqrt();
                let flat: Vec<f32> = scores.iter().copied().collect();
                let weights = softmax_rows(ArrayView2::from_shape((1, flat.len()), &flat).expect("a row"));
                let weights = weights.into_shape_with_order(scores.dim()).expect("as many");
                weights.dot(&values)
            });
        "no-softmax": "the scores weigh the values as they are, without a softmax"
            => group_by_group(q, cache, |q, keys, values| (q.dot(&keys.t()) / (q.ncols() as f32).sqrt()).dot(&values));
        "scale-of-the-group": "the scores are divided by the root of the group's size as well as √d"
            => {
                let group = q.nrows() / cache.kv_heads();
                crate::grouped_decode((&q / (group as f32).sqrt()).view(), cache)
            };
        "scale-by-keys": "the scores are divided by √m, the number of keys, instead of √d"
            => group_by_group(q, cache, |q, keys, values| {
                let scores = q.dot(&keys.t()) / (keys.nrows() as f32).sqrt();
                softmax_rows(scores.view()).dot(&values)
            });
        "scale-of-values": "the scores are divided by √d_v, the width of a value, instead of √d"
            => group_by_group(q, cache, |q, keys, values| {
                let scores = q.dot(&keys.t()) / (values.ncols() as f32).sqrt();
                softmax_rows(scores.view()).dot(&values)
            });
        "not-divided": "the weighted sum is not divided by the sum of the exponentials"
            => group_by_group(q, cache, |q, keys, values| {
                let mut scores = q.dot(&keys.t()) / (q.ncols() as f32).sqrt();
                for mut row in scores.rows_mut() {
                    let max = row.fold(f32::NEG_INFINITY, |max, x| max.max(*x));
                    row.mapv_inplace(|x| (x - max).exp());
                }
                scores.dot(&values)
            });
        "sizes-by-reading": "head 0 is read once more, for its sizes; `kv_heads` and `value_width` tell them"
            => {
                cache.read(0);
                crate::grouped_decode(q, cache)
            };
        "all-heads-for-each-group": "all heads of the cache are read for every group; one is enough"
            => {
                let mut out = Array2::zeros((q.nrows(), cache.value_width()));
                let group = q.nrows() / cache.kv_heads();
                for shared in 0..cache.kv_heads() {
                    let heads: Vec<_> = (0..cache.kv_heads()).map(|head| cache.read(head)).collect();
                    let own = s![shared * group..(shared + 1) * group, ..];
                    out.slice_mut(own).assign(&weigh(q.slice(own), heads[shared].0, heads[shared].1));
                }
                out
            };
        "causal-over-the-group": "the rows of a group are masked causally, as if they were tokens; they are heads, and all see every key"
            => group_by_group(q, cache, |q, keys, values| {
                ch03_scaled_dot_product::attention(q, keys, values, &Mask::Causal).out
            });
        "sum-of-queries": "the queries of a group are added up before they meet the keys"
            => group_by_group(q, cache, |q, keys, values| {
                let sum = q.sum_axis(Axis(0));
                weigh(sum.broadcast(q.dim()).expect("rows"), keys, values)
            });
        "one-query-per-group": "only the first query of each group attends; the others get its output"
            => {
                let group = q.nrows() / cache.kv_heads();
                let right = crate::grouped_decode(q, cache);
                let first: Vec<usize> = (0..q.nrows()).map(|i| i / group * group).collect();
                right.select(Axis(0), &first)
            };
        "mean-of-queries": "the queries of a group are averaged before they meet the keys"
            => group_by_group(q, cache, |q, keys, values| {
                let mean = q.mean_axis(Axis(0)).expect("a query");
                weigh(mean.broadcast(q.dim()).expect("rows"), keys, values)
            });
        "last-key-missing": "the last key is not attended to"
            => group_by_group(q, cache, |q, keys, values| {
                let m = keys.nrows().max(2) - 1;
                let m = m.min(keys.nrows());
                weigh(q, keys.slice(s![..m, ..]), values.slice(s![..m, ..]))
            });
        "next-heads-values": "the values of the next head of the cache are weighed"
            => {
                let h_kv = cache.kv_heads();
                let heads: Vec<_> = (0..h_kv).map(|shared| cache.read(shared)).collect();
                let group = q.nrows() / h_kv;
                let mut out = Array2::zeros((q.nrows(), cache.value_width()));
                for shared in 0..h_kv {
                    let own = s![shared * group..(shared + 1) * group, ..];
                    out.slice_mut(own).assign(&weigh(q.slice(own), heads[shared].0, heads[(shared + 1) % h_kv].1));
                }
                out
            };
        "h-kv-at-a-time": "the queries of group g are taken to be those from g·h_kv up to (g + 1)·h_kv, also where there are none; a group has h/h_kv"
            => {
                let mut out = Array2::zeros((q.nrows(), cache.value_width()));
                let h_kv = cache.kv_heads();
                for shared in 0..h_kv {
                    let own = s![shared * h_kv..(shared + 1) * h_kv, ..];
                    let (keys, values) = cache.read(shared);
                    let found = weigh(q.slice(own), keys, values);
                    out.slice_mut(own).assign(&found);
                }
                out
            };
        "first-queries": "every group has the queries of the first one"
            => {
                let group = q.nrows() / cache.kv_heads();
                let first: Vec<usize> = (0..q.nrows()).map(|i| i % group).collect();
                crate::grouped_decode(q.select(Axis(0), &first).view(), cache)
            };
        "written-to-the-first": "every group's result is written to the rows of the first, so that the last one is left there, and the other rows stay zeros"
            => {
                let group = q.nrows() / cache.kv_heads();
                let right = crate::grouped_decode(q, cache);
                let mut out = Array2::zeros(right.raw_dim());
                out.slice_mut(s![..group, ..]).assign(&right.slice(s![q.nrows() - group.., ..]));
                out
            };
        "first-of-each-group": "only the first query of each group attends, and the other rows stay zeros"
            => rows(q, cache, |i, group| i % group == 0);
        "first-group-only": "only the first group attends, and the other rows stay zeros"
            => rows(q, cache, |i, group| i < group);
        "all-queries-summed": "all queries meet the keys of every group, and what they find is added up over the groups; each belongs to one group"
            => {
                let found = (0..cache.kv_heads()).map(|shared| {
                    let (keys, values) = cache.read(shared);
                    weigh(q, keys, values)
                });
                found.reduce(|sum, found| sum + found).expect("a head")
            };
        "all-queries-overwritten": "all queries meet the keys of every group, and what the last one gives is left; each belongs to one group"
            => {
                let found = (0..cache.kv_heads()).map(|shared| {
                    let (keys, values) = cache.read(shared);
                    weigh(q, keys, values)
                });
                found.last().expect("a head")
            };
        "all-queries-averaged": "all queries meet the keys of every group, and what they find is averaged over the groups; each belongs to one group"
            => {
                let found = (0..cache.kv_heads()).map(|shared| {
                    let (keys, values) = cache.read(shared);
                    weigh(q, keys, values)
                });
                found.reduce(|sum, found| sum + found).expect("a head") / cache.kv_heads() as f32
            };
        "multiplied": "the scores are multiplied by √d instead of divided"
            => crate::grouped_decode((&q * q.ncols() as f32).view(), cache);
        "divided-by-the-group": "the result is divided by the size of the group; it is nobody's share"
            => crate::grouped_decode(q, cache) * (cache.kv_heads() as f32 / q.nrows() as f32);
        "group-averaged": "the results of a group are averaged, and all its rows get the mean"
            => group_by_group(q, cache, |q, keys, values| {
                let found = weigh(q, keys, values);
                found.mean_axis(Axis(0)).expect("a query").broadcast(found.dim()).expect("rows").to_owned()
            });
        "group-summed": "the results of a group are added up, and all its rows get the sum"
            => group_by_group(q, cache, |q, keys, values| {
                let found = weigh(q, keys, values);
                found.sum_axis(Axis(0)).broadcast(found.dim()).expect("rows").to_owned()
            });
        "keys-weighed": "the keys are weighed instead of the values, also where they have another width"
            => group_by_group(q, cache, |q, keys, _| weigh(q, keys, keys));
        "keys-weighed-where-as-wide": "the keys are weighed instead of the values where they are as wide"
            => group_by_group(q, cache, |q, keys, values| weigh(q, keys, if keys.dim() == values.dim() { keys } else { values }));
        "values-for-keys": "the queries are compared with the values where they are as wide as the keys"
            => group_by_group(q, cache, |q, keys, values| weigh(q, if keys.dim() == values.dim() { values } else { keys }, values));
        "softmax-twice": "the softmax is taken twice"
            => group_by_group(q, cache, |q, keys, values| {
                let scores = q.dot(&keys.t()) / (q.ncols() as f32).sqrt();
                softmax_rows(softmax_rows(scores.view()).view()).dot(&values)
            });
        "scaled-after-softmax": "the weights are divided by √d behind the softmax, instead of the scores before it"
            => group_by_group(q, cache, |q, keys, values| {
                softmax_rows(q.dot(&keys.t()).view()).dot(&values) / (q.ncols() as f32).sqrt()
            });
        "no-maximum": "the largest score is not subtracted before the exponential: large scores overflow"
            => group_by_group(q, cache, |q, keys, values| {
                let exponentials = (q.dot(&keys.t()) / (q.ncols() as f32).sqrt()).mapv(f32::exp);
                let sums = exponentials.sum_axis(Axis(1)).insert_axis(Axis(1));
                (exponentials / sums).dot(&values)
            });
        "uniform": "the values are averaged, whatever the scores are"
            => group_by_group(q, cache, |q, _, values| {
                let mean = values.mean_axis(Axis(0)).expect("a key");
                mean.broadcast((q.nrows(), values.ncols())).expect("rows").to_owned()
            });
        "largest-only": "the value of the largest score is taken, without weights"
            => group_by_group(q, cache, |q, keys, values| {
                let scores = q.dot(&keys.t());
                let largest = |row: ndarray::ArrayView1<f32>| (0..row.len()).fold(0, |best, j| if row[j] > row[best] { j } else { best });
                values.select(Axis(0), &scores.rows().into_iter().map(largest).collect::<Vec<_>>())
            });
        "first-key-missing": "the first key is not attended to, where there are more"
            => group_by_group(q, cache, |q, keys, values| {
                let first = usize::from(keys.nrows() > 1);
                weigh(q, keys.slice(s![first.., ..]), values.slice(s![first.., ..]))
            });
        "scaled-at-the-end": "the result is divided by √d as well as the scores"
            => crate::grouped_decode(q, cache) / (q.ncols() as f32).sqrt();
        "strided-queries": "the queries of a group are taken h_kv apart, and what they find is written to neighbouring rows; a group is made of neighbours"
            => {
                let h_kv = cache.kv_heads();
                let group = q.nrows() / h_kv;
                let dealt: Vec<usize> = (0..q.nrows()).map(|row| row % group * h_kv + row / group).collect();
                crate::grouped_decode(q.select(Axis(0), &dealt).view(), cache)
            };
        "written-strided": "what the queries of a group find is written to rows that are h_kv apart; a group is made of neighbours"
            => {
                let h_kv = cache.kv_heads();
                let group = q.nrows() / h_kv;
                let from: Vec<usize> = (0..q.nrows()).map(|row| row % h_kv * group + row / h_kv).collect();
                crate::grouped_decode(q, cache).select(Axis(0), &from)
            };
        "causal-from-the-first": "row i of a group sees the first i + 1 keys alone, as if the rows were tokens; they are heads, and all see every key"
            => group_by_group(q, cache, |q, keys, values| {
                let mut scores = q.dot(&keys.t()) / (q.ncols() as f32).sqrt();
                scores.indexed_iter_mut().filter(|((i, j), _)| j > i).for_each(|(_, score)| *score = f32::NEG_INFINITY);
                softmax_rows(scores.view()).dot(&values)
            });
        "exponentials-for-weights": "the exponentials of the scores are taken for weights: neither is the largest score subtracted, nor are they divided by their sum"
            => group_by_group(q, cache, |q, keys, values| {
                (q.dot(&keys.t()) / (q.ncols() as f32).sqrt()).mapv(f32::exp).dot(&values)
            });
    }
}

/// Attention of some queries to the keys and values of one head.
fn weigh(q: ArrayView2<f32>, keys: ArrayView2<f32>, values: ArrayView2<f32>) -> Array2<f32> {
    softmax_rows((q.dot(&keys.t()) / (q.ncols() as f32).sqrt()).view()).dot(&values)
}

/// The rows that `which` keeps, given each one's number and the size of a group; zeros for the others.
fn rows(q: ArrayView2<f32>, cache: &Cache, which: impl Fn(usize, usize) -> bool) -> Array2<f32> {
    let mut out = crate::grouped_decode(q, cache);
    for (i, mut row) in out.rows_mut().into_iter().enumerate() {
        if !which(i, q.nrows() / cache.kv_heads()) {
            row.fill(0.0);
        }
    }
    out
}

/// Each group's queries with what is read for them.
fn group_by_group(
    q: ArrayView2<f32>,
    cache: &Cache,
    attend: impl Fn(ArrayView2<f32>, ArrayView2<f32>, ArrayView2<f32>) -> Array2<f32>,
) -> Array2<f32> {
    let mut out = Array2::zeros((q.nrows(), cache.value_width()));
    let group = q.nrows() / cache.kv_heads();
    let parts = out.axis_chunks_iter_mut(Axis(0), group).zip(q.axis_chunks_iter(Axis(0), group));
    for (shared, (mut out, q)) in parts.enumerate() {
        let (keys, values) = cache.read(shared);
        out.assign(&attend(q, keys, values));
    }
    out
}

/// Each key meets the queries of its group, whose sums are rescaled whenever a maximum grows.
fn online(q: ArrayView2<f32>, cache: &Cache) -> Array2<f32> {
    group_by_group(q, cache, |q, keys, values| {
        let mut out = Array2::zeros((q.nrows(), values.ncols()));
        for (q, mut out) in q.rows().into_iter().zip(out.rows_mut()) {
            let (mut max, mut sum) = (f32::NEG_INFINITY, 0.0);
            for (key, value) in keys.rows().into_iter().zip(values.rows()) {
                let score = q.dot(&key) / (q.len() as f32).sqrt();
                let larger = score.max(max);
                let (old, new) = ((max - larger).exp(), (score - larger).exp());
                sum = old * sum + new;
                out *= old;
                out.scaled_add(new, &value);
                max = larger;
            }
            out /= sum;
        }
        out
    })
}

fn decoded(c: &Case, decode: fn(ArrayView2<f32>, &Cache) -> Array2<f32>) -> Array2<f32> {
    decode(c.q.view(), &Cache::new(c.keys.clone(), c.values.clone()))
}

/// By the oracle of the whole: one query per head.
fn attend<F: ndarray::NdFloat>(c: &Case) -> Array2<F> {
    let q = c.q.view().insert_axis(Axis(1));
    let out: Array3<F> = oracle::attention(q, c.keys.view(), c.values.view(), &Mask::None);
    out.index_axis_move(Axis(1), 0)
}
