//! 1.5 `attend_all`

use super::oracle;
use crate::{Attended, softmax};
use attn_core::random::Random;
use attn_exercise::{
    Exercise, Field, Fields, Finding, Mistake, field,
    judge::{Expected, close, each, require},
};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, array};
use serde::{Deserialize, Serialize};

/// What is written.
pub type Body = fn(ArrayView1<f32>, ArrayView2<f32>) -> Attended;

/// A decoder's state d and the encoder's states m×d.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Case {
    about: String,
    state: Array1<f32>,
    states: Array2<f32>,
}

impl Fields for Case {
    fn fields(&self) -> Vec<Field> {
        vec![field("state", &self.state), field("states", &self.states)]
    }

    fn label(&self) -> String {
        let (m, d) = self.states.dim();
        format!("m={m} d={d}, {}", self.about)
    }
}

impl Fields for Attended {
    fn fields(&self) -> Vec<Field> {
        vec![
            field("context", &self.context),
            field("weights", &self.weights),
        ]
    }
}

/// The exercise.
pub fn exercise() -> Exercise<Body, Case, Attended> {
    Exercise {
        id: "1.5",
        cases,
        answer: |attend_all, Case { state, states, .. }| attend_all(state.view(), states.view()),
        judge,
        solution: crate::attend_all,
        mistakes: mistakes(),
        steps: |Case { state, states, .. }| {
            let scores = states.dot(state);
            let weights = softmax(scores.view());
            let weighted = states * &weights.clone().insert_axis(Axis(1));
            vec![
                field("scores", &scores),
                field("weights", &weights),
                field("each state times its weight", &weighted),
            ]
        },
    }
}

fn cases(seed: u64) -> Vec<Case> {
    let mut random = Random::new(seed);
    let by_hand = Case {
        about: "by hand: weights 1/4 and 3/4".into(),
        state: array![1.0, 0.0],
        states: array![[0.0, 1.0], [3.0_f32.ln(), 0.0]],
    };
    let mut case = |about: &str, m, d| Case {
        about: about.into(),
        state: random.normal(d),
        states: random.normal((m, d)),
    };
    let mut cases = vec![
        by_hand,
        case("a single state", 1, 3),
        case("standard normal", 5, 4),
    ];
    // A state that is orthogonal to all: equal scores.
    let mut level = case("equal scores: the mean", 4, 5);
    level.states.column_mut(0).fill(0.0);
    level.state = array![2.0, 0.0, 0.0, 0.0, 0.0];
    // Two neighbours with the same states in another order.
    let shuffled = case("standard normal", 6, 3);
    let mut again = shuffled.clone();
    again.about = "the same states in another order".into();
    again.states = again.states.select(Axis(0), &[4, 2, 0, 5, 1, 3]);
    cases.extend([level, shuffled, again]);
    cases.extend([
        case("standard normal", 7, 7),
        case("standard normal", 33, 31),
        case("standard normal", 129, 16),
    ]);
    cases
}

fn judge(cases: &[Case], answers: &[Attended]) -> Result<(), Finding> {
    each(cases, answers, |Case { state, states, .. }, answer| {
        if answer.weights.len() == states.nrows() {
            let sum = answer.weights.sum();
            require((sum - 1.0).abs() < 1e-4, || {
                format!("the weights sum to {sum:.4}, should sum to 1")
            })?;
        }
        let (context, weights) =
            oracle::attend_all(&oracle::vector::<f64>(state.view()), states.view());
        let loops = oracle::attend_all(&state.to_vec(), states.view());
        let product = crate::attend_all(state.view(), states.view());
        let expected = |exact, product, loops| {
            Expected::new(
                oracle::array::<f64>(exact),
                &[product, &oracle::array(loops)],
            )
        };
        let weights = expected(weights, &product.weights, loops.1);
        close("weights", &answer.weights, &weights)?;
        let context = expected(context, &product.context, loops.0);
        close("context", &answer.context, &context)
    })
}

/// The context that these weights give, with these weights.
fn under(weights: Array1<f32>, states: ArrayView2<f32>) -> Attended {
    Attended {
        context: weights.dot(&states),
        weights,
    }
}

/// All of the weight on one state.
fn only(j: usize, states: ArrayView2<f32>) -> Attended {
    let mut weights = Array1::zeros(states.nrows());
    weights[j] = 1.0;
    under(weights, states)
}

fn mistakes() -> Vec<Mistake<Body>> {
    vec![
        Mistake {
            name: "last-only",
            when: "only the last state is attended to: that is the fixed context again",
            body: |_, states| only(states.nrows() - 1, states),
        },
        Mistake {
            name: "mean",
            when: "every state gets the same weight, whatever the decoder's state is",
            body: |_, states| {
                let m = states.nrows();
                under(Array1::from_elem(m, 1.0 / m as f32), states)
            },
        },
        Mistake {
            name: "no-softmax",
            when: "the scores are used as weights as they are, without the softmax",
            body: |state, states| under(states.dot(&state), states),
        },
        Mistake {
            name: "by-the-sum",
            when: "the scores are divided by their sum instead of going through the softmax",
            body: |state, states| {
                let scores = states.dot(&state);
                let sum = scores.sum();
                under(scores / sum, states)
            },
        },
        Mistake {
            name: "no-division",
            when: "the exponentials of the scores are not divided by their sum",
            body: |state, states| under(states.dot(&state).exp(), states),
        },
        Mistake {
            name: "wrong-axis",
            when: "the softmax runs along the wrong axis, over one score at a time, so that every weight is 1",
            body: |_, states| under(Array1::ones(states.nrows()), states),
        },
        Mistake {
            name: "best-only",
            when: "only the state with the largest score is taken, not the mean of all",
            body: |state, states| {
                let scores = states.dot(&state);
                let largest = scores.fold(f32::NEG_INFINITY, |most, &s| most.max(s));
                let best = scores.iter().position(|&s| s == largest);
                only(best.unwrap_or(0), states)
            },
        },
        Mistake {
            name: "best-context",
            when: "the weights are right, but the context is the state with the largest weight instead of their mean",
            body: |state, states| {
                let weights = crate::attend_all(state, states).weights;
                let largest = weights.fold(0.0_f32, |most, &w| most.max(w));
                let best = weights.iter().position(|&w| w == largest).unwrap_or(0);
                Attended {
                    context: states.row(best).to_owned(),
                    weights,
                }
            },
        },
        Mistake {
            name: "mean-context",
            when: "the weights are right, but the context is the plain mean of the states",
            body: |state, states| Attended {
                context: states.mean_axis(Axis(0)).expect("at least one state"),
                ..crate::attend_all(state, states)
            },
        },
        Mistake {
            name: "cosine",
            when: "the scores are divided by the lengths of both states: that is a cosine, not a dot product",
            body: |state, states| {
                let length = |x: ArrayView1<f32>| x.dot(&x).sqrt();
                let lengths = states.map_axis(Axis(1), |row| length(row) * length(state));
                under(softmax((states.dot(&state) / lengths).view()), states)
            },
        },
        Mistake {
            name: "scaled",
            when: "the scores are divided by √d, as chapter 3 will; here they are the plain dot products",
            body: |state, states| {
                let root_d = (state.len() as f32).sqrt();
                under(softmax((states.dot(&state) / root_d).view()), states)
            },
        },
        Mistake {
            name: "scores-as-weights",
            when: "the context is right, but the scores are returned in place of the weights",
            body: |state, states| Attended {
                weights: states.dot(&state),
                ..crate::attend_all(state, states)
            },
        },
        Mistake {
            name: "context-divided",
            when: "the weighted sum is divided by the number of states once more: the weights sum to one already",
            body: |state, states| {
                let Attended { context, weights } = crate::attend_all(state, states);
                Attended {
                    context: context / states.nrows() as f32,
                    weights,
                }
            },
        },
        Mistake {
            name: "distance",
            when: "the softmax is taken of minus the scores: the least similar state gets the largest weight",
            body: |state, states| under(softmax((-states.dot(&state)).view()), states),
        },
    ]
}
