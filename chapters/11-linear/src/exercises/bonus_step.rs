//! 11.7 `bonus_step`

use crate::{given::expect_token, seeded::normal};
use attn_exercise::{Trace, exercise, fields, pairwise};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, array};
use serde::{Deserialize, Serialize};

/// What can be seen after a token: in this exercise and in 11.9.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Seen {
    /// What the token reads.
    pub out: Array1<f64>,
    /// S.
    pub state: Array2<f64>,
}

fields! { Seen { out, state } }

/// The functions of this exercise.
type Step = fn(
    &mut Array2<f64>,
    ArrayView1<f64>,
    ArrayView1<f64>,
    ArrayView1<f64>,
    ArrayView1<f64>,
    ArrayView1<f64>,
) -> Array1<f64>;

exercise! {
    /// The state before the first token, the tokens, their gates, and the bonus.
    crate::bonus_step as fn(&mut Array2<f64>, ArrayView1<f64>, ArrayView1<f64>, ArrayView1<f64>, ArrayView1<f64>, ArrayView1<f64>) -> Array1<f64>: (
        state: Array2<f64>[d d_v], q: Array2<f64>[n d], k: Array2<f64>[n d], v: Array2<f64>[n d_v], gate: Array2<f64>[n d], bonus: Array1<f64>[d],
    ) -> Trace<Seen>;
    answer: |step, c| trace(c, step);

    // Sums over all tokens so far.
    exact: |c| Trace::of(names(c.q.nrows()), 0, |count: &mut usize, _| {
        *count += 1;
        let i = *count - 1;
        // How much of what was written after token j (of the first state, for j = −1) is left before token t forgets.
        let left = |from: usize, until: usize, row: usize| -> f64 { (from..until).map(|r| c.gate[[r, row]]).product() };
        let held = |until: usize, row: usize, column: usize| -> f64 {
            let first = left(0, until, row) * c.state[[row, column]];
            first + (0..until).map(|j| left(j + 1, until, row) * c.k[[j, row]] * c.v[[j, column]]).sum::<f64>()
        };
        let (d, d_v) = c.state.dim();
        let out = (0..d_v).map(|column| {
            (0..d).map(|row| c.q[[i, row]] * (held(i, row, column) + c.bonus[row] * c.k[[i, row]] * c.v[[i, column]])).sum::<f64>()
        });
        Seen { out: out.collect(), state: Array2::from_shape_fn((d, d_v), |(row, column)| held(i + 1, row, column)) }
    });

    cases: |random| {
        let mut of = |about: &str, (n, d, d_v): (usize, usize, usize), least: f64| {
            let [q, k, gate] = [0, 1, 2].map(|_| normal(random, (n, d)));
            let gate = gate.mapv(|x| least + (1.0 - least) / (1.0 + (-x).exp()));
            case(about, (normal(random, (d, d_v)), q, k, normal(random, (n, d_v)), gate, normal(random, d)))
        };
        let ones = || Array2::ones((2, 1));
        let mut cases = vec![
            case("by hand: 10 + 2·4, then 9 + 2·6", (array![[10.0]], ones(), ones(), array![[4.0], [6.0]], array![[0.5], [1.0]], array![2.0])),
            of("nine tokens", (9, 4, 3), 0.0),
            of("slow to forget", (12, 3, 3), 0.9),
        ];
        let mut closed = of("a gate of 0, and one of 1", (5, 2, 3), 0.0);
        closed.gate.column_mut(0).fill(0.0);
        closed.gate.column_mut(1).fill(1.0);
        cases.push(closed);
        let mut without = of("no bonus", (5, 3, 2), 0.0);
        without.bonus.fill(0.0);
        cases.push(without);
        cases.extend(pairwise([4, 4, 4]).into_iter().map(|[n, d, d_v]| of("small", (n + 1, d + 1, d_v + 1), 0.0)));
        cases
    };

    right (state, q, k, v, gate, bonus) {
        "a matrix that is read" => {
            let new = outer(k, v);
            let out = q.dot(&(&*state + &(&new * &bonus.insert_axis(Axis(1)))));
            *state = &*state * &gate.insert_axis(Axis(1)) + new;
            out
        };
        "number by number" => {
            let mut out = Array1::zeros(v.len());
            for ((row, column), held) in state.indexed_iter_mut() {
                let new = k[row] * v[column];
                out[column] += q[row] * (*held + bonus[row] * new);
                *held = gate[row] * *held + new;
            }
            out
        };
        "written first, then taken back" => {
            let before = state.clone();
            *state = &before * &gate.insert_axis(Axis(1)) + outer(k, v);
            q.dot(&before) + &v * (&q * &bonus).dot(&k)
        };
    }

    mistakes (state, q, k, v, gate, bonus) {
        "reads-after": "the query reads after the token was written, as in the other members of the family; here it reads what was there before"
            => {
                write(state, k, v, gate);
                q.dot(state)
            };
        "reads-after-with-bonus": "the query reads after the token was written and the state has faded, and the bonus comes on top: the token counts twice"
            => {
                write(state, k, v, gate);
                read(state, q, k, v, bonus)
            };
        "no-bonus": "the token does not see itself: the bonus is left out"
            => reads(state, k, v, gate, |state| q.dot(state));
        "bonus-of-one": "the token sees itself with the weight q · k: the bonus is not used"
            => crate::bonus_step(state, q, k, v, gate, Array1::ones(k.len()).view());
        "bonus-written": "the bonus is written into the state, too; it counts for the token's own reading alone"
            => {
                let out = crate::bonus_step(&mut state.clone(), q, k, v, gate, bonus);
                *state = &*state * &gate.insert_axis(Axis(1)) + outer((&k * &bonus).view(), v);
                out
            };
        "fades-first": "the state forgets before it is read; the gate of a token acts after its reading"
            => {
                *state *= &gate.insert_axis(Axis(1));
                let out = read(state, q, k, v, bonus);
                *state += &outer(k, v);
                out
            };
        "write-fades": "the token is written before the state forgets, and fades at once"
            => {
                let out = read(state, q, k, v, bonus);
                *state += &outer(k, v);
                *state *= &gate.insert_axis(Axis(1));
                out
            };
        "no-gate": "the state does not forget: the gate is left out"
            => crate::bonus_step(state, q, k, v, Array1::ones(k.len()).view(), bonus);
        "gate-complement": "the state is multiplied by 1 − gate"
            => crate::bonus_step(state, q, k, v, gate.mapv(|gate| 1.0 - gate).view(), bonus);
        "mixed": "the token is written with 1 − gate; it is written whole"
            => {
                let out = read(state, q, k, v, bonus);
                let share = gate.mapv(|gate| 1.0 - gate) * k;
                *state = &*state * &gate.insert_axis(Axis(1)) + outer(share.view(), v);
                out
            };
        "gate-on-columns": "the gate multiplies the columns of S; it belongs to the rows, one for each channel of the key"
            => {
                let out = read(state, q, k, v, bonus);
                *state *= &gate;
                *state += &outer(k, v);
                out
            };
        "mean-gate": "all rows of S are multiplied by the mean of the gates; each row has its own"
            => crate::bonus_step(state, q, k, v, Array1::from_elem(k.len(), gate.sum() / k.len() as f64).view(), bonus);
        "bonus-on-state": "the bonus multiplies what the state holds, too; it belongs to the token's own part"
            => reads(state, k, v, gate, |state| (&q * &bonus).dot(&(state + &outer(k, v))));
        "bonus-added": "the bonus is added to the key instead of multiplied by it"
            => {
                let own = q.dot(&(&k + &bonus));
                let out = q.dot(state) + &v * own;
                write(state, k, v, gate);
                out
            };
        "query-written": "the query is written in the place of the key"
            => {
                let out = read(state, q, k, v, bonus);
                *state = &*state * &gate.insert_axis(Axis(1)) + outer(q, v);
                out
            };
        "key-reads": "the key reads the state in the place of the query"
            => reads(state, k, v, gate, |state| k.dot(state) + &v * (&q * &bonus).dot(&k));
        "unnoticed": "a copy of the state is changed, and `state` itself stays as it was"
            => crate::bonus_step(&mut state.clone(), q, k, v, gate, bonus);
        "replaced": "S is made new from the token: all that was before it is gone"
            => {
                let out = crate::bonus_step(state, q, k, v, gate, bonus);
                *state = outer(k, v);
                out
            };
        "own-without-the-query": "the token's own part is bonus · k, without the query"
            => reads(state, k, v, gate, |state| q.dot(state) + &v * bonus.dot(&k));
        "own-without-the-key": "the token's own part is q · bonus, without the key"
            => reads(state, k, v, gate, |state| q.dot(state) + &v * q.dot(&bonus));
        "one-bonus": "the token's own part is q · k times the mean of the bonus; each channel has its own"
            => reads(state, k, v, gate, |state| q.dot(state) + &v * (q.dot(&k) * bonus.sum() / k.len() as f64));
        "gate-exponentiated": "exp(−e^gate) fades the state, as RWKV makes a gate of its w; here the gate is given as a factor"
            => crate::bonus_step(state, q, k, v, gate.mapv(|w| (-w.exp()).exp()).view(), bonus);
        "gate-as-logarithm": "the state is multiplied by the exponential of the gate: it is given as a factor, not as a logarithm"
            => crate::bonus_step(state, q, k, v, gate.mapv(f64::exp).view(), bonus);
        "bonus-beside-one": "the token sees itself twice: with the bonus and without"
            => reads(state, k, v, gate, |state| q.dot(state) + &v * ((&q * &bonus).dot(&k) + q.dot(&k)));
        "summed-bonus": "the token's own part is q · k times the sum of the bonus; each channel has its own"
            => reads(state, k, v, gate, |state| q.dot(state) + &v * (q.dot(&k) * bonus.sum()));
        "bonus-on-the-reading": "the bonus multiplies what is read of the state, and the token's own part is q · k: it is the other way round"
            => reads(state, k, v, gate, |state| (&q * &bonus).dot(state) + &v * q.dot(&k));
        "bonus-read-from-the-state": "the token is written with its bonus, and the query reads afterwards: the bonus stays in the state"
            => {
                *state = &*state * &gate.insert_axis(Axis(1)) + outer((&k * &bonus).view(), v);
                q.dot(state)
            };
        "own-without-the-value": "the token's own part is added without its value: the number q · (u ∘ k) belongs before v"
            => reads(state, k, v, gate, |state| q.dot(state) + (&q * &bonus).dot(&k));
        "own-channel-by-channel": "where keys and values have one width, the token's own part is q ∘ u ∘ k ∘ v, number by number; q ∘ u ∘ k has to be summed first"
            => reads(state, k, v, gate, |state| q.dot(state) + &q * &bonus * k * v);
        "own-with-the-key-twice": "the token's own part is k · (u ∘ k): the key is in the place of the query"
            => reads(state, k, v, gate, |state| q.dot(state) + &v * (&k * &bonus).dot(&k));
        "own-alone": "the output is the token's own part: the state is not read"
            => reads(state, k, v, gate, |_| &v * (&q * &bonus).dot(&k));
        "own-multiplied": "the token's own part multiplies what was read instead of being added with v"
            => reads(state, k, v, gate, |state| q.dot(state) * (&q * &bonus).dot(&k));
        "own-gated": "the token's own part is multiplied by the gate, too"
            => reads(state, k, v, gate, |state| q.dot(state) + &v * (&q * &bonus * gate).dot(&k));
        "reads-gated": "what is read has faded by the token's gate, and the state fades as well as it should: the gate acts after the reading"
            => reads(state, k, v, gate, |state| (&q * &gate).dot(&(state + &outer((&k * &bonus).view(), v))));
        "not-written": "the token is not written: the state only fades"
            => {
                let out = read(state, q, k, v, bonus);
                *state *= &gate.insert_axis(Axis(1));
                out
            };
        "fades-between": "the token is written before the reading, and the state fades after it: the token counts twice"
            => {
                *state += &outer(k, v);
                let out = read(state, q, k, v, bonus);
                *state *= &gate.insert_axis(Axis(1));
                out
            };
        "first-gate": "all rows of S have the gate of channel 0"
            => crate::bonus_step(state, q, k, v, Array1::from_elem(k.len(), gate[0]).view(), bonus);
        "gate-squared": "the state fades twice"
            => crate::bonus_step(state, q, k, v, (&gate * &gate).view(), bonus);
        "bonus-fades": "the bonus is the factor by which the state fades, and the gate the bonus: they have changed places"
            => crate::bonus_step(state, q, k, v, bonus, gate);
        "state-times-query": "S is multiplied by the query from the right: that sums over the values' numbers instead of the channels"
            => reads(state, k, v, gate, |state| state.dot(&q) + &v * (&q * &bonus).dot(&k));
        "transposed": "v kᵀ is written instead of k vᵀ"
            => {
                let out = read(state, q, k, v, bonus);
                *state *= &gate.insert_axis(Axis(1));
                *state += &outer(v, k);
                out
            };
        "gate-added": "the gate is added to the rows of S instead of multiplied"
            => {
                let out = read(state, q, k, v, bonus);
                *state += &gate.insert_axis(Axis(1));
                *state += &outer(k, v);
                out
            };
        "own-subtracted": "the token's own part is subtracted instead of added"
            => crate::bonus_step(state, q, k, v, gate, bonus.mapv(|bonus| -bonus).view());
        "products-apart": "the token's own part is q · u times q · k: the three are multiplied channel by channel, and then summed"
            => reads(state, k, v, gate, |state| q.dot(state) + &v * (q.dot(&bonus) * q.dot(&k)));
        "products-apart-by-key": "the token's own part is q · u times u · k, or q · k times u · k: the three are multiplied channel by channel, and then summed"
            => reads(state, k, v, gate, |state| q.dot(state) + &v * (q.dot(&k) * bonus.dot(&k)));
        "exchanged": "queries and keys have changed places: the key reads and the query is written"
            => crate::bonus_step(state, k, q, v, gate, bonus);
        "elementwise": "k and v are multiplied number by number; k vᵀ has a row for each number of k"
            => {
                let out = read(state, q, k, v, bonus);
                *state *= &gate.insert_axis(Axis(1));
                *state += &(&k * &v);
                out
            };
        "gate-negative-exponent": "e^(−gate) fades the state; here the gate is given as a factor"
            => crate::bonus_step(state, q, k, v, gate.mapv(|gate| (-gate).exp()).view(), bonus);
        "bonus-on-columns": "the bonus multiplies the columns of k vᵀ; it belongs to the rows, one for each channel of the key"
            => reads(state, k, v, gate, |state| q.dot(&(state + &(outer(k, v) * bonus))));
        "bonus-to-the-query": "the bonus is added to the query instead of multiplied by it and the key"
            => reads(state, k, v, gate, |state| q.dot(state) + &v * (&q + &bonus).dot(&k));
        "read-in-between": "the token is written, read, and then all fades; the bonus is left out"
            => {
                *state += &outer(k, v);
                let out = q.dot(state);
                *state *= &gate.insert_axis(Axis(1));
                out
            };
        "gate-for-bonus": "the token's own part has the gate in the place of the bonus"
            => reads(state, k, v, gate, |state| q.dot(state) + &v * (&q * &gate).dot(&k));
        "bonus-for-gate": "the state fades by the bonus in the place of the gate"
            => {
                let out = read(state, q, k, v, bonus);
                *state = &*state * &bonus.insert_axis(Axis(1)) + outer(k, v);
                out
            };
        "gate-along-columns": "the state is multiplied by the vector of gates as it is: its numbers belong to the columns unless it gets a second axis"
            => {
                expect_token(state.dim(), q, k, v);
                let out = read(state, q, k, v, bonus);
                *state = &*state * &gate + outer(k, v);
                out
            };
        "gate-as-a-row": "the gates are made a row: they multiply the columns of S, and belong to its rows, one for each channel of the key"
            => {
                let out = read(state, q, k, v, bonus);
                *state *= &gate.insert_axis(Axis(0));
                *state += &outer(k, v);
                out
            };
        "gate-of-the-column": "the number of S in row r and column c fades by gate c; it is gate r"
            => {
                let out = read(state, q, k, v, bonus);
                state.indexed_iter_mut().for_each(|((_, column), held)| *held *= gate[column]);
                *state += &outer(k, v);
                out
            };
    }
}

/// The state after each token, and what it reads.
fn trace(c: &Case, step: &Step) -> Trace<Seen> {
    let mut token = 0;
    Trace::of(names(c.q.nrows()), c.state.clone(), |state, _| {
        let [q, k, v, gate] = [&c.q, &c.k, &c.v, &c.gate].map(|x| x.row(token));
        token += 1;
        let out = step(state, q, k, v, gate, c.bonus.view());
        Seen { out, state: state.clone() }
    })
}

/// `token 0`, `token 1`, …
pub(super) fn names(n: usize) -> impl Iterator<Item = String> {
    (0..n).map(|token| format!("token {token}"))
}

/// k vᵀ
pub(super) fn outer(k: ArrayView1<f64>, v: ArrayView1<f64>) -> Array2<f64> {
    let v: ArrayView2<f64> = v.insert_axis(Axis(0));
    k.insert_axis(Axis(1)).dot(&v)
}

/// What a token reads, before anything is written.
fn read(
    state: &Array2<f64>,
    q: ArrayView1<f64>,
    k: ArrayView1<f64>,
    v: ArrayView1<f64>,
    bonus: ArrayView1<f64>,
) -> Array1<f64> {
    q.dot(state) + &v * (&q * &bonus).dot(&k)
}

/// What `out` reads, before the token is written as it should be.
fn reads(
    state: &mut Array2<f64>,
    k: ArrayView1<f64>,
    v: ArrayView1<f64>,
    gate: ArrayView1<f64>,
    out: impl Fn(&Array2<f64>) -> Array1<f64>,
) -> Array1<f64> {
    let out = out(state);
    write(state, k, v, gate);
    out
}

/// The state forgets, and the token is written.
fn write(state: &mut Array2<f64>, k: ArrayView1<f64>, v: ArrayView1<f64>, gate: ArrayView1<f64>) {
    *state = &*state * &gate.insert_axis(Axis(1)) + outer(k, v);
}
