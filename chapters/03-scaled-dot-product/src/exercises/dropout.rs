//! 3.4 `dropout` on the weights

use crate::softmax_rows;
use attn_core::random::Random;
use attn_exercise::{
    Exercise, Field, Fields, Finding, Mistake, field,
    judge::{Expected, close, each},
};
use ndarray::{Array2, ArrayView2, Axis, Zip, array};
use serde::{Deserialize, Serialize};

/// What is written.
pub type Body = fn(ArrayView2<f32>, f32, u64) -> Array2<f32>;

/// Weights n×m, the probability of dropping one, and the seed of the draws.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Case {
    weights: Array2<f32>,
    p: f32,
    seed: u64,
}

impl Fields for Case {
    fn fields(&self) -> Vec<Field> {
        vec![
            field("weights", &self.weights),
            field("p", self.p),
            field("seed", self.seed.to_string()),
        ]
    }

    fn label(&self) -> String {
        let ((n, m), Case { p, seed, .. }) = (self.weights.dim(), self);
        format!("n={n} m={m}, p={p}, seed {seed}")
    }
}

/// The exercise.
pub fn exercise() -> Exercise<Body, Case, Array2<f32>> {
    Exercise {
        id: "3.4",
        cases,
        answer: |dropout, Case { weights, p, seed }| dropout(weights.view(), *p, *seed),
        judge,
        solution: crate::dropout,
        mistakes: mistakes(),
        steps: |case| vec![field("draws", &draws(case.weights.view(), case.seed))],
    }
}

fn cases(seed: u64) -> Vec<Case> {
    let mut random = Random::new(seed);
    let mut case = |(n, m), p, seed| Case {
        weights: softmax_rows(random.normal((n, m)).view()),
        p,
        seed,
    };
    let by_hand = Case {
        weights: array![[0.25, 0.25, 0.25, 0.25]],
        p: 0.5,
        seed: 1,
    };
    vec![
        by_hand,
        case((3, 4), 0.0, 2),
        case((4, 6), 0.25, 3),
        case((4, 6), 0.25, 4),
        case((3, 3), 1.0, 5),
        case((33, 31), 0.1, 6),
        case((127, 129), 0.9, 7),
    ]
}

fn judge(cases: &[Case], answers: &[Array2<f32>]) -> Result<(), Finding> {
    each(cases, answers, |case, dropped| {
        let Case { weights, p, seed } = case;
        let exact = Zip::from(weights)
            .and(&draws(weights.view(), *seed))
            .map_collect(|&w, &draw| match draw < *p {
                true => 0.0,
                false => f64::from(w) / (1.0 - f64::from(*p)),
            });
        let plain = crate::dropout(weights.view(), *p, *seed);
        close("result", dropped, &Expected::new(exact, &[&plain]))
    })
}

fn draws(weights: ArrayView2<f32>, seed: u64) -> Array2<f32> {
    Random::new(seed).uniform(weights.raw_dim())
}

/// Keeps a weight where `keep(draw)`, multiplied by `scale`.
fn keeping(
    weights: ArrayView2<f32>,
    seed: u64,
    scale: f32,
    keep: impl Fn(f32) -> bool,
) -> Array2<f32> {
    Zip::from(weights)
        .and(&draws(weights, seed))
        .map_collect(|&w, &draw| if keep(draw) { w * scale } else { 0.0 })
}

fn mistakes() -> Vec<Mistake<Body>> {
    vec![
        Mistake {
            name: "no-rescale",
            when: "the weights that remain are not scaled by 1/(1 − p), so that the expectation shrinks",
            body: |weights, p, seed| keeping(weights, seed, 1.0, |draw| draw >= p),
        },
        Mistake {
            name: "by-p",
            when: "the weights that remain are divided by p instead of 1 − p",
            body: |weights, p, seed| keeping(weights, seed, 1.0 / p, |draw| draw >= p),
        },
        Mistake {
            name: "times-1-p",
            when: "the weights that remain are multiplied by 1 − p instead of divided",
            body: |weights, p, seed| keeping(weights, seed, 1.0 - p, |draw| draw >= p),
        },
        Mistake {
            name: "keeps-the-dropped",
            when: "the comparison is the wrong way round: the weights with draws below p are kept",
            body: |weights, p, seed| keeping(weights, seed, 1.0 / (1.0 - p), |draw| draw < p),
        },
        Mistake {
            name: "renormalised",
            when: "each row is divided by its new sum; inverted dropout leaves the rows' sums as they fall",
            body: |weights, p, seed| {
                let kept = keeping(weights, seed, 1.0, |draw| draw >= p);
                let sums = kept
                    .sum_axis(Axis(1))
                    .mapv(|s| if s > 0.0 { s } else { 1.0 });
                kept / sums.insert_axis(Axis(1))
            },
        },
        Mistake {
            name: "seed-ignored",
            when: "the draws do not come from the given seed",
            body: |weights, p, _| crate::dropout(weights, p, 0),
        },
        Mistake {
            name: "whole-rows",
            when: "one draw decides for a whole row",
            body: |weights, p, seed| {
                let mut result = &weights / (1.0 - p);
                let draws = draws(weights, seed);
                for (mut row, draws) in result.rows_mut().into_iter().zip(draws.rows()) {
                    if draws[0] < p {
                        row.fill(0.0);
                    }
                }
                result
            },
        },
        Mistake {
            name: "nan-at-one",
            when: "a dropped weight is multiplied by 0/(1 − p), which is NaN at p = 1",
            body: |weights, p, seed| {
                let keep = draws(weights, seed).mapv(|draw| if draw < p { 0.0 } else { 1.0 });
                &weights * &(keep / (1.0 - p))
            },
        },
    ]
}
