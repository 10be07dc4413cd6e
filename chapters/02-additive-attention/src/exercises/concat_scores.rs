//! 2.3 `concat_scores`

use super::{SIZES, oracle};
use crate::Concat;
use attn_core::random::Random;
use attn_exercise::{
    Exercise, Field, Fields, Finding, Mistake, field,
    judge::{Expected, close, each},
};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, array, concatenate};
use serde::{Deserialize, Serialize};

/// What is written.
pub type Body = fn(&Concat, ArrayView2<f32>, ArrayView2<f32>) -> Array2<f32>;

/// Weights, queries n×d_q and keys m×d_k.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Case {
    about: String,
    concat: Concat,
    q: Array2<f32>,
    k: Array2<f32>,
}

impl Fields for Case {
    fn fields(&self) -> Vec<Field> {
        vec![
            field("q", &self.q),
            field("k", &self.k),
            field("concat.w", &self.concat.w),
            field("concat.v", &self.concat.v),
        ]
    }

    fn label(&self) -> String {
        let ((n, d_q), (m, d_k)) = (self.q.dim(), self.k.dim());
        let a = self.concat.v.len();
        format!("n={n} m={m} d_q={d_q} d_k={d_k} a={a}{}", self.about)
    }
}

/// The exercise.
pub fn exercise() -> Exercise<Body, Case, Array2<f32>> {
    Exercise {
        id: "2.3",
        cases,
        answer: |concat_scores, Case { concat, q, k, .. }| {
            concat_scores(concat, q.view(), k.view())
        },
        judge,
        solution: crate::concat_scores,
        mistakes: mistakes(),
        steps: |Case { concat, q, k, .. }| {
            if q.is_empty() || k.is_empty() {
                return Vec::new();
            }
            let both = concatenate![Axis(0), q.row(0), k.row(0)];
            let hidden = both.dot(&concat.w).mapv(f32::tanh);
            vec![
                field("query 0 and key 0, joined", &both),
                field("their hidden layer", &hidden),
            ]
        },
    }
}

fn cases(seed: u64) -> Vec<Case> {
    let mut random = Random::new(seed);
    let (ln2, ln3) = (2.0_f32.ln(), 3.0_f32.ln());
    let by_hand = Case {
        about: ", by hand: scores 1 and 3/5".into(),
        concat: Concat {
            w: array![[ln2, ln3], [0.0, -ln3]],
            v: array![1.0, 0.5],
        },
        q: array![[1.0]],
        k: array![[0.0], [1.0]],
    };
    let mut case = |(n, m, d_q, d_k, a): (usize, usize, usize, usize, usize)| Case {
        about: String::new(),
        concat: Concat {
            w: random.normal((d_q + d_k, a)) / ((d_q + d_k) as f32).sqrt(),
            v: random.normal(a),
        },
        q: random.normal((n, d_q)),
        k: random.normal((m, d_k)),
    };
    let mut cases = vec![by_hand];
    cases.extend(SIZES.map(&mut case));
    cases.push(case((3, 127, 16, 8, 129)));
    cases
}

fn judge(cases: &[Case], answers: &[Array2<f32>]) -> Result<(), Finding> {
    each(cases, answers, |Case { concat, q, k, .. }, scores| {
        let (q, k) = (q.view(), k.view());
        let exact = oracle::concat_scores::<f64>(concat, q, k);
        let loops = oracle::concat_scores::<f32>(concat, q, k);
        let product = crate::concat_scores(concat, q, k);
        let apart = crate::additive_scores(&crate::scores::split(concat, q.ncols()), q, k);
        let expected = Expected::new(exact, &[&product, &loops, &apart]);
        close("result", scores, &expected)
    })
}

/// A score for each pair.
fn with(
    q: ArrayView2<f32>,
    k: ArrayView2<f32>,
    score: impl Fn(ArrayView1<f32>, ArrayView1<f32>) -> f32,
) -> Array2<f32> {
    Array2::from_shape_fn((q.nrows(), k.nrows()), |(i, j)| score(q.row(i), k.row(j)))
}

/// What goes into the hidden layer.
fn hidden(concat: &Concat, first: ArrayView1<f32>, second: ArrayView1<f32>) -> Array1<f32> {
    concatenate![Axis(0), first, second].dot(&concat.w)
}

fn mistakes() -> Vec<Mistake<Body>> {
    vec![
        Mistake {
            name: "key-first",
            when: "the key is put before the query: the query comes first",
            body: |c, q, k| with(q, k, |q, k| hidden(c, k, q).mapv(f32::tanh).dot(&c.v)),
        },
        Mistake {
            name: "no-tanh",
            when: "there is no tanh between the two layers",
            body: |c, q, k| with(q, k, |q, k| hidden(c, q, k).dot(&c.v)),
        },
        Mistake {
            name: "v-before-tanh",
            when: "v is applied before the tanh",
            body: |c, q, k| with(q, k, |q, k| hidden(c, q, k).dot(&c.v).tanh()),
        },
        Mistake {
            name: "relu",
            when: "the hidden layer is cut off below zero (ReLU) instead of going through the tanh",
            body: |c, q, k| with(q, k, |q, k| hidden(c, q, k).mapv(|x| x.max(0.0)).dot(&c.v)),
        },
        Mistake {
            name: "query-alone",
            when: "the key's half is left empty, so that every key gets the same score",
            body: |c, q, k| {
                with(q, k, |q, k| {
                    hidden(c, q, Array1::zeros(k.len()).view())
                        .mapv(f32::tanh)
                        .dot(&c.v)
                })
            },
        },
        Mistake {
            name: "key-alone",
            when: "the query's half is left empty, so that every query gives the same scores",
            body: |c, q, k| {
                with(q, k, |q, k| {
                    hidden(c, Array1::zeros(q.len()).view(), k)
                        .mapv(f32::tanh)
                        .dot(&c.v)
                })
            },
        },
        Mistake {
            name: "wrong-axis",
            when: "query and key are exchanged in the result: m×n instead of n×m",
            body: |c, q, k| crate::concat_scores(c, q, k).reversed_axes(),
        },
        Mistake {
            name: "no-v",
            when: "the hidden layer is added up without the weights v",
            body: |c, q, k| with(q, k, |q, k| hidden(c, q, k).mapv(f32::tanh).sum()),
        },
    ]
}
