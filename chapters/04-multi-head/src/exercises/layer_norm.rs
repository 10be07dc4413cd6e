//! 4.6 `layer_norm`

use super::{oracle, random::norm};
use crate::given::{EPSILON, LayerNorm};
use attn_core::random::Random;
use attn_exercise::{
    Exercise, Field, Fields, Finding, Mistake, field,
    judge::{Expected, close, each},
};
use ndarray::{Array1, Array2, ArrayView2, Axis, array};
use serde::{Deserialize, Serialize};

/// What is written.
pub type Body = fn(ArrayView2<f32>, &LayerNorm) -> Array2<f32>;

/// A sequence, n × d_model, and the weights.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Case {
    about: String,
    x: Array2<f32>,
    norm: LayerNorm,
}

impl Fields for Case {
    fn fields(&self) -> Vec<Field> {
        vec![
            field("x", &self.x),
            field("gain", &self.norm.gain),
            field("bias", &self.norm.bias),
        ]
    }

    fn label(&self) -> String {
        let (n, width) = self.x.dim();
        format!("n={n} d_model={width}, {}", self.about)
    }
}

/// The exercise.
pub fn exercise() -> Exercise<Body, Case, Array2<f32>> {
    Exercise {
        id: "4.6",
        cases,
        answer: |layer_norm, case| layer_norm(case.x.view(), &case.norm),
        judge,
        solution: crate::layer_norm,
        mistakes: mistakes(),
        steps: |Case { x, .. }| {
            let mean = row_means(x.view());
            let centred = x - &mean;
            let variance = row_means((&centred * &centred).view());
            vec![
                field("mean of each row", &mean),
                field("variance of each row", &variance),
            ]
        },
    }
}

fn cases(seed: u64) -> Vec<Case> {
    let mut random = Random::new(seed);
    let by_hand = Case {
        about: "by hand: the rows become (−1, 1) and (1, −1)".into(),
        x: array![[3.0, 5.0], [9.0, 1.0]],
        norm: LayerNorm {
            gain: array![2.0, 2.0],
            bias: array![10.0, 0.0],
        },
    };
    let mut cases = vec![by_hand];
    for (n, width) in [(1, 4), (5, 7), (8, 8), (33, 31), (127, 129)] {
        cases.push(Case {
            about: "standard normal".into(),
            x: random.normal((n, width)),
            norm: norm(&mut random, width),
        });
    }
    let mut other = |about: &str, change: fn(&mut Array2<f32>)| {
        let mut x = random.normal((4, 16));
        change(&mut x);
        cases.push(Case {
            about: about.into(),
            x,
            norm: norm(&mut random, 16),
        });
    };
    other("rows of different size and mean", |x| {
        *x *= &array![[100.0_f32], [1.0], [10.0], [0.1]];
        *x += &array![[50.0_f32], [-2.0], [0.0], [0.3]];
    });
    other("mean 1000, spread 1", |x| *x += 1000.0);
    other("row 1 constant, so that its variance is 0", |x| {
        x.row_mut(1).fill(2.0);
    });
    other("numbers of about 0.003, so that ε counts", |x| *x *= 0.003);
    cases
}

fn judge(cases: &[Case], answers: &[Array2<f32>]) -> Result<(), Finding> {
    each(cases, answers, |Case { x, norm, .. }, y| {
        let exact = oracle::layer_norm(&oracle::to::<f64>(x.view()), norm);
        let plain = [
            crate::layer_norm(x.view(), norm),
            oracle::layer_norm(x, norm),
        ];
        let expected = Expected::new(exact, &[&plain[0], &plain[1]]);
        close("result", y, &expected)
    })
}

/// The variance as the mean of the squares less the square of the mean: right on paper.
fn by_squares(x: ArrayView2<f32>, norm: &LayerNorm) -> Array2<f32> {
    let mean = row_means(x);
    let variance = row_means((&x * &x).view()) - &mean * &mean;
    (&x - &mean) / (variance + EPSILON).sqrt() * &norm.gain + &norm.bias
}

fn row_means(x: ArrayView2<f32>) -> Array2<f32> {
    x.mean_axis(Axis(1)).expect("columns").insert_axis(Axis(1))
}

/// The reference without gain and bias, whose deviation is `deviation(variance, d_model)`.
fn normalised(x: ArrayView2<f32>, deviation: fn(f32, f32) -> f32) -> Array2<f32> {
    let mut y = &x - &row_means(x);
    let width = x.ncols() as f32;
    for mut row in y.rows_mut() {
        let variance = row.dot(&row) / width;
        row /= deviation(variance, width);
    }
    y
}

fn right(variance: f32, _: f32) -> f32 {
    (variance + EPSILON).sqrt()
}

fn plain(width: usize) -> LayerNorm {
    LayerNorm {
        gain: Array1::ones(width),
        bias: Array1::zeros(width),
    }
}

fn mistakes() -> Vec<Mistake<Body>> {
    vec![
        Mistake {
            name: "columns",
            when: "the columns are normalised instead of the rows: tokens would see each other",
            body: |x, norm| {
                let columns = crate::layer_norm(x.t(), &plain(x.nrows()));
                columns.reversed_axes() * &norm.gain + &norm.bias
            },
        },
        Mistake {
            name: "whole-matrix",
            when: "mean and variance are those of the whole matrix instead of each row",
            body: |x, norm| {
                let centred = &x - x.sum() / x.len() as f32;
                let variance = (&centred * &centred).sum() / x.len() as f32;
                centred / (variance + EPSILON).sqrt() * &norm.gain + &norm.bias
            },
        },
        Mistake {
            name: "no-epsilon",
            when: "ε is missing: a constant row is 0/0, and small numbers are blown up",
            body: |x, norm| normalised(x, |variance, _| variance.sqrt()) * &norm.gain + &norm.bias,
        },
        Mistake {
            name: "epsilon-outside",
            when: "ε is added to the root instead of under it",
            body: |x, norm| {
                normalised(x, |variance, _| variance.sqrt() + EPSILON) * &norm.gain + &norm.bias
            },
        },
        Mistake {
            name: "no-root",
            when: "it is divided by the variance instead of its root",
            body: |x, norm| {
                normalised(x, |variance, _| variance + EPSILON) * &norm.gain + &norm.bias
            },
        },
        Mistake {
            name: "sample-variance",
            when: "the sum of the squares is divided by d_model − 1 instead of d_model",
            body: |x, norm| {
                let sample = |variance: f32, width: f32| {
                    (variance * width / (width - 1.0).max(1.0) + EPSILON).sqrt()
                };
                normalised(x, sample) * &norm.gain + &norm.bias
            },
        },
        Mistake {
            name: "sum-of-squares",
            when: "the squares are summed up and not divided by d_model",
            body: |x, norm| {
                let sum = |variance: f32, width: f32| (variance * width + EPSILON).sqrt();
                normalised(x, sum) * &norm.gain + &norm.bias
            },
        },
        Mistake {
            name: "no-mean",
            when: "the mean is not subtracted: that is RMS normalisation, another layer",
            body: |x, norm| {
                let squares = row_means((&x * &x).view());
                &x / &(squares + EPSILON).sqrt() * &norm.gain + &norm.bias
            },
        },
        Mistake {
            name: "mean-only",
            when: "the rows are centred, but not divided by their deviation",
            body: |x, norm| normalised(x, |_, _| 1.0) * &norm.gain + &norm.bias,
        },
        Mistake {
            name: "variance-before-mean",
            when: "the variance is taken before the mean is subtracted: it is the mean of the squares",
            body: |x, norm| {
                let squares = row_means((&x * &x).view());
                (&x - &row_means(x)) / (squares + EPSILON).sqrt() * &norm.gain + &norm.bias
            },
        },
        Mistake {
            name: "squares-less-square",
            when: "the variance is the mean of the squares less the square of the mean: where the mean is large against the spread, two nearly equal numbers are subtracted and the digits are lost; subtract the mean first",
            body: by_squares,
        },
        Mistake {
            name: "no-gain-no-bias",
            when: "gain and bias are not applied",
            body: |x, _| normalised(x, right),
        },
        Mistake {
            name: "no-bias",
            when: "the bias is not added",
            body: |x, norm| normalised(x, right) * &norm.gain,
        },
        Mistake {
            name: "bias-first",
            when: "the bias is added before the gain multiplies, so that it is multiplied too",
            body: |x, norm| (normalised(x, right) + &norm.bias) * &norm.gain,
        },
        Mistake {
            name: "gain-first",
            when: "gain and bias are applied before the rows are normalised",
            body: |x, norm| {
                let y = &x * &norm.gain + &norm.bias;
                normalised(y.view(), right)
            },
        },
        Mistake {
            name: "swapped",
            when: "gain and bias are exchanged",
            body: |x, norm| normalised(x, right) * &norm.bias + &norm.gain,
        },
    ]
}
