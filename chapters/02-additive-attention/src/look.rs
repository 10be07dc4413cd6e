use crate::{
    Additive,
    functions::{Functions, REFERENCE},
};
use attn_dates::{Model, Weights};
use ch01_rnn_attention::{
    Attended, softmax,
    translator::{Look, Translator},
};
use ndarray::{ArrayView1, ArrayView2, Axis};

/// A look back with additive scores: chapter 1's, but for the score.
///
/// Shapes: `state` d, `states` m×d; `context` d, `weights` m.
#[track_caller]
pub fn additive_look(
    additive: &Additive,
    state: ArrayView1<f32>,
    states: ArrayView2<f32>,
) -> Attended {
    look_on(REFERENCE, additive, state, states)
}

#[track_caller]
fn look_on(
    functions: Functions,
    additive: &Additive,
    state: ArrayView1<f32>,
    states: ArrayView2<f32>,
) -> Attended {
    let scores = (functions.additive_scores)(additive, state.insert_axis(Axis(0)), states); // 1×m
    let weights = softmax(scores.row(0)); // m
    let context = weights.dot(&states); // d
    Attended { context, weights }
}

/// The trained model with additive attention.
///
/// # Panics
/// If the weights are another model's.
pub fn additive_translator(weights: &Weights) -> Translator {
    additive_translator_on(REFERENCE, weights)
}

/// The same, scoring by one of these functions.
///
/// # Panics
/// As [`additive_translator`].
pub fn additive_translator_on(functions: Functions, weights: &Weights) -> Translator {
    assert_eq!(weights.model(), Model::Additive);
    let additive = Additive {
        // Stored as (outputs, inputs); vectors are rows here.
        w_q: weights.matrix("attention.query").reversed_axes().to_owned(),
        w_k: weights.matrix("attention.key").reversed_axes().to_owned(),
        v: weights.vector("attention.score").to_owned(),
    };
    let look: Look = Box::new(move |state, states| look_on(functions, &additive, state, states));
    Translator::new(weights, look)
}
