//! 8.2 `online`

use super::{
    inputs::Inputs,
    kept::{Kept, Scale},
    wrong::{RIGHT, Recipe},
};
use crate::{
    given::{Block, Output, State, Traffic, seen},
    merge,
};
use attn_core::{Mask, random::Random};
use attn_exercise::{Exercise, Field, Fields, Finding, Mistake, field, judge::each};
use ch03_scaled_dot_product::attention;
use ndarray::{Array1, Array2, ArrayView2, s};
use serde::{Deserialize, Serialize};

/// What is written.
pub type Body = fn(ArrayView2<f32>, ArrayView2<f32>, ArrayView2<f32>, bool) -> Output;

/// The inputs; tiles play no part.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Case(Inputs);

impl Fields for Case {
    fn fields(&self) -> Vec<Field> {
        self.0.tensors()
    }

    fn label(&self) -> String {
        self.0.sizes() + &self.0.remark()
    }
}

/// What came out, and what was held meanwhile.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Answer {
    output: Output,
    kept: Kept,
}

impl Fields for Answer {
    fn fields(&self) -> Vec<Field> {
        let mut fields = self.output.fields();
        fields.push(field("memory", String::from(self.kept)));
        fields
    }
}

/// The exercise.
pub fn exercise() -> Exercise<Body, Case, Answer> {
    Exercise {
        id: "8.2",
        cases,
        answer: |online, Case(inputs)| {
            let Inputs {
                q, k, v, causal, ..
            } = inputs;
            let run = || online(q.view(), k.view(), v.view(), *causal);
            let (output, kept) = if inputs.measured {
                let (n, m) = (q.nrows(), k.nrows());
                let results = 4 * n * (v.ncols() + 1);
                let scale = Scale {
                    n,
                    m,
                    rows: 1,
                    results,
                };
                scale.measure(run)
            } else {
                (run(), Kept::UNKNOWN)
            };
            Answer { output, kept }
        },
        judge,
        solution: crate::online,
        mistakes: mistakes(),
        steps,
    }
}

fn cases(seed: u64) -> Vec<Case> {
    let mut random = Random::new(seed);
    let mut case =
        |sizes, widths, causal| Inputs::normal(&mut random, sizes, widths, causal, (1, 1));
    let long = case((16, 8000), (2, 2), false).about("memory is measured");
    let cases = vec![
        Inputs::by_hand(),
        case((5, 7), (4, 3), false),
        case((1, 1), (1, 1), false),
        case((3, 6), (4, 4), true),
        case((6, 3), (8, 2), true).about("the first three queries see nothing"),
        case((4, 6), (16, 3), false).large(),
        case((33, 31), (16, 8), true),
        case((31, 129), (64, 32), true),
        Inputs {
            measured: true,
            ..long
        },
    ];
    cases.into_iter().map(Case).collect()
}

fn judge(cases: &[Case], answers: &[Answer]) -> Result<(), Finding> {
    each(cases, answers, |Case(inputs), answer| {
        inputs.judge(&answer.output)?;
        answer.kept.judge(inputs.q.nrows(), inputs.k.nrows())
    })
}

/// The state of query 0 after each key that it sees.
fn steps(Case(inputs): &Case) -> Vec<Field> {
    let Inputs {
        q, k, v, causal, ..
    } = inputs;
    let (n, m) = (q.nrows(), k.nrows());
    let keys = if n == 0 { 0 } else { seen(0, n, m, *causal) };
    let lengths = 1..=keys.min(12);
    let states: Vec<[f32; 2]> = lengths
        .clone()
        .map(|j| {
            let scores = k.slice(s![..j, ..]).dot(&q.row(0)) / (q.ncols() as f32).sqrt();
            let row_max = scores.fold(f32::NEG_INFINITY, |max, &s| max.max(s));
            [row_max, scores.mapv(|s| (s - row_max).exp()).sum()]
        })
        .collect();
    let column = |c: usize| states.iter().map(|state| state[c]).collect::<Array1<f32>>();
    let first = q.slice(s![..n.min(1), ..]);
    let outs = lengths.flat_map(|j| {
        let (k, v) = (k.slice(s![..j, ..]), v.slice(s![..j, ..]));
        attention(first, k, v, &Mask::None).out.into_iter()
    });
    let outs = outs.collect::<Vec<f32>>();
    let outs = Array2::from_shape_vec((states.len(), v.ncols()), outs).unwrap_or_default();
    vec![
        field("row_max of query 0 after each key", &column(0)),
        field("row_sum of query 0 after each key", &column(1)),
        field("out / row_sum of query 0 after each key", &outs),
    ]
}

/// A recipe on tiles of one query and one key.
fn one_by_one(
    recipe: Recipe,
    q: ArrayView2<f32>,
    k: ArrayView2<f32>,
    v: ArrayView2<f32>,
    causal: bool,
) -> Output {
    let block = Block { q: 1, k: 1 };
    recipe.run((q, k, v), causal, block, &mut Traffic::default())
}

/// One state for all queries.
fn state_carried_over(
    q: ArrayView2<f32>,
    k: ArrayView2<f32>,
    v: ArrayView2<f32>,
    causal: bool,
) -> Output {
    let ((n, d), (m, d_v)) = (q.dim(), v.dim());
    let mut result = Output {
        out: Array2::zeros((n, d_v)),
        lse: Array1::zeros(n),
    };
    let mut state = State::empty(d_v);
    for i in 0..n {
        for j in 0..seen(i, n, m, causal) {
            let score = q.row(i).dot(&k.row(j)) / (d as f32).sqrt();
            state = merge(&state, &State::of_key(score, v.row(j)));
        }
        let (row, lse) = state.finish();
        result.out.row_mut(i).assign(&row);
        result.lse[i] = lse;
    }
    result
}

#[rustfmt::skip] // a mistake a line or two
fn mistakes() -> Vec<Mistake<Body>> {
    vec![
        Mistake {
            name: "sum-not-rescaled",
            when: "out is rescaled to each new maximum and row_sum is not",
            body: |q, k, v, causal| one_by_one(Recipe { rescale_sum: false, ..RIGHT }, q, k, v, causal),
        },
        Mistake {
            name: "out-not-rescaled",
            when: "row_sum is rescaled to each new maximum and out is not",
            body: |q, k, v, causal| one_by_one(Recipe { rescale_out: false, ..RIGHT }, q, k, v, causal),
        },
        Mistake {
            name: "nothing-rescaled",
            when: "the maximum changes on the way and what was summed before is never rescaled to it",
            body: |q, k, v, causal| one_by_one(Recipe { rescale_sum: false, rescale_out: false, ..RIGHT }, q, k, v, causal),
        },
        Mistake {
            name: "undivided",
            when: "out is not divided by row_sum at the end",
            body: |q, k, v, causal| one_by_one(Recipe { divide: false, ..RIGHT }, q, k, v, causal),
        },
        Mistake {
            name: "no-scale",
            when: "the scores are not divided by √d",
            body: |q, k, v, causal| one_by_one(Recipe { scale: |_, _| 1.0, ..RIGHT }, q, k, v, causal),
        },
        Mistake {
            name: "by-d",
            when: "the scores are divided by d instead of √d",
            body: |q, k, v, causal| one_by_one(Recipe { scale: |d, _| 1.0 / d, ..RIGHT }, q, k, v, causal),
        },
        Mistake {
            name: "by-d-v",
            when: "the scores are divided by √d_v instead of √d",
            body: |q, k, v, causal| one_by_one(Recipe { scale: |_, d_v| 1.0 / d_v.sqrt(), ..RIGHT }, q, k, v, causal),
        },
        Mistake {
            name: "state-carried-over",
            when: "the state is made once, before the loop over the queries: each query goes on with what the ones before it saw",
            body: state_carried_over,
        },
        Mistake {
            name: "max-from-zero",
            when: "the maximum starts at 0 instead of −∞: a query whose scores are all far below zero loses them all",
            body: |q, k, v, causal| one_by_one(Recipe { max_from: 0.0, ..RIGHT }, q, k, v, causal),
        },
        Mistake {
            name: "max-from-least-float",
            when: "the maximum starts at the least finite number instead of −∞, so that a query without keys gets a log-sum-exp that is not −∞",
            body: |q, k, v, causal| {
                let mut output = one_by_one(RIGHT, q, k, v, causal);
                output.lse.mapv_inplace(|lse| lse.max(f32::MIN));
                output
            },
        },
        Mistake {
            name: "causal-ignored",
            when: "every query sees every key, causal or not",
            body: |q, k, v, _| one_by_one(RIGHT, q, k, v, false),
        },
        Mistake {
            name: "top-left",
            when: "causal is aligned top-left (j ≤ i) instead of bottom-right",
            body: |q, k, v, causal| one_by_one(Recipe { seen: |i, _, m| m.min(i + 1), ..RIGHT }, q, k, v, causal),
        },
        Mistake {
            name: "strict",
            when: "the causal limit itself is left out, so that no query sees its own key",
            body: |q, k, v, causal| one_by_one(Recipe { seen: |i, n, m| (m + i).saturating_sub(n), ..RIGHT }, q, k, v, causal),
        },
        Mistake {
            name: "last-key-dropped",
            when: "the last key that a query sees is left out, causal or not",
            body: |q, k, v, causal| one_by_one(Recipe { sees: |keys| keys.saturating_sub(1), ..RIGHT }, q, k, v, causal),
        },
        Mistake {
            name: "clamped-limit",
            when: "the causal limit is clamped at zero, so that queries which should see nothing see key 0",
            body: |q, k, v, causal| one_by_one(Recipe { seen: |i, n, m| ((m + i).saturating_sub(n) + 1).min(m), ..RIGHT }, q, k, v, causal),
        },
        Mistake {
            name: "empty-row-nan",
            when: "out is divided by row_sum where a query saw no key: 0/0 is NaN",
            body: |q, k, v, causal| {
                let mut output = one_by_one(RIGHT, q, k, v, causal);
                for i in 0..q.nrows() {
                    if causal && seen(i, q.nrows(), k.nrows(), true) == 0 {
                        output.out.row_mut(i).fill(f32::NAN);
                    }
                }
                output
            },
        },
        Mistake {
            name: "lse-without-max",
            when: "the log-sum-exp is only ln row_sum; row_max was not added back",
            body: |q, k, v, causal| one_by_one(Recipe { lse: |_, row_sum| row_sum.ln(), ..RIGHT }, q, k, v, causal),
        },
        Mistake {
            name: "lse-without-log",
            when: "the log-sum-exp is row_max + row_sum, without the logarithm",
            body: |q, k, v, causal| one_by_one(Recipe { lse: |row_max, row_sum| row_max + row_sum, ..RIGHT }, q, k, v, causal),
        },
        Mistake {
            name: "keeps-a-row",
            when: "all scores of a query are computed before the first is used, and kept: the numbers are right, the memory grows with the keys",
            body: |q, k, v, causal| {
                let (n, m) = (q.nrows(), k.nrows());
                let mut result = Output { out: Array2::zeros((n, v.ncols())), lse: Array1::zeros(n) };
                for i in 0..n {
                    let keys = seen(i, n, m, causal);
                    let row = q.slice(s![i..i + 1, ..]);
                    let (k, v) = (k.slice(s![..keys, ..]), v.slice(s![..keys, ..]));
                    let one = attention(row, k, v, &Mask::None);
                    result.out.row_mut(i).assign(&one.out.row(0));
                    result.lse[i] = one.lse[0];
                }
                result
            },
        },
        Mistake {
            name: "keeps-a-table",
            when: "this is attention as in chapter 3, with its tables of n×m scores and weights: the numbers are right, the memory is not",
            body: |q, k, v, causal| attention(q, k, v, if causal { &Mask::Causal } else { &Mask::None }),
        },
    ]
}
