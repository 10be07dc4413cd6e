//! 2.5 `local_weights`

mod mistakes;

use super::oracle;
use crate::{Pointer, positions};
use attn_core::random::Random;
use attn_exercise::{
    Exercise, Field, Fields, Finding, field,
    judge::{Expected, close, each, require},
};
use ndarray::{Array2, ArrayView2, array};
use serde::{Deserialize, Serialize};

/// What is written.
pub type Body = fn(&Pointer, ArrayView2<f32>, ArrayView2<f32>, usize) -> Array2<f32>;

/// What points, queries n×d_q, scores n×m and the window's half-width.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Case {
    about: String,
    pointer: Pointer,
    q: Array2<f32>,
    scores: Array2<f32>,
    half: usize,
}

impl Fields for Case {
    fn fields(&self) -> Vec<Field> {
        vec![
            field("q", &self.q),
            field("scores", &self.scores),
            field("half", self.half.to_string()),
            field("pointer.w_p", &self.pointer.w_p),
            field("pointer.v_p", &self.pointer.v_p),
        ]
    }

    fn label(&self) -> String {
        let ((n, m), d_q) = (self.scores.dim(), self.q.ncols());
        format!("n={n} m={m} d_q={d_q} half={}{}", self.half, self.about)
    }
}

/// The exercise.
pub fn exercise() -> Exercise<Body, Case, Array2<f32>> {
    Exercise {
        id: "2.5",
        cases,
        answer: |local_weights, case| {
            local_weights(&case.pointer, case.q.view(), case.scores.view(), case.half)
        },
        judge,
        solution: crate::local_weights,
        mistakes: mistakes::mistakes(),
        steps: |Case {
                    pointer, q, scores, ..
                }| {
            vec![field(
                "p, where each query points",
                &positions(pointer, q.view(), scores.ncols()),
            )]
        },
    }
}

fn cases(seed: u64) -> Vec<Case> {
    let mut random = Random::new(seed);
    let by_hand = Case {
        about: ", by hand: p = 4, equal scores".into(),
        pointer: Pointer {
            w_p: array![[1.0, -2.0]],
            v_p: array![3.0, 1.0],
        },
        q: array![[0.0]],
        scores: Array2::zeros((1, 8)),
        half: 2,
    };
    let mut case = |about: &str, (n, m), (d_q, a): (usize, usize), half, sharp: f32| Case {
        about: about.into(),
        pointer: Pointer {
            w_p: random.normal((d_q, a)) / (d_q as f32).sqrt(),
            v_p: random.normal(a) * (sharp / (a as f32).sqrt()),
        },
        q: random.normal((n, d_q)),
        scores: random.normal((n, m)),
        half,
    };
    vec![
        by_hand,
        case(", a single key", (1, 1), (1, 1), 1, 1.0),
        case("", (4, 9), (3, 4), 2, 2.0),
        case(", a window wider than the text", (3, 5), (4, 2), 9, 2.0),
        case(", near the ends", (6, 12), (2, 3), 3, 20.0),
        case("", (7, 33), (8, 16), 5, 2.0),
        case("", (33, 129), (16, 8), 10, 3.0),
    ]
}

fn judge(cases: &[Case], answers: &[Array2<f32>]) -> Result<(), Finding> {
    each(cases, answers, |case, weights| {
        let Case {
            pointer,
            q,
            scores,
            half,
            ..
        } = case;
        let (q, scores) = (q.view(), scores.view());
        let exact = oracle::local_weights::<f64>(pointer, q, scores, *half);
        if weights.dim() == exact.dim() {
            outside_is_zero(weights, pointer, q, *half)?;
        }
        let loops = oracle::local_weights::<f32>(pointer, q, scores, *half);
        let product = crate::local_weights(pointer, q, scores, *half);
        close(
            "result",
            weights,
            &Expected::new(exact, &[&product, &loops]),
        )
    })
}

/// Nothing outside of the window gets any weight, and no row more than one.
fn outside_is_zero(
    weights: &Array2<f32>,
    pointer: &Pointer,
    q: ArrayView2<f32>,
    half: usize,
) -> Result<(), String> {
    for (i, row) in weights.rows().into_iter().enumerate() {
        let p = oracle::position::<f64>(pointer, q.row(i), row.len());
        for (j, &weight) in row.iter().enumerate() {
            let far = (j as f64 - p).abs() > half as f64 + 1e-3;
            require(!far || weight == 0.0, || {
                format!(
                    "result[{i},{j}] is {weight:.4}, should be 0: the query points at {p:.3}, and the window ends at ±{half}"
                )
            })?;
        }
        let sum = row.sum();
        require(sum <= 1.0001, || {
            format!("row {i} sums to {sum:.4}, more than 1")
        })?;
    }
    Ok(())
}
