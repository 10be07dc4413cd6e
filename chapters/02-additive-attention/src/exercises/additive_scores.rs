//! 2.1 `additive_scores`

use super::{SIZES, oracle, random_additive};
use crate::Additive;
use attn_core::random::Random;
use attn_exercise::{
    Exercise, Field, Fields, Finding, Mistake, field,
    judge::{Expected, close, each, require},
};
use ndarray::{Array1, Array2, ArrayView2, Axis, array};
use serde::{Deserialize, Serialize};

/// What is written.
pub type Body = fn(&Additive, ArrayView2<f32>, ArrayView2<f32>) -> Array2<f32>;

/// Weights, queries n×d_q and keys m×d_k.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Case {
    about: String,
    additive: Additive,
    q: Array2<f32>,
    k: Array2<f32>,
}

impl Fields for Case {
    fn fields(&self) -> Vec<Field> {
        vec![
            field("q", &self.q),
            field("k", &self.k),
            field("additive.w_q", &self.additive.w_q),
            field("additive.w_k", &self.additive.w_k),
            field("additive.v", &self.additive.v),
        ]
    }

    fn label(&self) -> String {
        let ((n, d_q), (m, d_k)) = (self.q.dim(), self.k.dim());
        let a = self.additive.v.len();
        format!("n={n} m={m} d_q={d_q} d_k={d_k} a={a}{}", self.about)
    }
}

/// The exercise.
pub fn exercise() -> Exercise<Body, Case, Array2<f32>> {
    Exercise {
        id: "2.1",
        cases,
        answer: |additive_scores, Case { additive, q, k, .. }| {
            additive_scores(additive, q.view(), k.view())
        },
        judge,
        solution: crate::additive_scores,
        mistakes: mistakes(),
        steps: |Case { additive, q, k, .. }| {
            let (from_q, from_k) = (q.dot(&additive.w_q), k.dot(&additive.w_k));
            let mut steps = vec![field("q W_q", &from_q), field("k W_k", &from_k)];
            if !q.is_empty() {
                let hidden = (&from_k + &from_q.row(0)).mapv(f32::tanh);
                steps.push(field("hidden layer of query 0, a row a key", &hidden));
            }
            steps
        },
    }
}

fn cases(seed: u64) -> Vec<Case> {
    let mut random = Random::new(seed);
    let (ln2, ln3) = (2.0_f32.ln(), 3.0_f32.ln());
    let by_hand = Case {
        about: ", by hand: scores 1 and 3/5".into(),
        additive: Additive {
            w_q: array![[ln2, ln3]],
            w_k: array![[0.0, -ln3]],
            v: array![1.0, 0.5],
        },
        q: array![[1.0]],
        k: array![[0.0], [1.0]],
    };
    let mut case = |about: &str, (n, m, d_q, d_k, a): (usize, usize, usize, usize, usize)| Case {
        about: about.into(),
        additive: random_additive(&mut random, (d_q, d_k), a),
        q: random.normal((n, d_q)),
        k: random.normal((m, d_k)),
    };
    let mut cases = vec![by_hand];
    cases.extend(SIZES.map(|sizes| case("", sizes)));
    cases.push(case("", (127, 3, 16, 8, 129)));
    let mut loud = case(
        ", inputs of about ±1000: every tanh is ±1",
        (4, 5, 8, 8, 16),
    );
    loud.q *= 1000.0;
    loud.k *= 1000.0;
    cases.push(loud);
    cases
}

fn judge(cases: &[Case], answers: &[Array2<f32>]) -> Result<(), Finding> {
    each(cases, answers, |Case { additive, q, k, .. }, scores| {
        if scores.dim() == (q.nrows(), k.nrows()) {
            // A tanh is at most 1, so a score is at most ‖v‖₁.
            let most = additive.v.mapv(f32::abs).sum();
            for ((i, j), s) in scores.indexed_iter() {
                require(s.abs() <= most * 1.0001 + 1e-6, || {
                    format!(
                        "result[{i},{j}] is {s:.4}, but no score can be beyond ±‖v‖₁ = {most:.4}"
                    )
                })?;
            }
        }
        let (q, k) = (q.view(), k.view());
        let exact = oracle::additive_scores::<f64>(additive, q, k);
        let loops = oracle::additive_scores::<f32>(additive, q, k);
        let product = crate::additive_scores(additive, q, k);
        close("result", scores, &Expected::new(exact, &[&product, &loops]))
    })
}

/// A score for each pair from the sums that go into its hidden layer.
fn with(
    additive: &Additive,
    q: ArrayView2<f32>,
    k: ArrayView2<f32>,
    score: impl Fn(Array1<f32>, &Array1<f32>) -> f32,
) -> Array2<f32> {
    let (from_q, from_k) = (q.dot(&additive.w_q), k.dot(&additive.w_k));
    Array2::from_shape_fn((q.nrows(), k.nrows()), |(i, j)| {
        score(&from_q.row(i) + &from_k.row(j), &additive.v)
    })
}

fn mistakes() -> Vec<Mistake<Body>> {
    vec![
        Mistake {
            name: "v-before-tanh",
            when: "v is applied before the tanh: tanh(v · (q W_q + k W_k))",
            body: |additive, q, k| with(additive, q, k, |sum, v| sum.dot(v).tanh()),
        },
        Mistake {
            name: "relu",
            when: "the hidden layer is cut off below zero (ReLU) instead of going through the tanh",
            body: |additive, q, k| {
                // Kept within ±‖v‖₁ by nothing: that alone gives it away on large inputs.
                with(additive, q, k, |sum, v| sum.mapv(|x| x.max(0.0)).dot(v))
            },
        },
        Mistake {
            name: "no-tanh",
            when: "there is no tanh between the two layers",
            body: |additive, q, k| with(additive, q, k, |sum, v| sum.dot(v)),
        },
        Mistake {
            name: "sigmoid",
            when: "the hidden layer goes through a sigmoid instead of the tanh",
            body: |additive, q, k| {
                with(additive, q, k, |sum, v| {
                    sum.mapv(|x| 1.0 / (1.0 + (-x).exp())).dot(v)
                })
            },
        },
        Mistake {
            name: "tanh-apart",
            when: "the tanh is taken of the query's and of the key's part before they are added",
            body: |additive, q, k| {
                let from_q = q.dot(&additive.w_q).mapv(f32::tanh).dot(&additive.v);
                let from_k = k.dot(&additive.w_k).mapv(f32::tanh).dot(&additive.v);
                &from_q.insert_axis(Axis(1)) + &from_k
            },
        },
        Mistake {
            name: "wrong-axis",
            when: "query and key are exchanged in the result: row i belongs to key i, m×n instead of n×m",
            body: |additive, q, k| crate::additive_scores(additive, q, k).reversed_axes(),
        },
        Mistake {
            name: "same-index",
            when: "query i only ever meets key i (and again from the first when the keys run out): the two were lined up instead of paired",
            body: |additive, q, k| {
                let scores = crate::additive_scores(additive, q, k);
                Array2::from_shape_fn(scores.raw_dim(), |(i, _)| scores[[i, i % k.nrows()]])
            },
        },
        Mistake {
            name: "first-query",
            when: "every row is the first query's: the sum was stretched over the wrong axis",
            body: |additive, q, k| {
                let scores = crate::additive_scores(additive, q, k);
                Array2::from_shape_fn(scores.raw_dim(), |(_, j)| scores[[0, j]])
            },
        },
        Mistake {
            name: "minus",
            when: "the key's part is subtracted instead of added",
            body: |additive, q, k| crate::additive_scores(additive, q, (-&k).view()),
        },
        Mistake {
            name: "no-v",
            when: "the hidden layer is added up without the weights v",
            body: |additive, q, k| with(additive, q, k, |sum, _| sum.mapv(f32::tanh).sum()),
        },
        Mistake {
            name: "mean",
            when: "the score is divided by the width of the hidden layer",
            body: |additive, q, k| crate::additive_scores(additive, q, k) / additive.v.len() as f32,
        },
        Mistake {
            name: "scaled",
            when: "the scores are divided by √d: that belongs to the dot product",
            body: |additive, q, k| {
                crate::additive_scores(additive, q, k) / (q.ncols() as f32).sqrt()
            },
        },
        Mistake {
            name: "softmax",
            when: "the softmax of each row is returned: weights instead of scores",
            body: |additive, q, k| {
                let mut scores = crate::additive_scores(additive, q, k);
                for mut row in scores.rows_mut() {
                    let weights = ch01_rnn_attention::softmax(row.view());
                    row.assign(&weights);
                }
                scores
            },
        },
    ]
}
