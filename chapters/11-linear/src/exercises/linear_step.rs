//! 11.3 `linear_step`

use crate::{feature_map, given::State, seeded::normal};
use attn_exercise::{Trace, exercise, fields, pairwise};
use ndarray::{Array1, Array2, ArrayView1, Axis, array};
use serde::{Deserialize, Serialize};

/// What can be seen after a token.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Seen {
    /// What the token reads.
    pub out: Array1<f64>,
    /// S.
    pub s: Array2<f64>,
    /// z.
    pub z: Array1<f64>,
}

fields! { Seen { out, s, z } }

exercise! {
    /// Features of the queries and keys, and the values, of tokens that come one by one.
    crate::linear_step as fn(&mut State, ArrayView1<f64>, ArrayView1<f64>, ArrayView1<f64>) -> Array1<f64>:
        (q: Array2<f64>[n r], k: Array2<f64>[n r], v: Array2<f64>[n d_v]) -> Trace<Seen>;
    answer: |step, c| trace(c, step);

    // By the definition of the parallel form, over all tokens so far.
    exact: |c| Trace::of(names(c), 0, |count: &mut usize, _| {
        *count += 1;
        let sum = |f: &dyn Fn(usize) -> f64| (0..*count).map(f).sum::<f64>();
        let weight = |j: usize| -> f64 { (0..c.q.ncols()).map(|f| c.q[[*count - 1, f]] * c.k[[j, f]]).sum() };
        let below = sum(&weight);
        Seen {
            out: (0..c.v.ncols()).map(|column| {
                let above = sum(&|j| weight(j) * c.v[[j, column]]);
                if below == 0.0 { 0.0 } else { above / below }
            }).collect(),
            s: Array2::from_shape_fn((c.k.ncols(), c.v.ncols()), |(f, column)| sum(&|j| c.k[[j, f]] * c.v[[j, column]])),
            z: (0..c.k.ncols()).map(|f| sum(&|j| c.k[[j, f]])).collect(),
        }
    });

    cases: |random| {
        let mut of = |about: &str, (n, r, d_v): (usize, usize, usize), scale: f64| {
            let [q, k] = [0, 1].map(|_| feature_map(normal(random, (n, r)).view()) * scale);
            case(about, (q, k, normal(random, (n, d_v))))
        };
        let mut cases = vec![
            case("by hand: 0, then 3/4 of 4, then 40/7", (array![[1.0, 0.0], [2.0, 1.0], [1.0, 1.0]], array![[0.0, 1.0], [1.0, 1.0], [2.0, 2.0]], array![[0.0], [4.0], [8.0]])),
            of("nine tokens", (9, 4, 3), 1.0),
            of("features of 10⁻⁸⁰, which is not 0", (4, 3, 2), 1e-80),
            case("features of e⁻⁸⁰⁰, which is 0 in f64", (array![[0.0, 0.0], [1.0, 2.0], [0.0, 0.0]], array![[1.0, 1.0], [1.0, 3.0], [2.0, 1.0]], array![[3.0, 1.0], [4.0, 2.0], [5.0, 6.0]])),
            case("the first keys have no features", (array![[1.0, 2.0], [2.0, 1.0], [1.0, 1.0]], array![[0.0, 0.0], [0.0, 0.0], [1.0, 2.0]], array![[3.0], [4.0], [5.0]])),
            of("forty tokens", (40, 4, 4), 1.0),
        ];
        cases.extend(pairwise([4, 4, 4]).into_iter().map(|[n, r, d_v]| of("small", (n + 1, r + 1, d_v + 1), 1.0)));
        cases
    };

    right (state, q, k, v) {
        "outer product" => {
            let column = k.to_owned().insert_axis(Axis(1));
            state.s += &(column * v);
            state.z += &k;
            read(state, q)
        };
        "number by number" => {
            for (f, key) in k.iter().enumerate() {
                state.z[f] += key;
                for (column, value) in v.iter().enumerate() {
                    state.s[[f, column]] += key * value;
                }
            }
            read(state, q)
        };
        "read first, and the token's own part added" => {
            let own = q.dot(&k);
            let (above, sum) = (q.dot(&state.s) + &v * own, q.dot(&state.z) + own);
            *state = written(state, k, v, 1.0);
            if sum == 0.0 { Array1::zeros(v.len()) } else { above / sum }
        };
    }

    mistakes (state, q, k, v) {
        "read-first": "the query reads before the token is written: the token does not see itself"
            => {
                let out = read(state, q);
                *state = written(state, k, v, 1.0);
                out
            };
        "no-z": "the output is not divided by q · z: it is no mean and grows with the text"
            => {
                *state = written(state, k, v, 1.0);
                q.dot(&state.s)
            };
        "z-kept": "z stays as it was: the keys are not added to it"
            => {
                let z = state.z.clone();
                *state = State { z, ..written(state, k, v, 1.0) };
                read(state, q)
            };
        "z-replaced": "z is the last key; it is the sum of all keys so far"
            => {
                *state = State { z: k.to_owned(), ..written(state, k, v, 1.0) };
                read(state, q)
            };
        "s-replaced": "S is made new from the last token; it is the sum over all tokens so far"
            => {
                let new = written(&State::empty(k.len(), v.len()), k, v, 1.0);
                *state = State { s: new.s, ..written(state, k, v, 1.0) };
                read(state, q)
            };
        "starts-over": "S and z are those of the last token alone: nothing of the tokens before it is kept"
            => {
                *state = written(&State::empty(k.len(), v.len()), k, v, 1.0);
                read(state, q)
            };
        "unnoticed": "a copy of the state is changed, and `state` itself stays as it was"
            => read(&written(state, k, v, 1.0), q);
        "sum-of-z": "the output is divided by the sum of z, without the query"
            => {
                *state = written(state, k, v, 1.0);
                let sum = state.z.sum();
                if sum == 0.0 { Array1::zeros(v.len()) } else { q.dot(&state.s) / sum }
            };
        "q-written": "the query is written into S and z in the place of the key"
            => {
                *state = written(state, q, v, 1.0);
                read(state, q)
            };
        "k-reads": "the key reads in the place of the query"
            => {
                *state = written(state, k, v, 1.0);
                read(state, k)
            };
        "normalised-state": "S is divided by what the output is divided by; S and z are plain sums, and only the output is divided"
            => {
                *state = written(state, k, v, 1.0);
                let sum = q.dot(&state.z);
                if sum != 0.0 {
                    state.s /= sum;
                }
                q.dot(&state.s)
            };
        "nan": "a sum of 0 divides the output, which is NaN then; it is zeros"
            => {
                *state = written(state, k, v, 1.0);
                q.dot(&state.s) / q.dot(&state.z)
            };
        "epsilon": "10⁻⁶ is added to the sum, or is the least that it may be: where the features are small, that is too much"
            => with_epsilon(state, q, k, v, 1e-6);
        "z-of-before": "the sum that divides is that of the tokens before, and z is brought up to date afterwards"
            => {
                let sum = q.dot(&state.z);
                *state = written(state, k, v, 1.0);
                if sum == 0.0 { Array1::zeros(v.len()) } else { q.dot(&state.s) / sum }
            };
        "value-of-before": "S is read before the token is written, z afterwards"
            => {
                let above = q.dot(&state.s);
                *state = written(state, k, v, 1.0);
                let sum = q.dot(&state.z);
                if sum == 0.0 { Array1::zeros(v.len()) } else { above / sum }
            };
        "transposed": "S is the sum of v kᵀ instead of k vᵀ"
            => {
                state.s += &(v.to_owned().insert_axis(Axis(1)) * k);
                state.z += &k;
                read(state, q)
            };
        "mapped-twice": "elu + 1 is applied to what has been through a feature map already"
            => {
                let map = |x: ArrayView1<f64>| feature_map(x.insert_axis(Axis(0))).remove_axis(Axis(0));
                crate::linear_step(state, map(q).view(), map(k).view(), v)
            };
        "mean": "the state is a mean of the old one and the new token; both S and z are sums"
            => {
                *state = written(&State { s: &state.s / 2.0, z: &state.z / 2.0 }, k, v, 0.5);
                read(state, q)
            };
        "value-added": "the value is added to every row of S, without the key"
            => {
                let z = written(state, k, v, 1.0).z;
                *state = State { s: &state.s + &v, z };
                read(state, q)
            };
        "z-of-queries": "z sums the queries instead of the keys"
            => {
                let z = &state.z + &q;
                *state = State { z, ..written(state, k, v, 1.0) };
                read(state, q)
            };
        "z-read-by-key": "z is read with the key instead of the query"
            => {
                *state = written(state, k, v, 1.0);
                let sum = k.dot(&state.z);
                if sum == 0.0 { Array1::zeros(v.len()) } else { q.dot(&state.s) / sum }
            };
        "itself-of-nothing": "where the sum of weights is 0, the token's own value is returned; it is zeros"
            => {
                *state = written(state, k, v, 1.0);
                if q.dot(&state.z) == 0.0 { v.to_owned() } else { read(state, q) }
            };
        "z-counts": "z grows by 1 with each token, as if it counted them; it grows by the key"
            => {
                let z = &state.z + 1.0;
                *state = State { z, ..written(state, k, v, 1.0) };
                read(state, q)
            };
        "epsilon-of-1e-8": "10⁻⁸ is added to the sum, or is the least that it may be: where the features are small, that is too much"
            => with_epsilon(state, q, k, v, 1e-8);
        "epsilon-of-1e-9": "10⁻⁹ is added to the sum, or is the least that it may be: where the features are small, that is too much"
            => with_epsilon(state, q, k, v, 1e-9);
        "epsilon-of-1e-12": "10⁻¹² is added to the sum, or is the least that it may be: where the features are small, that is too much"
            => with_epsilon(state, q, k, v, 1e-12);
        "machine-epsilon": "f64::EPSILON is added to the sum, or is the least that it may be: where the features are small, that is too much"
            => with_epsilon(state, q, k, v, f64::EPSILON);
        "small-is-zero": "a very small sum counts as 0; only a sum of 0 itself gives zeros"
            => {
                *state = written(state, k, v, 1.0);
                if q.dot(&state.z) < 1e-9 { Array1::zeros(v.len()) } else { read(state, q) }
            };
        "last-weight": "the output is divided by q · k, the weight of the token itself, instead of q · z"
            => {
                *state = written(state, k, v, 1.0);
                let weight = q.dot(&k);
                if weight == 0.0 { Array1::zeros(v.len()) } else { q.dot(&state.s) / weight }
            };
        "s-kept": "S stays as it was: the token is added to z alone"
            => {
                state.z += &k;
                read(state, q)
            };
        "query-in-s": "S is written with the query in the place of the key; z gets the key"
            => {
                *state = State { s: written(state, q, v, 1.0).s, z: &state.z + &k };
                read(state, q)
            };
        "normalised": "S and z are divided by q · z and kept so; they are plain sums, and only the output is divided"
            => {
                *state = written(state, k, v, 1.0);
                let sum = q.dot(&state.z);
                if sum != 0.0 {
                    state.s /= sum;
                    state.z /= sum;
                }
                q.dot(&state.s)
            };
        "read-first-by-zero": "the query reads before the token is written, and the first token divides 0 by 0"
            => {
                let out = q.dot(&state.s) / q.dot(&state.z);
                *state = written(state, k, v, 1.0);
                out
            };
        "not-written": "a token whose sum of weights is 0 returns before it is written: the tokens behind it do not find it"
            => {
                let new = written(state, k, v, 1.0);
                if q.dot(&new.z) == 0.0 {
                    return Array1::zeros(v.len());
                }
                *state = new;
                read(state, q)
            };
        "never-written": "the sum is looked at before the token is written, and where it is 0, the function returns: nothing is ever written"
            => {
                if q.dot(&state.z) == 0.0 {
                    return Array1::zeros(v.len());
                }
                *state = written(state, k, v, 1.0);
                read(state, q)
            };
        "rows-divided": "each row of S is divided by its own number of z; it is the whole output that q · z divides"
            => {
                *state = written(state, k, v, 1.0);
                let rows = Array2::from_shape_fn(state.s.dim(), |(f, column)| {
                    if state.z[f] == 0.0 { 0.0 } else { state.s[[f, column]] / state.z[f] }
                });
                q.dot(&rows)
            };
        "state-times-query": "S is multiplied by the query from the right: that sums over the values' numbers instead of the features"
            => {
                *state = written(state, k, v, 1.0);
                let sum = q.dot(&state.z);
                let out = state.s.dot(&q);
                if sum == 0.0 { out } else { out / sum }
            };
        "epsilon-of-1e-10": "10⁻¹⁰ is added to the sum, or is the least that it may be: where the features are small, that is too much"
            => with_epsilon(state, q, k, v, 1e-10);
        "multiplied": "the output is multiplied by q · z instead of divided"
            => {
                *state = written(state, k, v, 1.0);
                q.dot(&state.s) * q.dot(&state.z)
            };
        "sum-of-the-key": "the output is divided by the sum of the key's numbers instead of q · z"
            => {
                *state = written(state, k, v, 1.0);
                if k.sum() == 0.0 { Array1::zeros(v.len()) } else { q.dot(&state.s) / k.sum() }
            };
        "s-read-by-key": "S is read with the key instead of the query"
            => {
                *state = written(state, k, v, 1.0);
                let sum = q.dot(&state.z);
                if sum == 0.0 { Array1::zeros(v.len()) } else { k.dot(&state.s) / sum }
            };
        "values-in-z": "z sums the values instead of the keys"
            => {
                state.s = written(state, k, v, 1.0).s;
                state.z += &v;
                read(state, q)
            };
        "elementwise": "k and v are multiplied number by number; k vᵀ has a row for each number of k"
            => {
                state.s += &(&k * &v);
                state.z += &k;
                read(state, q)
            };
        "z-stays-0": "the keys are not added to z, which stays 0, and where it is 0, nothing is divided"
            => {
                state.s = written(state, k, v, 1.0).s;
                q.dot(&state.s)
            };
        "first-undivided": "the sum that divides is that of the tokens before, and where it is 0, nothing is divided"
            => {
                let sum = q.dot(&state.z);
                *state = written(state, k, v, 1.0);
                let out = q.dot(&state.s);
                if sum == 0.0 { out } else { out / sum }
            };
        "query-in-s-undivided": "S is written with the query and z with the key, and where the sum is 0, nothing is divided"
            => {
                *state = State { s: written(state, q, v, 1.0).s, z: &state.z + &k };
                let (sum, out) = (q.dot(&state.z), q.dot(&state.s));
                if sum == 0.0 { out } else { out / sum }
            };
        "s-read-by-key-undivided": "S is read with the key and z with the query, and where the sum is 0, nothing is divided"
            => {
                *state = written(state, k, v, 1.0);
                let (sum, out) = (q.dot(&state.z), k.dot(&state.s));
                if sum == 0.0 { out } else { out / sum }
            };
        "rows-by-value": "each row of S grows by a number of v times k; it grows by a number of k times v"
            => {
                for (mut row, &value) in state.s.axis_iter_mut(Axis(0)).zip(v) {
                    row.scaled_add(value, &k);
                }
                state.z += &k;
                read(state, q)
            };
        "count-of-features": "the output is divided by the number of features"
            => {
                *state = written(state, k, v, 1.0);
                q.dot(&state.s) / k.len() as f64
            };
    }
}

/// The state after each token, and what it reads.
fn trace(
    c: &Case,
    step: impl Fn(&mut State, ArrayView1<f64>, ArrayView1<f64>, ArrayView1<f64>) -> Array1<f64>,
) -> Trace<Seen> {
    let mut tokens = c.q.rows().into_iter().zip(c.k.rows()).zip(c.v.rows());
    Trace::of(names(c), State::empty(c.k.ncols(), c.v.ncols()), |state, _| {
        let ((q, k), v) = tokens.next().expect("as many tokens as names");
        let out = step(state, q, k, v);
        Seen { out, s: state.s.clone(), z: state.z.clone() }
    })
}

/// `token 0`, `token 1`, …
fn names(c: &Case) -> impl Iterator<Item = String> {
    (0..c.q.nrows()).map(|token| format!("token {token}"))
}

/// The state with `share` of a token in it.
fn written(state: &State, k: ArrayView1<f64>, v: ArrayView1<f64>, share: f64) -> State {
    let s = Array2::from_shape_fn(state.s.dim(), |(f, column)| {
        state.s[[f, column]] + share * k[f] * v[column]
    });
    State { s, z: &state.z + &(&k * share) }
}

fn read(state: &State, q: ArrayView1<f64>) -> Array1<f64> {
    let sum = q.dot(&state.z);
    if sum == 0.0 { Array1::zeros(state.s.ncols()) } else { q.dot(&state.s) / sum }
}

/// The step with a small number added to what divides.
fn with_epsilon(
    state: &mut State,
    q: ArrayView1<f64>,
    k: ArrayView1<f64>,
    v: ArrayView1<f64>,
    epsilon: f64,
) -> Array1<f64> {
    *state = written(state, k, v, 1.0);
    q.dot(&state.s) / (q.dot(&state.z) + epsilon)
}
