//! 4.1 `split_heads`

use attn_core::random::Random;
use attn_exercise::{
    Exercise, Field, Fields, Finding, Mistake, field,
    judge::{each, equal},
};
use ndarray::{Array2, Array3, ArrayView2, Axis, concatenate, stack};
use serde::{Deserialize, Serialize};

/// What is written.
pub type Body = fn(ArrayView2<f32>, usize) -> Array3<f32>;

/// A sequence, n × h·d, and the number of heads.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Case {
    about: String,
    x: Array2<f32>,
    h: usize,
}

impl Fields for Case {
    fn fields(&self) -> Vec<Field> {
        vec![field("x", &self.x), field("h", self.h.to_string())]
    }

    fn label(&self) -> String {
        let (n, width) = self.x.dim();
        let Case { about, h, .. } = self;
        format!("n={n} h={h} d={}, {about}", width / h)
    }
}

/// The exercise.
pub fn exercise() -> Exercise<Body, Case, Array3<f32>> {
    Exercise {
        id: "4.1",
        cases,
        answer: |split_heads, case| split_heads(case.x.view(), case.h),
        judge,
        solution: crate::split_heads,
        mistakes: mistakes(),
        steps: |case| vec![field("token of each number", &tokens(case.x.dim(), case.h))],
    }
}

/// Every number says where it comes from: hundreds the token, tens the head, units the place in it.
pub(super) fn marked(n: usize, h: usize, d: usize) -> Array2<f32> {
    Array2::from_shape_fn((n, h * d), |(i, column)| {
        (100 * i + 10 * (column / d) + column % d) as f32
    })
}

/// The sizes of the random cases: n, h, d.
pub(super) const SIZES: [(usize, usize, usize); 6] = [
    (1, 1, 1),
    (1, 4, 3),
    (5, 1, 4),
    (4, 4, 4),
    (33, 3, 31),
    (127, 8, 16),
];

fn cases(seed: u64) -> Vec<Case> {
    let mut random = Random::new(seed);
    let case = |about: &str, x, h| Case {
        about: about.into(),
        x,
        h,
    };
    let mut cases = vec![case(
        "by hand: hundreds are the token, tens the head, units the place",
        marked(4, 2, 3),
        2,
    )];
    for (n, h, d) in SIZES {
        cases.push(case("standard normal", random.normal((n, h * d)), h));
    }
    cases.push(case("marked", marked(6, 3, 2), 3));
    cases
}

fn judge(cases: &[Case], answers: &[Array3<f32>]) -> Result<(), Finding> {
    each(cases, answers, |Case { x, h, .. }, heads| {
        equal("result", heads, &expected(x.view(), *h))
    })
}

/// Slices of columns, stacked.
fn expected(x: ArrayView2<f32>, h: usize) -> Array3<f32> {
    let heads: Vec<_> = x.axis_chunks_iter(Axis(1), x.ncols() / h).collect();
    stack(Axis(0), &heads).expect("heads of equal shape")
}

fn tokens((n, width): (usize, usize), h: usize) -> Array3<f32> {
    Array3::from_shape_fn((h, n, width / h), |(_, i, _)| i as f32)
}

/// The numbers of `x`, row by row, in another shape.
fn reshaped(x: ArrayView2<f32>, shape: (usize, usize, usize)) -> Array3<f32> {
    let numbers = x.iter().copied().collect();
    Array3::from_shape_vec(shape, numbers).expect("as many as in x")
}

fn mistakes() -> Vec<Mistake<Body>> {
    vec![
        Mistake {
            name: "reshape",
            when: "the numbers are read into (h, n, d) in the order in which they lie in memory, without a transpose: tokens and heads are mixed",
            body: |x, h| reshaped(x, (h, x.nrows(), x.ncols() / h)),
        },
        Mistake {
            name: "transposed-reshape",
            when: "x is transposed first and then read into (h, n, d): the head is right, but tokens and places within the head are mixed",
            body: |x, h| reshaped(x.t(), (h, x.nrows(), x.ncols() / h)),
        },
        Mistake {
            name: "tokens-first",
            when: "the result is (n, h, d): the heads have to lead, so the first two axes are still to be swapped",
            body: |x, h| reshaped(x, (x.nrows(), h, x.ncols() / h)),
        },
        Mistake {
            name: "last-axes-swapped",
            when: "the result is (h, d, n): tokens and places are swapped within each head",
            body: |x, h| reshaped(x.t(), (h, x.ncols() / h, x.nrows())),
        },
        Mistake {
            name: "every-hth",
            when: "a head takes every h-th column, column c·h + head, instead of d consecutive ones",
            body: |x, h| {
                let d = x.ncols() / h;
                Array3::from_shape_fn((h, x.nrows(), d), |(head, i, c)| x[[i, c * h + head]])
            },
        },
        Mistake {
            name: "first-head-only",
            when: "every head gets the columns of the first one: the offset head·d is missing",
            body: |x, h| {
                let d = x.ncols() / h;
                Array3::from_shape_fn((h, x.nrows(), d), |(_, i, c)| x[[i, c]])
            },
        },
        Mistake {
            name: "offset-without-d",
            when: "a head starts at column head instead of head·d, so that the heads overlap",
            body: |x, h| {
                let d = x.ncols() / h;
                Array3::from_shape_fn((h, x.nrows(), d), |(head, i, c)| x[[i, head + c]])
            },
        },
        Mistake {
            name: "times-h",
            when: "a head starts at column head·h instead of head·d",
            body: |x, h| {
                let d = x.ncols() / h;
                Array3::from_shape_fn((h, x.nrows(), d), |(head, i, c)| x[[i, head * h + c]])
            },
        },
        Mistake {
            name: "heads-reversed",
            when: "the heads come in reverse order",
            body: |x, h| {
                let mut heads = expected(x, h);
                heads.invert_axis(Axis(0));
                heads.as_standard_layout().into_owned()
            },
        },
        Mistake {
            name: "rows-dealt-out",
            when: "the tokens are dealt out to the heads instead of the columns: the result has n/h tokens of full width a head",
            body: |x, h| {
                let rows = x.nrows().div_ceil(h);
                let padding = Array2::zeros((rows * h - x.nrows(), x.ncols()));
                let padded = concatenate![Axis(0), x, padding];
                reshaped(padded.view(), (h, rows, x.ncols()))
            },
        },
    ]
}
