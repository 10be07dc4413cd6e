//! 1.4 `decode`

use super::{encode::counting_rnn, oracle, random_rnn, rnn_step::rnn_fields};
use crate::{Rnn, rnn_step};
use attn_core::random::Random;
use attn_exercise::{
    Exercise, Field, Fields, Finding, Mistake, field,
    judge::{Expected, close, each},
};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, array, concatenate, s};
use serde::{Deserialize, Serialize};

/// What is written.
pub type Body = fn(&Rnn, ArrayView1<f32>, ArrayView2<f32>) -> Array2<f32>;

/// A network, a context d and inputs n×d_in.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Case {
    about: String,
    rnn: Rnn,
    z: Array1<f32>,
    inputs: Array2<f32>,
}

impl Fields for Case {
    fn fields(&self) -> Vec<Field> {
        let mut fields = vec![field("z", &self.z), field("inputs", &self.inputs)];
        fields.extend(rnn_fields(&self.rnn));
        fields
    }

    fn label(&self) -> String {
        let ((n, d_in), d) = (self.inputs.dim(), self.z.len());
        let about = match self.about.as_str() {
            "" => String::new(),
            about => format!(", {about}"),
        };
        format!("n={n} d_in={d_in} d={d}{about}")
    }
}

/// The exercise.
pub fn exercise() -> Exercise<Body, Case, Array2<f32>> {
    Exercise {
        id: "1.4",
        cases,
        answer: |decode, Case { rnn, z, inputs, .. }| decode(rnn, z.view(), inputs.view()),
        judge,
        solution: crate::decode,
        mistakes: mistakes(),
        steps: |Case { rnn, z, inputs, .. }| {
            if inputs.nrows() == 0 {
                return Vec::new();
            }
            let x = concatenate![Axis(0), inputs.row(0), *z];
            let first = rnn_step(rnn, x.view(), z.view());
            vec![
                field("what the first step reads", &x),
                field("state after the first step", &first),
            ]
        },
    }
}

fn cases(seed: u64) -> Vec<Case> {
    let mut random = Random::new(seed);
    // The network of 1.3, to which the context counts a quarter of a token.
    let counting = counting_rnn();
    let (w_y, w_z) = (counting.w_x[[0, 0]], counting.w_h[[0, 0]]);
    let by_hand = Case {
        about: "by hand: 3/5, then 4/5".into(),
        rnn: Rnn {
            w_x: array![[w_y], [w_z]],
            w_h: array![[-w_z]],
            b: array![0.0],
        },
        z: array![0.6],
        inputs: array![[1.0], [3.0_f32.ln() / 2.0_f32.ln()]],
    };
    let mut case = |about: &str, n, (d_in, d)| Case {
        about: about.into(),
        rnn: random_rnn(&mut random, d_in + d, d),
        z: random.uniform(d) * 2.0 - 1.0,
        inputs: random.normal((n, d_in)),
    };
    vec![
        by_hand,
        case("", 1, (1, 1)),
        case("", 3, (4, 4)),
        case("", 7, (3, 5)),
        case("nothing to write", 0, (2, 3)),
        case("", 33, (31, 16)),
        case("", 31, (8, 33)),
    ]
}

fn judge(cases: &[Case], answers: &[Array2<f32>]) -> Result<(), Finding> {
    each(cases, answers, |Case { rnn, z, inputs, .. }, states| {
        let exact = oracle::decode::<f64>(rnn, z.view(), inputs.view());
        let loops = oracle::decode::<f32>(rnn, z.view(), inputs.view());
        let product = crate::decode(rnn, z.view(), inputs.view());
        close("result", states, &Expected::new(exact, &[&product, &loops]))
    })
}

/// Runs the decoder from `first`; `reads(t, state)` is what step t reads after its input.
fn run(
    rnn: &Rnn,
    first: Array1<f32>,
    inputs: ArrayView2<f32>,
    reads: impl Fn(usize, &Array1<f32>) -> Array1<f32>,
) -> Array2<f32> {
    let mut state = first;
    let mut states = Array2::zeros((inputs.nrows(), state.len()));
    for (t, y) in inputs.rows().into_iter().enumerate() {
        let x = concatenate![Axis(0), y, reads(t, &state)];
        state = rnn_step(rnn, x.view(), state.view());
        states.row_mut(t).assign(&state);
    }
    states
}

/// Row t is row t − 1 of `rows`, and the first is `first`.
pub(super) fn shifted(rows: ArrayView2<f32>, first: ArrayView1<f32>) -> Array2<f32> {
    let mut shifted = Array2::zeros(rows.raw_dim());
    let n = rows.nrows();
    if n > 0 {
        shifted.row_mut(0).assign(&first);
        shifted
            .slice_mut(s![1.., ..])
            .assign(&rows.slice(s![..n - 1, ..]));
    }
    shifted
}

fn mistakes() -> Vec<Mistake<Body>> {
    vec![
        Mistake {
            name: "only-at-the-start",
            when: "z is only the first state; the steps read zeros where the context should be",
            body: |rnn, z, inputs| {
                run(rnn, z.to_owned(), inputs, |_, state| {
                    Array1::zeros(state.len())
                })
            },
        },
        Mistake {
            name: "starts-with-zeros",
            when: "the state before the first step is zeros instead of z",
            body: |rnn, z, inputs| run(rnn, Array1::zeros(z.len()), inputs, |_, _| z.to_owned()),
        },
        Mistake {
            name: "not-carried",
            when: "every step starts from z again: the state is not carried on",
            body: |rnn, z, inputs| {
                let mut states = Array2::zeros((inputs.nrows(), z.len()));
                for (y, mut row) in inputs.rows().into_iter().zip(states.rows_mut()) {
                    let x = concatenate![Axis(0), y, z];
                    row.assign(&rnn_step(rnn, x.view(), z));
                }
                states
            },
        },
        Mistake {
            name: "state-as-context",
            when: "each step reads its own state where the context z should be",
            body: |rnn, z, inputs| run(rnn, z.to_owned(), inputs, |_, state| state.clone()),
        },
        Mistake {
            name: "swapped",
            when: "z is put before the input instead of after it",
            body: |rnn, z, inputs| {
                let mut state = z.to_owned();
                let mut states = Array2::zeros((inputs.nrows(), z.len()));
                for (y, mut row) in inputs.rows().into_iter().zip(states.rows_mut()) {
                    let x = concatenate![Axis(0), z, y];
                    state = rnn_step(rnn, x.view(), state.view());
                    row.assign(&state);
                }
                states
            },
        },
        Mistake {
            name: "state-before",
            when: "row t is the state before step t instead of the state after it",
            body: |rnn, z, inputs| shifted(crate::decode(rnn, z, inputs).view(), z),
        },
        Mistake {
            name: "shifted-inputs",
            when: "step t reads input t − 1 (and the first step zeros): the inputs are the previous tokens already",
            body: |rnn, z, inputs| {
                let zeros = Array1::zeros(inputs.ncols());
                crate::decode(rnn, z, shifted(inputs, zeros.view()).view())
            },
        },
        Mistake {
            name: "same-input",
            when: "every step reads the first input",
            body: |rnn, z, inputs| match inputs.rows().into_iter().next() {
                Some(first) => {
                    let same = first.broadcast(inputs.raw_dim()).expect("a row");
                    crate::decode(rnn, z, same)
                }
                None => crate::decode(rnn, z, inputs),
            },
        },
    ]
}
