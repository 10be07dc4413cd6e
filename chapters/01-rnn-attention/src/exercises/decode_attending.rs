//! 1.6 `decode_attending`

mod mistakes;

use super::{oracle, random_rnn, rnn_step::rnn_fields};
use crate::{Attended, Decoded, Rnn, attend_all};
use attn_core::random::Random;
use attn_exercise::{
    Exercise, Field, Fields, Finding, field,
    judge::{Expected, close, each, require},
};
use ndarray::{Array2, ArrayView2, Axis, array, concatenate};
use serde::{Deserialize, Serialize};

/// What is written.
pub type Body = fn(&Rnn, ArrayView2<f32>, ArrayView2<f32>) -> Decoded;

/// A network, the encoder's states m×d and the decoder's inputs n×d_in.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Case {
    about: String,
    rnn: Rnn,
    states: Array2<f32>,
    inputs: Array2<f32>,
}

impl Fields for Case {
    fn fields(&self) -> Vec<Field> {
        let mut fields = vec![field("states", &self.states), field("inputs", &self.inputs)];
        fields.extend(rnn_fields(&self.rnn));
        fields
    }

    fn label(&self) -> String {
        let ((n, d_in), (m, d)) = (self.inputs.dim(), self.states.dim());
        format!("n={n} m={m} d_in={d_in} d={d}{}", self.about)
    }
}

impl Fields for Decoded {
    fn fields(&self) -> Vec<Field> {
        vec![
            field("states", &self.states),
            field("weights", &self.weights),
        ]
    }
}

/// The exercise.
pub fn exercise() -> Exercise<Body, Case, Decoded> {
    Exercise {
        id: "1.6",
        cases,
        answer: |decode_attending, case| {
            decode_attending(&case.rnn, case.states.view(), case.inputs.view())
        },
        judge,
        solution: crate::decode_attending,
        mistakes: mistakes::mistakes(),
        steps: |Case { states, inputs, .. }| {
            let (Some(start), Some(y)) = (
                states.rows().into_iter().next_back(),
                inputs.rows().into_iter().next(),
            ) else {
                return Vec::new();
            };
            let Attended { context, weights } = attend_all(start, states.view());
            vec![
                field("state before the first step", &start.to_owned()),
                field("its weights", &weights),
                field(
                    "what the first step reads",
                    &concatenate![Axis(0), y, context],
                ),
            ]
        },
    }
}

fn cases(seed: u64) -> Vec<Case> {
    let mut random = Random::new(seed);
    let (ln2, ln3) = (2.0_f32.ln(), 3.0_f32.ln());
    let by_hand = Case {
        about: ", by hand: weights 1/4 and 3/4, then 3/5 and 4/5".into(),
        rnn: Rnn {
            w_x: array![[0.0, ln3], [0.0, 0.0], [4.0 / 3.0 * ln2, 0.0]],
            w_h: Array2::zeros((2, 2)),
            b: array![0.0, 0.0],
        },
        states: array![[2.0 - ln3, 0.0], [1.0, 1.0]],
        inputs: array![[1.0]],
    };
    let mut case = |about: &str, (n, m), (d_in, d)| Case {
        about: about.into(),
        rnn: random_rnn(&mut random, d_in + d, d),
        states: random.normal((m, d)),
        inputs: random.normal((n, d_in)),
    };
    vec![
        by_hand,
        case(", a single state", (3, 1), (2, 3)),
        case("", (1, 5), (3, 4)),
        case("", (4, 4), (4, 4)),
        case("", (6, 5), (3, 4)),
        case(", nothing to write", (0, 3), (2, 2)),
        case("", (7, 33), (5, 31)),
        case("", (33, 7), (8, 16)),
    ]
}

fn judge(cases: &[Case], answers: &[Decoded]) -> Result<(), Finding> {
    each(cases, answers, |case, answer| {
        let Case {
            rnn,
            states,
            inputs,
            ..
        } = case;
        let (states, inputs) = (states.view(), inputs.view());
        if answer.weights.dim() == (inputs.nrows(), states.nrows()) {
            for (t, row) in answer.weights.rows().into_iter().enumerate() {
                let sum = row.sum();
                require((sum - 1.0).abs() < 1e-4, || {
                    format!("row {t} of the weights sums to {sum:.4}, should sum to 1")
                })?;
            }
        }
        let exact = oracle::decode_attending::<f64>(rnn, states, inputs);
        let loops = oracle::decode_attending::<f32>(rnn, states, inputs);
        let product = crate::decode_attending(rnn, states, inputs);
        let weights = Expected::new(exact.1, &[&product.weights, &loops.1]);
        close("weights", &answer.weights, &weights)?;
        let after = Expected::new(exact.0, &[&product.states, &loops.0]);
        close("states", &answer.states, &after)
    })
}
