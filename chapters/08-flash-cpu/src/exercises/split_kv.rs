//! 8.6 `split_kv`

use crate::{
    checked::mask,
    given::{Split, State},
    merge,
};
use attn_exercise::{
    Field, Fields, SOME_VALUES, Value, exercise, field, judge::require, pairwise, some_values,
};
use attn_oracle as oracle;
use ch03_scaled_dot_product::attention;
use ndarray::{Array, Array1, Array2, ArrayView1, ArrayView2, Axis, Ix1, Ix2, NdFloat, array, s};
use std::ops::Range;

exercise! {
    /// One query, and how many parts.
    crate::split_kv: (q: Array1<f32>[d], k: Array2<f32>[m d], v: Array2<f32>[m d_v], parts: usize[parts]) -> Split;

    exact: |c| exact::<f64>(c);
    plain: |c| [exact::<f32>(c), c.call(in_parts).fields()];
    first: |c, answer| require(answer.parts.len() == c.parts, || {
        format!("there are {} parts, should be {}", answer.parts.len(), c.parts)
    });
    steps: |c| {
        let ranges = (0..c.parts).map(|p| borders(p, c.k.nrows(), c.parts));
        let ranges: Vec<String> = ranges.map(|r| format!("{}..{}", r.start, r.end)).collect();
        [field("the parts' keys", ranges.join(", "))]
    };

    cases: |random| {
        let mut of = |about, m, (d, d_v), parts| {
            case(about, (random.normal(d), random.normal((m, d)), random.normal((m, d_v)), parts))
        };
        let (q, k, v) = super::flash_forward::by_hand();
        let mut cases = vec![
            case("by hand: 17/7", (q.row(0).to_owned(), k, v, 2)),
            of("", 8, (4, 3), 2),
            of("one part", 5, (4, 2), 1),
            of("uneven", 7, (4, 2), 3),
            of("more parts than keys", 3, (4, 2), 5),
            of("no keys at all", 0, (4, 2), 2),
            of("", 129, (64, 32), 8),
            of("scores of about ±10000", 9, (16, 3), 4),
            of("all scores below −10¹⁰", 5, (4, 2), 2),
            // Many good keys in the first part, the best one in the second.
            case("the part with the best key has the smaller say", (array![1.0], array![[1.0], [1.0], [1.0], [1.5], [-3.0], [-3.0]], array![[1.0], [2.0], [3.0], [4.0], [5.0], [6.0]], 2)),
            case("parts 18 apart", (array![1.0], array![[0.0], [18.0], [9.0]], array![[1e8], [1.0], [1e4]], 3)),
        ];
        cases[7].q *= 100.0;
        cases[7].k *= 100.0;
        cases[8].q.mapv_inplace(|x| -1e6 * x.abs());
        cases[8].k.mapv_inplace(|x| 1e6 * x.abs());
        let levels = [3, 3, 3, 3, SOME_VALUES, SOME_VALUES, SOME_VALUES];
        cases.extend(pairwise(levels).into_iter().map(|[m, d, d_v, parts, of_q, of_k, of_v]| {
            let q = some_values(of_q, d + 1, random);
            let (k, v) = (some_values(of_k, (m + 1, d + 1), random), some_values(of_v, (m + 1, d_v + 1), random));
            case("small", (q, k, v, parts + 1))
        }));
        cases
    };

    right (q, k, v, parts) {
        "chapter 3 on each part, merged from the back" => in_parts(q, k, v, parts);
    }

    mistakes (q, k, v, parts) {
        "plain-mean": "the parts' results are averaged, as if all parts had the same say"
            => averaged(crate::split_kv(q, k, v, parts), |_, _| 1.0);
        "by-length": "the parts' results are averaged by how many keys they have; their say is their row_sum, at the common maximum"
            => averaged(crate::split_kv(q, k, v, parts), |p, _| borders(p, k.nrows(), parts).len() as f32);
        "by-length-guarded": "the parts' results are averaged by how many keys they have; their say is their row_sum, at the common maximum"
            => unless_empty(k, crate::split_kv(q, k, v, parts), |right| averaged(right, |p, _| borders(p, k.nrows(), parts).len() as f32));
        "by-own-sum": "the parts' results are averaged by their row_sum as it is, or their outs and sums added as they are, although each part has a maximum of its own"
            => averaged(crate::split_kv(q, k, v, parts), |_, part| part.row_sum);
        "by-own-sum-guarded": "the parts' results are averaged by their row_sum as it is, or their outs and sums added as they are, although each part has a maximum of its own"
            => unless_empty(k, crate::split_kv(q, k, v, parts), |right| averaged(right, |_, part| part.row_sum));
        "by-log-sum-exp": "the parts' results are averaged by their log-sum-exps; their say is e^(log-sum-exp)"
            => unless_empty(k, crate::split_kv(q, k, v, parts), |right| {
                averaged(right, |_, part| if part.row_sum > 0.0 { part.finish().1 } else { 0.0 })
            });
        "not-brought-together": "the parts' outs and sums are added as they are, with the largest of their maxima, although each part has a maximum of its own"
            => merged(crate::split_kv(q, k, v, parts).parts, v.ncols(), |a, b| State {
                row_max: a.row_max.max(b.row_max),
                row_sum: a.row_sum + b.row_sum,
                out: &a.out + &b.out,
            });
        "last-part": "the last part is taken for the whole"
            => {
                let right = crate::split_kv(q, k, v, parts);
                let (out, lse) = right.parts[parts - 1].finish();
                Split { out, lse, ..right }
            };
        "undivided": "out is not divided by the whole's row_sum at the end"
            => {
                let right = crate::split_kv(q, k, v, parts);
                Split { out: right.parts.iter().fold(State::empty(v.ncols()), |a, b| merge(&a, b)).out, ..right }
            };
        "best-part": "the part with the largest score is taken for the whole"
            => {
                let parts = crate::split_kv(q, k, v, parts).parts;
                let best = parts.iter().max_by(|a, b| a.row_max.total_cmp(&b.row_max));
                let (out, lse) = best.map(State::finish).unwrap_or_default();
                Split { parts, out, lse }
            };
        "tail-dropped": "every part has ⌊m/parts⌋ keys, and those at the end that are left over belong to none"
            => cut(q, k, v, parts, |p, m, parts| p * (m / parts)..(p + 1) * (m / parts));
        "other-borders": "every part but the last ones has ⌈m/parts⌉ keys: the whole is right, the parts are not the ones asked for"
            => cut(q, k, v, parts, |p, m, parts| (p * m.div_ceil(parts)).min(m)..((p + 1) * m.div_ceil(parts)).min(m));
        "rest-in-the-last": "every part has ⌊m/parts⌋ keys, and the last one also those that are left over: the whole is right, the parts are not the ones asked for"
            => cut(q, k, v, parts, |p, m, parts| p * (m / parts)..if p + 1 == parts { m } else { (p + 1) * (m / parts) });
        "cumulative": "each part's state goes on from that of the part before; a part is to be computed by itself, so that all can be computed at once"
            => {
                let parts = cut(q, k, v, parts, |p, m, parts| 0..borders(p, m, parts).end).parts;
                let (out, lse) = parts.last().map(State::finish).unwrap_or_default();
                Split { parts, out, lse }
            };
        "longer-ones-first": "the first m mod parts parts have one key more than the others: the whole is right, the parts are not the ones asked for"
            => cut(q, k, v, parts, |p, m, parts| {
                let start = |p: usize| p * (m / parts) + p.min(m % parts);
                start(p)..start(p + 1)
            });
        "border-in-both": "the key at a border is in the part before it too: part p ends before (p+1)·m/parts"
            => cut(q, k, v, parts, |p, m, parts| borders(p, m, parts).start..(borders(p, m, parts).end + 1).min(m));
        "empty-parts-left-out": "parts without keys are left out: the whole is right, but fewer parts come back than were asked for"
            => {
                let mut split = crate::split_kv(q, k, v, parts);
                split.parts.retain(|part| part.row_sum > 0.0);
                split
            };
        "one-part": "nothing is split: all keys are in the first part, and the others are empty"
            => cut(q, k, v, parts, |p, m, _| if p == 0 { 0..m } else { m..m });
        "empty-part-nan": "a part without keys takes part in the merge with −∞ − (−∞), which is NaN"
            => {
                let right = crate::split_kv(q, k, v, parts);
                // From the empty state on, merging an empty part asks for −∞ − (−∞).
                if !borders(0, k.nrows(), parts).is_empty() {
                    return right;
                }
                Split { out: right.out.mapv(|_| f32::NAN), lse: f32::NAN, ..right }
            };
        "no-scale": "the scores are not divided by √d"
            => crate::split_kv((&q * (q.len() as f32).sqrt()).view(), k, v, parts);
        "lse-added": "the parts' log-sum-exps are added; their exponentials add"
            => {
                let right = crate::split_kv(q, k, v, parts);
                Split { lse: right.parts.iter().map(|part| part.finish().1).sum(), ..right }
            };
        "lse-added-as-typed": "the log-sum-exps of the parts that have keys are added; their exponentials add"
            => {
                let right = crate::split_kv(q, k, v, parts);
                Split { lse: right.parts.iter().map(|part| part.finish().1).filter(|lse| lse.is_finite()).sum(), ..right }
            };
        "largest-lse": "the largest of the parts' log-sum-exps is taken for that of the whole; their exponentials add"
            => {
                let right = crate::split_kv(q, k, v, parts);
                Split { lse: right.parts.iter().map(|part| part.finish().1).fold(f32::NEG_INFINITY, f32::max), ..right }
            };
        "parts-divided": "each part's out is divided by its row_sum before it is kept; a state's out is not divided, so that it can be merged"
            => {
                let parts = crate::split_kv(q, k, v, parts).parts;
                merged(parts.iter().map(|part| State { out: part.finish().0, ..*part }).collect(), v.ncols(), merge)
            };
        "parts-finished": "the parts were divided by their row_sum before they were merged, so that each has the same say, at the common maximum"
            => {
                let right = crate::split_kv(q, k, v, parts);
                let divided = right.parts.iter().map(|part| State {
                    row_sum: if part.row_sum == 0.0 { 0.0 } else { 1.0 },
                    out: part.finish().0,
                    ..*part
                });
                Split { out: merged(divided.collect(), v.ncols(), merge).out, ..right }
            };
    }

    within {
        merge: |merge, (q, k, v, parts)| {
            let part = |p| borders(p, k.nrows(), parts).fold(State::empty(v.ncols()), |state, j| {
                merge(&state, &State::of_key(q.dot(&k.row(j)) / (q.len() as f32).sqrt(), v.row(j)))
            });
            merged((0..parts).map(part).collect(), v.ncols(), merge)
        };
    }
}

/// The parts are shown finished, since any common factor of sum and output means the same.
impl Fields for Split {
    fn fields(&self) -> Vec<Field> {
        let finished: Vec<_> = self.parts.iter().map(State::finish).collect();
        let outs: Vec<_> = finished.iter().map(|(out, _)| out.view()).collect();
        let outs = ndarray::stack(Axis(0), &outs).unwrap_or_default();
        let lses: Array1<f32> = finished.iter().map(|(_, lse)| *lse).collect();
        in_order(&outs, &lses, &self.out, self.lse)
    }
}

fn in_order<F: Clone>(
    outs: &Array<F, Ix2>,
    lses: &Array<F, Ix1>,
    out: &Array<F, Ix1>,
    lse: F,
) -> Vec<Field>
where
    Value: From<F> + for<'a> From<&'a Array<F, Ix1>> + for<'a> From<&'a Array<F, Ix2>>,
{
    vec![
        field("the parts' out / row_sum", outs),
        field("the parts' log-sum-exp", lses),
        field("out", out),
        field("lse", lse),
    ]
}

/// Attention over each part's keys and over all of them.
fn exact<F: NdFloat>(c: &Case) -> Vec<Field>
where
    Value: From<F> + for<'a> From<&'a Array<F, Ix1>> + for<'a> From<&'a Array<F, Ix2>>,
{
    let over = |keys: Range<usize>| {
        let (k, v) = (c.k.slice(s![keys.clone(), ..]), c.v.slice(s![keys, ..]));
        oracle::attention::<F>(c.q.view().insert_axis(Axis(0)), k, v, &mask(false))
    };
    let parts: Vec<_> = (0..c.parts).map(|p| over(borders(p, c.k.nrows(), c.parts))).collect();
    let outs =
        Array2::from_shape_fn((c.parts, c.v.ncols()), |(p, column)| parts[p].out[[0, column]]);
    let whole = over(0..c.k.nrows());
    in_order(
        &outs,
        &parts.iter().map(|part| part.lse[0]).collect(),
        &whole.out.row(0).to_owned(),
        whole.lse[0],
    )
}

/// The keys of part `p`.
fn borders(p: usize, m: usize, parts: usize) -> Range<usize> {
    p * m / parts..(p + 1) * m / parts
}

/// Each part at once, as chapter 3 would; merged from the back, by log-sum-exp.
fn in_parts(q: ArrayView1<f32>, k: ArrayView2<f32>, v: ArrayView2<f32>, parts: usize) -> Split {
    let part = |p| {
        let keys = borders(p, k.nrows(), parts);
        let (k, v) = (k.slice(s![keys.clone(), ..]), v.slice(s![keys, ..]));
        let one = attention(q.insert_axis(Axis(0)), k, v, &mask(false));
        let row_sum = if one.lse[0] == f32::NEG_INFINITY { 0.0 } else { 1.0 };
        State { row_max: one.lse[0], row_sum, out: one.out.row(0).to_owned() }
    };
    let mut split = merged((0..parts).rev().map(part).collect(), v.ncols(), |a, b| merge(b, a));
    split.parts.reverse();
    split
}

/// The split with parts that have other keys.
fn cut(
    q: ArrayView1<f32>,
    k: ArrayView2<f32>,
    v: ArrayView2<f32>,
    parts: usize,
    keys: fn(p: usize, m: usize, parts: usize) -> Range<usize>,
) -> Split {
    let part = |p| {
        let keys = keys(p, k.nrows(), parts);
        let (k, v) = (k.slice(s![keys.clone(), ..]), v.slice(s![keys, ..]));
        crate::split_kv(q, k, v, 1).parts.remove(0)
    };
    merged((0..parts).map(part).collect(), v.ncols(), merge)
}

fn merged(parts: Vec<State>, d_v: usize, merge: fn(&State, &State) -> State) -> Split {
    let (out, lse) = parts.iter().fold(State::empty(d_v), |a, b| merge(&a, b)).finish();
    Split { parts, out, lse }
}

/// Another result, where there are keys.
fn unless_empty(k: ArrayView2<f32>, right: Split, other: impl FnOnce(Split) -> Split) -> Split {
    if k.is_empty() { right } else { other(right) }
}

/// The mean of the parts' results with these weights.
fn averaged(right: Split, weight: impl Fn(usize, &State) -> f32) -> Split {
    let weights: Vec<f32> =
        right.parts.iter().enumerate().map(|(p, part)| weight(p, part)).collect();
    let mut out = Array1::zeros(right.out.len());
    for (part, weight) in right.parts.iter().zip(&weights) {
        out.scaled_add(weight / weights.iter().sum::<f32>(), &part.finish().0);
    }
    Split { out, ..right }
}
