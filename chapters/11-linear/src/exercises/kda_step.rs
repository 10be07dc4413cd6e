//! 11.9 `kda_step`

use super::bonus_step::{Seen, names, outer};
use crate::{
    given::expect_token,
    seeded::{normal, uniform, units},
};
use attn_exercise::{Trace, exercise, pairwise};
use ndarray::{Array1, Array2, ArrayView1, Axis, array};

/// The functions of this exercise.
type Step = fn(
    &mut Array2<f64>,
    ArrayView1<f64>,
    ArrayView1<f64>,
    ArrayView1<f64>,
    f64,
    ArrayView1<f64>,
) -> Array1<f64>;

exercise! {
    /// The state before the first token, the tokens, how much of each is written, and their gates.
    crate::kda_step as fn(&mut Array2<f64>, ArrayView1<f64>, ArrayView1<f64>, ArrayView1<f64>, f64, ArrayView1<f64>) -> Array1<f64>: (
        state: Array2<f64>[d d_v], q: Array2<f64>[n d], k: Array2<f64>[n d], v: Array2<f64>[n d_v], beta: Array1<f64>[n], gate: Array2<f64>[n d],
    ) -> Trace<Seen>;
    answer: |step, c| trace(c, step);

    // The matrices of the equation, written out and multiplied.
    exact: |c| {
        let mut token = 0;
        Trace::of(names(c.q.nrows()), c.state.clone(), |state, _| {
            let ((d, d_v), t) = (state.dim(), token);
            token += 1;
            // (I − β k kᵀ) Diag(gate)
            let passes = |row: usize, from: usize| {
                let identity = if row == from { 1.0 } else { 0.0 };
                (identity - c.beta[t] * c.k[[t, row]] * c.k[[t, from]]) * c.gate[[t, from]]
            };
            *state = Array2::from_shape_fn((d, d_v), |(row, column)| {
                let kept: f64 = (0..d).map(|from| passes(row, from) * state[[from, column]]).sum();
                kept + c.beta[t] * c.k[[t, row]] * c.v[[t, column]]
            });
            let out = (0..d_v).map(|column| (0..d).map(|row| c.q[[t, row]] * state[[row, column]]).sum()).collect();
            Seen { out, state: state.clone() }
        })
    };

    cases: |random| {
        let mut of = |about: &str, (n, d, d_v): (usize, usize, usize), beta: Option<f64>, gates: Option<f64>| {
            let betas = (0..n).map(|i| beta.unwrap_or(((i * 7 + 3) % 10) as f64 / 10.0)).collect();
            let gate = uniform(random, (n, d)).mapv(|x| gates.unwrap_or(0.2 + 0.8 * x));
            case(about, (normal(random, (d, d_v)), normal(random, (n, d)), units(random, n, d), normal(random, (n, d_v)), betas, gate))
        };
        let mut cases = vec![
            case("by hand: 8 fades to 2, half of which is replaced by half of 6; then 4 fades to 2, and 5 takes its place", (array![[8.0]], array![[1.0], [1.0]], array![[1.0], [1.0]], array![[6.0], [5.0]], array![0.5, 1.0], array![[0.25], [0.5]])),
            case("two channels, one of them closed", (array![[4.0], [2.0]], array![[1.0, 1.0]], array![[0.6, 0.8]], array![[3.0]], array![1.0], array![[0.5, 0.0]])),
            of("nine tokens", (9, 4, 3), None, None),
            of("gates of 1: the delta rule", (6, 4, 4), None, Some(1.0)),
            of("equal gates: the gated delta rule", (6, 3, 4), None, Some(0.7)),
            of("gates of 0: only the token itself is left", (4, 3, 3), Some(1.0), Some(0.0)),
            of("β = 0: nothing but fading", (4, 3, 2), Some(0.0), None),
            of("β = 1", (5, 3, 3), Some(1.0), None),
            Case { k: of("", (5, 3, 2), None, None).k * 1.5, ..of("keys that are longer than 1", (5, 3, 2), Some(0.5), None) },
        ];
        cases.extend(pairwise([4, 4, 4]).into_iter().map(|[n, d, d_v]| of("small", (n + 1, d + 1, d_v + 1), None, None)));
        cases
    };

    right (state, q, k, v, beta, gate) {
        "matrices" => {
            let passes = (Array2::eye(k.len()) - outer(k, k) * beta).dot(&Array2::from_diag(&gate));
            *state = passes.dot(state) + outer(k, v) * beta;
            q.dot(state)
        };
        "by task 8" => {
            *state *= &gate.insert_axis(Axis(1));
            crate::delta_step(state, k, v, beta);
            q.dot(state)
        };
        "what the key finds, from the state as it was" => {
            let found = (&k * &gate).dot(state);
            *state = &*state * &gate.insert_axis(Axis(1)) + outer(k, (&v - &found).view()) * beta;
            q.dot(state)
        };
    }

    mistakes (state, q, k, v, beta, gate) {
        "erased-first": "what the key finds is read before the state has faded: too much is erased. Diag(gate) stands next to S and acts first"
            => {
                let found = k.dot(state);
                *state = &*state * &gate.insert_axis(Axis(1)) + outer(k, (&v - &found).view()) * beta;
                q.dot(state)
            };
        "erased-then-fades": "the old value is erased before the state fades, and the new one written after it: Diag(gate) (I − β k kᵀ), the matrices in the other order"
            => {
                let found = k.dot(state);
                *state -= &(outer(k, found.view()) * beta);
                *state = &*state * &gate.insert_axis(Axis(1)) + outer(k, v) * beta;
                q.dot(state)
            };
        "written-fades": "the state fades after the token was written: what is new fades at once"
            => {
                crate::delta_step(state, k, v, beta);
                *state *= &gate.insert_axis(Axis(1));
                q.dot(state)
            };
        "no-gate": "the gate is not used: that is the delta rule"
            => crate::kda_step(state, q, k, v, beta, Array1::ones(k.len()).view());
        "no-erase": "the value is added: what the key had before stays"
            => {
                *state = &*state * &gate.insert_axis(Axis(1)) + outer(k, v) * beta;
                q.dot(state)
            };
        "gate-on-columns": "the gate multiplies the columns of S; it belongs to the rows, one for each channel of the key"
            => {
                *state *= &gate;
                crate::delta_step(state, k, v, beta);
                q.dot(state)
            };
        "mean-gate": "all rows of S are multiplied by the mean of the gates; that is the gated delta rule, and here each row has its own"
            => crate::kda_step(state, q, k, v, beta, Array1::from_elem(k.len(), gate.sum() / k.len() as f64).view());
        "gate-complement": "the state is multiplied by 1 − gate"
            => crate::kda_step(state, q, k, v, beta, gate.mapv(|gate| 1.0 - gate).view());
        "gate-exponentiated": "the state is multiplied by the exponential of the gate: it is given as a factor, not as a logarithm"
            => crate::kda_step(state, q, k, v, beta, gate.mapv(f64::exp).view());
        "read-first": "the query reads before the token is written"
            => {
                let out = q.dot(state);
                crate::kda_step(state, q, k, v, beta, gate);
                out
            };
        "read-faded": "the query reads after the state has faded and before the token is written"
            => {
                *state *= &gate.insert_axis(Axis(1));
                let out = q.dot(state);
                crate::delta_step(state, k, v, beta);
                out
            };
        "key-reads": "the key reads in the place of the query"
            => crate::kda_step(state, k, k, v, beta, gate);
        "no-beta": "β is not used: the old value is always replaced whole"
            => crate::kda_step(state, q, k, v, 1.0, gate);
        "erased-whole": "the old value is erased whole: β multiplies the new one alone"
            => {
                *state *= &gate.insert_axis(Axis(1));
                let found = k.dot(state);
                *state += &outer(k, (&v * beta - found).view());
                q.dot(state)
            };
        "written-whole": "the new value is written whole: β multiplies the old one alone"
            => {
                *state *= &gate.insert_axis(Axis(1));
                let found = k.dot(state) * beta;
                *state += &outer(k, (&v - &found).view());
                q.dot(state)
            };
        "gated-key": "the key that writes is multiplied by the gate, too; the gate belongs to what is there already"
            => {
                *state *= &gate.insert_axis(Axis(1));
                crate::delta_step(state, (&k * &gate).view(), v, beta);
                q.dot(state)
            };
        "sign": "the old value is added instead of subtracted"
            => {
                *state *= &gate.insert_axis(Axis(1));
                let found = k.dot(state);
                *state += &(outer(k, (&v + &found).view()) * beta);
                q.dot(state)
            };
        "scaled": "the output is divided by √d"
            => crate::kda_step(state, q, k, v, beta, gate) / (k.len() as f64).sqrt();
        "unit-key": "the key is brought to length 1 first; it is used as it is given"
            => {
                let length = k.dot(&k).sqrt();
                crate::kda_step(state, q, (&k / length).view(), v, beta, gate)
            };
        "beta-reads": "what is read is multiplied by β; that belongs to what is written"
            => crate::kda_step(state, q, k, v, beta, gate) * beta;
        "unnoticed": "a copy of the state is changed, and `state` itself stays as it was"
            => crate::kda_step(&mut state.clone(), q, k, v, beta, gate);
        "query-finds": "the query looks up what is to be replaced; it is the key"
            => {
                *state *= &gate.insert_axis(Axis(1));
                let found = q.dot(state);
                *state += &(outer(k, (&v - &found).view()) * beta);
                q.dot(state)
            };
        "gate-twice": "the state fades, and what the key finds in it is read with the gate once more"
            => {
                *state *= &gate.insert_axis(Axis(1));
                let found = (&k * &gate).dot(state);
                *state += &(outer(k, (&v - &found).view()) * beta);
                q.dot(state)
            };
        "first-gate": "all rows of S have the gate of channel 0"
            => crate::kda_step(state, q, k, v, beta, Array1::from_elem(k.len(), gate[0]).view());
        "gate-squared": "the state fades twice"
            => crate::kda_step(state, q, k, v, beta, (&gate * &gate).view());
        "one-minus-gate-writes": "1 − gate writes in the place of β"
            => {
                *state *= &gate.insert_axis(Axis(1));
                let missing = &v - &k.dot(state);
                *state += &outer((gate.mapv(|gate| 1.0 - gate) * k).view(), missing.view());
                q.dot(state)
            };
        "gate-in-found-alone": "the gate is in what the key finds, and the state itself does not fade"
            => {
                let missing = &v - &(&k * &gate).dot(state);
                *state += &(outer(k, missing.view()) * beta);
                q.dot(state)
            };
        "gated-write": "what is written is multiplied by the gate; the gate belongs to what is there already"
            => {
                *state *= &gate.insert_axis(Axis(1));
                let missing = &v - &k.dot(state);
                *state += &(outer((&k * &gate).view(), missing.view()) * beta);
                q.dot(state)
            };
        "query-gated": "the query is multiplied by the gate, too"
            => {
                let gated = &q * &gate;
                crate::kda_step(state, gated.view(), k, v, beta, gate)
            };
        "read-gated-alone": "the query is multiplied by the gate, and the state does not fade"
            => {
                crate::delta_step(state, k, v, beta);
                (&q * &gate).dot(state)
            };
        "read-before-fading": "the state fades after the reading: what was written fades for the next token alone"
            => {
                crate::delta_step(state, k, v, beta);
                let out = q.dot(state);
                *state *= &gate.insert_axis(Axis(1));
                out
            };
        "gate-and-beta": "1 − β times the gate fades the state, and nothing is erased by the key"
            => {
                *state *= &(&gate * (1.0 - beta)).insert_axis(Axis(1));
                *state += &(outer(k, v) * beta);
                q.dot(state)
            };
        "beta-complement-fades": "the state is multiplied by 1 − β · gate"
            => crate::kda_step(state, q, k, v, beta, gate.mapv(|gate| 1.0 - beta * gate).view());
        "gate-to-beta": "the state is multiplied by β · gate"
            => crate::kda_step(state, q, k, v, beta, (&gate * beta).view());
        "gate-negative-exponent": "the state is multiplied by e^(−gate): it is given as a factor"
            => crate::kda_step(state, q, k, v, beta, gate.mapv(|gate| (-gate).exp()).view());
        "missing-read": "the query reads what was written alone: the rest of the state is left out"
            => {
                *state *= &gate.insert_axis(Axis(1));
                let missing = &v - &k.dot(state);
                let written = outer(k, missing.view()) * beta;
                *state += &written;
                q.dot(&written)
            };
        "state-times-query": "S is multiplied by the query from the right: that sums over the values' numbers instead of the channels"
            => {
                crate::kda_step(state, q, k, v, beta, gate);
                state.dot(&q)
            };
        "partial-fade": "the state fades by 1 − β (1 − gate): β belongs to what is written"
            => crate::kda_step(state, q, k, v, beta, gate.mapv(|gate| 1.0 - beta * (1.0 - gate)).view());
        "gate-product": "all rows of S are multiplied by the product of all gates; each row has its own"
            => crate::kda_step(state, q, k, v, beta, Array1::from_elem(k.len(), gate.product()).view());
        "own-again": "the token's own part is added to what is read, which has it already"
            => {
                *state *= &gate.insert_axis(Axis(1));
                let missing = &v - &k.dot(state);
                *state += &(outer(k, missing.view()) * beta);
                q.dot(state) + missing * (beta * q.dot(&k))
            };
        "gate-added": "the gate is added to the rows of S instead of multiplied"
            => {
                *state += &gate.insert_axis(Axis(1));
                crate::delta_step(state, k, v, beta);
                q.dot(state)
            };
        "exchanged": "queries and keys have changed places: the key reads and the query is written"
            => crate::kda_step(state, k, q, v, beta, gate);
        "gated-key-alone": "the key is multiplied by the gate where it finds and where it writes, and the state does not fade"
            => {
                crate::delta_step(state, (&k * &gate).view(), v, beta);
                q.dot(state)
            };
        "query-written": "the query is written in the place of the key"
            => {
                *state *= &gate.insert_axis(Axis(1));
                let missing = &v - &k.dot(state);
                *state += &(outer(q, missing.view()) * beta);
                q.dot(state)
            };
        "beta-for-gate": "the state fades by β in the place of the gate"
            => crate::kda_step(state, q, k, v, beta, Array1::from_elem(k.len(), beta).view());
        "gate-along-columns": "the state is multiplied by the vector of gates as it is: its numbers belong to the columns unless it gets a second axis"
            => {
                expect_token(state.dim(), q, k, v);
                *state = &*state * &gate;
                crate::delta_step(state, k, v, beta);
                q.dot(state)
            };
        "gate-as-a-row": "the gates are made a row: they multiply the columns of S, and belong to its rows, one for each channel of the key"
            => {
                *state *= &gate.insert_axis(Axis(0));
                crate::delta_step(state, k, v, beta);
                q.dot(state)
            };
        "gate-of-the-column": "the number of S in row r and column c fades by gate c; it is gate r"
            => {
                state.indexed_iter_mut().for_each(|((_, column), held)| *held *= gate[column]);
                crate::delta_step(state, k, v, beta);
                q.dot(state)
            };
    }

    within {
        delta_step: |delta, (state, q, k, v, beta, gate)| {
            let c = case("", (state.to_owned(), q.to_owned(), k.to_owned(), v.to_owned(), beta.to_owned(), gate.to_owned()));
            walk(&c, |state, q, k, v, beta, gate| {
                *state *= &gate.insert_axis(Axis(1));
                delta(state, k, v, beta);
                q.dot(state)
            })
        };
    }
}

/// The state after each token, and what it reads.
fn trace(c: &Case, step: &Step) -> Trace<Seen> {
    walk(c, step)
}

fn walk(
    c: &Case,
    step: impl Fn(
        &mut Array2<f64>,
        ArrayView1<f64>,
        ArrayView1<f64>,
        ArrayView1<f64>,
        f64,
        ArrayView1<f64>,
    ) -> Array1<f64>,
) -> Trace<Seen> {
    let mut token = 0;
    Trace::of(names(c.q.nrows()), c.state.clone(), |state, _| {
        let [q, k, v, gate] = [&c.q, &c.k, &c.v, &c.gate].map(|x| x.row(token));
        let out = step(state, q, k, v, c.beta[token], gate);
        token += 1;
        Seen { out, state: state.clone() }
    })
}
