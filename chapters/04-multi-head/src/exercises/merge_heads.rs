//! 4.2 `merge_heads`

use super::split_heads::{SIZES, marked};
use attn_core::random::Random;
use attn_exercise::{
    Exercise, Field, Fields, Finding, Mistake, field,
    judge::{each, equal},
};
use ndarray::{Array2, Array3, ArrayView3, Axis, concatenate};
use serde::{Deserialize, Serialize};

/// What is written.
pub type Body = fn(ArrayView3<f32>) -> Array2<f32>;

/// Heads, (h, n, d).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Case {
    about: String,
    x: Array3<f32>,
}

impl Fields for Case {
    fn fields(&self) -> Vec<Field> {
        vec![field("x", &self.x)]
    }

    fn label(&self) -> String {
        let (h, n, d) = self.x.dim();
        format!("h={h} n={n} d={d}, {}", self.about)
    }
}

/// The exercise.
pub fn exercise() -> Exercise<Body, Case, Array2<f32>> {
    Exercise {
        id: "4.2",
        cases,
        answer: |merge_heads, case| merge_heads(case.x.view()),
        judge,
        solution: crate::merge_heads,
        mistakes: mistakes(),
        steps: |case| {
            let first = case.x.index_axis(Axis(1), 0);
            vec![field("the first token, a row a head", &first.to_owned())]
        },
    }
}

fn cases(seed: u64) -> Vec<Case> {
    let mut random = Random::new(seed);
    let case = |about: &str, x| Case {
        about: about.into(),
        x,
    };
    let split = |n, h, d| {
        let x = marked(n, h, d);
        Array3::from_shape_fn((h, n, d), |(head, i, c)| x[[i, head * d + c]])
    };
    let mut cases = vec![case(
        "by hand: hundreds are the token, tens the head, units the place",
        split(4, 2, 3),
    )];
    for (n, h, d) in SIZES {
        cases.push(case("standard normal", random.normal((h, n, d))));
    }
    cases.push(case("marked", split(6, 3, 2)));
    cases
}

fn judge(cases: &[Case], answers: &[Array2<f32>]) -> Result<(), Finding> {
    each(cases, answers, |Case { x, .. }, merged| {
        equal("result", merged, &expected(x.view()))
    })
}

/// The heads side by side.
fn expected(x: ArrayView3<f32>) -> Array2<f32> {
    let heads: Vec<_> = x.axis_iter(Axis(0)).collect();
    concatenate(Axis(1), &heads).expect("heads of equal height")
}

/// The numbers of `x`, in order, in another shape.
fn reshaped(x: ArrayView3<f32>, shape: (usize, usize)) -> Array2<f32> {
    let numbers = x.iter().copied().collect();
    Array2::from_shape_vec(shape, numbers).expect("as many as in x")
}

fn mistakes() -> Vec<Mistake<Body>> {
    vec![
        Mistake {
            name: "reshape",
            when: "the numbers are read into (n, h·d) in the order in which they lie in memory, without a transpose: tokens and heads are mixed",
            body: |x| {
                let (h, n, d) = x.dim();
                reshaped(x, (n, h * d))
            },
        },
        Mistake {
            name: "stacked",
            when: "the heads stand one below the other, (h·n, d), instead of side by side",
            body: |x| {
                let (h, n, d) = x.dim();
                reshaped(x, (h * n, d))
            },
        },
        Mistake {
            name: "places-first",
            when: "the columns of the heads are interleaved: column c·h + head instead of head·d + c",
            body: |x| {
                let (h, n, d) = x.dim();
                Array2::from_shape_fn((n, h * d), |(i, column)| x[[column % h, i, column / h]])
            },
        },
        Mistake {
            name: "swapped-divisor",
            when: "a column is divided by h instead of d to find its head",
            body: |x| {
                let (h, n, d) = x.dim();
                Array2::from_shape_fn((n, h * d), |(i, column)| x[[column / h, i, column % h]])
            },
        },
        Mistake {
            name: "summed",
            when: "the heads are added up instead of put side by side; adding them up is what W_o may do afterwards",
            body: |x| x.sum_axis(Axis(0)),
        },
        Mistake {
            name: "averaged",
            when: "the heads are averaged instead of put side by side",
            body: |x| x.sum_axis(Axis(0)) / x.dim().0 as f32,
        },
        Mistake {
            name: "first-head-repeated",
            when: "every head's columns hold the first head",
            body: |x| {
                let (h, n, d) = x.dim();
                Array2::from_shape_fn((n, h * d), |(i, column)| x[[0, i, column % d]])
            },
        },
        Mistake {
            name: "heads-reversed",
            when: "the heads come in reverse order",
            body: |mut x| {
                x.invert_axis(Axis(0));
                expected(x)
            },
        },
        Mistake {
            name: "transposed",
            when: "the result is (h·d, n): it still has to be transposed",
            body: |x| {
                expected(x)
                    .reversed_axes()
                    .as_standard_layout()
                    .into_owned()
            },
        },
    ]
}
