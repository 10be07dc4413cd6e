//! 3.1 `softmax_rows`

use super::oracle;
use attn_core::random::Random;
use attn_exercise::{
    Exercise, Field, Fields, Finding, Mistake, field,
    judge::{Expected, close, each, require},
};
use ndarray::{Array2, ArrayView2, Axis, array};
use serde::{Deserialize, Serialize};

/// What is written.
pub type Body = fn(ArrayView2<f32>) -> Array2<f32>;

/// Scores, n×m.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Case {
    about: String,
    x: Array2<f32>,
}

impl Fields for Case {
    fn fields(&self) -> Vec<Field> {
        vec![field("x", &self.x)]
    }

    fn label(&self) -> String {
        let (n, m) = self.x.dim();
        format!("n={n} m={m}, {}", self.about)
    }
}

/// The exercise.
pub fn exercise() -> Exercise<Body, Case, Array2<f32>> {
    Exercise {
        id: "3.1",
        cases,
        answer: |softmax_rows, case| softmax_rows(case.x.view()),
        judge,
        solution: crate::softmax_rows,
        mistakes: mistakes(),
        steps,
    }
}

fn cases(seed: u64) -> Vec<Case> {
    let mut random = Random::new(seed);
    let case = |about: &str, x: Array2<f32>| Case {
        about: about.into(),
        x,
    };
    let (ln2, ln4) = (2.0_f32.ln(), 4.0_f32.ln());
    let mut scattered = random.normal((5, 6));
    scattered.mapv_inplace(|s| if s > 0.8 { f32::NEG_INFINITY } else { s });
    scattered[[0, 0]] = 0.0;
    let mut empty_row = random.normal((3, 4));
    empty_row.row_mut(1).fill(f32::NEG_INFINITY);
    let far_apart = random.normal((3, 5)) + &array![[-1000.0_f32], [0.0], [1000.0]];
    vec![
        case(
            "by hand: weights 1/7, 2/7, 4/7 and thirds",
            array![[0.0, ln2, ln4], [5.0, 5.0, 5.0]],
        ),
        case("a single score", random.normal((1, 1))),
        case("standard normal", random.normal((4, 7))),
        case("standard normal", random.normal((33, 31))),
        case("scores of ±10000", random.normal((4, 5)) * 1e4),
        case("rows 1000 apart", far_apart),
        case("some scores −∞", scattered),
        case("row 1 all −∞", empty_row),
        case("standard normal", random.normal((127, 129))),
    ]
}

fn judge(cases: &[Case], answers: &[Array2<f32>]) -> Result<(), Finding> {
    each(cases, answers, |Case { x, .. }, weights| {
        let exact = oracle::softmax_rows::<f64>(x.view());
        if weights.dim() == x.dim() {
            for (i, (row, exact)) in weights.rows().into_iter().zip(exact.rows()).enumerate() {
                let (sum, should) = (row.sum(), exact.sum().round());
                require((f64::from(sum) - should).abs() < 1e-4, || {
                    format!("row {i} sums to {sum:.4}, should sum to {should}")
                })?;
            }
        }
        let x = x.view();
        let plain = [
            crate::softmax_rows(x),
            oracle::softmax_rows(x),
            by_log_sum_exp(x),
        ];
        let expected = Expected::new(exact, &[&plain[0], &plain[1], &plain[2]]);
        close("result", weights, &expected)
    })
}

/// `exp(x − lse)`: another right way, which loses some digits where scores are far from zero.
fn by_log_sum_exp(x: ArrayView2<f32>) -> Array2<f32> {
    let row_max = row_max(x);
    let sum = (&x - &row_max).exp().sum_axis(Axis(1)).ln();
    let lse = row_max + sum.insert_axis(Axis(1));
    zero_empty_rows(x, (&x - &lse).exp())
}

fn steps(Case { x, .. }: &Case) -> Vec<Field> {
    let row_max = row_max(x.view());
    // A row that is all −∞ has no steps: its weights are zero.
    let exp = zero_empty_rows(x.view(), (x - &row_max).exp());
    let row_sum = exp.sum_axis(Axis(1)).insert_axis(Axis(1));
    vec![
        field("row_max", &row_max),
        field("exp(x − row_max)", &exp),
        field("row_sum", &row_sum),
    ]
}

fn row_max(x: ArrayView2<f32>) -> Array2<f32> {
    x.fold_axis(Axis(1), f32::NEG_INFINITY, |max, &s| max.max(s))
        .insert_axis(Axis(1))
}

/// One number for the whole matrix, 1×1.
fn matrix_max(x: ArrayView2<f32>) -> Array2<f32> {
    let max = x.fold(f32::NEG_INFINITY, |max, &s| max.max(s));
    Array2::from_elem((1, 1), max)
}

/// Exponentials over their sum along `axis`, with `shift` taken off first.
fn normalise(x: ArrayView2<f32>, shift: &Array2<f32>, axis: Axis) -> Array2<f32> {
    let exp = (&x - shift).exp();
    let sum = exp.sum_axis(axis).insert_axis(axis);
    exp / sum
}

fn mistakes() -> Vec<Mistake<Body>> {
    vec![
        Mistake {
            name: "formula-as-written",
            when: "exp is taken of the scores as they are: large ones overflow, and a row that is all −∞ is 0/0; subtract the row's maximum first",
            body: |x| normalise(x, &Array2::zeros((1, 1)), Axis(1)),
        },
        Mistake {
            name: "no-max",
            when: "the row's maximum is not subtracted before exp, so that large scores overflow",
            body: |x| {
                let weights = normalise(x, &Array2::zeros((1, 1)), Axis(1));
                zero_empty_rows(x, weights)
            },
        },
        Mistake {
            name: "columns",
            when: "the columns are normalised instead of the rows",
            body: |x| crate::softmax_rows(x.t()).reversed_axes(),
        },
        Mistake {
            name: "whole-matrix",
            when: "everything is divided by the sum over the whole matrix instead of the row's sum",
            body: |x| {
                let exp = (&x - &matrix_max(x)).exp();
                let sum = exp.sum();
                exp / sum
            },
        },
        Mistake {
            name: "matrix-max",
            when: "the maximum of the whole matrix is subtracted instead of the row's, so that a row far below it vanishes",
            body: |x| zero_empty_rows(x, normalise(x, &matrix_max(x), Axis(1))),
        },
        Mistake {
            name: "matrix-max-nan",
            when: "the maximum of the whole matrix is subtracted instead of the row's, and a row far below it is 0/0",
            body: |x| normalise(x, &matrix_max(x), Axis(1)),
        },
        Mistake {
            name: "no-exp",
            when: "the scores themselves are divided by their sum, without exp",
            body: |x| {
                let sum = x.sum_axis(Axis(1)).insert_axis(Axis(1));
                &x / &sum
            },
        },
        Mistake {
            name: "no-division",
            when: "the exponentials are not divided by the row's sum",
            body: |x| zero_empty_rows(x, (&x - &row_max(x)).exp()),
        },
        Mistake {
            name: "empty-row-nan",
            when: "a row that is all −∞ is not taken out first: −∞ − (−∞), like 0/0, is NaN",
            body: |x| normalise(x, &row_max(x), Axis(1)),
        },
        Mistake {
            name: "empty-row-uniform",
            when: "a row that is all −∞ gets equal weights instead of zeros",
            body: |x| {
                let mut weights = crate::softmax_rows(x);
                let equal = 1.0 / x.ncols() as f32;
                for mut row in weights.rows_mut() {
                    if row.sum() == 0.0 {
                        row.fill(equal);
                    }
                }
                weights
            },
        },
        Mistake {
            name: "log",
            when: "the logarithms of the weights are returned instead of the weights",
            body: |x| crate::softmax_rows(x).ln(),
        },
    ]
}

fn zero_empty_rows(x: ArrayView2<f32>, mut weights: Array2<f32>) -> Array2<f32> {
    for (scores, mut row) in x.rows().into_iter().zip(weights.rows_mut()) {
        if scores.iter().all(|&s| s == f32::NEG_INFINITY) {
            row.fill(0.0);
        }
    }
    weights
}
