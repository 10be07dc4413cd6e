//! 1.7 `gru_step`

use super::{oracle, random_gru};
use crate::Gru;
use attn_core::random::Random;
use attn_exercise::{
    Exercise, Field, Fields, Finding, Mistake, field,
    judge::{Expected, close, each, require},
};
use ndarray::{Array1, ArrayView1, array, s};
use serde::{Deserialize, Serialize};

/// What is written.
pub type Body = fn(&Gru, ArrayView1<f32>, ArrayView1<f32>) -> Array1<f32>;

/// A unit, an input of width d_in and a state of width d.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Case {
    about: String,
    gru: Gru,
    x: Array1<f32>,
    state: Array1<f32>,
}

impl Fields for Case {
    fn fields(&self) -> Vec<Field> {
        vec![
            field("x", &self.x),
            field("state", &self.state),
            field("gru.w_x", &self.gru.w_x),
            field("gru.w_h", &self.gru.w_h),
            field("gru.b_x", &self.gru.b_x),
            field("gru.b_h", &self.gru.b_h),
        ]
    }

    fn label(&self) -> String {
        format!(
            "d_in={} d={}, {}",
            self.x.len(),
            self.state.len(),
            self.about
        )
    }
}

/// The exercise.
pub fn exercise() -> Exercise<Body, Case, Array1<f32>> {
    Exercise {
        id: "1.7",
        cases,
        answer: |gru_step, Case { gru, x, state, .. }| gru_step(gru, x.view(), state.view()),
        judge,
        solution: crate::gru_step,
        mistakes: mistakes(),
        steps: |Case { gru, x, state, .. }| {
            let Gates { r, z, n } = gates(gru, x.view(), state.view());
            vec![
                field("r, the reset gate", &r),
                field("z, the update gate", &z),
                field("n, the candidate", &n),
            ]
        },
    }
}

fn cases(seed: u64) -> Vec<Case> {
    let mut random = Random::new(seed);
    let (ln2, ln3) = (2.0_f32.ln(), 3.0_f32.ln());
    let by_hand = Case {
        about: "by hand: r = 1/2, z = 3/4, n = 3/5".into(),
        gru: Gru {
            w_x: array![[0.0, ln3, 0.0]],
            w_h: array![[0.0, 0.0, 2.0 * ln2]],
            b_x: array![0.0, 0.0, 0.0],
            b_h: array![0.0, 0.0, ln2],
        },
        x: array![1.0],
        state: array![0.5],
    };
    let mut case = |d_in, d| Case {
        about: "standard normal".into(),
        gru: random_gru(&mut random, d_in, d),
        x: random.normal(d_in),
        state: random.uniform(d) * 2.0 - 1.0,
    };
    let sizes = [(1, 1), (3, 3), (5, 4), (31, 33), (33, 31), (129, 127)];
    let random = sizes.map(|(d_in, d)| case(d_in, d));
    [by_hand].into_iter().chain(random).collect()
}

fn judge(cases: &[Case], answers: &[Array1<f32>]) -> Result<(), Finding> {
    each(cases, answers, |Case { gru, x, state, .. }, after| {
        if after.dim() == state.dim() {
            for (c, (s, before)) in after.iter().zip(state).enumerate() {
                let most = before.abs().max(1.0);
                require(s.abs() <= most, || {
                    format!(
                        "result[{c}] is {s:.4}; it should lie between the candidate (−1 … 1) and the state before"
                    )
                })?;
            }
        }
        let (wide_x, wide_state) = (oracle::vector(x.view()), oracle::vector(state.view()));
        let exact = oracle::array(oracle::gru_step::<f64>(gru, &wide_x, &wide_state));
        let loops = oracle::array(oracle::gru_step(gru, &x.to_vec(), &state.to_vec()));
        let product = crate::gru_step(gru, x.view(), state.view());
        close("result", after, &Expected::new(exact, &[&product, &loops]))
    })
}

fn sigmoid(a: f32) -> f32 {
    1.0 / (1.0 + (-a).exp())
}

/// What stands between input and result.
struct Gates {
    r: Array1<f32>,
    z: Array1<f32>,
    n: Array1<f32>,
}

/// Block `which` of the projections of the input and of the state.
fn block(
    gru: &Gru,
    x: ArrayView1<f32>,
    state: ArrayView1<f32>,
    which: usize,
) -> (Array1<f32>, Array1<f32>) {
    let d = state.len();
    let columns = s![which * d..(which + 1) * d];
    let from_x = x.dot(&gru.w_x) + &gru.b_x;
    let from_h = state.dot(&gru.w_h) + &gru.b_h;
    (
        from_x.slice(columns).to_owned(),
        from_h.slice(columns).to_owned(),
    )
}

/// A gate from block `which`.
fn gate(gru: &Gru, x: ArrayView1<f32>, state: ArrayView1<f32>, which: usize) -> Array1<f32> {
    let (from_x, from_h) = block(gru, x, state, which);
    (from_x + from_h).mapv(sigmoid)
}

fn gates(gru: &Gru, x: ArrayView1<f32>, state: ArrayView1<f32>) -> Gates {
    let (r, z) = (gate(gru, x, state, 0), gate(gru, x, state, 1));
    let (from_x, from_h) = block(gru, x, state, 2);
    let n = (from_x + &r * &from_h).mapv(f32::tanh);
    Gates { r, z, n }
}

/// `(1 − z) ⊙ n + z ⊙ state`.
fn mix(z: &Array1<f32>, n: &Array1<f32>, state: ArrayView1<f32>) -> Array1<f32> {
    (1.0 - z) * n + z * &state
}

fn mistakes() -> Vec<Mistake<Body>> {
    vec![
        Mistake {
            name: "flipped",
            when: "z and 1 − z are exchanged: z is how much of the *old* state stays (Bahdanau's paper has it the other way round)",
            body: |gru, x, state| {
                let Gates { z, n, .. } = gates(gru, x, state);
                mix(&(1.0 - z), &n, state)
            },
        },
        Mistake {
            name: "reset-before",
            when: "the reset gate is multiplied with the state before the product with W_h, as in the paper of Cho and others; here it comes after, bias included",
            body: |gru, x, state| {
                let Gates { r, z, .. } = gates(gru, x, state);
                let (from_x, from_h) = block(gru, x, (&r * &state).view(), 2);
                mix(&z, &(from_x + from_h).mapv(f32::tanh), state)
            },
        },
        Mistake {
            name: "bias-outside",
            when: "the bias on the state's side is added outside of the reset gate: r ⊙ (state W_h) + b_h",
            body: |gru, x, state| {
                let Gates { r, z, .. } = gates(gru, x, state);
                let (from_x, from_h) = block(gru, x, state, 2);
                let bias = gru.b_h.slice(s![2 * state.len()..]);
                let product = from_h - bias;
                let n = (from_x + &r * &product + bias).mapv(f32::tanh);
                mix(&z, &n, state)
            },
        },
        Mistake {
            name: "gates-exchanged",
            when: "the blocks of the reset and the update gate are exchanged: the order is r, z, n",
            body: |gru, x, state| {
                let Gates { r, z, .. } = gates(gru, x, state);
                let (from_x, from_h) = block(gru, x, state, 2);
                mix(&r, &(from_x + &z * &from_h).mapv(f32::tanh), state)
            },
        },
        Mistake {
            name: "sigmoid-sign",
            when: "the sigmoid has the wrong sign, 1/(1 + e^a): both gates open where they should close",
            body: |gru, x, state| {
                let Gates { r, z, .. } = gates(gru, x, state);
                let (from_x, from_h) = block(gru, x, state, 2);
                mix(
                    &(1.0 - z),
                    &(from_x + (1.0 - r) * &from_h).mapv(f32::tanh),
                    state,
                )
            },
        },
        Mistake {
            name: "candidate-whole",
            when: "the candidate is not multiplied by 1 − z: n + z ⊙ state is no mixture",
            body: |gru, x, state| {
                let Gates { z, n, .. } = gates(gru, x, state);
                n + z * state
            },
        },
        Mistake {
            name: "update-for-reset",
            when: "the candidate is made with the update gate z where the reset gate r belongs",
            body: |gru, x, state| {
                let z = gate(gru, x, state, 1);
                let (from_x, from_h) = block(gru, x, state, 2);
                mix(&z, &(from_x + &z * &from_h).mapv(f32::tanh), state)
            },
        },
        Mistake {
            name: "reset-for-update",
            when: "candidate and old state are mixed with the reset gate r where the update gate z belongs",
            body: |gru, x, state| {
                let Gates { r, n, .. } = gates(gru, x, state);
                mix(&r, &n, state)
            },
        },
        Mistake {
            name: "no-product",
            when: "the reset gate is multiplied with the state itself, which never goes through W_h",
            body: |gru, x, state| {
                let Gates { r, z, .. } = gates(gru, x, state);
                let (from_x, _) = block(gru, x, state, 2);
                mix(&z, &(from_x + &r * &state).mapv(f32::tanh), state)
            },
        },
        Mistake {
            name: "no-reset",
            when: "the reset gate is not used",
            body: |gru, x, state| {
                let (from_x, from_h) = block(gru, x, state, 2);
                let n = (from_x + from_h).mapv(f32::tanh);
                mix(&gate(gru, x, state, 1), &n, state)
            },
        },
        Mistake {
            name: "no-update",
            when: "the candidate is returned: the update gate is not used and nothing of the old state stays",
            body: |gru, x, state| gates(gru, x, state).n,
        },
        Mistake {
            name: "tanh-gates",
            when: "the gates go through a tanh instead of the sigmoid",
            body: |gru, x, state| {
                let of = |which| {
                    let (from_x, from_h) = block(gru, x, state, which);
                    (from_x + from_h).mapv(f32::tanh)
                };
                let (r, z) = (of(0), of(1));
                let (from_x, from_h) = block(gru, x, state, 2);
                mix(&z, &(from_x + &r * &from_h).mapv(f32::tanh), state)
            },
        },
        Mistake {
            name: "sigmoid-candidate",
            when: "the candidate goes through the sigmoid instead of the tanh",
            body: |gru, x, state| {
                let Gates { r, z, .. } = gates(gru, x, state);
                let (from_x, from_h) = block(gru, x, state, 2);
                mix(&z, &(from_x + &r * &from_h).mapv(sigmoid), state)
            },
        },
        Mistake {
            name: "one-bias",
            when: "only the bias on the input's side is added; the unit has two",
            body: |gru, x, state| {
                let zeros = Gru {
                    b_h: Array1::zeros(gru.b_h.len()),
                    ..gru.clone()
                };
                crate::gru_step(&zeros, x, state)
            },
        },
        Mistake {
            name: "reset-on-both",
            when: "the reset gate is applied to the input's side as well",
            body: |gru, x, state| {
                let Gates { r, z, .. } = gates(gru, x, state);
                let (from_x, from_h) = block(gru, x, state, 2);
                mix(&z, &(&r * &(from_x + from_h)).mapv(f32::tanh), state)
            },
        },
    ]
}
