//! 1.2 `rnn_step`

use super::{oracle, random_rnn};
use crate::Rnn;
use attn_core::random::Random;
use attn_exercise::{
    Exercise, Field, Fields, Finding, Mistake, field,
    judge::{Expected, close, each, require},
};
use ndarray::{Array1, ArrayView1, array};
use serde::{Deserialize, Serialize};

/// What is written.
pub type Body = fn(&Rnn, ArrayView1<f32>, ArrayView1<f32>) -> Array1<f32>;

/// A network, an input of width d_in and a state of width d.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Case {
    about: String,
    rnn: Rnn,
    x: Array1<f32>,
    state: Array1<f32>,
}

impl Fields for Case {
    fn fields(&self) -> Vec<Field> {
        let mut fields = vec![field("x", &self.x), field("state", &self.state)];
        fields.extend(rnn_fields(&self.rnn));
        fields
    }

    fn label(&self) -> String {
        let (d_in, d) = self.rnn.w_x.dim();
        format!("d_in={d_in} d={d}, {}", self.about)
    }
}

/// The weights of a network, to be shown.
pub(super) fn rnn_fields(rnn: &Rnn) -> [Field; 3] {
    [
        field("rnn.w_x", &rnn.w_x),
        field("rnn.w_h", &rnn.w_h),
        field("rnn.b", &rnn.b),
    ]
}

/// The exercise.
pub fn exercise() -> Exercise<Body, Case, Array1<f32>> {
    Exercise {
        id: "1.2",
        cases,
        answer: |rnn_step, Case { rnn, x, state, .. }| rnn_step(rnn, x.view(), state.view()),
        judge,
        solution: crate::rnn_step,
        mistakes: mistakes(),
        steps: |Case { rnn, x, state, .. }| {
            let (from_x, from_h) = (x.dot(&rnn.w_x), state.dot(&rnn.w_h));
            let sum = &from_x + &from_h + &rnn.b;
            vec![
                field("x W_x", &from_x),
                field("state W_h", &from_h),
                field("their sum, with b", &sum),
            ]
        },
    }
}

fn cases(seed: u64) -> Vec<Case> {
    let mut random = Random::new(seed);
    let (ln2, ln3) = (2.0_f32.ln(), 3.0_f32.ln());
    let by_hand = Case {
        about: "by hand: 3/5 and 4/5".into(),
        rnn: Rnn {
            w_x: array![[ln2 / 2.0, 0.0]],
            w_h: array![[0.0, 4.0 * ln3], [0.0, 0.0]],
            b: array![0.0, -ln3],
        },
        x: array![2.0],
        state: array![0.5, -0.5],
    };
    let mut case = |d_in, d| Case {
        about: "standard normal".into(),
        rnn: random_rnn(&mut random, d_in, d),
        x: random.normal(d_in),
        state: random.uniform(d) * 2.0 - 1.0,
    };
    let sizes = [(1, 1), (3, 3), (5, 4), (31, 33), (33, 31), (129, 127)];
    let random = sizes.map(|(d_in, d)| case(d_in, d));
    [by_hand].into_iter().chain(random).collect()
}

fn judge(cases: &[Case], answers: &[Array1<f32>]) -> Result<(), Finding> {
    each(cases, answers, |Case { rnn, x, state, .. }, after| {
        if after.dim() == state.dim() {
            for (c, s) in after.iter().enumerate() {
                require(s.abs() <= 1.0, || {
                    format!("result[{c}] is {s:.4}, but a tanh lies between −1 and 1")
                })?;
            }
        }
        let (wide_x, wide_state) = (oracle::vector(x.view()), oracle::vector(state.view()));
        let exact = oracle::array(oracle::rnn_step::<f64>(rnn, &wide_x, &wide_state));
        let loops = oracle::array(oracle::rnn_step(rnn, &x.to_vec(), &state.to_vec()));
        let product = crate::rnn_step(rnn, x.view(), state.view());
        close("result", after, &Expected::new(exact, &[&product, &loops]))
    })
}

/// What goes into the tanh.
fn sum(rnn: &Rnn, x: ArrayView1<f32>, state: ArrayView1<f32>) -> Array1<f32> {
    x.dot(&rnn.w_x) + state.dot(&rnn.w_h) + &rnn.b
}

fn mistakes() -> Vec<Mistake<Body>> {
    vec![
        Mistake {
            name: "no-tanh",
            when: "the sum is returned as it is, without the tanh",
            body: sum,
        },
        Mistake {
            name: "sigmoid",
            when: "the sigmoid, between 0 and 1, stands where the tanh should",
            body: |rnn, x, state| sum(rnn, x, state).mapv(|a| 1.0 / (1.0 + (-a).exp())),
        },
        Mistake {
            name: "relu",
            when: "the sum is cut off below zero (ReLU) instead of going through the tanh",
            body: |rnn, x, state| sum(rnn, x, state).mapv(|a| a.max(0.0)),
        },
        Mistake {
            name: "no-bias",
            when: "the bias is left out",
            body: |rnn, x, state| (x.dot(&rnn.w_x) + state.dot(&rnn.w_h)).mapv(f32::tanh),
        },
        Mistake {
            name: "bias-twice",
            when: "the bias is added twice, once to each product",
            body: |rnn, x, state| (sum(rnn, x, state) + &rnn.b).mapv(f32::tanh),
        },
        Mistake {
            name: "tanh-of-the-state",
            when: "the tanh is taken of the state's part alone, and the input's part is added to it",
            body: |rnn, x, state| x.dot(&rnn.w_x) + (state.dot(&rnn.w_h) + &rnn.b).mapv(f32::tanh),
        },
        Mistake {
            name: "no-state",
            when: "the state before is not used, so that nothing is remembered",
            body: |rnn, x, _| (x.dot(&rnn.w_x) + &rnn.b).mapv(f32::tanh),
        },
        Mistake {
            name: "no-input",
            when: "the input is not used",
            body: |rnn, _, state| (state.dot(&rnn.w_h) + &rnn.b).mapv(f32::tanh),
        },
        Mistake {
            name: "transposed",
            when: "the state stands on the wrong side of w_h: w_h.dot(&state) is the product with its transpose",
            body: |rnn, x, state| (x.dot(&rnn.w_x) + rnn.w_h.dot(&state) + &rnn.b).mapv(f32::tanh),
        },
        Mistake {
            name: "bias-after",
            when: "the bias is added after the tanh instead of before",
            body: |rnn, x, state| (x.dot(&rnn.w_x) + state.dot(&rnn.w_h)).mapv(f32::tanh) + &rnn.b,
        },
        Mistake {
            name: "tanh-of-each",
            when: "the tanh is taken of each part before they are added",
            body: |rnn, x, state| {
                x.dot(&rnn.w_x).mapv(f32::tanh) + (state.dot(&rnn.w_h) + &rnn.b).mapv(f32::tanh)
            },
        },
        Mistake {
            name: "added-to-the-state",
            when: "the result is added to the state before, instead of taking its place",
            body: |rnn, x, state| crate::rnn_step(rnn, x, state) + state,
        },
    ]
}
