//! 0.2 `normalise_rows`

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

/// Entries that are not negative, n×m.
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
        id: "0.2",
        cases,
        answer: |normalise_rows, case| normalise_rows(case.x.view()),
        judge,
        solution: crate::normalise_rows,
        mistakes: mistakes(),
        steps: |case| vec![field("row_sum", &row_sum(case.x.view()))],
    }
}

fn cases(seed: u64) -> Vec<Case> {
    let mut random = Random::new(seed);
    let case = |about: &str, x: Array2<f32>| Case {
        about: about.into(),
        x,
    };
    let mut positive = |(n, m)| random.normal((n, m)).exp();
    let mut zero_row = positive((3, 4));
    zero_row.row_mut(1).fill(0.0);
    let mut small_row = positive((4, 3));
    small_row.row_mut(2).mapv_inplace(|x| x * 1e-6);
    let mut tiny_row = positive((3, 3));
    tiny_row.row_mut(0).mapv_inplace(|x| x * 1e-30);
    vec![
        case(
            "by hand: quarters, halves and a one",
            array![[1.0, 2.0, 1.0], [0.0, 0.0, 5.0]],
        ),
        case("a single entry", positive((1, 1))),
        case("exp of standard normal", positive((4, 4))),
        case("row 1 all zero", zero_row),
        case("row 2 a million times smaller", small_row),
        case("row 0 tiny, but not zero", tiny_row),
        case("exp of standard normal", positive((33, 31))),
        case("exp of standard normal", positive((127, 129))),
    ]
}

fn judge(cases: &[Case], answers: &[Array2<f32>]) -> Result<(), Finding> {
    each(cases, answers, |Case { x, .. }, result| {
        let exact = oracle::normalise_rows::<f64>(x.view());
        if result.dim() == x.dim() {
            for (i, (row, exact)) in result.rows().into_iter().zip(exact.rows()).enumerate() {
                let (sum, should) = (row.sum(), exact.sum().round());
                require((f64::from(sum) - should).abs() < 1e-4, || {
                    format!("row {i} sums to {sum:.4}, should sum to {should}")
                })?;
            }
        }
        let whole = crate::normalise_rows(x.view());
        let loops = oracle::normalise_rows(x.view());
        close("result", result, &Expected::new(exact, &[&whole, &loops]))
    })
}

fn row_sum(x: ArrayView2<f32>) -> Array2<f32> {
    x.sum_axis(Axis(1)).insert_axis(Axis(1))
}

/// `x` over `divisor`, except that 0 / 0 is 0.
fn divide(x: ArrayView2<f32>, divisor: Array2<f32>) -> Array2<f32> {
    &x / &divisor.mapv(|by| if by == 0.0 { 1.0 } else { by })
}

fn mistakes() -> Vec<Mistake<Body>> {
    vec![
        Mistake {
            name: "columns",
            when: "each column is divided by its sum instead of each row: sum_axis(Axis(0)) adds up the rows and gives one sum a column",
            body: |x| divide(x, x.sum_axis(Axis(0)).insert_axis(Axis(0))),
        },
        Mistake {
            name: "no-insert-axis",
            when: "the row sums are used without insert_axis(Axis(1)): an array of one axis is broadcast along the columns, not along the rows",
            body: |x| &x / &x.sum_axis(Axis(1)),
        },
        Mistake {
            name: "zero-row-nan",
            when: "a row of zeros is divided by its sum: 0 / 0 is NaN",
            body: |x| &x / &row_sum(x),
        },
        Mistake {
            name: "whole-matrix",
            when: "everything is divided by the sum of the whole matrix instead of the row's sum",
            body: |x| &x / x.sum(),
        },
        Mistake {
            name: "mean",
            when: "each row is divided by its mean instead of its sum",
            body: |x| divide(x, row_sum(x) / x.ncols() as f32),
        },
        Mistake {
            name: "max",
            when: "each row is divided by its largest entry instead of its sum",
            body: |x| {
                let row_max = x.fold_axis(Axis(1), 0.0, |max: &f32, &x| max.max(x));
                divide(x, row_max.insert_axis(Axis(1)))
            },
        },
        Mistake {
            name: "length",
            when: "each row is divided by its length, the root of the sum of squares, instead of its sum",
            body: |x| divide(x, row_sum(x.mapv(|x| x * x).view()).sqrt()),
        },
        Mistake {
            name: "softmax",
            when: "the exponentials of the entries are divided by their sum, as in a softmax, instead of the entries",
            body: |x| {
                let exp = x.exp();
                &exp / &row_sum(exp.view())
            },
        },
        Mistake {
            name: "threshold",
            when: "a small sum is replaced as if it were 0: only a sum of exactly 0 must not divide",
            body: |x| &x / &row_sum(x).mapv(|sum| if sum < 1e-12 { 1.0 } else { sum }),
        },
        Mistake {
            name: "epsilon",
            when: "1e-6 is added to the sums so that none is zero: a row of small entries then no longer sums to one",
            body: |x| &x / &(row_sum(x) + 1e-6),
        },
    ]
}
