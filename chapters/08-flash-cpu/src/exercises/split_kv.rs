//! 8.6 `split_kv`

use crate::{
    given::{Split, State},
    merge,
};
use attn_core::{Mask, random::Random};
use attn_exercise::{
    Exercise, Field, Fields, Finding, Mistake, field,
    judge::{Expected, close, each, require},
};
use ch03_scaled_dot_product::{attention, exercises::oracle};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, array, s};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// What is written.
pub type Body = fn(ArrayView1<f32>, ArrayView2<f32>, ArrayView2<f32>, usize) -> Split;

/// `q` d, `k` m×d, `v` m×d_v, and how many parts.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Case {
    about: String,
    q: Array1<f32>,
    k: Array2<f32>,
    v: Array2<f32>,
    parts: usize,
}

impl Fields for Case {
    fn fields(&self) -> Vec<Field> {
        vec![
            field("q", &self.q),
            field("k", &self.k),
            field("v", &self.v),
            field("parts", self.parts.to_string()),
        ]
    }

    fn label(&self) -> String {
        let (d, (m, d_v), parts) = (self.q.len(), self.v.dim(), self.parts);
        let about = match self.about.as_str() {
            "" => String::new(),
            about => format!(", {about}"),
        };
        format!("m={m} d={d} d_v={d_v}, {parts} parts{about}")
    }
}

/// The parts are shown finished, since any common factor of sum and output means the same.
impl Fields for Split {
    fn fields(&self) -> Vec<Field> {
        let (outs, lses) = finished(self);
        vec![
            field("out", &self.out),
            field("lse", self.lse),
            field("the parts' out / row_sum", &outs),
            field("the parts' log-sum-exp", &lses),
        ]
    }
}

/// The parts' results, parts×d_v, and their log-sum-exps.
fn finished(split: &Split) -> (Array2<f32>, Array1<f32>) {
    let finished: Vec<_> = split.parts.iter().map(State::finish).collect();
    let outs: Vec<_> = finished.iter().map(|(out, _)| out.view()).collect();
    let outs = ndarray::stack(Axis(0), &outs).unwrap_or_default();
    (outs, finished.iter().map(|(_, lse)| *lse).collect())
}

/// The exercise.
pub fn exercise() -> Exercise<Body, Case, Split> {
    Exercise {
        id: "8.6",
        cases,
        answer: |split_kv, Case { q, k, v, parts, .. }| {
            split_kv(q.view(), k.view(), v.view(), *parts)
        },
        judge,
        solution: crate::split_kv,
        mistakes: mistakes(),
        steps: |case| {
            let ranges = (0..case.parts).map(|p| borders(p, case.k.nrows(), case.parts));
            let ranges: Vec<String> = ranges.map(|r| format!("{}..{}", r.start, r.end)).collect();
            vec![field("the parts' keys", ranges.join(", "))]
        },
    }
}

/// The keys of part `p`.
fn borders(p: usize, m: usize, parts: usize) -> Range<usize> {
    p * m / parts..(p + 1) * m / parts
}

fn cases(seed: u64) -> Vec<Case> {
    let mut random = Random::new(seed);
    let (ln2, ln4) = (2.0_f32.ln(), 4.0_f32.ln());
    let mut case = |about: &str, m: usize, (d, d_v): (usize, usize), parts: usize| Case {
        about: about.into(),
        q: random.normal(d),
        k: random.normal((m, d)),
        v: random.normal((m, d_v)),
        parts,
    };
    let mut cases = vec![
        case("", 8, (4, 3), 2),
        case("one part", 5, (4, 2), 1),
        case("uneven", 7, (4, 2), 3),
        case("more parts than keys", 3, (4, 2), 5),
        case("no keys at all", 0, (4, 2), 2),
        case("", 129, (64, 32), 8),
    ];
    let mut large = case("scores of about ±10000", 9, (16, 3), 4);
    large.q *= 100.0;
    large.k *= 100.0;
    cases.push(large);
    let by_hand = Case {
        about: "by hand: 17/7".into(),
        q: array![1.0, 1.0, 1.0, 1.0],
        k: array![
            [0.0, 0.0, 0.0, 0.0],
            [2.0 * ln2, 0.0, 0.0, 0.0],
            [2.0 * ln4, 0.0, 0.0, 0.0]
        ],
        v: array![[1.0], [4.0], [2.0]],
        parts: 2,
    };
    cases.insert(0, by_hand);
    cases
}

fn judge(cases: &[Case], answers: &[Split]) -> Result<(), Finding> {
    each(cases, answers, |Case { q, k, v, parts, .. }, split| {
        require(split.parts.len() == *parts, || {
            format!("there are {} parts, should be {parts}", split.parts.len())
        })?;
        let q = q.view().insert_axis(Axis(0));
        let right = |keys: Range<usize>| {
            let (k, v) = (k.slice(s![keys.clone(), ..]), v.slice(s![keys, ..]));
            let exact = oracle::attention::<f64>(q, k, v, &Mask::None);
            let product = attention(q, k, v, &Mask::None);
            let loops = oracle::attention::<f32>(q, k, v, &Mask::None);
            (
                Expected::new(
                    exact.out.row(0).to_owned(),
                    &[&product.out.row(0).to_owned(), &loops.out.row(0).to_owned()],
                ),
                Expected::new(exact.lse, &[&product.lse, &loops.lse]),
            )
        };
        for (p, part) in split.parts.iter().enumerate() {
            let keys = borders(p, k.nrows(), *parts);
            let name = format!("part {p} (keys {}..{}):", keys.start, keys.end);
            let (out, lse) = right(keys);
            let finished = part.finish();
            close(&format!("{name} (out / row_sum)"), &finished.0, &out)?;
            close(&format!("{name} lse"), &array![finished.1], &lse)?;
        }
        let (out, lse) = right(0..k.nrows());
        close("out", &split.out, &out)?;
        close("lse", &array![split.lse], &lse)
    })
}

/// The states of parts with these borders, from scores times `scale`.
fn states(
    q: ArrayView1<f32>,
    k: ArrayView2<f32>,
    v: ArrayView2<f32>,
    scale: f32,
    borders: impl Iterator<Item = Range<usize>>,
) -> Vec<State> {
    let state = |keys: Range<usize>| {
        keys.fold(State::empty(v.ncols()), |state, j| {
            merge(&state, &State::of_key(q.dot(&k.row(j)) * scale, v.row(j)))
        })
    };
    borders.map(state).collect()
}

fn right_states(
    q: ArrayView1<f32>,
    k: ArrayView2<f32>,
    v: ArrayView2<f32>,
    parts: usize,
) -> Vec<State> {
    let scale = 1.0 / (q.len() as f32).sqrt();
    states(
        q,
        k,
        v,
        scale,
        (0..parts).map(|p| borders(p, k.nrows(), parts)),
    )
}

fn merged(parts: Vec<State>, d_v: usize) -> Split {
    let whole = parts.iter().fold(State::empty(d_v), |a, b| merge(&a, b));
    let (out, lse) = whole.finish();
    Split { parts, out, lse }
}

/// The right parts, and the mean of their results with these weights.
fn averaged(parts: Vec<State>, d_v: usize, weight: impl Fn(usize, &State) -> f32) -> Split {
    let right = merged(parts, d_v);
    let weights: Vec<f32> = right
        .parts
        .iter()
        .enumerate()
        .map(|(p, s)| weight(p, s))
        .collect();
    let total: f32 = weights.iter().sum();
    let mut out = Array1::zeros(d_v);
    for (part, weight) in right.parts.iter().zip(weights) {
        out.scaled_add(weight / total, &part.finish().0);
    }
    Split { out, ..right }
}

fn mistakes() -> Vec<Mistake<Body>> {
    vec![
        Mistake {
            name: "plain-mean",
            when: "the parts' results are averaged, as if all parts had the same say",
            body: |q, k, v, parts| averaged(right_states(q, k, v, parts), v.ncols(), |_, _| 1.0),
        },
        Mistake {
            name: "by-length",
            when: "the parts' results are averaged by how many keys they have; their say is their row_sum, at the common maximum",
            body: |q, k, v, parts| {
                let length = |p, _: &State| borders(p, k.nrows(), parts).len() as f32;
                averaged(right_states(q, k, v, parts), v.ncols(), length)
            },
        },
        Mistake {
            name: "by-own-sum",
            when: "the parts' results are averaged by their row_sum as it is, although each belongs to a maximum of its own",
            body: |q, k, v, parts| {
                averaged(right_states(q, k, v, parts), v.ncols(), |_, state| {
                    state.row_sum
                })
            },
        },
        Mistake {
            name: "best-part",
            when: "the part with the largest score is taken for the whole",
            body: |q, k, v, parts| {
                let parts = right_states(q, k, v, parts);
                let best = parts.iter().max_by(|a, b| a.row_max.total_cmp(&b.row_max));
                let (out, lse) = best.map(State::finish).unwrap_or_default();
                Split { parts, out, lse }
            },
        },
        Mistake {
            name: "tail-dropped",
            when: "every part has ⌊m/parts⌋ keys, and those at the end that are left over belong to none",
            body: |q, k, v, parts| {
                let (each, scale) = (k.nrows() / parts, 1.0 / (q.len() as f32).sqrt());
                let borders = (0..parts).map(|p| p * each..(p + 1) * each);
                merged(states(q, k, v, scale, borders), v.ncols())
            },
        },
        Mistake {
            name: "other-borders",
            when: "every part but the last ones has ⌈m/parts⌉ keys: the whole is right, the parts are not the ones asked for",
            body: |q, k, v, parts| {
                let (m, scale) = (k.nrows(), 1.0 / (q.len() as f32).sqrt());
                let each = m.div_ceil(parts);
                let borders = (0..parts).map(|p| (p * each).min(m)..((p + 1) * each).min(m));
                merged(states(q, k, v, scale, borders), v.ncols())
            },
        },
        Mistake {
            name: "rest-in-the-last",
            when: "every part has ⌊m/parts⌋ keys, and the last one also those that are left over: the whole is right, the parts are not the ones asked for",
            body: |q, k, v, parts| {
                let (m, scale) = (k.nrows(), 1.0 / (q.len() as f32).sqrt());
                let each = m / parts;
                let end = |p| if p + 1 == parts { m } else { (p + 1) * each };
                let borders = (0..parts).map(|p| p * each..end(p));
                merged(states(q, k, v, scale, borders), v.ncols())
            },
        },
        Mistake {
            name: "cumulative",
            when: "each part's state goes on from that of the part before; a part is to be computed by itself, so that all can be computed at once",
            body: |q, k, v, parts| {
                let (m, scale) = (k.nrows(), 1.0 / (q.len() as f32).sqrt());
                let borders = (0..parts).map(|p| 0..borders(p, m, parts).end);
                let parts = states(q, k, v, scale, borders);
                let (out, lse) = parts.last().map(State::finish).unwrap_or_default();
                Split { parts, out, lse }
            },
        },
        Mistake {
            name: "empty-parts-left-out",
            when: "parts without keys are left out: the whole is right, but fewer parts come back than were asked for",
            body: |q, k, v, parts| {
                let mut split = crate::split_kv(q, k, v, parts);
                split.parts.retain(|part| part.row_sum > 0.0);
                split
            },
        },
        Mistake {
            name: "one-part",
            when: "nothing is split: all keys are in the first part, and the others are empty",
            body: |q, k, v, parts| {
                let scale = 1.0 / (q.len() as f32).sqrt();
                let borders = (0..parts).map(|p| if p == 0 { 0..k.nrows() } else { 0..0 });
                merged(states(q, k, v, scale, borders), v.ncols())
            },
        },
        Mistake {
            name: "empty-part-nan",
            when: "a part without keys takes part in the merge with −∞ − (−∞), which is NaN",
            body: |q, k, v, parts| {
                let right = crate::split_kv(q, k, v, parts);
                let empty = |p| borders(p, k.nrows(), parts).is_empty();
                // From the empty state on, merging an empty part asks for −∞ − (−∞).
                if !empty(0) {
                    return right;
                }
                Split {
                    out: right.out.mapv(|_| f32::NAN),
                    lse: f32::NAN,
                    ..right
                }
            },
        },
        Mistake {
            name: "no-scale",
            when: "the scores are not divided by √d",
            body: |q, k, v, parts| {
                let borders = (0..parts).map(|p| borders(p, k.nrows(), parts));
                merged(states(q, k, v, 1.0, borders), v.ncols())
            },
        },
        Mistake {
            name: "lse-added",
            when: "the parts' log-sum-exps are added; their exponentials add",
            body: |q, k, v, parts| {
                let right = crate::split_kv(q, k, v, parts);
                let lse = right.parts.iter().map(|part| part.finish().1).sum();
                Split { lse, ..right }
            },
        },
        Mistake {
            name: "parts-divided",
            when: "each part's out is divided by its row_sum before it is kept; a state's out is not divided, so that it can be merged",
            body: |q, k, v, parts| {
                let parts = right_states(q, k, v, parts);
                let divided = parts.iter().map(|part| State {
                    out: part.finish().0,
                    ..*part
                });
                merged(divided.collect(), v.ncols())
            },
        },
        Mistake {
            name: "parts-finished",
            when: "the parts were divided by their row_sum before they were merged, so that each has the same say, at the common maximum",
            body: |q, k, v, parts| {
                let parts = right_states(q, k, v, parts);
                let divided = parts.iter().map(|part| State {
                    row_sum: if part.row_sum == 0.0 { 0.0 } else { 1.0 },
                    out: part.finish().0,
                    ..*part
                });
                let right = merged(parts.clone(), v.ncols());
                let wrong = merged(divided.collect(), v.ncols());
                Split {
                    out: wrong.out,
                    ..right
                }
            },
        },
    ]
}
