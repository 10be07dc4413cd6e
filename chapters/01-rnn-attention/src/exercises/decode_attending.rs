//! 1.6 `decode_attending`

use super::{
    attend_all::{only, under},
    decode::{step, swapped},
    encode::shifted,
};
use crate::{Attended, Decoded, Rnn, attend_all, oracle};
use attn_exercise::{
    Field, SOME_VALUES, Value, exercise, field, fields, judge::require, pairwise, some_values,
};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, NdFloat, array, concatenate, s};

fields! { Decoded { states, weights } }

exercise! {
    /// A network, the encoder's states m×d and the decoder's inputs n×d_in.
    crate::decode_attending: (rnn: Rnn, states: Array2<f32>[m d], inputs: Array2<f32>[n d_in]) -> Decoded;

    exact: |c| c.call(by_oracle::<f64>);
    plain: |c| [c.call(by_oracle::<f32>)];
    first: |_c, answer| answer.weights.rows().into_iter().enumerate().try_for_each(|(t, row)| {
        let sum = row.sum();
        require((sum - 1.0).abs() < 1e-4, || format!("row {t} of the weights sums to {sum:.4}, should sum to 1"))
    });
    steps: |c| match c.inputs.rows().into_iter().next() {
        Some(y) => {
            let start = last(c.states.view());
            let Attended { context, weights } = attend_all(start.view(), c.states.view());
            let x = concatenate![Axis(0), y, context];
            vec![
                field("state before the first step", &start),
                field("its weights", &weights),
                field("what the first step reads", &x),
            ]
        }
        None => Vec::new(),
    };

    cases: |random| {
        let (ln2, ln3) = (2.0_f32.ln(), 3.0_f32.ln());
        let rnn = Rnn {
            w_x: array![[0.0, ln3], [0.0, 0.0], [4.0 / 3.0 * ln2, 0.0]],
            w_h: Array2::zeros((2, 2)),
            b: array![0.0, 0.0],
        };
        let states = array![[2.0 - ln3, 0.0], [1.0, 1.0]];
        let by_hand = case("by hand: weights 1/4 and 3/4, then 3/5 and 4/5", (rnn, states, array![[1.0]]));
        let mut cases = vec![by_hand];
        for (about, (n, m), (d_in, d)) in [
            ("a single state", (3, 1), (2, 3)),
            ("", (1, 5), (3, 4)),
            ("", (4, 4), (4, 4)),
            ("", (6, 5), (3, 4)),
            ("nothing to write", (0, 3), (2, 2)),
            ("", (7, 33), (5, 31)),
            ("", (33, 7), (8, 16)),
        ] {
            let rnn = Rnn::random(d_in + d, d, random);
            cases.push(case(about, (rnn, random.normal((m, d)), random.normal((n, d_in)))));
        }
        for [n, m, d_in, d, of_states, of_inputs] in pairwise([3, 3, 3, 3, 3, SOME_VALUES]) {
            let states = some_values([0, 2, 3][of_states], (m + 1, d + 1), random);
            let inputs = some_values(of_inputs, (n + 1, d_in + 1), random);
            cases.push(case("small", (Rnn::random(d_in + d + 2, d + 1, random), states, inputs)));
        }
        cases
    };

    never {
        "states large": "a state of the encoder lies between −1 and 1";
    }

    right (rnn, states, inputs) {
        "loops" => {
            let mut decoded = empty(inputs, states);
            let mut state = last(states);
            for t in 0..inputs.nrows() {
                let Attended { context, weights } = super::attend_all::loops(state.view(), states);
                let x: Vec<f32> = inputs.row(t).iter().chain(&context).copied().collect();
                state = super::rnn_step::loops(rnn, ArrayView1::from(&x), state.view());
                decoded.states.row_mut(t).assign(&state);
                decoded.weights.row_mut(t).assign(&weights);
            }
            decoded
        };
    }

    mistakes (rnn, states, inputs) {
        "state-after": "the state after the step looks back, and the step itself reads the context found before it: the context is one step late (zeros at first)"
            => {
                let look = |t: usize, state: ArrayView1<f32>| match t {
                    0 => under(Array1::zeros(states.nrows()), states),
                    _ => attend_all(state, states),
                };
                weights_after(run(rnn, last(states), states, inputs, look), states)
            };
        "weights-after": "the states are right, but row t of the weights is what the state after step t would look at"
            => weights_after(crate::decode_attending(rnn, states, inputs), states);
        "first-context": "the decoder looks back once, before the first step, and keeps that context"
            => run(rnn, last(states), states, inputs, |_, _| attend_all(last(states).view(), states));
        "last-only": "the context is the encoder's last state at every step: that is 1.4, the fixed context"
            => run(rnn, last(states), states, inputs, |_, _| only(states.nrows() - 1, states));
        "context-unused": "the weights are right, but the step reads the encoder's last state instead of the context"
            => run(rnn, last(states), states, inputs, |_, state| Attended { context: last(states), ..attend_all(state, states) });
        "state-as-context": "the weights are right, but the step reads its own state instead of the context"
            => run(rnn, last(states), states, inputs, |_, state| Attended { context: state.to_owned(), ..attend_all(state, states) });
        "only-up-to-t": "step t looks at the encoder's states up to t alone: the decoder may look at all of them"
            => run(rnn, last(states), states, inputs, |t, state| {
                let seen = (t + 1).min(states.nrows());
                let some = attend_all(state, states.slice(s![..seen, ..]));
                let unseen = Array1::zeros(states.nrows() - seen);
                Attended { weights: concatenate![Axis(0), some.weights, unseen], ..some }
            });
        "mean": "every state of the encoder gets the same weight"
            => run(rnn, last(states), states, inputs, |_, _| {
                under(Array1::from_elem(states.nrows(), 1.0 / states.nrows() as f32), states)
            });
        "wrong-axis": "the softmax runs along the wrong axis, over one score at a time, so that every weight is 1"
            => run(rnn, last(states), states, inputs, |_, _| under(Array1::ones(states.nrows()), states));
        "not-carried": "every step starts from the encoder's last state again: the state is not carried on"
            => {
                let mut decoded = empty(inputs, states);
                for (t, y) in inputs.axis_chunks_iter(Axis(0), 1).enumerate() {
                    let alone = crate::decode_attending(rnn, states, y);
                    decoded.states.row_mut(t).assign(&alone.states.row(0));
                    decoded.weights.row_mut(t).assign(&alone.weights.row(0));
                }
                decoded
            };
        "starts-with-zeros": "the state before the first step is zeros instead of the encoder's last state"
            => run(rnn, Array1::zeros(states.ncols()), states, inputs, |_, state| attend_all(state, states));
        "starts-with-the-first": "the decoder starts from the encoder's first state instead of its last"
            => run(rnn, states.row(0).to_owned(), states, inputs, |_, state| attend_all(state, states));
        "swapped": "the context is put before the input instead of after it"
            => crate::decode_attending(&swapped(rnn, states.ncols()), states, inputs);
        "state-before": "row t of the states is the state before step t instead of the state after it"
            => {
                let right = crate::decode_attending(rnn, states, inputs);
                Decoded { states: shifted(right.states.view(), last(states).view()), ..right }
            };
        "context-as-state": "the step starts from the context instead of the state before it"
            => {
                let (mut decoded, mut state) = (empty(inputs, states), last(states));
                for (t, y) in inputs.rows().into_iter().enumerate() {
                    let Attended { context, weights } = attend_all(state.view(), states);
                    state = step(rnn, y, context.view(), context.view());
                    decoded.states.row_mut(t).assign(&state);
                    decoded.weights.row_mut(t).assign(&weights);
                }
                decoded
            };
    }

    within {
        attend_all: |attend_all, (rnn, states, inputs)| {
            run(rnn, last(states), states, inputs, |_, state| attend_all(state, states))
        };
        rnn_step: |rnn_step, (rnn, states, inputs)| {
            let mut decoded = empty(inputs, states);
            let mut state = last(states);
            for (t, y) in inputs.rows().into_iter().enumerate() {
                let Attended { context, weights } = attend_all(state.view(), states);
                state = rnn_step(rnn, concatenate![Axis(0), y, context].view(), state.view());
                decoded.states.row_mut(t).assign(&state);
                decoded.weights.row_mut(t).assign(&weights);
            }
            decoded
        };
    }
}

fn by_oracle<F: NdFloat>(rnn: &Rnn, states: ArrayView2<f32>, inputs: ArrayView2<f32>) -> Vec<Field>
where
    for<'a> Value: From<&'a Array2<F>>,
{
    let (after, weights) = oracle::decode_attending(rnn, states, inputs);
    vec![field("weights", &weights), field("states", &after)]
}

fn last(states: ArrayView2<f32>) -> Array1<f32> {
    states.row(states.nrows() - 1).to_owned()
}

/// Room for what is decoded.
fn empty(inputs: ArrayView2<f32>, states: ArrayView2<f32>) -> Decoded {
    Decoded {
        states: Array2::zeros((inputs.nrows(), states.ncols())),
        weights: Array2::zeros((inputs.nrows(), states.nrows())),
    }
}

/// Runs the decoder from `first`; `look(t, state)` is the look back of step t.
fn run(
    rnn: &Rnn,
    first: Array1<f32>,
    states: ArrayView2<f32>,
    inputs: ArrayView2<f32>,
    look: impl Fn(usize, ArrayView1<f32>) -> Attended,
) -> Decoded {
    let (mut decoded, mut state) = (empty(inputs, states), first);
    for (t, y) in inputs.rows().into_iter().enumerate() {
        let Attended { context, weights } = look(t, state.view());
        state = step(rnn, y, context.view(), state.view());
        decoded.states.row_mut(t).assign(&state);
        decoded.weights.row_mut(t).assign(&weights);
    }
    decoded
}

/// Row t of the weights becomes what the state after step t looks at.
fn weights_after(mut decoded: Decoded, states: ArrayView2<f32>) -> Decoded {
    for (state, mut row) in decoded.states.rows().into_iter().zip(decoded.weights.rows_mut()) {
        row.assign(&attend_all(state, states).weights);
    }
    decoded
}
