//! The known wrong answers to 1.6.

use super::Body;
use crate::{Attended, Decoded, Rnn, attend_all, exercises::decode::shifted, rnn_step};
use attn_exercise::Mistake;
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, concatenate, s};

fn last(states: ArrayView2<f32>) -> Array1<f32> {
    states.row(states.nrows() - 1).to_owned()
}

/// Runs the decoder from `first`; `look(t, state)` is the look back of step t.
fn run(
    rnn: &Rnn,
    (first, m): (Array1<f32>, usize),
    inputs: ArrayView2<f32>,
    mut look: impl FnMut(usize, ArrayView1<f32>) -> Attended,
) -> Decoded {
    let (n, mut state) = (inputs.nrows(), first);
    let mut decoded = Decoded {
        states: Array2::zeros((n, state.len())),
        weights: Array2::zeros((n, m)),
    };
    for (t, y) in inputs.rows().into_iter().enumerate() {
        let Attended { context, weights } = look(t, state.view());
        let x = concatenate![Axis(0), y, context];
        state = rnn_step(rnn, x.view(), state.view());
        decoded.states.row_mut(t).assign(&state);
        decoded.weights.row_mut(t).assign(&weights);
    }
    decoded
}

/// The context of `weights`.
fn under(weights: Array1<f32>, states: ArrayView2<f32>) -> Attended {
    Attended {
        context: weights.dot(&states),
        weights,
    }
}

pub(super) fn mistakes() -> Vec<Mistake<Body>> {
    vec![
        Mistake {
            name: "state-after",
            when: "the state *after* the step looks back, and the step itself reads the context found before it: the context is one step late (zeros at first)",
            body: |rnn, states, inputs| {
                let (mut state, mut context) = (last(states), Array1::zeros(states.ncols()));
                let mut decoded = Decoded {
                    states: Array2::zeros((inputs.nrows(), states.ncols())),
                    weights: Array2::zeros((inputs.nrows(), states.nrows())),
                };
                for (t, y) in inputs.rows().into_iter().enumerate() {
                    let x = concatenate![Axis(0), y, context];
                    state = rnn_step(rnn, x.view(), state.view());
                    let attended = attend_all(state.view(), states);
                    context = attended.context;
                    decoded.states.row_mut(t).assign(&state);
                    decoded.weights.row_mut(t).assign(&attended.weights);
                }
                decoded
            },
        },
        Mistake {
            name: "weights-after",
            when: "the states are right, but row t of the weights is what the state after step t would look at",
            body: |rnn, states, inputs| {
                let mut decoded = crate::decode_attending(rnn, states, inputs);
                for (state, mut row) in decoded
                    .states
                    .rows()
                    .into_iter()
                    .zip(decoded.weights.rows_mut())
                {
                    row.assign(&attend_all(state, states).weights);
                }
                decoded
            },
        },
        Mistake {
            name: "first-context",
            when: "the decoder looks back once, before the first step, and keeps that context",
            body: |rnn, states, inputs| {
                let first = last(states);
                let once = attend_all(first.view(), states);
                run(rnn, (first, states.nrows()), inputs, |_, _| once.clone())
            },
        },
        Mistake {
            name: "last-only",
            when: "the context is the encoder's last state at every step: that is 1.4, the fixed context",
            body: |rnn, states, inputs| {
                let m = states.nrows();
                let mut weights = Array1::zeros(m);
                weights[m - 1] = 1.0;
                run(rnn, (last(states), m), inputs, |_, _| {
                    under(weights.clone(), states)
                })
            },
        },
        Mistake {
            name: "context-unused",
            when: "the weights are right, but the step reads the encoder's last state instead of the context",
            body: |rnn, states, inputs| {
                let first = last(states);
                run(rnn, (first.clone(), states.nrows()), inputs, |_, state| {
                    Attended {
                        context: first.clone(),
                        ..attend_all(state, states)
                    }
                })
            },
        },
        Mistake {
            name: "only-up-to-t",
            when: "step t looks at the encoder's states up to t alone: the decoder may look at all of them",
            body: |rnn, states, inputs| {
                let m = states.nrows();
                run(rnn, (last(states), m), inputs, |t, state| {
                    let seen = (t + 1).min(m);
                    let some = attend_all(state, states.slice(s![..seen, ..]));
                    let mut weights = Array1::zeros(m);
                    weights.slice_mut(s![..seen]).assign(&some.weights);
                    Attended { weights, ..some }
                })
            },
        },
        Mistake {
            name: "mean",
            when: "every state of the encoder gets the same weight",
            body: |rnn, states, inputs| {
                let m = states.nrows();
                let even = Array1::from_elem(m, 1.0 / m as f32);
                run(rnn, (last(states), m), inputs, |_, _| {
                    under(even.clone(), states)
                })
            },
        },
        Mistake {
            name: "wrong-axis",
            when: "the softmax runs along the wrong axis, over one score at a time, so that every weight is 1",
            body: |rnn, states, inputs| {
                let m = states.nrows();
                run(rnn, (last(states), m), inputs, |_, _| {
                    under(Array1::ones(m), states)
                })
            },
        },
        Mistake {
            name: "starts-with-zeros",
            when: "the state before the first step is zeros instead of the encoder's last state",
            body: |rnn, states, inputs| {
                let first = (Array1::zeros(states.ncols()), states.nrows());
                run(rnn, first, inputs, |_, state| attend_all(state, states))
            },
        },
        Mistake {
            name: "starts-with-the-first",
            when: "the decoder starts from the encoder's first state instead of its last",
            body: |rnn, states, inputs| {
                let first = (states.row(0).to_owned(), states.nrows());
                run(rnn, first, inputs, |_, state| attend_all(state, states))
            },
        },
        Mistake {
            name: "swapped",
            when: "the context is put before the input instead of after it",
            body: |rnn, states, inputs| {
                let mut state = last(states);
                let mut decoded = Decoded {
                    states: Array2::zeros((inputs.nrows(), states.ncols())),
                    weights: Array2::zeros((inputs.nrows(), states.nrows())),
                };
                for (t, y) in inputs.rows().into_iter().enumerate() {
                    let Attended { context, weights } = attend_all(state.view(), states);
                    let x = concatenate![Axis(0), context, y];
                    state = rnn_step(rnn, x.view(), state.view());
                    decoded.states.row_mut(t).assign(&state);
                    decoded.weights.row_mut(t).assign(&weights);
                }
                decoded
            },
        },
        Mistake {
            name: "state-before",
            when: "row t of the states is the state before step t instead of the state after it",
            body: |rnn, states, inputs| {
                let decoded = crate::decode_attending(rnn, states, inputs);
                Decoded {
                    states: shifted(decoded.states.view(), last(states).view()),
                    ..decoded
                }
            },
        },
    ]
}
