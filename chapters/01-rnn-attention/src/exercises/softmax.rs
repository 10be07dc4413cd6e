//! 1.1 `softmax`

use super::oracle;
use attn_core::random::Random;
use attn_exercise::{
    Exercise, Field, Fields, Finding, Mistake, field,
    judge::{Expected, close, each, require},
};
use ndarray::{Array1, ArrayView1, array};
use serde::{Deserialize, Serialize};

/// What is written.
pub type Body = fn(ArrayView1<f32>) -> Array1<f32>;

/// Scores, m.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Case {
    about: String,
    scores: Array1<f32>,
}

impl Fields for Case {
    fn fields(&self) -> Vec<Field> {
        vec![field("scores", &self.scores)]
    }

    fn label(&self) -> String {
        format!("m={}, {}", self.scores.len(), self.about)
    }
}

/// The exercise.
pub fn exercise() -> Exercise<Body, Case, Array1<f32>> {
    Exercise {
        id: "1.1",
        cases,
        answer: |softmax, case| softmax(case.scores.view()),
        judge,
        solution: crate::softmax,
        mistakes: mistakes(),
        steps: |case| {
            let exp = case.scores.exp();
            vec![field("exp(scores)", &exp), field("their sum", exp.sum())]
        },
    }
}

fn cases(seed: u64) -> Vec<Case> {
    let mut random = Random::new(seed);
    let case = |about: &str, scores: Array1<f32>| Case {
        about: about.into(),
        scores,
    };
    vec![
        case(
            "by hand: weights 1/7, 2/7, 4/7",
            array![0.0, 2.0_f32.ln(), 4.0_f32.ln()],
        ),
        case(
            "the relevances of the book",
            array![8.0, 4.0, 4.0, 2.0, 2.0],
        ),
        case("a single score", random.normal(1)),
        case("equal scores", Array1::from_elem(4, -1.5)),
        case("standard normal", random.normal(7)),
        case("all below zero", random.normal(31).mapv(|s| -3.0 - s.abs())),
        case("standard normal", random.normal(33)),
        case("wide", random.normal(129) * 5.0),
        case("all near −80", random.normal(5) - 76.0),
        case("all near 75", random.normal(5) + 75.0),
    ]
}

fn judge(cases: &[Case], answers: &[Array1<f32>]) -> Result<(), Finding> {
    each(cases, answers, |Case { scores, .. }, weights| {
        if weights.dim() == scores.dim() {
            let sum = weights.sum();
            require((sum - 1.0).abs() < 1e-4, || {
                format!("the weights sum to {sum:.4}, should sum to 1")
            })?;
        }
        let exact = oracle::array(oracle::softmax(&oracle::vector::<f64>(scores.view())));
        let loops = oracle::array(oracle::softmax(&scores.to_vec()));
        let plain = scores.exp() / scores.exp().sum();
        // Right too, and a little less exact far from zero.
        let log_sum = scores.exp().sum().ln();
        let by_log = scores.mapv(|s| (s - log_sum).exp());
        let reference = crate::softmax(scores.view());
        let expected = Expected::new(exact, &[&reference, &loops, &plain, &by_log]);
        close("result", weights, &expected)
    })
}

fn mistakes() -> Vec<Mistake<Body>> {
    vec![
        Mistake {
            name: "by-the-sum",
            when: "the scores themselves are divided by their sum: the other meaning of “normalise”, without exp",
            body: |scores| scores.to_owned() / scores.sum(),
        },
        Mistake {
            name: "no-division",
            when: "the exponentials are not divided by their sum",
            body: |scores| scores.exp(),
        },
        Mistake {
            name: "divided-before-exp",
            when: "the scores are divided by their sum first and exp is taken afterwards",
            body: |scores| (scores.to_owned() / scores.sum()).exp(),
        },
        Mistake {
            name: "by-the-largest",
            when: "the exponentials are divided by the largest of them instead of their sum",
            body: |scores| {
                let exp = scores.exp();
                let largest = exp.fold(0.0_f32, |most, &e| most.max(e));
                exp / largest
            },
        },
        Mistake {
            name: "by-the-count",
            when: "the exponentials are divided by how many there are instead of their sum",
            body: |scores| scores.exp() / scores.len() as f32,
        },
        Mistake {
            name: "epsilon",
            when: "a small number is added to the sum: where all scores are far below zero it is larger than the sum itself",
            body: |scores| {
                let exp = scores.exp();
                let sum = exp.sum() + 1e-8;
                exp / sum
            },
        },
        Mistake {
            name: "minus",
            when: "exp is taken of −score, so that the least relevant gets the largest weight",
            body: |scores| crate::softmax((-&scores).view()),
        },
        Mistake {
            name: "winner-takes-all",
            when: "the largest score gets the weight 1 and all others 0: that is the maximum, not its soft form",
            body: |scores| {
                let largest = scores.fold(f32::NEG_INFINITY, |most, &s| most.max(s));
                let first = scores.iter().position(|&s| s == largest);
                let mut weights = Array1::zeros(scores.len());
                weights[first.unwrap_or(0)] = 1.0;
                weights
            },
        },
        Mistake {
            name: "powers-of-two",
            when: "2 is raised to the scores instead of e",
            body: |scores| {
                let powers = scores.mapv(f32::exp2);
                let sum = powers.sum();
                powers / sum
            },
        },
        Mistake {
            name: "log",
            when: "the logarithms of the weights are returned instead of the weights",
            body: |scores| crate::softmax(scores).ln(),
        },
    ]
}
