//! 1.7 `gru_step`

use super::rnn_step::{by_exponential_of_twice, by_exponentials, product};
use crate::{Gru, oracle};
use attn_exercise::{SOME_VALUES, exercise, field, given, judge::require, pairwise, some_values};
use ndarray::{Array1, ArrayView1, Axis, NdFloat, array, s};

given! { Gru { w_x [d_in], w_h [d], b_x [], b_h [] } }

exercise! {
    /// A unit, an input of width d_in and a state of width d.
    crate::gru_step: (gru: Gru, x: Array1<f32>[d_in], state: Array1<f32>[d]) -> Array1<f32>;

    exact: |c| c.call(by_oracle::<f64>);
    plain: |c| [c.call(by_oracle::<f32>), c.call(by_difference), c.call(gate_by_gate)];
    first: |c, after| after.iter().zip(&c.state).enumerate().try_for_each(|(i, (s, before))| {
        let most = 1.0001 * before.abs().max(1.0);
        require(s.abs() <= most, || {
            format!("result[{i}] is {s:.4}; it should lie between the candidate (−1 … 1) and the state before")
        })
    });
    steps: |c| {
        let parts = c.call(parts);
        [
            field("the reset gate", &parts.reset),
            field("the update gate", &parts.update),
            field("the candidate", &parts.candidate()),
        ]
    };

    cases: |random| {
        let (ln2, ln3) = (2.0_f32.ln(), 3.0_f32.ln());
        let gru = Gru {
            w_x: array![[0.0, ln3, 0.0]],
            w_h: array![[0.0, 0.0, 2.0 * ln2]],
            b_x: array![0.0, 0.0, 0.0],
            b_h: array![0.0, 0.0, ln2],
        };
        let mut cases = vec![case("by hand: gates 1/2 and 3/4, candidate 3/5", (gru, array![1.0], array![0.5]))];
        for (d_in, d) in [(1, 1), (3, 3), (5, 4), (31, 33), (33, 31), (129, 127)] {
            let gru = Gru::random(d_in, d, random);
            cases.push(case("standard normal", (gru, random.normal(d_in), random.uniform(d) * 2.0 - 1.0)));
        }
        let far = (Gru::random(5, 33, random), random.normal(5) * 300.0, random.uniform(33) * 2.0 - 1.0);
        cases.push(case("sums of about ±300", far));
        for [d_in, d, of_x, of_state] in pairwise([3, 3, SOME_VALUES, SOME_VALUES]) {
            let (x, state) = (some_values(of_x, d_in + 1, random), some_values(of_state, d + 1, random));
            cases.push(case("small", (Gru::random(d_in + 1, d + 1, random), x, state)));
        }
        cases
    };

    right (gru, x, state) {
        "loops, candidate + update (state − candidate)" => by_difference(gru, x, state);
        "a product for each gate, sigmoid by tanh" => gate_by_gate(gru, x, state);
    }

    mistakes (gru, x, state) {
        "flipped": "the update gate and 1 minus it are exchanged: the gate is how much of the old state stays (Bahdanau's paper has it the other way round)"
            => mixed(gru, x, state, |p| (1.0 - &p.update, p.candidate()));
        "reset-before": "the reset gate is multiplied with the state before the product with W_h, as in the paper of Cho and others; here it comes after, bias included"
            => mixed(gru, x, state, |p| {
                let from_h = parts(gru, x, (&p.reset * &state).view()).from_h;
                (p.update.clone(), (&p.from_x + &from_h).tanh())
            });
        "bias-outside": "the bias on the state's side is added outside of the reset gate: reset ⊙ (state W_h) + b_h"
            => mixed(gru, x, state, |p| {
                let bias = gru.b_h.slice(s![2 * state.len()..]);
                (p.update.clone(), (&p.from_x + &p.reset * (&p.from_h - &bias) + bias).tanh())
            });
        "gates-exchanged": "the blocks of the reset and the update gate are exchanged: the order is reset, update, candidate"
            => crate::gru_step(&blocks(gru, [1, 0, 2]), x, state);
        "candidate-first": "the blocks are taken for candidate, reset, update: the order is reset, update, candidate"
            => crate::gru_step(&blocks(gru, [1, 2, 0]), x, state);
        "candidate-first, update before reset": "the blocks are taken for candidate, update, reset: the order is reset, update, candidate"
            => crate::gru_step(&blocks(gru, [2, 1, 0]), x, state);
        "candidate-second": "the blocks are taken for reset, candidate, update: the order is reset, update, candidate"
            => crate::gru_step(&blocks(gru, [0, 2, 1]), x, state);
        "candidate-second, update before reset": "the blocks are taken for update, candidate, reset: the order is reset, update, candidate"
            => crate::gru_step(&blocks(gru, [2, 0, 1]), x, state);
        "sigmoid-sign": "the sigmoid has the wrong sign, 1/(1 + e^a): both gates open where they should close"
            => mixed(gru, x, state, |p| (1.0 - &p.update, (&p.from_x + (1.0 - &p.reset) * &p.from_h).tanh()));
        "sigmoid-overflow": "the sigmoid is e^a/(1 + e^a), which is ∞/∞ for large sums, and that is NaN; 1/(1 + e^−a) is not"
            => with_gates(gru, x, state, |a| a.exp() / (1.0 + a.exp()));
        "candidate-whole": "the candidate is not multiplied by 1 minus the update gate: candidate + update ⊙ state is no mixture"
            => {
                let p = parts(gru, x, state);
                p.candidate() + p.update * state
            };
        "update-for-reset": "the candidate is made with the update gate where the reset gate belongs"
            => mixed(gru, x, state, |p| (p.update.clone(), (&p.from_x + &p.update * &p.from_h).tanh()));
        "reset-for-update": "candidate and old state are mixed with the reset gate where the update gate belongs"
            => mixed(gru, x, state, |p| (p.reset.clone(), p.candidate()));
        "no-product": "the reset gate is multiplied with the state itself, which never goes through W_h"
            => mixed(gru, x, state, |p| (p.update.clone(), (&p.from_x + &p.reset * &state).tanh()));
        "no-reset": "the reset gate is not used"
            => mixed(gru, x, state, |p| (p.update.clone(), (&p.from_x + &p.from_h).tanh()));
        "no-update": "the candidate is returned: the update gate is not used and nothing of the old state stays"
            => parts(gru, x, state).candidate();
        "tanh-gates": "the gates go through a tanh instead of the sigmoid"
            => with_gates(gru, x, state, f32::tanh);
        "no-tanh": "the candidate does not go through the tanh"
            => mixed(gru, x, state, |p| (p.update.clone(), p.sum()));
        "sigmoid-candidate": "the candidate goes through the sigmoid instead of the tanh"
            => mixed(gru, x, state, |p| (p.update.clone(), p.sum().mapv(sigmoid)));
        "exponentials": "the tanh is made of e^a and e^−a, which overflow far from zero, and then it is NaN"
            => mixed(gru, x, state, |p| (p.update.clone(), p.sum().mapv(by_exponentials)));
        "exponential-of-twice": "the tanh is made of e^2a, which overflows for large sums, and then it is NaN"
            => mixed(gru, x, state, |p| (p.update.clone(), p.sum().mapv(by_exponential_of_twice)));
        "one-bias": "only the bias on the input's side is added; the unit has two"
            => crate::gru_step(&Gru { b_h: Array1::zeros(3 * state.len()), ..gru.clone() }, x, state);
        "other-bias": "only the bias on the state's side is added; the unit has two"
            => crate::gru_step(&Gru { b_x: Array1::zeros(3 * state.len()), ..gru.clone() }, x, state);
        "no-bias": "neither of the two biases is added"
            => {
                let zeros = Array1::zeros(3 * state.len());
                crate::gru_step(&Gru { b_x: zeros.clone(), b_h: zeros, ..gru.clone() }, x, state)
            };
        "reset-on-both": "the reset gate is applied to the input's side as well"
            => mixed(gru, x, state, |p| (p.update.clone(), (&p.reset * &(&p.from_x + &p.from_h)).tanh()));
        "reset-on-the-kept": "the part of the old state that stays is multiplied with the reset gate as well"
            => {
                let p = parts(gru, x, state);
                (1.0 - &p.update) * p.candidate() + &p.update * &p.reset * state
            };
        "interleaved": "the columns are read in threes, 3i, 3i + 1 and 3i + 2: reset, update and candidate are blocks of d columns"
            => {
                let d = state.len();
                let column: Vec<usize> = (0..3).flat_map(|k| (0..d).map(move |i| 3 * i + k)).collect();
                crate::gru_step(&with_columns(gru, &column), x, state)
            };
    }
}

fn by_oracle<F: NdFloat>(gru: &Gru, x: ArrayView1<f32>, state: ArrayView1<f32>) -> Array1<F> {
    Array1::from(oracle::gru_step(gru, &oracle::vector(x), &oracle::vector(state)))
}

/// One coordinate at a time, mixed as candidate + update (state − candidate).
fn by_difference(gru: &Gru, x: ArrayView1<f32>, state: ArrayView1<f32>) -> Array1<f32> {
    let d = state.len();
    let from_x = product(x, gru.w_x.view()) + &gru.b_x;
    let from_h = product(state, gru.w_h.view()) + &gru.b_h;
    let entry = |c: usize| {
        let reset = sigmoid(from_x[c] + from_h[c]);
        let update = sigmoid(from_x[d + c] + from_h[d + c]);
        let candidate = (from_x[2 * d + c] + reset * from_h[2 * d + c]).tanh();
        candidate + update * (state[c] - candidate)
    };
    (0..d).map(entry).collect()
}

/// A product for each gate, and the sigmoid by way of the tanh, which loses digits where it is small.
fn gate_by_gate(gru: &Gru, x: ArrayView1<f32>, state: ArrayView1<f32>) -> Array1<f32> {
    let d = state.len();
    let from = |k: usize| {
        let (block, bias) = (s![.., k * d..(k + 1) * d], s![k * d..(k + 1) * d]);
        let from_x = x.dot(&gru.w_x.slice(block)) + gru.b_x.slice(bias);
        let from_h = state.dot(&gru.w_h.slice(block)) + gru.b_h.slice(bias);
        (from_x, from_h)
    };
    let gate = |k| {
        let (from_x, from_h) = from(k);
        (from_x + from_h).mapv(|a: f32| 0.5 + 0.5 * (0.5 * a).tanh())
    };
    let (reset, update) = (gate(0), gate(1));
    let (from_x, from_h) = from(2);
    let candidate = (from_x + &reset * &from_h).tanh();
    &update * &state + (1.0 - &update) * candidate
}

fn sigmoid(a: f32) -> f32 {
    1.0 / (1.0 + (-a).exp())
}

/// The unit whose blocks are these blocks of `gru`.
fn blocks(gru: &Gru, order: [usize; 3]) -> Gru {
    let d = gru.width();
    with_columns(gru, &order.into_iter().flat_map(|k| k * d..(k + 1) * d).collect::<Vec<_>>())
}

/// The unit whose columns are these columns of `gru`.
fn with_columns(gru: &Gru, column: &[usize]) -> Gru {
    Gru {
        w_x: gru.w_x.select(Axis(1), column),
        w_h: gru.w_h.select(Axis(1), column),
        b_x: gru.b_x.select(Axis(0), column),
        b_h: gru.b_h.select(Axis(0), column),
    }
}

/// What stands between input and result: the gates, and the candidate's two projections.
struct Parts {
    reset: Array1<f32>,
    update: Array1<f32>,
    from_x: Array1<f32>,
    from_h: Array1<f32>,
}

impl Parts {
    /// What goes into the candidate's tanh.
    fn sum(&self) -> Array1<f32> {
        &self.from_x + &self.reset * &self.from_h
    }

    fn candidate(&self) -> Array1<f32> {
        self.sum().tanh()
    }
}

/// The parts, with `gate` in place of the sigmoid.
fn parts_with(
    gru: &Gru,
    x: ArrayView1<f32>,
    state: ArrayView1<f32>,
    gate: fn(f32) -> f32,
) -> Parts {
    let d = state.len();
    let from_x = x.dot(&gru.w_x) + &gru.b_x;
    let from_h = state.dot(&gru.w_h) + &gru.b_h;
    let gates = (&from_x + &from_h).mapv(gate);
    Parts {
        reset: gates.slice(s![..d]).to_owned(),
        update: gates.slice(s![d..2 * d]).to_owned(),
        from_x: from_x.slice(s![2 * d..]).to_owned(),
        from_h: from_h.slice(s![2 * d..]).to_owned(),
    }
}

fn parts(gru: &Gru, x: ArrayView1<f32>, state: ArrayView1<f32>) -> Parts {
    parts_with(gru, x, state, sigmoid)
}

/// `(1 − update) ⊙ candidate + update ⊙ state` of another update gate and candidate.
fn mixed(
    gru: &Gru,
    x: ArrayView1<f32>,
    state: ArrayView1<f32>,
    wrong: impl Fn(&Parts) -> (Array1<f32>, Array1<f32>),
) -> Array1<f32> {
    let (update, candidate) = wrong(&parts(gru, x, state));
    (1.0 - &update) * candidate + update * state
}

fn with_gates(
    gru: &Gru,
    x: ArrayView1<f32>,
    state: ArrayView1<f32>,
    gate: fn(f32) -> f32,
) -> Array1<f32> {
    let p = parts_with(gru, x, state, gate);
    (1.0 - &p.update) * p.candidate() + p.update * state
}
