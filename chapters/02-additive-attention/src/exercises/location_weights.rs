//! 2.4 `location_weights`

use super::oracle;
use attn_core::random::Random;
use attn_exercise::{
    Exercise, Field, Fields, Finding, Mistake, field,
    judge::{Expected, close, each, require},
};
use ch01_rnn_attention::softmax;
use ndarray::{Array1, Array2, ArrayView2, Axis, array, s};
use serde::{Deserialize, Serialize};

/// What is written.
pub type Body = fn(ArrayView2<f32>, ArrayView2<f32>, usize) -> Array2<f32>;

/// A matrix d_q×s, queries n×d_q and the number of keys.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Case {
    about: String,
    w: Array2<f32>,
    q: Array2<f32>,
    m: usize,
}

impl Fields for Case {
    fn fields(&self) -> Vec<Field> {
        vec![
            field("w", &self.w),
            field("q", &self.q),
            field("m", self.m.to_string()),
        ]
    }

    fn label(&self) -> String {
        let ((n, d_q), s, m) = (self.q.dim(), self.w.ncols(), self.m);
        format!("n={n} m={m} d_q={d_q} s={s}{}", self.about)
    }
}

/// The exercise.
pub fn exercise() -> Exercise<Body, Case, Array2<f32>> {
    Exercise {
        id: "2.4",
        cases,
        answer: |location_weights, Case { w, q, m, .. }| location_weights(w.view(), q.view(), *m),
        judge,
        solution: crate::location_weights,
        mistakes: mistakes(),
        steps: |Case { w, q, m, .. }| {
            let scores = q.dot(w);
            vec![
                field("q W", &scores),
                field(
                    "its first m columns",
                    &scores.slice(s![.., ..*m]).to_owned(),
                ),
            ]
        },
    }
}

fn cases(seed: u64) -> Vec<Case> {
    let mut random = Random::new(seed);
    let by_hand = Case {
        about: ", by hand: weights 1/4 and 3/4".into(),
        w: array![[0.0, 3.0_f32.ln(), 7.0]],
        q: array![[1.0]],
        m: 2,
    };
    let mut case = |about: &str, n, m, d_q: usize, s| Case {
        about: about.into(),
        w: random.normal((d_q, s)) / (d_q as f32).sqrt(),
        q: random.normal((n, d_q)),
        m,
    };
    vec![
        by_hand,
        case("", 1, 1, 1, 1),
        case("", 3, 5, 4, 8),
        case(", as many keys as positions", 4, 6, 3, 6),
        case("", 2, 1, 5, 9),
        case("", 33, 31, 16, 127),
        case("", 5, 129, 8, 129),
    ]
}

fn judge(cases: &[Case], answers: &[Array2<f32>]) -> Result<(), Finding> {
    each(cases, answers, |Case { w, q, m, .. }, weights| {
        if weights.dim() == (q.nrows(), *m) {
            for (i, row) in weights.rows().into_iter().enumerate() {
                let sum = row.sum();
                require((sum - 1.0).abs() < 1e-4, || {
                    format!("row {i} sums to {sum:.4}, should sum to 1")
                })?;
            }
        }
        let exact = oracle::location_weights::<f64>(w, q.view(), *m);
        let loops = oracle::location_weights::<f32>(w, q.view(), *m);
        let product = crate::location_weights(w.view(), q.view(), *m);
        close(
            "result",
            weights,
            &Expected::new(exact, &[&product, &loops]),
        )
    })
}

/// The softmax of each row.
fn softmax_rows(mut scores: Array2<f32>) -> Array2<f32> {
    for mut row in scores.rows_mut() {
        let weights = softmax(row.view());
        row.assign(&weights);
    }
    scores
}

fn mistakes() -> Vec<Mistake<Body>> {
    vec![
        Mistake {
            name: "cut-after",
            when: "the softmax runs over all positions that the weights know and is cut afterwards: positions that do not exist take their share",
            body: |w, q, m| softmax_rows(q.dot(&w)).slice(s![.., ..m]).to_owned(),
        },
        Mistake {
            name: "not-cut",
            when: "the result has a column for every position that the weights know, not for the m keys",
            body: |w, q, _| softmax_rows(q.dot(&w)),
        },
        Mistake {
            name: "last-positions",
            when: "the last m positions are taken instead of the first",
            body: |w, q, m| {
                let scores = q.dot(&w);
                softmax_rows(scores.slice(s![.., w.ncols() - m..]).to_owned())
            },
        },
        Mistake {
            name: "zeroed-before",
            when: "the scores of positions that do not exist are set to 0 before the softmax, and take a share of e⁰ each: they would have to be −∞, or not be there",
            body: |w, q, m| {
                let mut scores = q.dot(&w);
                scores.slice_mut(s![.., m..]).fill(0.0);
                softmax_rows(scores).slice(s![.., ..m]).to_owned()
            },
        },
        Mistake {
            name: "no-softmax",
            when: "the scores are returned, without the softmax",
            body: |w, q, m| q.dot(&w.slice(s![.., ..m])),
        },
        Mistake {
            name: "columns",
            when: "the softmax runs over the queries (columns) instead of the positions (rows)",
            body: |w, q, m| {
                let scores = q.dot(&w.slice(s![.., ..m]));
                softmax_rows(scores.reversed_axes()).reversed_axes()
            },
        },
        Mistake {
            name: "whole-matrix",
            when: "one softmax runs over the whole matrix instead of each row",
            body: |w, q, m| {
                let scores = q.dot(&w.slice(s![.., ..m]));
                let flat: Array1<f32> = scores.iter().copied().collect();
                let weights = softmax(flat.view()).to_vec();
                Array2::from_shape_vec(scores.raw_dim(), weights).expect("as many")
            },
        },
        Mistake {
            name: "by-the-sum",
            when: "the scores are divided by their sum instead of going through the softmax",
            body: |w, q, m| {
                let scores = q.dot(&w.slice(s![.., ..m]));
                let sums = scores.sum_axis(Axis(1)).insert_axis(Axis(1));
                scores / sums
            },
        },
    ]
}
