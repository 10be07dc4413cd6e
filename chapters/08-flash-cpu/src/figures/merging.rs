//! What is known of a query while its keys go by.

use crate::{given::State, merge};
use attn_core::random::Random;
use attn_viz::{Axis, Figure, Lines};
use ndarray::{Array1, Array2, array};

const KEYS: usize = 48;

/// Standard normal scores and values; two keys on the way fit better than all before them.
fn keys() -> (Array1<f32>, Array2<f32>) {
    let mut random = Random::new(8);
    let mut scores: Array1<f32> = random.normal(KEYS);
    (scores[15], scores[31]) = (3.5, 5.5);
    (scores, random.normal((KEYS, 1)))
}

/// The states after each key, from the first one on.
fn states() -> Vec<State> {
    let (scores, values) = keys();
    let mut state = State::empty(1);
    let each = scores.iter().zip(values.rows());
    each.map(|(&score, value)| {
        state = merge(&state, &State::of_key(score, value));
        state.clone()
    })
    .collect()
}

pub fn figure() -> Figure {
    let states = states();
    let curve = |of: fn(&State) -> f32| {
        let points = states.iter().enumerate();
        points.map(|(j, state)| (j as f64 + 1.0, f64::from(of(state)))).collect::<Vec<_>>()
    };
    let both = |test: fn(&State, &State) -> bool| {
        let pairs = states.windows(2).filter(|two| test(&two[0], &two[1]));
        pairs.count()
    };
    let rises = both(|before, after| after.row_max > before.row_max);
    let falls = both(|before, after| after.row_sum < before.row_sum);
    let alternative = format!(
        "Over {KEYS} keys the maximum rises {rises} times, steeply at keys 16 and 32. The sum falls {falls} times, each time when the maximum rises, and grows in between."
    );
    Lines::new("One query while its keys go by: what is kept", &alternative)
        .x(Axis::linear("keys so far"))
        .y(Axis::linear("value"))
        .series("row_max", curve(|state| state.row_max))
        .series("row_sum", curve(|state| state.row_sum))
        .series("out / row_sum", curve(|state| state.out[0] / state.row_sum))
        .figure()
}

/// The example that is worked by hand: scores 0, ln 2, ln 4 over the values 1, 4, 2.
pub fn table() -> String {
    let (ln2, ln4) = (2.0_f32.ln(), 4.0_f32.ln());
    let one = |score: f32, value: f32| State::of_key(score, array![value].view());
    let (a, b, c) = (one(0.0, 1.0), one(ln2, 4.0), one(ln4, 2.0));
    let ab = merge(&a, &b);
    let rows = [
        ("key 0", a.clone()),
        ("key 1", b.clone()),
        ("key 2", c.clone()),
        ("keys 0 and 1", ab.clone()),
        ("(keys 0 and 1) and key 2", merge(&ab, &c)),
        ("key 0 and (keys 1 and 2)", merge(&a, &merge(&b, &c))),
    ];
    let mut table = String::from(
        "| of | row_max | row_sum | out | out / row_sum |\n| --- | ---: | ---: | ---: | ---: |\n",
    );
    for (name, state) in rows {
        table += &format!(
            "| {name} | {:.4} | {:.4} | {:.4} | {:.4} |\n",
            state.row_max,
            state.row_sum,
            state.out[0],
            state.out[0] / state.row_sum
        );
    }
    table
}
