//! 2.2 `general_scores`

use super::{SIZES, oracle};
use attn_core::random::Random;
use attn_exercise::{
    Exercise, Field, Fields, Finding, Mistake, field,
    judge::{Expected, close, each},
};
use ndarray::{Array2, ArrayView2, array};
use serde::{Deserialize, Serialize};

/// What is written.
pub type Body = fn(ArrayView2<f32>, ArrayView2<f32>, ArrayView2<f32>) -> Array2<f32>;

/// A matrix d_q×d_k, queries n×d_q and keys m×d_k.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Case {
    about: String,
    w: Array2<f32>,
    q: Array2<f32>,
    k: Array2<f32>,
}

impl Fields for Case {
    fn fields(&self) -> Vec<Field> {
        vec![
            field("w", &self.w),
            field("q", &self.q),
            field("k", &self.k),
        ]
    }

    fn label(&self) -> String {
        let ((n, d_q), (m, d_k)) = (self.q.dim(), self.k.dim());
        format!("n={n} m={m} d_q={d_q} d_k={d_k}{}", self.about)
    }
}

/// The exercise.
pub fn exercise() -> Exercise<Body, Case, Array2<f32>> {
    Exercise {
        id: "2.2",
        cases,
        answer: |general_scores, Case { w, q, k, .. }| general_scores(w.view(), q.view(), k.view()),
        judge,
        solution: crate::general_scores,
        mistakes: mistakes(),
        steps: |Case { w, q, .. }| vec![field("q W, the queries on the keys' side", &q.dot(w))],
    }
}

fn cases(seed: u64) -> Vec<Case> {
    let mut random = Random::new(seed);
    let by_hand = Case {
        about: ", by hand: score 5".into(),
        w: array![[0.0, 3.0], [0.0, 1.0]],
        q: array![[1.0, 2.0]],
        k: array![[1.0, 1.0]],
    };
    let mut case = |(n, m, d_q, d_k, _): (usize, usize, usize, usize, usize)| Case {
        about: String::new(),
        w: random.normal((d_q, d_k)),
        q: random.normal((n, d_q)),
        k: random.normal((m, d_k)),
    };
    let mut cases = vec![by_hand];
    cases.extend(SIZES.map(&mut case));
    cases.push(case((127, 129, 16, 8, 0)));
    let mut identity = case((3, 4, 5, 5, 0));
    identity.w = Array2::eye(5);
    identity.about = ", W the identity: dot scores".into();
    cases.push(identity);
    cases
}

fn judge(cases: &[Case], answers: &[Array2<f32>]) -> Result<(), Finding> {
    each(cases, answers, |Case { w, q, k, .. }, scores| {
        let exact = oracle::general_scores::<f64>(w, q.view(), k.view());
        let loops = oracle::general_scores::<f32>(w, q.view(), k.view());
        let product = crate::general_scores(w.view(), q.view(), k.view());
        // From the other side: the keys carried over to the queries.
        let other = q.dot(&w.dot(&k.t()));
        let expected = Expected::new(exact, &[&product, &loops, &other]);
        close("result", scores, &expected)
    })
}

/// `q · f(W) · kᵀ` where the widths allow it, and the right scores elsewhere.
fn square_only(
    w: ArrayView2<f32>,
    q: ArrayView2<f32>,
    k: ArrayView2<f32>,
    other: impl Fn() -> Array2<f32>,
) -> Array2<f32> {
    if q.ncols() == k.ncols() {
        other()
    } else {
        crate::general_scores(w, q, k)
    }
}

fn mistakes() -> Vec<Mistake<Body>> {
    vec![
        Mistake {
            name: "transposed",
            when: "W is transposed (where it is square, both fit): the query meets the rows of W, the key its columns",
            body: |w, q, k| square_only(w, q, k, || q.dot(&w.t()).dot(&k.t())),
        },
        Mistake {
            name: "dot",
            when: "W is left out (where the widths are equal): that is the dot product",
            body: |w, q, k| square_only(w, q, k, || q.dot(&k.t())),
        },
        Mistake {
            name: "wrong-axis",
            when: "query and key are exchanged in the result: m×n instead of n×m",
            body: |w, q, k| crate::general_scores(w, q, k).reversed_axes(),
        },
        Mistake {
            name: "tanh",
            when: "a tanh stands between W and the keys: general scores are linear",
            body: |w, q, k| q.dot(&w).mapv(f32::tanh).dot(&k.t()),
        },
        Mistake {
            name: "scaled",
            when: "the scores are divided by √d, as chapter 3 will",
            body: |w, q, k| crate::general_scores(w, q, k) / (k.ncols() as f32).sqrt(),
        },
        Mistake {
            name: "twice",
            when: "W is applied to both sides (where it is square)",
            body: |w, q, k| square_only(w, q, k, || q.dot(&w).dot(&k.dot(&w).t())),
        },
        Mistake {
            name: "softmax",
            when: "the softmax of each row is returned: weights instead of scores",
            body: |w, q, k| {
                let mut scores = crate::general_scores(w, q, k);
                for mut row in scores.rows_mut() {
                    let weights = ch01_rnn_attention::softmax(row.view());
                    row.assign(&weights);
                }
                scores
            },
        },
    ]
}
