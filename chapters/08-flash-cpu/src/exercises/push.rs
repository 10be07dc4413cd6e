//! 8.8 `push`

use super::merge::in_f64;
use crate::given::State;
use attn_exercise::{SOME_VALUES, Trace, exercise, field, pairwise, some_values};
use ndarray::{Array1, Array2, ArrayView1, array};
use std::fmt;

exercise! {
    /// Keys that arrive one after the other: their scores and values.
    crate::push as fn(&mut State, f32, ArrayView1<f32>) -> (): (scores: Array1<f32>[m], values: Array2<f32>[m d_v]) -> Trace<State>;
    answer: |push, c| trace(c, push);

    exact: |c| {
        // After each arrival by the definition, over all keys so far.
        Trace::of(arrivals(c), 0, |count: &mut usize, _| {
            *count += 1;
            let scores = c.scores.iter().take(*count).map(|&score| f64::from(score));
            let row_max = scores.clone().fold(f64::NEG_INFINITY, f64::max);
            let weights: Array1<f64> = scores.map(|score| if score > f64::NEG_INFINITY { (score - row_max).exp() } else { 0.0 }).collect();
            let mut out = Array1::<f64>::zeros(c.values.ncols());
            for (weight, value) in weights.iter().zip(c.values.rows()) {
                out.scaled_add(*weight, &value.mapv(f64::from));
            }
            vec![field("row_max", row_max), field("row_sum", weights.sum()), field("out", &out)]
        })
    };
    plain: |c| [trace(c, by_merging), trace(c, |state, score, value| {
        if score > f32::NEG_INFINITY {
            *state = in_f64(state, &State::of_key(score, value));
        }
    })];

    cases: |random| {
        let infinite = f32::NEG_INFINITY;
        let (ln2, ln4) = (2.0_f32.ln(), 4.0_f32.ln());
        let mut of = |about, scores: Array1<f32>, d_v: usize| {
            let values = random.normal((scores.len(), d_v));
            case(about, (scores, values))
        };
        let mut cases = vec![
            case("by hand: 17/7 after the last", (array![0.0, ln2, ln4], array![[1.0], [4.0], [2.0]])),
            of("ascending", array![-1.0, -0.5, 0.25, 2.0, 3.5], 3),
            of("descending", array![3.0, 1.0, 0.5, -2.0, -2.5], 2),
            of("up and down", array![0.5, -1.0, 2.0, 1.5, 3.0, -0.5, 2.5], 4),
            of("equal", array![1.5, 1.5, 1.5, 1.5], 2),
            of("the first two weigh nothing", array![infinite, infinite, 0.5, infinite, 1.0], 2),
            of("none weighs anything", array![infinite, infinite], 3),
            of("very large, 1000 apart", array![1e4, 1.1e4, 1.1e4, 1e4, 1.2e4], 2),
            of("all below −10¹⁰", array![-3e10, -2e10, -2e10, -4e10], 2),
            of("a single key", array![-0.75], 1),
            case("18 and 9 below", (array![0.0, -18.0, -9.0], array![[1.0], [1e8], [1e4]])),
            case("18 above, then 9 below", (array![0.0, 18.0, 9.0], array![[1e8], [1.0], [1e4]])),
        ];
        let levels = [3, 3, SOME_VALUES, SOME_VALUES];
        cases.extend(pairwise(levels).into_iter().map(|[m, d_v, of_scores, of_values]| {
            case("small", (some_values(of_scores, m + 1, random), some_values(of_values, (m + 1, d_v + 1), random)))
        }));
        cases
    };

    right (state, score, value) {
        "by merging with the state of one key" => by_merging(state, score, value);
        "rescaled only where the maximum grows" => {
            if score > state.row_max {
                let factor = (state.row_max - score).exp();
                state.row_sum *= factor;
                state.out *= factor;
                state.row_max = score;
            }
            if state.row_max > f32::NEG_INFINITY {
                let weight = (score - state.row_max).exp();
                state.row_sum += weight;
                state.out.scaled_add(weight, &value);
            }
        };
        "one of two branches, entry by entry" => {
            if score == f32::NEG_INFINITY {
            } else if score <= state.row_max {
                let weight = f32::exp(score - state.row_max);
                state.row_sum += weight;
                state.out.iter_mut().zip(value).for_each(|(x, v)| *x += weight * v);
            } else {
                let factor = f32::exp(state.row_max - score);
                let out = state.out.iter().zip(value).map(|(x, v)| factor * x + v).collect();
                *state = State { row_max: score, row_sum: factor * state.row_sum + 1.0, out };
            }
        };
        "in f64" => {
            if score > f32::NEG_INFINITY {
                *state = in_f64(state, &State::of_key(score, value));
            }
        };
    }

    mistakes (state, score, value) {
        "sum-not-rescaled": "out is rescaled to a new maximum and row_sum is not"
            => add(state, score, value, |old, new| [1.0, new, old, new]);
        "out-not-rescaled": "row_sum is rescaled to a new maximum and out is not"
            => add(state, score, value, |old, new| [old, new, 1.0, new]);
        "nothing-rescaled": "what was summed before is not rescaled to a new maximum, as when row_max is replaced before the factor is computed, which then is e⁰"
            => add(state, score, value, |_, new| [1.0, new, 1.0, new]);
        "new-key-unscaled": "the new key is added with weight 1; it is e^(score − row_max), which is less than 1 where the maximum does not grow"
            => add(state, score, value, |old, _| [old, 1.0, old, 1.0]);
        "value-unweighted": "the value is added as it is; it has the weight e^(score − row_max), like its share of row_sum"
            => add(state, score, value, |old, new| [old, new, old, 1.0]);
        "inverted": "the exponent has the wrong sign: the factor of what was summed before is e^(old − new), at most 1"
            => add(state, score, value, |old, new| [1.0 / old, new, 1.0 / old, new]);
        "swapped": "the factors of what was summed before and of the new key have changed places"
            => add(state, score, value, |old, new| [new, old, new, old]);
        "base-two": "the factors are powers of 2 instead of powers of e"
            => add(state, score, value, |old, new| [old, new, old, new].map(|x| x.ln().exp2()));
        "starts-over": "a larger score replaces the state: all keys before it are forgotten"
            => if score > state.row_max {
                *state = State::of_key(score, value);
            } else {
                crate::push(state, score, value);
            };
        "smaller-ignored": "a key counts only if its score is the largest so far"
            => if score >= state.row_max {
                crate::push(state, score, value);
            };
        "max-stays": "row_max stays that of the first key: the sums are right for it until a later score is so much larger that e^(score − row_max) overflows"
            => if state.row_max == f32::NEG_INFINITY {
                crate::push(state, score, value);
            } else {
                let weight = (score - state.row_max).exp();
                state.row_sum += weight;
                state.out.scaled_add(weight, &value);
            };
        "max-from-zero": "the maximum is looked for from 0 upwards, so that keys with scores far below zero vanish"
            => from(0.0, state, score, value);
        "max-from-a-billion": "the maximum is looked for from −1e9 upwards instead of −∞, so that keys with scores below that vanish"
            => from(-1e9, state, score, value);
        "nan-from-nothing": "e^(−∞ − (−∞)) is computed for a score of −∞ before the first key: that is NaN, and such a key changes nothing"
            => {
                let row_max = state.row_max.max(score);
                *state = super::merge::plainly(state, &State::of_key(score, value), row_max);
            };
        "first-key-copied": "the first key is copied without a look at its score: one with −∞ weighs nothing, here it counts 1"
            => if state.row_sum == 0.0 {
                *state = State::of_key(score, value);
            } else {
                crate::push(state, score, value);
            };
        "divided": "out is divided by row_sum after each key, and so again and again; divide once, when the state is finished"
            => {
                crate::push(state, score, value);
                state.out = state.finish().0;
            };
        "unnoticed": "the new state is made, and `state` is not changed: write through it, as in `*state = …`"
            => crate::push(&mut state.clone(), score, value);
        "sum-counts": "row_sum grows by 1 with each key, as if it counted them; a key adds e^(score − row_max)"
            => add(state, score, value, |old, new| [old, 1.0, old, new]);
        "row-max-is-last": "row_max is the last score, even where it is smaller: then the factor is more than 1 and may overflow"
            => if score > f32::NEG_INFINITY {
                let old = (state.row_max - score).exp();
                *state = State { row_max: score, row_sum: old * state.row_sum + 1.0, out: old * &state.out + value };
            };
        "smaller-at-zero": "a key with a smaller score is added with the weight e^score; what is summed belongs to row_max: e^(score − row_max)"
            => if score > state.row_max {
                crate::push(state, score, value);
            } else if score > f32::NEG_INFINITY {
                state.row_sum += score.exp();
                state.out.scaled_add(score.exp(), &value);
            };
        "normalised": "out is kept divided by row_sum; a state's out is not divided, so that it can be merged"
            => {
                state.out *= state.row_sum;
                crate::push(state, score, value);
                state.out = state.finish().0;
            };
        "no-maximum": "no maximum is subtracted: row_sum and out belong to the maximum 0, whatever row_max says, and overflow"
            => {
                state.row_max = state.row_max.max(score);
                state.row_sum += score.exp();
                state.out.scaled_add(score.exp(), &value);
            };
        "max-not-kept": "row_max is not written back: it stays −∞, and each key makes all before it forgotten"
            => {
                let row_max = state.row_max;
                crate::push(state, score, value);
                state.row_max = row_max;
            };
        "inverted-guarded": "the exponent has the wrong sign: the factor of what was summed before is e^(old − new), at most 1"
            => if state.row_max == f32::NEG_INFINITY {
                crate::push(state, score, value);
            } else {
                add(state, score, value, |old, new| [1.0 / old, new, 1.0 / old, new]);
            };
        "new-key-rescaled": "the new key is added before the rescaling and rescaled with all the others; its weight is right already"
            => add(state, score, value, |old, new| [old, old * new, old, old * new]);
        "value-times-score": "the value is multiplied by its score too; its weight is e^(score − row_max) alone"
            => crate::push(state, score, (&value * score).view());
        "first-keys-copied": "a key is copied as long as row_max is −∞, without a look at its own score: one with −∞ weighs nothing, here it counts 1"
            => if state.row_max == f32::NEG_INFINITY {
                *state = State::of_key(score, value);
            } else {
                crate::push(state, score, value);
            };
    }

    within {
        merge: |merge, (scores, values)| {
            let c = case("", (scores.to_owned(), values.to_owned()));
            trace(&c, |state, score, value| *state = merge(state, &State::of_key(score, value)))
        };
    }
}

/// A key that arrives.
struct Arrival<'a> {
    score: f32,
    value: ArrayView1<'a, f32>,
}

/// `push 0.6931`
impl fmt::Display for Arrival<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self.score {
            f32::NEG_INFINITY => write!(f, "push −∞"),
            score if score.abs() >= 1e4 => write!(f, "push {score:.1e}"),
            score => write!(f, "push {score:.4}"),
        }
    }
}

fn arrivals(c: &Case) -> impl Iterator<Item = Arrival<'_>> {
    let keys = c.scores.iter().zip(c.values.rows());
    keys.map(|(&score, value)| Arrival { score, value })
}

/// The state after each arrival.
fn trace(c: &Case, push: impl Fn(&mut State, f32, ArrayView1<f32>)) -> Trace<State> {
    Trace::of(arrivals(c), State::empty(c.values.ncols()), |state, arrival| {
        push(state, arrival.score, arrival.value);
        state.clone()
    })
}

fn by_merging(state: &mut State, score: f32, value: ArrayView1<f32>) {
    *state = crate::merge(state, &State::of_key(score, value));
}

/// Adds a key. `factors` makes four factors of the right two, those of what was summed before and
/// of the new key: before and new for row_sum, before and new for out.
fn add(state: &mut State, score: f32, value: ArrayView1<f32>, factors: fn(f32, f32) -> [f32; 4]) {
    if score == f32::NEG_INFINITY {
        return;
    }
    let row_max = state.row_max.max(score);
    let [a, b, c, d] = factors((state.row_max - row_max).exp(), (score - row_max).exp());
    *state = State { row_max, row_sum: a * state.row_sum + b, out: c * &state.out + d * &value };
}

/// Adds a key, with a maximum that is never below `least`.
fn from(least: f32, state: &mut State, score: f32, value: ArrayView1<f32>) {
    let row_max = state.row_max.max(score).max(least);
    *state = super::merge::plainly(state, &State::of_key(score, value), row_max);
}
