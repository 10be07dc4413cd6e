//! 12.7 `compressed_attention`

use crate::{
    given::{Compressed, spans},
    seeded::normal,
};
use attn_exercise::{exercise, fields, pairwise};
use ndarray::{Array2, ArrayView2, Axis, array, s};

fields! { Compressed { out, weights } }

exercise! {
    /// Queries, keys and values, and the spans.
    crate::compressed_attention: (q: Array2<f64>[n d], k: Array2<f64>[n d], v: Array2<f64>[n d_v], length: usize[length], stride: usize[stride]) -> Compressed;

    exact: |c| {
        let (n, d) = c.q.dim();
        // Spans as lists of tokens, from the text.
        let mut lists: Vec<Vec<usize>> = Vec::new();
        let mut first = 0;
        while first + c.length <= n {
            lists.push((first..first + c.length).collect());
            first += c.stride;
        }
        let mean = |x: &Array2<f64>, list: &[usize], column: usize| list.iter().map(|&j| x[[j, column]]).sum::<f64>() / list.len() as f64;
        let mut weights = Array2::zeros((n, lists.len()));
        let mut out = Array2::zeros(c.v.dim());
        for t in 0..n {
            let seen: Vec<usize> = (0..lists.len()).filter(|&b| lists[b].iter().all(|&j| j <= t)).collect();
            let scores: Vec<f64> = seen.iter().map(|&b| (0..d).map(|x| c.q[[t, x]] * mean(&c.k, &lists[b], x)).sum::<f64>() / (d as f64).sqrt()).collect();
            let most = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let sum: f64 = scores.iter().map(|x| (x - most).exp()).sum();
            for (&b, x) in seen.iter().zip(&scores) {
                weights[[t, b]] = (x - most).exp() / sum;
                for column in 0..c.v.ncols() {
                    out[[t, column]] += weights[[t, b]] * mean(&c.v, &lists[b], column);
                }
            }
        }
        Compressed { out, weights }
    };

    cases: |random| {
        let mut of = |about: &str, (n, d, d_v): (usize, usize, usize), length, stride, strength: f64| {
            case(about, (normal(random, (n, d)) * strength, normal(random, (n, d)), normal(random, (n, d_v)), length, stride))
        };
        let zero = || Array2::zeros((4, 1));
        let mut cases = vec![
            case("by hand: spans of the values 3 and 12, with equal scores", (zero(), zero(), array![[2.0], [4.0], [8.0], [16.0]], 2, 2)),
            of("spans that overlap", (9, 4, 3), 4, 2, 2.0),
            of("spans that follow each other", (10, 4, 3), 3, 3, 2.0),
            of("spans with gaps between them", (11, 4, 2), 2, 3, 2.0),
            of("spans of one token", (6, 3, 2), 1, 1, 2.0),
            of("every second token", (7, 3, 2), 1, 2, 2.0),
            of("one more with every token", (7, 3, 2), 3, 1, 2.0),
            of("a text that is too short", (3, 2, 2), 4, 2, 2.0),
            of("a text of one span", (4, 4, 4), 4, 4, 2.0),
            of("large scores", (8, 16, 2), 3, 2, 1000.0),
            of("as in the paper, by an eighth", (40, 8, 4), 4, 2, 2.0),
            of("scores far below zero", (6, 4, 2), 2, 1, 2.0),
            of("one token", (1, 2, 1), 1, 1, 2.0),
            of("one token, and spans of two", (1, 1, 2), 2, 1, 2.0),
            of("scores of some hundred", (6, 16, 2), 2, 1, 2.0),
        ];
        let Case { q, k, .. } = &mut cases[11];
        q.fill(-1e5);
        k.fill(1e5);
        let Case { q, k, .. } = &mut cases[14];
        q.fill(10.0);
        k.indexed_iter_mut().for_each(|((j, _), x)| *x = 10.0 - 0.01 * j as f64);
        cases.extend(pairwise([5, 3, 3, 4, 4]).into_iter().map(|[n, d, d_v, length, stride]| {
            of("small", (2 * n + 1, d + 1, d_v + 1), length + 1, stride + 1, 2.0)
        }));
        let more = [(2, 2, 2, 2, 2), (3, 3, 3, 3, 3), (4, 2, 4, 2, 4), (2, 4, 1, 1, 2), (4, 4, 4, 1, 4), (1, 1, 1, 1, 2), (3, 1, 2, 3, 1)];
        cases.extend(more.map(|(n, d, d_v, length, stride)| of("small", (n, d, d_v), length, stride, 2.0)));
        cases
    };

    right (q, k, v, length, stride) {
        "span by span, with a running maximum" => spanned(q, k, v, (length, stride), Spans::RIGHT);
        "the means of scores instead of the scores of means" => {
            let tokens = q.dot(&k.t());
            let count = spans(q.nrows(), length, stride);
            let scores = Array2::from_shape_fn((q.nrows(), count), |(t, b)| tokens.slice(s![t, b * stride..b * stride + length]).sum() / length as f64);
            weighed(q, v, scores, (length, stride), Spans::RIGHT)
        };
        "only the spans that have ended are computed" => {
            let count = spans(q.nrows(), length, stride);
            let (mut out, mut weights) = (Array2::zeros(v.dim()), Array2::zeros((q.nrows(), count)));
            for t in 0..q.nrows() {
                let part = s![..=t, ..];
                let found = spanned(q.slice(part), k.slice(part), v.slice(part), (length, stride), Spans::RIGHT);
                out.row_mut(t).assign(&found.out.row(t));
                weights.slice_mut(s![t, ..found.weights.ncols()]).assign(&found.weights.row(t));
            }
            Compressed { out, weights }
        };
    }

    mistakes (q, k, v, length, stride) {
        "begun": "a span is seen as soon as it has begun: tokens behind the query are in its mean"
            => spanned(q, k, v, (length, stride), Spans { seen: |t, first, _| first <= t, ..Spans::RIGHT });
        "one-late": "a span is seen only from the token behind its last one on"
            => spanned(q, k, v, (length, stride), Spans { seen: |t, first, length| first + length <= t, ..Spans::RIGHT });
        "one-early": "a span is seen one token before its last one"
            => spanned(q, k, v, (length, stride), Spans { seen: |t, first, length| first + length <= t + 2, ..Spans::RIGHT });
        "no-mask": "every query sees all spans, those behind it too"
            => spanned(q, k, v, (length, stride), Spans { seen: |_, _, _| true, ..Spans::RIGHT });
        "by-number": "span b is seen from token b on, as if it were a token"
            => {
                let right = scores(q, k, (length, stride), |x| x.sum_axis(Axis(0)) / x.nrows() as f64);
                weighed_if(q, v, right, (length, stride), |t, b| b <= t, |x| x.sum_axis(Axis(0)) / x.nrows() as f64)
            };
        "own-piece": "a query sees t / stride spans, as if a span ended `stride` tokens after its beginning"
            => {
                let right = scores(q, k, (length, stride), |x| x.sum_axis(Axis(0)) / x.nrows() as f64);
                weighed_if(q, v, right, (length, stride), |t, b| b < t / stride, |x| x.sum_axis(Axis(0)) / x.nrows() as f64)
            };
        "pieces": "a query sees (t + 1) / stride spans, as if a span had `stride` tokens; spans may be longer"
            => {
                let right = scores(q, k, (length, stride), |x| x.sum_axis(Axis(0)) / x.nrows() as f64);
                weighed_if(q, v, right, (length, stride), |t, b| b < (t + 1) / stride, |x| x.sum_axis(Axis(0)) / x.nrows() as f64)
            };
        "stride-as-length": "a span has `stride` tokens: what lies between two beginnings"
            => spanned(q, k, v, (length, stride), Spans { mean: |x, stride| { let x = x.slice(s![..stride.min(x.nrows()), ..]); x.sum_axis(Axis(0)) / x.nrows() as f64 }, ..Spans::RIGHT });
        "side-by-side": "the spans follow each other: the next one begins where the last one ends, not after `stride` tokens"
            => crate::compressed_attention(q, k, v, length, length);
        "exchanged": "length and stride have changed places"
            => crate::compressed_attention(q, k, v, stride, length);
        "sum": "keys and values of a span are summed up instead of averaged"
            => spanned(q, k, v, (length, stride), Spans { mean: |x, _| x.sum_axis(Axis(0)), ..Spans::RIGHT });
        "sum-of-values": "the keys are averaged, and the values are summed up"
            => values(q, k, v, (length, stride), |x| x.sum_axis(Axis(0)));
        "first-value": "the value of a span is that of its first token"
            => values(q, k, v, (length, stride), |x| x.row(0).to_owned());
        "last-value": "the value of a span is that of its last token"
            => values(q, k, v, (length, stride), |x| x.row(x.nrows() - 1).to_owned());
        "first-key": "the key of a span is that of its first token"
            => keys(q, k, v, (length, stride), |x| x.row(0).to_owned());
        "last-key": "the key of a span is that of its last token"
            => keys(q, k, v, (length, stride), |x| x.row(x.nrows() - 1).to_owned());
        "largest": "the largest numbers of a span are taken instead of the mean"
            => spanned(q, k, v, (length, stride), Spans { mean: |x, _| x.fold_axis(Axis(0), f64::NEG_INFINITY, |a, &b| a.max(b)), ..Spans::RIGHT });
        "by-stride": "the sums are divided by `stride` instead of by `length`"
            => spanned(q, k, v, (length, stride), Spans { mean: |x, stride| x.sum_axis(Axis(0)) / stride as f64, ..Spans::RIGHT });
        "no-scale": "the scores are not divided by √d"
            => crate::compressed_attention((&q * (q.ncols() as f64).sqrt()).view(), k, v, length, stride);
        "rest-counted": "what is left over at the end is a span, too, with fewer tokens"
            => {
                let n = q.nrows();
                let full = spans(n, length, stride);
                let first = full * stride;
                let right = crate::compressed_attention(q, k, v, length, stride);
                if first >= n { return right; }
                let mean = |x: ArrayView2<f64>| x.slice(s![first.., ..]).sum_axis(Axis(0)) / (n - first) as f64;
                let mut weights = Array2::zeros((n, full + 1));
                weights.slice_mut(s![.., ..full]).assign(&right.weights);
                let mut out = right.out;
                // Only the last token sees it.
                let root = (q.ncols() as f64).sqrt();
                let mut row: Vec<f64> = (0..full).map(|b| q.row(n - 1).dot(&(k.slice(s![b * stride..b * stride + length, ..]).sum_axis(Axis(0)) / length as f64)) / root).collect();
                row.push(q.row(n - 1).dot(&mean(k)) / root);
                let row = super::sparse_attention::softmax(&row, 1.0);
                out.row_mut(n - 1).fill(0.0);
                for (b, weight) in row.into_iter().enumerate() {
                    weights[[n - 1, b]] = weight;
                    let value = if b < full { v.slice(s![b * stride..b * stride + length, ..]).sum_axis(Axis(0)) / length as f64 } else { mean(v) };
                    out.row_mut(n - 1).scaled_add(weight, &value);
                }
                Compressed { out, weights }
            };
        "last-span-missing": "the last span is missing: there are (n − length) / stride + 1 of them"
            => {
                let count = spans(q.nrows(), length, stride).saturating_sub(1);
                let scores = scores(q, k, (length, stride), |x| x.sum_axis(Axis(0)) / x.nrows() as f64);
                weighed(q, v, scores.slice(s![.., ..count]).to_owned(), (length, stride), Spans::RIGHT)
            };
        "nan": "a query that sees no span is divided by a sum of 0: NaN"
            => without_any(q, k, v, (length, stride), |_| f64::NAN);
        "mean-of-nothing": "a query that sees no span gets the mean of its tokens so far; it gets zeros"
            => {
                let mut found = crate::compressed_attention(q, k, v, length, stride);
                for t in 0..q.nrows() {
                    if spans(t + 1, length, stride) == 0 {
                        found.out.row_mut(t).assign(&(v.slice(s![..=t, ..]).sum_axis(Axis(0)) / (t + 1) as f64));
                    }
                }
                found
            };
        "not-divided": "the weights are not divided by their sum"
            => {
                let mut found = crate::compressed_attention(q, k, v, length, stride);
                for (mut weights, mut out) in found.weights.rows_mut().into_iter().zip(found.out.rows_mut()) {
                    let most = weights.fold(0.0_f64, |most, &x| most.max(x));
                    if most > 0.0 {
                        weights /= most;
                        out /= most;
                    }
                }
                found
            };
        "by-length": "span b begins at token b·length, as if the spans followed each other; there are as many as for b·stride, which panics where they do not fit"
            => Steps { first: |b, length, _| b * length, ..Steps::RIGHT }.run(q, k, v, length, stride);
        "uniform": "all spans that have ended have the same weight"
            => Steps { weight: |_, _| 1.0, ..Steps::RIGHT }.run(q, k, v, length, stride);
        "overflows": "the largest score is not subtracted: the exponential of a large one is infinite"
            => Steps { weight: |score, _| score.exp(), ..Steps::RIGHT }.run(q, k, v, length, stride);
        "max-from-zero": "the maximum starts at 0 instead of −∞: where all scores are far below zero, the sum is 0, and the row NaN"
            => Steps { weight: |score, most| (score - most.max(0.0)).exp(), ..Steps::RIGHT }.run(q, k, v, length, stride);
        "hidden-as-zero": "a span that has not ended gets the score 0 instead of −∞: it takes a share of the softmax"
            => Steps { hidden: 0.0, ..Steps::RIGHT }.run(q, k, v, length, stride);
        "hidden-as-zero-always": "a span that has not ended gets the score 0 instead of −∞, and a query that sees none attends to all of them alike"
            => Steps { hidden: 0.0, none_is_zeros: false, ..Steps::RIGHT }.run(q, k, v, length, stride);
        "minus-a-billion": "a span that has not ended gets the score −1e9 instead of −∞: scores can be lower"
            => Steps { hidden: -1e9, ..Steps::RIGHT }.run(q, k, v, length, stride);
        "minus-a-billion-always": "a span that has not ended gets the score −1e9 instead of −∞: a query that sees none attends to all of them alike"
            => Steps { hidden: -1e9, none_is_zeros: false, ..Steps::RIGHT }.run(q, k, v, length, stride);
        "whole-lengths": "a query sees (t + 1) / length spans, as if they followed each other; one may begin before the last one ends"
            => Steps { ended: |t, length, _| (t + 1) / length, ..Steps::RIGHT }.run(q, k, v, length, stride);
        "last-ended-missing": "the last span that has ended is not seen"
            => Steps { ended: |t, length, stride| spans(t + 1, length, stride).saturating_sub(1), ..Steps::RIGHT }.run(q, k, v, length, stride);
        "by-d": "the scores are divided by d instead of √d"
            => crate::compressed_attention((&q / (q.ncols() as f64).sqrt()).view(), k, v, length, stride);
        "by-root-of-d-v": "the scores are divided by the root of the values' width instead of √d"
            => crate::compressed_attention((&q * (q.ncols() as f64 / v.ncols() as f64).sqrt()).view(), k, v, length, stride);
        "by-root-of-length": "the scores are divided by the root of `length` instead of √d"
            => crate::compressed_attention((&q * (q.ncols() as f64 / length as f64).sqrt()).view(), k, v, length, stride);
        "last-token-missing": "the last token of a span is missing in its sum, which is divided by `length` all the same"
            => Steps { tokens: |length, _| length - 1, ..Steps::RIGHT }.run(q, k, v, length, stride);
        "stride-tokens": "only the first `stride` tokens of a span are in its sum, which is divided by `length`"
            => Steps { tokens: |length, stride| stride.min(length), ..Steps::RIGHT }.run(q, k, v, length, stride);
        "one-token-more": "the range of a span is `first..=first + length`: it has a token too many, which panics at the end of the text"
            => Steps { tokens: |length, _| length + 1, ..Steps::RIGHT }.run(q, k, v, length, stride);
        "sum-of-keys": "the values are averaged, and the keys are summed up"
            => crate::compressed_attention((&q * length as f64).view(), k, v, length, stride);
        "softmax-first": "the softmax runs over all spans, and those that have not ended are dropped afterwards: the weights sum to less than one"
            => Steps { mask_first: false, ..Steps::RIGHT }.run(q, k, v, length, stride);
        "columns": "the softmax runs over the queries of a span instead of over the spans of a query"
            => {
                let mut scores = scores(q, k, (length, stride), |x| x.sum_axis(Axis(0)) / x.nrows() as f64) / (q.ncols() as f64).sqrt();
                scores.indexed_iter_mut().filter(|((t, b), _)| b * stride + length > t + 1).for_each(|(_, score)| *score = f64::NEG_INFINITY);
                for mut column in scores.columns_mut() {
                    let weights = super::sparse_attention::softmax(&column.to_vec(), 1.0);
                    column.assign(&ndarray::Array1::from(weights));
                }
                let means = Array2::from_shape_fn((scores.ncols(), v.ncols()), |(b, x)| v.slice(s![b * stride..b * stride + length, x]).sum() / length as f64);
                Compressed { out: scores.dot(&means), weights: scores }
            };
        "own-value": "a query that sees no span gets its own value; it gets zeros"
            => {
                let mut found = crate::compressed_attention(q, k, v, length, stride);
                (0..q.nrows()).filter(|t| spans(t + 1, length, stride) == 0).for_each(|t| found.out.row_mut(t).assign(&v.row(t)));
                found
            };
        "as-many-as-side-by-side": "there are n / length spans, as if they followed each other, and span b begins at token b·stride"
            => Steps { count: |n, length, _| n / length, ..Steps::RIGHT }.run(q, k, v, length, stride);
        "short-spans-too": "there are n / stride spans, of which the last ones have fewer tokens"
            => Steps { count: |n, _, stride| n / stride, cut: true, ..Steps::RIGHT }.run(q, k, v, length, stride);
        "unscaled-maximum": "the maximum is that of the products, before they are divided by √d: large scores are shifted too far, and vanish"
            => Steps { maximum_of_products: true, ..Steps::RIGHT }.run(q, k, v, length, stride);
        "last-token-missing-in-the-mean": "the last token of a span is missing, and the mean is that of the others"
            => Steps { tokens: |length, _| length - 1, divisor: |length| length - 1, ..Steps::RIGHT }.run(q, k, v, length, stride);
        "uniform-where-none": "a query that sees no span attends to all of them alike; it gets zeros"
            => {
                let mut found = crate::compressed_attention(q, k, v, length, stride);
                let count = found.weights.ncols();
                for t in (0..q.nrows()).filter(|t| spans(t + 1, length, stride) == 0) {
                    found.weights.row_mut(t).fill(1.0 / count as f64);
                    for b in 0..count {
                        let mean = v.slice(s![b * stride..b * stride + length, ..]).sum_axis(Axis(0)) / length as f64;
                        found.out.row_mut(t).scaled_add(1.0 / count as f64, &mean);
                    }
                }
                found
            };
        "largest-keys": "the key of a span has the largest numbers of its tokens' instead of their mean; the values are averaged"
            => keys(q, k, v, (length, stride), |x| x.fold_axis(Axis(0), f64::NEG_INFINITY, |a, &b| a.max(b)));
    }
}

/// The learner's steps, and what may go wrong in them.
#[derive(Clone, Copy)]
struct Steps {
    /// How many spans there are, by n, length and stride.
    count: fn(usize, usize, usize) -> usize,
    /// The first token of span b, by b, length and stride.
    first: fn(usize, usize, usize) -> usize,
    /// How many tokens are summed up, by length and stride.
    tokens: fn(usize, usize) -> usize,
    /// By what the sum is divided, by length.
    divisor: fn(usize) -> usize,
    /// Whether a span may be shorter at the end of the text.
    cut: bool,
    /// How many spans token t sees, by t, length and stride.
    ended: fn(usize, usize, usize) -> usize,
    hidden: f64,
    mask_first: bool,
    /// A weight by its score and the largest one.
    weight: fn(f64, f64) -> f64,
    /// Whether the maximum is taken before the division by √d.
    maximum_of_products: bool,
    /// Whether a query that sees no span gets zeros.
    none_is_zeros: bool,
}

impl Steps {
    const RIGHT: Steps = Steps {
        count: spans,
        first: |b, _, stride| b * stride,
        tokens: |length, _| length,
        divisor: |length| length,
        cut: false,
        ended: |t, length, stride| spans(t + 1, length, stride),
        hidden: f64::NEG_INFINITY,
        mask_first: true,
        weight: |score, most| (score - most).exp(),
        maximum_of_products: false,
        none_is_zeros: true,
    };

    fn run(
        self,
        q: ArrayView2<f64>,
        k: ArrayView2<f64>,
        v: ArrayView2<f64>,
        length: usize,
        stride: usize,
    ) -> Compressed {
        let n = q.nrows();
        let means = |x: ArrayView2<f64>| {
            let mut means = Array2::zeros(((self.count)(n, length, stride), x.ncols()));
            for (b, mut mean) in means.rows_mut().into_iter().enumerate() {
                let first = (self.first)(b, length, stride);
                let end = first + (self.tokens)(length, stride);
                let end = if self.cut { end.min(n) } else { end };
                let divisor = if self.cut { end - first } else { (self.divisor)(length) };
                mean.assign(&(x.slice(s![first..end, ..]).sum_axis(Axis(0)) / divisor as f64));
            }
            means
        };
        let root = (q.ncols() as f64).sqrt();
        let mut weights = q.dot(&means(k).t()) / root;
        for (t, mut row) in weights.rows_mut().into_iter().enumerate() {
            let ended = (self.ended)(t, length, stride).min(row.len());
            if ended == 0 && self.none_is_zeros {
                row.fill(0.0);
                continue;
            }
            if self.mask_first {
                row.slice_mut(s![ended..]).fill(self.hidden);
            }
            let most = row.fold(f64::NEG_INFINITY, |most, &score| most.max(score));
            let most = if self.maximum_of_products { most * root } else { most };
            let seen =
                if self.mask_first && self.hidden == f64::NEG_INFINITY { ended } else { row.len() };
            row.slice_mut(s![..seen]).mapv_inplace(|score| (self.weight)(score, most));
            row.slice_mut(s![seen..]).fill(0.0);
            let sum = row.sum();
            row /= sum;
            if !self.mask_first {
                row.slice_mut(s![ended..]).fill(0.0);
            }
        }
        Compressed { out: weights.dot(&means(v)), weights }
    }
}

/// When a span is seen, and what stands for it.
#[derive(Clone, Copy)]
struct Spans {
    /// By token t, the span from a token on, of a length.
    seen: fn(usize, usize, usize) -> bool,
    /// Of the rows of a span, and the stride.
    mean: fn(ArrayView2<f64>, usize) -> ndarray::Array1<f64>,
}

impl Spans {
    const RIGHT: Spans = Spans {
        seen: |t, first, length| first + length <= t + 1,
        mean: |x, _| x.sum_axis(Axis(0)) / x.nrows() as f64,
    };
}

fn spanned(
    q: ArrayView2<f64>,
    k: ArrayView2<f64>,
    v: ArrayView2<f64>,
    (length, stride): (usize, usize),
    how: Spans,
) -> Compressed {
    let scores = scores(q, k, (length, stride), |x| (how.mean)(x, stride));
    weighed(q, v, scores, (length, stride), how)
}

/// With another mean of keys.
fn keys(
    q: ArrayView2<f64>,
    k: ArrayView2<f64>,
    v: ArrayView2<f64>,
    size: (usize, usize),
    mean: fn(ArrayView2<f64>) -> ndarray::Array1<f64>,
) -> Compressed {
    weighed(q, v, scores(q, k, size, mean), size, Spans::RIGHT)
}

/// With another mean of values.
fn values(
    q: ArrayView2<f64>,
    k: ArrayView2<f64>,
    v: ArrayView2<f64>,
    size: (usize, usize),
    mean: fn(ArrayView2<f64>) -> ndarray::Array1<f64>,
) -> Compressed {
    let scores = scores(q, k, size, |x| x.sum_axis(Axis(0)) / x.nrows() as f64);
    weighed_if(q, v, scores, size, |t, b| b * size.1 + size.0 <= t + 1, mean)
}

/// The products of queries and what stands for each span.
fn scores(
    q: ArrayView2<f64>,
    k: ArrayView2<f64>,
    (length, stride): (usize, usize),
    mean: impl Fn(ArrayView2<f64>) -> ndarray::Array1<f64>,
) -> Array2<f64> {
    let count = spans(q.nrows(), length, stride);
    let means: Vec<_> =
        (0..count).map(|b| mean(k.slice(s![b * stride..b * stride + length, ..]))).collect();
    Array2::from_shape_fn((q.nrows(), count), |(t, b)| q.row(t).dot(&means[b]))
}

fn weighed(
    q: ArrayView2<f64>,
    v: ArrayView2<f64>,
    scores: Array2<f64>,
    (length, stride): (usize, usize),
    how: Spans,
) -> Compressed {
    weighed_if(
        q,
        v,
        scores,
        (length, stride),
        |t, b| (how.seen)(t, b * stride, length),
        |x| (how.mean)(x, stride),
    )
}

fn weighed_if(
    q: ArrayView2<f64>,
    v: ArrayView2<f64>,
    scores: Array2<f64>,
    (length, stride): (usize, usize),
    seen: impl Fn(usize, usize) -> bool,
    mean: impl Fn(ArrayView2<f64>) -> ndarray::Array1<f64>,
) -> Compressed {
    let root = (q.ncols() as f64).sqrt();
    let (mut out, mut weights) =
        (Array2::zeros((q.nrows(), v.ncols())), Array2::zeros(scores.dim()));
    for t in 0..q.nrows() {
        let seen: Vec<usize> = (0..scores.ncols()).filter(|&b| seen(t, b)).collect();
        let products: Vec<f64> = seen.iter().map(|&b| scores[[t, b]]).collect();
        for (&b, weight) in seen.iter().zip(super::sparse_attention::softmax(&products, root)) {
            weights[[t, b]] = weight;
            out.row_mut(t)
                .scaled_add(weight, &mean(v.slice(s![b * stride..b * stride + length, ..])));
        }
    }
    Compressed { out, weights }
}

/// With something else where no span is seen.
fn without_any(
    q: ArrayView2<f64>,
    k: ArrayView2<f64>,
    v: ArrayView2<f64>,
    (length, stride): (usize, usize),
    of: fn(usize) -> f64,
) -> Compressed {
    let mut found = crate::compressed_attention(q, k, v, length, stride);
    for t in 0..q.nrows() {
        if spans(t + 1, length, stride) == 0 && found.weights.ncols() > 0 {
            found.out.row_mut(t).fill(of(t));
            found.weights.row_mut(t).fill(of(t));
        }
    }
    found
}
