//! 1.5 `attend_all`

use crate::{Attended, oracle, softmax};
use attn_exercise::{Field, Value, exercise, field, fields, judge::require, pairwise, some_values};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, NdFloat, array};

fields! { Attended { context, weights } }

exercise! {
    /// A decoder's state d and the encoder's states m×d.
    crate::attend_all: (state: Array1<f32>[d], states: Array2<f32>[m d]) -> Attended;

    exact: |c| c.call(by_oracle::<f64>);
    plain: |c| [c.call(by_oracle::<f32>)];
    first: |_c, answer| {
        let sum = answer.weights.sum();
        require((sum - 1.0).abs() < 1e-4, || format!("the weights sum to {sum:.4}, should sum to 1"))
    };
    steps: |c| {
        let scores = c.states.dot(&c.state);
        let weights = softmax(scores.view());
        let weighted = &c.states * &weights.view().insert_axis(Axis(1));
        [field("scores", &scores), field("weights", &weights), field("each state times its weight", &weighted)]
    };

    cases: |random| {
        let mut of = |about, m, d| case(about, (random.normal(d), random.normal((m, d))));
        let mut cases = vec![
            case("by hand: weights 1/4 and 3/4", (array![1.0, 0.0], array![[0.0, 1.0], [3.0_f32.ln(), 0.0]])),
            of("a single state", 1, 3),
            of("standard normal", 5, 4),
        ];
        // A state that is orthogonal to all: equal scores.
        let mut level = of("equal scores: the mean", 4, 5);
        level.states.column_mut(0).fill(0.0);
        level.state = array![2.0, 0.0, 0.0, 0.0, 0.0];
        let shuffled = of("standard normal", 6, 3);
        let mut again = shuffled.clone();
        again.about = "the same states in another order".into();
        again.states = again.states.select(Axis(0), &[4, 2, 0, 5, 1, 3]);
        cases.extend([level, shuffled, again]);
        cases.extend([of("standard normal", 7, 7), of("standard normal", 33, 31), of("standard normal", 129, 16)]);
        // Large (1) only beside tiny (2): the scores stay between −80 and 80.
        let kinds = [(0, 0), (1, 2), (2, 1), (0, 3), (3, 0), (2, 2), (3, 3)];
        for [m, d, kind] in pairwise([3, 3, kinds.len()]) {
            let (of_state, of_states) = kinds[kind];
            let (state, states) = (some_values(of_state, d + 1, random), some_values(of_states, (m + 1, d + 1), random));
            cases.push(case("small", (state, states)));
        }
        cases
    };

    right (state, states) {
        "loops" => loops(state, states);
        "divided last" => {
            let exp = state.dot(&states.t()).exp();
            let sum = exp.sum();
            let weighted = &states * &exp.view().insert_axis(Axis(1));
            Attended { context: weighted.sum_axis(Axis(0)) / sum, weights: exp / sum }
        };
    }

    mistakes (state, states) {
        "last-only": "only the last state is attended to: that is the fixed context again"
            => only(states.nrows() - 1, states);
        "mean": "every state gets the same weight, whatever the decoder's state is"
            => under(Array1::from_elem(states.nrows(), 1.0 / states.nrows() as f32), states);
        "no-softmax": "the scores are used as weights as they are, without the softmax"
            => under(states.dot(&state), states);
        "by-the-sum": "the scores are divided by their sum instead of going through the softmax"
            => {
                let scores = states.dot(&state);
                under(&scores / scores.sum(), states)
            };
        "no-division": "the exponentials of the scores are not divided by their sum"
            => under(states.dot(&state).exp(), states);
        "wrong-axis": "the softmax runs along the wrong axis, over one score at a time, so that every weight is 1"
            => under(Array1::ones(states.nrows()), states);
        "best-only": "only the state with the largest score is taken, not the mean of all"
            => only(largest(&states.dot(&state)), states);
        "best-context": "the weights are right, but the context is the state with the largest weight instead of their mean"
            => with_context(state, states, |right| states.row(largest(&right.weights)).to_owned());
        "mean-context": "the weights are right, but the context is the plain mean of the states"
            => with_context(state, states, |_| states.mean_axis(Axis(0)).expect("at least one state"));
        "last-row": "the context is overwritten with each weighted state (=) instead of added to (+=), so that only the last is left"
            => with_context(state, states, |right| &states.row(states.nrows() - 1) * right.weights[states.nrows() - 1]);
        "cosine": "the scores are divided by the lengths of both states: that is a cosine, not a dot product"
            => {
                let length = |x: ArrayView1<f32>| x.dot(&x).sqrt();
                let lengths = states.map_axis(Axis(1), |row| length(row) * length(state));
                under(softmax((states.dot(&state) / lengths).view()), states)
            };
        "scaled": "the scores are divided by √d, as chapter 3 will; here they are the plain dot products"
            => under(softmax((states.dot(&state) / (state.len() as f32).sqrt()).view()), states);
        "scores-as-weights": "the context is right, but the scores are returned in place of the weights"
            => Attended { weights: states.dot(&state), ..crate::attend_all(state, states) };
        "context-divided": "the weighted sum is divided by the number of states once more: the weights sum to one already"
            => with_context(state, states, |right| &right.context / states.nrows() as f32);
        "distance": "the softmax is taken of minus the scores: the least similar state gets the largest weight"
            => under(softmax((-states.dot(&state)).view()), states);
        "sigmoid": "each score goes through a sigmoid of its own instead of the softmax of all"
            => under(states.dot(&state).mapv(|s| 1.0 / (1.0 + (-s).exp())), states);
        "context-times-state": "the weights are right, but the context is multiplied with the decoder's state"
            => with_context(state, states, |right| &right.context * &state);
    }

    within {
        softmax: |softmax, (state, states)| under(softmax(states.dot(&state).view()), states);
    }
}

fn by_oracle<F: NdFloat>(state: ArrayView1<f32>, states: ArrayView2<f32>) -> Vec<Field>
where
    for<'a> Value: From<&'a Array1<F>>,
{
    let (context, weights) = oracle::attend_all(&oracle::vector(state), states);
    vec![field("weights", &weights), field("context", &context)]
}

pub(super) fn loops(state: ArrayView1<f32>, states: ArrayView2<f32>) -> Attended {
    let score = |row: ArrayView1<f32>| -> f32 { row.iter().zip(&state).map(|(a, b)| a * b).sum() };
    let scores: Array1<f32> = states.rows().into_iter().map(score).collect();
    let weights = super::softmax::in_f64(scores.view());
    let mut context = Array1::zeros(states.ncols());
    for (weight, row) in weights.iter().zip(states.rows()) {
        context.scaled_add(*weight, &row);
    }
    Attended { context, weights }
}

/// The context that these weights give, with these weights.
pub(super) fn under(weights: Array1<f32>, states: ArrayView2<f32>) -> Attended {
    Attended { context: weights.dot(&states), weights }
}

/// All of the weight on one state.
pub(super) fn only(j: usize, states: ArrayView2<f32>) -> Attended {
    let mut weights = Array1::zeros(states.nrows());
    weights[j] = 1.0;
    under(weights, states)
}

/// The right weights, with another context made of the right answer.
fn with_context(
    state: ArrayView1<f32>,
    states: ArrayView2<f32>,
    wrong: impl Fn(&Attended) -> Array1<f32>,
) -> Attended {
    let right = crate::attend_all(state, states);
    Attended { context: wrong(&right), ..right }
}

/// The index of the largest entry, the first of equals.
pub(super) fn largest(x: &Array1<f32>) -> usize {
    (0..x.len()).fold(0, |best, next| if x[next] > x[best] { next } else { best })
}
