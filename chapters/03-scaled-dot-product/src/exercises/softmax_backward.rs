//! 3.5 `softmax_backward`

use super::oracle;
use crate::softmax_rows;
use attn_core::random::Random;
use attn_exercise::{
    Exercise, Field, Fields, Finding, Mistake, field,
    judge::{Expected, close, each, require},
};
use ndarray::{Array2, ArrayView2, Axis, array};
use serde::{Deserialize, Serialize};

/// What is written.
pub type Body = fn(ArrayView2<f32>, ArrayView2<f32>) -> Array2<f32>;

/// Softmax weights n×m and the gradient with respect to them, n×m.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Case {
    about: String,
    weights: Array2<f32>,
    d_weights: Array2<f32>,
}

impl Fields for Case {
    fn fields(&self) -> Vec<Field> {
        vec![
            field("weights", &self.weights),
            field("d_weights", &self.d_weights),
        ]
    }

    fn label(&self) -> String {
        let (n, m) = self.weights.dim();
        format!("n={n} m={m}, {}", self.about)
    }
}

/// The exercise.
pub fn exercise() -> Exercise<Body, Case, Array2<f32>> {
    Exercise {
        id: "3.5",
        cases,
        answer: |softmax_backward, case| {
            softmax_backward(case.weights.view(), case.d_weights.view())
        },
        judge,
        solution: crate::softmax_backward,
        mistakes: mistakes(),
        steps: |case| {
            let product = &case.weights * &case.d_weights;
            let row_dot = row_sums(product.view());
            vec![
                field("weights · d_weights", &product),
                field("sum of each row", &row_dot),
            ]
        },
    }
}

fn cases(seed: u64) -> Vec<Case> {
    let mut random = Random::new(seed);
    let mut case = |about: &str, (n, m), empty_row: bool| {
        let mut scores = random.normal((n, m));
        if empty_row {
            scores.row_mut(1).fill(f32::NEG_INFINITY);
        }
        Case {
            about: about.into(),
            weights: softmax_rows(scores.view()),
            d_weights: random.normal((n, m)),
        }
    };
    let by_hand = Case {
        about: "by hand: 3/4 and −3/4".into(),
        weights: array![[0.25, 0.75]],
        d_weights: array![[4.0, 0.0]],
    };
    vec![
        by_hand,
        case("standard normal", (1, 1), false),
        case("standard normal", (4, 7), false),
        case("row 1 empty", (3, 5), true),
        case("standard normal", (33, 31), false),
        case("standard normal", (127, 129), false),
    ]
}

fn judge(cases: &[Case], answers: &[Array2<f32>]) -> Result<(), Finding> {
    each(cases, answers, |case, d_scores| {
        let Case {
            weights, d_weights, ..
        } = case;
        if d_scores.dim() == weights.dim() {
            for (i, row) in d_scores.rows().into_iter().enumerate() {
                let sum = row.sum();
                require(sum.abs() < 1e-4, || {
                    format!("row {i} sums to {sum:.4}, should sum to 0")
                })?;
            }
        }
        let wide = |x: &Array2<f32>| oracle::to::<f64>(x.view());
        let exact = oracle::softmax_backward(&wide(weights), &wide(d_weights));
        let product = crate::softmax_backward(weights.view(), d_weights.view());
        let loops = oracle::softmax_backward(weights, d_weights);
        close(
            "result",
            d_scores,
            &Expected::new(exact, &[&product, &loops]),
        )
    })
}

fn row_sums(x: ArrayView2<f32>) -> Array2<f32> {
    x.sum_axis(Axis(1)).insert_axis(Axis(1))
}

fn mistakes() -> Vec<Mistake<Body>> {
    vec![
        Mistake {
            name: "no-row-term",
            when: "only weights · d_weights is returned: the sum over the row is not subtracted",
            body: |w, d| &w * &d,
        },
        Mistake {
            name: "diagonal-only",
            when: "only the diagonal of the Jacobian is used, w(1 − w), as if each weight depended on its own score alone",
            body: |w, d| &w * &(1.0 - &w) * d,
        },
        Mistake {
            name: "columns",
            when: "the sum runs over the columns instead of the rows",
            body: |w, d| {
                let column_sums = (&w * &d).sum_axis(Axis(0));
                &w * &(&d - &column_sums)
            },
        },
        Mistake {
            name: "plus",
            when: "the row's sum is added instead of subtracted",
            body: |w, d| &w * &(&d + &row_sums((&w * &d).view())),
        },
        Mistake {
            name: "mean",
            when: "the row's mean is subtracted instead of its sum",
            body: |w, d| {
                let mean = row_sums((&w * &d).view()) / w.ncols() as f32;
                &w * &(&d - &mean)
            },
        },
        Mistake {
            name: "row-term-unweighted",
            when: "the row's sum is subtracted from weights · d_weights without being multiplied by the weight",
            body: |w, d| {
                let product = &w * &d;
                let sums = row_sums(product.view());
                product - sums
            },
        },
        Mistake {
            name: "plain-row-sum",
            when: "the sum is over d_weights alone, without the weights in it",
            body: |w, d| &w * &(&d - &row_sums(d)),
        },
        Mistake {
            name: "no-insert-axis",
            when: "the row sums are used without insert_axis(Axis(1)): an array of one axis is laid along the columns, not along the rows",
            body: |w, d| {
                let sums = (&w * &d).sum_axis(Axis(1));
                &w * &(&d - &sums)
            },
        },
        Mistake {
            name: "softmax-again",
            when: "a softmax is taken of the weights, which have been through it already",
            body: |w, d| crate::softmax_backward(softmax_rows(w).view(), d),
        },
        Mistake {
            name: "squared-weights",
            when: "the result is multiplied by the weights twice",
            body: |w, d| &w * &crate::softmax_backward(w, d),
        },
    ]
}
