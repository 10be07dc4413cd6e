//! 1.9 `teacher_forcing`

use super::oracle;
use attn_core::random::Random;
use attn_exercise::{
    Exercise, Field, Fields, Finding, Mistake, field,
    judge::{Expected, close, each, require},
};
use ndarray::{Array1, Array2, ArrayView1, array};
use serde::{Deserialize, Serialize};

/// What is written.
pub type Body = fn(&mut dyn FnMut(usize) -> Array1<f32>, usize, &[usize]) -> f32;

/// A decoder whose logits depend on the token that it is fed: row `token` of `logits`, v×v.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Case {
    about: String,
    logits: Array2<f32>,
    start: usize,
    targets: Vec<usize>,
}

impl Fields for Case {
    fn fields(&self) -> Vec<Field> {
        vec![
            field("logits, a row for each token that is fed", &self.logits),
            field(
                "the rest",
                format!("start {}, targets {:?}", self.start, self.targets),
            ),
        ]
    }

    fn label(&self) -> String {
        let (v, n) = (self.logits.nrows(), self.targets.len());
        format!("{v} tokens, n={n}, {}", self.about)
    }
}

/// The loss, and the tokens that the decoder was fed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Answer {
    loss: f32,
    fed: Vec<usize>,
}

impl Fields for Answer {
    fn fields(&self) -> Vec<Field> {
        vec![
            field("loss", self.loss),
            field("fed to the decoder", format!("{:?}", self.fed)),
        ]
    }
}

/// The exercise.
pub fn exercise() -> Exercise<Body, Case, Answer> {
    Exercise {
        id: "1.9",
        cases,
        answer: |teacher_forcing, case| {
            let mut fed = Vec::new();
            let mut step = |token: usize| {
                fed.push(token);
                case.logits.row(token).to_owned()
            };
            let loss = teacher_forcing(&mut step, case.start, &case.targets);
            Answer { loss, fed }
        },
        judge,
        solution: crate::teacher_forcing,
        mistakes: mistakes(),
        steps: |case| {
            let p = fed(case)
                .into_iter()
                .zip(&case.targets)
                .map(|(fed, &target)| oracle::softmax(&case.logits.row(fed).to_vec())[target]);
            let p: Array1<f32> = p.collect();
            vec![
                field("what the decoder should be fed", format!("{:?}", fed(case))),
                field("p of each target", &p),
                field("−ln p", &p.mapv(|p| -p.ln())),
            ]
        },
    }
}

fn cases(seed: u64) -> Vec<Case> {
    let mut random = Random::new(seed);
    let (ln2, ln3, ln4) = (2.0_f32.ln(), 3.0_f32.ln(), 4.0_f32.ln());
    let by_hand = Case {
        about: "by hand: p = 1/4 and 1/2, loss (ln 8)/2".into(),
        logits: array![[0.0, 0.0, ln2], [ln4, ln3, 0.0], [0.0, 0.0, 0.0]],
        start: 0,
        targets: vec![1, 0],
    };
    let unlikely = Case {
        about: "a target of probability e⁻³⁰".into(),
        logits: array![[0.0, 30.0], [0.0, 0.0]],
        start: 0,
        targets: vec![0],
    };
    let mut case = |about: &str, v, start, targets: Vec<usize>| Case {
        about: about.into(),
        logits: random.normal((v, v)),
        start,
        targets,
    };
    vec![
        by_hand,
        case("one target", 5, 2, vec![3]),
        unlikely,
        case("standard normal", 5, 0, vec![3, 3, 1, 4]),
        case("standard normal", 7, 6, vec![0, 2, 5, 5, 1, 3, 6]),
        case(
            "standard normal",
            33,
            1,
            (0..31).map(|t| t * 7 % 33).collect(),
        ),
    ]
}

/// `start`, and the targets but for the last.
fn fed(case: &Case) -> Vec<usize> {
    let targets = &case.targets[..case.targets.len() - 1];
    [&[case.start], targets].concat()
}

fn judge(cases: &[Case], answers: &[Answer]) -> Result<(), Finding> {
    each(cases, answers, |case, answer| {
        let fed = fed(case);
        require(answer.fed == fed, || {
            format!(
                "the decoder was fed {:?}, should be fed {fed:?}",
                answer.fed
            )
        })?;
        let rows: Vec<ArrayView1<f32>> = fed.iter().map(|&t| case.logits.row(t)).collect();
        let exact = array![oracle::loss::<f64>(&rows, &case.targets)];
        let loops = array![oracle::loss::<f32>(&rows, &case.targets)];
        let logits = &case.logits;
        let mut step = |token: usize| logits.row(token).to_owned();
        let reference = crate::teacher_forcing(&mut step, case.start, &case.targets);
        let expected = Expected::new(exact, &[&loops, &array![reference]]);
        close("loss", &array![answer.loss], &expected)
    })
}

/// The probabilities that the decoder gives to the targets when it is fed the truth.
fn probabilities(
    step: &mut dyn FnMut(usize) -> Array1<f32>,
    start: usize,
    targets: &[usize],
) -> Array1<f32> {
    let mut token = start;
    let mut p = |&target: &usize| {
        let p = crate::softmax(step(token).view())[target];
        token = target;
        p
    };
    targets.iter().map(&mut p).collect()
}

fn mean(x: Array1<f32>) -> f32 {
    x.sum() / x.len() as f32
}

fn mistakes() -> Vec<Mistake<Body>> {
    vec![
        Mistake {
            name: "own-choice",
            when: "the decoder is fed its own choice instead of the true token: that is greedy decoding",
            body: |step, start, targets| {
                let (mut loss, mut token) = (0.0, start);
                for &target in targets {
                    let p = crate::softmax(step(token).view());
                    loss -= p[target].ln();
                    token = (0..p.len()).fold(0, |a, b| if p[b] > p[a] { b } else { a });
                }
                loss / targets.len() as f32
            },
        },
        Mistake {
            name: "not-shifted",
            when: "at each step the decoder is fed the very token that it should predict: the inputs have to be one step behind",
            body: |step, _, targets| {
                let p = |&target: &usize| crate::softmax(step(target).view())[target];
                -mean(targets.iter().map(p).collect::<Array1<f32>>().ln())
            },
        },
        Mistake {
            name: "fed-once-more",
            when: "the decoder is fed the last target too, for logits that nobody uses",
            body: |step, start, targets| {
                let loss = crate::teacher_forcing(step, start, targets);
                step(targets[targets.len() - 1]);
                loss
            },
        },
        Mistake {
            name: "likeliest",
            when: "the probability of the likeliest token is taken instead of the target's",
            body: |step, start, targets| {
                let (mut loss, mut token) = (0.0, start);
                for &target in targets {
                    let p = crate::softmax(step(token).view());
                    loss -= p.fold(0.0_f32, |most, &p| most.max(p)).ln();
                    token = target;
                }
                loss / targets.len() as f32
            },
        },
        Mistake {
            name: "one-less",
            when: "the sum is divided by n − 1 instead of n",
            body: |step, start, targets| {
                let sum = probabilities(step, start, targets).ln().sum();
                -sum / (targets.len() as f32 - 1.0)
            },
        },
        Mistake {
            name: "epsilon",
            when: "a small number is added inside the logarithm: an unlikely target then costs too little",
            body: |step, start, targets| -mean((probabilities(step, start, targets) + 1e-8).ln()),
        },
        Mistake {
            name: "start-again",
            when: "the start token is fed at every step",
            body: |step, start, targets| {
                let p = |&target: &usize| crate::softmax(step(start).view())[target];
                -mean(targets.iter().map(p).collect::<Array1<f32>>().ln())
            },
        },
        Mistake {
            name: "sum",
            when: "the losses are added up, but not divided by their number",
            body: |step, start, targets| -probabilities(step, start, targets).ln().sum(),
        },
        Mistake {
            name: "sign",
            when: "the sign is missing: a mean of logarithms of probabilities is below zero, a loss above",
            body: |step, start, targets| mean(probabilities(step, start, targets).ln()),
        },
        Mistake {
            name: "no-softmax",
            when: "the logits are used as if they were logarithms of probabilities: the softmax is missing",
            body: |step, start, targets| {
                let mut token = start;
                let mut loss = 0.0;
                for &target in targets {
                    loss -= step(token)[target];
                    token = target;
                }
                loss / targets.len() as f32
            },
        },
        Mistake {
            name: "no-logarithm",
            when: "the mean of 1 − p is returned: the logarithm is missing",
            body: |step, start, targets| mean(1.0 - probabilities(step, start, targets)),
        },
        Mistake {
            name: "bits",
            when: "the logarithm is to the base 2 (bits), not e (nats)",
            body: |step, start, targets| -mean(probabilities(step, start, targets).mapv(f32::log2)),
        },
        Mistake {
            name: "log-of-the-mean",
            when: "the logarithm of the mean probability is taken instead of the mean of the logarithms",
            body: |step, start, targets| -mean(probabilities(step, start, targets)).ln(),
        },
    ]
}
