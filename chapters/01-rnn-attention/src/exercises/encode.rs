//! 1.3 `encode`

use super::{oracle, random_rnn, rnn_step::rnn_fields};
use crate::{Rnn, rnn_step};
use attn_core::random::Random;
use attn_exercise::{
    Exercise, Field, Fields, Finding, Mistake, field,
    judge::{Expected, close, each},
};
use ndarray::{Array1, Array2, ArrayView2, Axis, array, s};
use serde::{Deserialize, Serialize};

/// What is written.
pub type Body = fn(&Rnn, ArrayView2<f32>) -> Array2<f32>;

/// A network and its inputs, m×d_in.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Case {
    about: String,
    rnn: Rnn,
    inputs: Array2<f32>,
}

impl Fields for Case {
    fn fields(&self) -> Vec<Field> {
        let mut fields = vec![field("inputs", &self.inputs)];
        fields.extend(rnn_fields(&self.rnn));
        fields
    }

    fn label(&self) -> String {
        let (m, (d_in, d)) = (self.inputs.nrows(), self.rnn.w_x.dim());
        format!("m={m} d_in={d_in} d={d}{}", self.about)
    }
}

/// The exercise.
pub fn exercise() -> Exercise<Body, Case, Array2<f32>> {
    Exercise {
        id: "1.3",
        cases,
        answer: |encode, Case { rnn, inputs, .. }| encode(rnn, inputs.view()),
        judge,
        solution: crate::encode,
        mistakes: mistakes(),
        steps: |Case { rnn, inputs, .. }| {
            if inputs.nrows() == 0 {
                return Vec::new();
            }
            let zeros = Array1::zeros(rnn.width());
            let first = rnn_step(rnn, inputs.row(0), zeros.view());
            vec![
                field("state before the first input", &zeros),
                field("state after the first input", &first),
            ]
        },
    }
}

/// The network of the book's first examples: one number in, one number of state.
pub(super) fn counting_rnn() -> Rnn {
    let (ln2, ln3) = (2.0_f32.ln(), 3.0_f32.ln());
    Rnn {
        w_x: array![[ln2]],
        w_h: array![[(ln3 - ln2) / 0.6]],
        b: array![0.0],
    }
}

fn cases(seed: u64) -> Vec<Case> {
    let mut random = Random::new(seed);
    let by_hand = Case {
        about: ", by hand: 3/5, then 4/5".into(),
        rnn: counting_rnn(),
        inputs: array![[1.0], [1.0]],
    };
    let mut case = |about: &str, m, (d_in, d)| Case {
        about: about.into(),
        rnn: random_rnn(&mut random, d_in, d),
        inputs: random.normal((m, d_in)),
    };
    vec![
        by_hand,
        case(", one token", 1, (3, 2)),
        case("", 3, (4, 4)),
        case("", 7, (3, 5)),
        case(", nothing to read", 0, (2, 3)),
        case("", 33, (31, 16)),
        case("", 129, (8, 33)),
    ]
}

fn judge(cases: &[Case], answers: &[Array2<f32>]) -> Result<(), Finding> {
    each(cases, answers, |Case { rnn, inputs, .. }, states| {
        let exact = oracle::encode::<f64>(rnn, inputs.view());
        let loops = oracle::encode::<f32>(rnn, inputs.view());
        let product = crate::encode(rnn, inputs.view());
        close("result", states, &Expected::new(exact, &[&product, &loops]))
    })
}

/// The states after each input, from `first`; every step starts from `first` again unless `carry`.
fn with(rnn: &Rnn, inputs: ArrayView2<f32>, first: Array1<f32>, carry: bool) -> Array2<f32> {
    let mut state = first.clone();
    let mut states = Array2::zeros((inputs.nrows(), rnn.width()));
    for (x, mut row) in inputs.rows().into_iter().zip(states.rows_mut()) {
        let after = rnn_step(rnn, x, state.view());
        row.assign(&after);
        state = if carry { after } else { first.clone() };
    }
    states
}

fn mistakes() -> Vec<Mistake<Body>> {
    vec![
        Mistake {
            name: "not-carried",
            when: "each step starts from zeros again: the state is not carried on",
            body: |rnn, inputs| with(rnn, inputs, Array1::zeros(rnn.width()), false),
        },
        Mistake {
            name: "state-before",
            when: "row t is the state before token t instead of the state after it, so the last token is never seen",
            body: |rnn, inputs| {
                let after = crate::encode(rnn, inputs);
                let mut before = Array2::zeros(after.raw_dim());
                if after.nrows() > 1 {
                    let (m, most) = (after.nrows(), s![..after.nrows() - 1, ..]);
                    before.slice_mut(s![1..m, ..]).assign(&after.slice(most));
                }
                before
            },
        },
        Mistake {
            name: "with-the-first-state",
            when: "the zeros before the first token are a row of the result too: m + 1 rows",
            body: |rnn, inputs| {
                let after = crate::encode(rnn, inputs);
                let zeros = Array2::zeros((1, rnn.width()));
                ndarray::concatenate![Axis(0), zeros, after]
            },
        },
        Mistake {
            name: "last-only",
            when: "every row is the last state",
            body: |rnn, inputs| {
                let after = crate::encode(rnn, inputs);
                match after.rows().into_iter().next_back() {
                    Some(last) => last.broadcast(after.raw_dim()).expect("a row").to_owned(),
                    None => after,
                }
            },
        },
        Mistake {
            name: "backwards",
            when: "the sequence is read from its end",
            body: |rnn, inputs| crate::encode(rnn, inputs.slice(s![..;-1, ..])),
        },
        Mistake {
            name: "first-token-skipped",
            when: "the loop begins with the second token: the first is never read, and its row stays zeros",
            body: |rnn, inputs| {
                let mut states = Array2::zeros((inputs.nrows(), rnn.width()));
                if inputs.nrows() > 1 {
                    let rest = crate::encode(rnn, inputs.slice(s![1.., ..]));
                    states.slice_mut(s![1.., ..]).assign(&rest);
                }
                states
            },
        },
        Mistake {
            name: "same-token",
            when: "every step reads the first token",
            body: |rnn, inputs| match inputs.rows().into_iter().next() {
                Some(first) => {
                    crate::encode(rnn, first.broadcast(inputs.raw_dim()).expect("a row"))
                }
                None => crate::encode(rnn, inputs),
            },
        },
        Mistake {
            name: "starts-with-ones",
            when: "the state before the first token is ones instead of zeros",
            body: |rnn, inputs| with(rnn, inputs, Array1::ones(rnn.width()), true),
        },
        Mistake {
            name: "starts-with-the-bias",
            when: "the state before the first token is the bias instead of zeros",
            body: |rnn, inputs| with(rnn, inputs, rnn.b.clone(), true),
        },
        Mistake {
            name: "added-up",
            when: "each step's result is added to the state instead of taking its place",
            body: |rnn, inputs| {
                let mut state = Array1::zeros(rnn.width());
                let mut states = Array2::zeros((inputs.nrows(), rnn.width()));
                for (x, mut row) in inputs.rows().into_iter().zip(states.rows_mut()) {
                    state = &state + &rnn_step(rnn, x, state.view());
                    row.assign(&state);
                }
                states
            },
        },
    ]
}
