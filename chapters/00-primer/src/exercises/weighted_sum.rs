//! 0.1 `weighted_sum`

use super::oracle;
use attn_core::random::Random;
use attn_exercise::{
    Exercise, Field, Fields, Finding, Mistake, field,
    judge::{Expected, close, each},
};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, array};
use serde::{Deserialize, Serialize};

/// What is written.
pub type Body = fn(ArrayView1<f32>, ArrayView2<f32>) -> Array1<f32>;

/// Weights m and values m×d_v.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Case {
    about: String,
    weights: Array1<f32>,
    values: Array2<f32>,
}

impl Fields for Case {
    fn fields(&self) -> Vec<Field> {
        vec![
            field("weights", &self.weights),
            field("values", &self.values),
        ]
    }

    fn label(&self) -> String {
        let (m, d_v) = self.values.dim();
        format!("m={m} d_v={d_v}, {}", self.about)
    }
}

/// The exercise.
pub fn exercise() -> Exercise<Body, Case, Array1<f32>> {
    Exercise {
        id: "0.1",
        cases,
        answer: |weighted_sum, case| weighted_sum(case.weights.view(), case.values.view()),
        judge,
        solution: crate::weighted_sum,
        mistakes: mistakes(),
        steps: |case| {
            let weighted = weighted(case.weights.view(), case.values.view());
            vec![field("values · weights", &weighted)]
        },
    }
}

fn cases(seed: u64) -> Vec<Case> {
    let mut random = Random::new(seed);
    let mut case = |(m, d_v)| {
        let positive: Array1<f32> = random.normal(m).exp();
        Case {
            about: "standard normal values".into(),
            weights: &positive / positive.sum(),
            values: random.normal((m, d_v)),
        }
    };
    // Not square, so that rows and columns cannot be mistaken for each other without a panic.
    let by_hand = Case {
        about: "by hand: a quarter and three quarters".into(),
        weights: array![0.25, 0.75],
        values: array![[4.0, 0.0, 8.0], [0.0, 4.0, 8.0]],
    };
    let nothing = Case {
        about: "weights of zero".into(),
        weights: Array1::zeros(4),
        ..case((4, 5))
    };
    vec![
        by_hand,
        case((1, 3)),
        case((4, 4)),
        nothing,
        case((31, 33)),
        case((129, 127)),
    ]
}

fn judge(cases: &[Case], answers: &[Array1<f32>]) -> Result<(), Finding> {
    each(cases, answers, |case, out| {
        let (weights, values) = (case.weights.view(), case.values.view());
        let exact = oracle::weighted_sum::<f64>(weights, values);
        let product = crate::weighted_sum(weights, values);
        let loops = oracle::weighted_sum(weights, values);
        close("result", out, &Expected::new(exact, &[&product, &loops]))
    })
}

/// Each row times its weight, m×d_v.
fn weighted(weights: ArrayView1<f32>, values: ArrayView2<f32>) -> Array2<f32> {
    &values * &weights.insert_axis(Axis(1))
}

fn mistakes() -> Vec<Mistake<Body>> {
    vec![
        Mistake {
            name: "mean",
            when: "every row counts the same: the plain mean of the rows, without the weights",
            body: |weights, values| values.sum_axis(Axis(0)) / weights.len() as f32,
        },
        Mistake {
            name: "plain-sum",
            when: "the rows are added up without their weights",
            body: |_, values| values.sum_axis(Axis(0)),
        },
        Mistake {
            name: "values-first",
            when: "the product is values.dot(&weights), which pairs the weights with the columns of `values`; the weights belong to its rows, so they stand first",
            body: |weights, values| values.dot(&weights),
        },
        Mistake {
            name: "no-insert-axis",
            when: "the weights are multiplied with `values` without insert_axis(Axis(1)): an array of one axis is broadcast along the columns, not along the rows",
            body: |weights, values| (&values * &weights).sum_axis(Axis(0)),
        },
        Mistake {
            name: "across",
            when: "the weighted rows are summed along Axis(1), which gives one number a row; Axis(0) gives one a column",
            body: |weights, values| weighted(weights, values).sum_axis(Axis(1)),
        },
        Mistake {
            name: "last-row",
            when: "the result is overwritten with each row (=) instead of added to (+=), so that only the last row is left",
            body: |weights, values| {
                let last = weights.len() - 1;
                &values.row(last) * weights[last]
            },
        },
        Mistake {
            name: "largest-only",
            when: "only the row with the largest weight is taken",
            body: |weights, values| {
                let mut best = 0;
                for (j, &weight) in weights.indexed_iter() {
                    if weight > weights[best] {
                        best = j;
                    }
                }
                values.row(best).to_owned()
            },
        },
        Mistake {
            name: "divided-by-count",
            when: "the sum is divided by the number of rows as well; the weights have seen to that",
            body: |weights, values| weights.dot(&values) / weights.len() as f32,
        },
        Mistake {
            name: "divided-by-sum",
            when: "the result is divided by the sum of the weights: where all of them are zero, that is 0 / 0, which is NaN",
            body: |weights, values| weights.dot(&values) / weights.sum(),
        },
    ]
}
