//! 8.9 `sink_attention`

use super::flash_forward::{by_hand, large, scaled, small};
use crate::{
    checked::mask,
    given::{Output, State, seen},
    merge,
};
use attn_exercise::{exercise, field};
use attn_oracle as oracle;
use ch03_scaled_dot_product::attention;
use ndarray::{Array1, Array2, ArrayView2, NdFloat, s};

exercise! {
    /// One head and its sink.
    crate::sink_attention: (q: Array2<f32>[n d], k: Array2<f32>[m d], v: Array2<f32>[m d_v], causal: bool, sink: f32) -> Output;

    exact: |c| c.call(exact::<f64>);
    plain: |c| [c.call(exact::<f32>), c.call(gated)];
    steps: |c| {
        let scores = c.k.dot(&c.q.row(0)) / (c.q.ncols() as f32).sqrt();
        let keys = seen(0, c.q.nrows(), c.k.nrows(), c.causal);
        let plain = c.call(|q, k, v, causal, _| attention(q, k, v, &mask(causal)));
        let shares: Array1<f32> = plain.lse.iter().map(|lse| sigmoid(c.sink - lse)).collect();
        [
            field("scores of query 0", &scores.slice(s![..keys]).to_owned()),
            field("out without the sink", &plain.out),
            field("the sink's weight in each row", &shares),
        ]
    };

    cases: |random| {
        let mut of = |about, (n, m), (d, d_v), causal, sink| {
            case(about, (random.normal((n, d)), random.normal((m, d)), random.normal((m, d_v)), causal, sink))
        };
        let (q, k, v) = by_hand();
        let mut cases = vec![
            case("by hand: 1/8, 2/8, 4/8", (q, k, v, false, 0.0)),
            of("", (5, 7), (4, 3), false, 1.5),
            of("", (1, 1), (1, 1), false, -0.5),
            of("", (3, 6), (4, 4), true, 0.7),
            of("the first three queries see nothing", (6, 3), (8, 2), true, -1.0),
            of("scores of about ±10000", (4, 6), (16, 3), false, 2.0),
            of("a sink far above the scores", (4, 6), (4, 3), true, 200.0),
            of("a sink far below the scores", (4, 6), (4, 3), true, -200.0),
            of("no sink: −∞", (5, 4), (4, 3), true, f32::NEG_INFINITY),
            of("all scores below −10¹⁰, and so is the sink", (3, 5), (4, 2), true, -2e12),
            of("", (33, 31), (16, 8), true, 3.0),
            of("", (31, 129), (64, 32), true, 4.0),
        ];
        let Case { q, k, .. } = &mut cases[5];
        large(q, k, 100.0);
        let Case { q, k, .. } = &mut cases[9];
        large(q, k, 1e6);
        cases[9].q.mapv_inplace(|x| -x.abs());
        let sinks = [0.0, 2.5, -1.5, 0.3].into_iter().cycle();
        cases.extend(small(random).zip(sinks).map(|((q, k, v, causal, _), sink)| case("small", (q, k, v, causal, sink))));
        cases
    };

    right (q, k, v, causal, sink) {
        "the finished output, gated" => gated(q, k, v, causal, sink);
        "the sink merged last" => passing(q, k, v, causal, State::empty(v.ncols()), |state| {
            merge(state, &State::of_key(sink, Array1::zeros(v.ncols()).view())).finish()
        });
        "one more key, of value zero" => {
            let oracle::Output { out, lse } = exact(q, k, v, causal, sink);
            Output { out, lse }
        };
        "f64 inside" => {
            let exact = exact::<f64>(q, k, v, causal, sink);
            Output { out: exact.out.mapv(|x| x as f32), lse: exact.lse.mapv(|x| x as f32) }
        };
    }

    mistakes (q, k, v, causal, sink) {
        "no-sink": "the sink is not used: the weights of the keys sum to one"
            => attention(q, k, v, &mask(causal));
        "sink-of-zero": "the sink is taken to be 0, whatever it is: 1 is added to the sum of the exponentials"
            => crate::sink_attention(q, k, v, causal, 0.0);
        "sink-scaled": "the sink is divided by √d, like the scores; it joins them after that"
            => crate::sink_attention(q, k, v, causal, sink / (q.ncols() as f32).sqrt());
        "with-the-first-value": "the sink has the value of key 0; it has none"
            => starting(q, k, v, causal, first_value(sink, v));
        "with-a-value-of-ones": "the sink has the value 1; it has none, so out starts at zeros"
            => starting(q, k, v, causal, State::of_key(sink, Array1::ones(v.ncols()).view()));
        "maximum-alone": "the sink is in the starting maximum, but row_sum starts at 0, so that it has no share"
            => starting(q, k, v, causal, State { row_sum: 0.0, ..start(sink, v) });
        "sum-is-the-sink": "row_sum starts with the sink itself instead of e^(sink − row_max) = 1"
            => starting(q, k, v, causal, State { row_sum: sink, ..start(sink, v) });
        "sum-is-e-to-the-sink": "row_sum starts with e^sink while row_max is the sink already: relative to that it is 1"
            => starting(q, k, v, causal, State { row_sum: sink.exp(), ..start(sink, v) });
        "maximum-0": "the state starts as (0, e^sink, 0): right on paper, but scores and sink far from 0 vanish or overflow"
            => starting(q, k, v, causal, State { row_max: 0.0, row_sum: sink.exp(), out: Array1::zeros(v.ncols()) });
        "one-at-the-end": "1 is added to row_sum at the end; relative to row_max, the sink's share is e^(sink − row_max)"
            => ending(q, k, v, causal, |state| State { row_sum: state.row_sum + 1.0, ..state.clone() });
        "e-to-the-sink-at-the-end": "e^sink is added to row_sum at the end, which is measured from row_max: it has to be e^(sink − row_max)"
            => ending(q, k, v, causal, |state| State { row_sum: state.row_sum + sink.exp(), ..state.clone() });
        "maximum-of-keys-alone": "the maximum is that of the keys alone, so that e^(sink − row_max) overflows where the sink is far above it"
            => ending(q, k, v, causal, |state| match state.row_max {
                f32::NEG_INFINITY => start(sink, v),
                row_max => State { row_sum: state.row_sum + (sink - row_max).exp(), ..state.clone() },
            });
        "keys-needed": "a query that sees no key is treated as if there were no sink: its log-sum-exp is the sink"
            => {
                let mut right = crate::sink_attention(q, k, v, causal, sink);
                for i in 0..q.nrows() {
                    if seen(i, q.nrows(), k.nrows(), causal) == 0 {
                        right.lse[i] = f32::NEG_INFINITY;
                    }
                }
                right
            };
        "lse-without-sink": "the sink does not count in the log-sum-exp; it is part of the denominator, which the way back needs whole"
            => {
                let plain = attention(q, k, v, &mask(causal));
                Output { lse: plain.lse, ..crate::sink_attention(q, k, v, causal, sink) }
            };
        "renormalised": "the weights are divided by their sum after the sink was dropped: its share is given back to the keys"
            => {
                let plain = attention(q, k, v, &mask(causal));
                Output { out: plain.out, ..crate::sink_attention(q, k, v, causal, sink) }
            };
        "a-bias-on-all": "the sink is added to every score: the softmax does not see that, and only the log-sum-exp moves"
            => {
                let plain = attention(q, k, v, &mask(causal));
                Output { lse: &plain.lse + sink, ..plain }
            };
        "a-bias-on-the-first": "the sink is added to the score of key 0; it is a score of its own"
            => scoring(q, k, v, causal, |j, score| if j == 0 { score + sink } else { score });
        "in-place-of-the-first": "the sink takes the place of key 0, which is lost"
            => {
                let mut v = v.to_owned();
                v.rows_mut().into_iter().take(1).for_each(|mut row| row.fill(0.0));
                scoring(q, k, v.view(), causal, |j, score| if j == 0 { sink } else { score })
            };
        "for-every-key": "the sink joins the softmax once for every key instead of once for every query"
            => {
                let (n, m) = (q.nrows(), k.nrows());
                let mut result = Output { out: Array2::zeros((n, v.ncols())), lse: Array1::zeros(n) };
                for i in 0..n {
                    let mut state = State::empty(v.ncols());
                    for j in 0..seen(i, n, m, causal) {
                        state = merge(&state, &start(sink, v));
                        state = merge(&state, &State::of_key(score(q, k, i, j), v.row(j)));
                    }
                    put(&mut result, i, state.finish());
                }
                result
            };
        "state-carried-over": "the state is made once, before the loop over the queries: each query goes on with what the ones before it saw"
            => {
                let (n, m) = (q.nrows(), k.nrows());
                let mut result = Output { out: Array2::zeros((n, v.ncols())), lse: Array1::zeros(n) };
                let mut state = start(sink, v);
                for i in 0..n {
                    for j in 0..seen(i, n, m, causal) {
                        state = merge(&state, &State::of_key(score(q, k, i, j), v.row(j)));
                    }
                    put(&mut result, i, state.finish());
                }
                result
            };
        "a-constant-gate": "what attention finds is multiplied by 1 − σ(sink), the same for every query; how much the sink takes depends on the scores"
            => {
                let right = crate::sink_attention(q, k, v, causal, sink);
                Output { out: attention(q, k, v, &mask(causal)).out * sigmoid(-sink), ..right }
            };
        "gate-inverted": "what attention finds is multiplied by the weight of the sink, σ(sink − lse), instead of what it leaves"
            => {
                let plain = attention(q, k, v, &mask(causal));
                let mut right = crate::sink_attention(q, k, v, causal, sink);
                for (i, mut row) in right.out.rows_mut().into_iter().enumerate() {
                    row.assign(&(&plain.out.row(i) * sigmoid(sink - plain.lse[i])));
                }
                right
            };
        "subtracted": "the sink joins with the wrong sign, as −sink"
            => if sink == f32::NEG_INFINITY { crate::sink_attention(q, k, v, causal, sink) } else { crate::sink_attention(q, k, v, causal, -sink) };
        "undivided": "out is not divided by row_sum at the end"
            => {
                let mut right = crate::sink_attention(q, k, v, causal, sink);
                for i in 0..q.nrows() {
                    let mut state = start(sink, v);
                    for j in 0..seen(i, q.nrows(), k.nrows(), causal) {
                        state = merge(&state, &State::of_key(score(q, k, i, j), v.row(j)));
                    }
                    right.out.row_mut(i).assign(&state.out);
                }
                right
            };
        "no-scale": "the scores are not divided by √d"
            => crate::sink_attention(scaled(q, q.ncols() as f32).view(), k, v, causal, sink);
        "causal-ignored": "every query sees every key, causal or not"
            => crate::sink_attention(q, k, v, false, sink);
        "nan-from-nothing": "e^(−∞ − (−∞)) is computed for a query without keys where the sink is −∞ too: that is NaN; such a query gives zeros and −∞"
            => {
                let mut right = crate::sink_attention(q, k, v, causal, sink);
                for i in 0..q.nrows() {
                    if sink == f32::NEG_INFINITY && seen(i, q.nrows(), k.nrows(), causal) == 0 {
                        right.out.row_mut(i).fill(f32::NAN);
                        right.lse[i] = f32::NAN;
                    }
                }
                right
            };
    }

    within {
        merge: |merge, (q, k, v, causal, sink)| {
            let (n, m) = (q.nrows(), k.nrows());
            let mut result = Output { out: Array2::zeros((n, v.ncols())), lse: Array1::zeros(n) };
            for i in 0..n {
                let mut state = start(sink, v);
                for j in 0..seen(i, n, m, causal) {
                    state = merge(&state, &State::of_key(score(q, k, i, j), v.row(j)));
                }
                put(&mut result, i, state.finish());
            }
            result
        };
    }
}

type View<'a> = ArrayView2<'a, f32>;

/// The state before the first key.
fn start(sink: f32, v: View) -> State {
    State::of_key(sink, Array1::zeros(v.ncols()).view())
}

fn first_value(sink: f32, v: View) -> State {
    match v.rows().into_iter().next() {
        Some(value) => State::of_key(sink, value),
        None => start(sink, v),
    }
}

fn sigmoid(z: f32) -> f32 {
    1.0 / (1.0 + (-z).exp())
}

fn score(q: View, k: View, i: usize, j: usize) -> f32 {
    q.row(i).dot(&k.row(j)) / (q.ncols() as f32).sqrt()
}

fn put(result: &mut Output, i: usize, (row, lse): (Array1<f32>, f32)) {
    result.out.row_mut(i).assign(&row);
    result.lse[i] = lse;
}

/// One pass from this state; `finish` makes a row of it.
fn passing(
    q: View,
    k: View,
    v: View,
    causal: bool,
    start: State,
    finish: impl Fn(&State) -> (Array1<f32>, f32),
) -> Output {
    let (n, m) = (q.nrows(), k.nrows());
    let mut result = Output { out: Array2::zeros((n, v.ncols())), lse: Array1::zeros(n) };
    for i in 0..n {
        let keys = 0..seen(i, n, m, causal);
        let state = keys.fold(start.clone(), |state, j| {
            merge(&state, &State::of_key(score(q, k, i, j), v.row(j)))
        });
        put(&mut result, i, finish(&state));
    }
    result
}

fn starting(q: View, k: View, v: View, causal: bool, start: State) -> Output {
    passing(q, k, v, causal, start, State::finish)
}

fn ending(q: View, k: View, v: View, causal: bool, change: impl Fn(&State) -> State) -> Output {
    passing(q, k, v, causal, State::empty(v.ncols()), |state| change(state).finish())
}

/// Attention without a sink, but with other scores.
fn scoring(q: View, k: View, v: View, causal: bool, change: impl Fn(usize, f32) -> f32) -> Output {
    let (n, m) = (q.nrows(), k.nrows());
    let mut result = Output { out: Array2::zeros((n, v.ncols())), lse: Array1::zeros(n) };
    for i in 0..n {
        let keys = 0..seen(i, n, m, causal);
        let state = keys.fold(State::empty(v.ncols()), |state, j| {
            merge(&state, &State::of_key(change(j, score(q, k, i, j)), v.row(j)))
        });
        put(&mut result, i, state.finish());
    }
    result
}

/// Attention of chapter 3, whose rows are made smaller by what the sink takes: σ(lse − sink).
fn gated(q: View, k: View, v: View, causal: bool, sink: f32) -> Output {
    let mut plain = attention(q, k, v, &mask(causal));
    for (mut row, lse) in plain.out.rows_mut().into_iter().zip(&mut plain.lse) {
        if sink == f32::NEG_INFINITY {
            continue;
        }
        row *= sigmoid(*lse - sink);
        let most = lse.max(sink);
        *lse = most + ((*lse - most).exp() + (sink - most).exp()).ln();
    }
    plain
}

/// With one more key, whose score is the sink and whose value is zero.
fn exact<F: NdFloat>(q: View, k: View, v: View, causal: bool, sink: f32) -> oracle::Output<F> {
    let scores = oracle::scores::<F>(q, k, &mask(causal));
    let v = oracle::to::<F>(v);
    let mut result = oracle::Output {
        out: Array2::zeros((q.nrows(), v.ncols())),
        lse: Array1::zeros(q.nrows()),
    };
    for (i, row) in scores.rows().into_iter().enumerate() {
        let mut row = row.to_vec();
        row.push(F::from(sink).expect("f32 fits every float"));
        let (lse, weights) = oracle::softmax(&row);
        result.lse[i] = lse;
        for (j, value) in v.rows().into_iter().enumerate() {
            for (c, &x) in value.iter().enumerate() {
                result.out[[i, c]] += weights[j] * x;
            }
        }
    }
    result
}
