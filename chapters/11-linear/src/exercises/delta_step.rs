//! 11.8 `delta_step`

use super::bonus_step::{names, outer};
use crate::seeded::{normal, units};
use attn_exercise::{Trace, exercise, fields, pairwise};
use ndarray::{Array1, Array2, ArrayView1, array};
use serde::{Deserialize, Serialize};

/// What can be seen after a pair was written.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Seen {
    /// What its key finds then.
    pub found: Array1<f64>,
    /// S.
    pub state: Array2<f64>,
}

fields! { Seen { found, state } }

exercise! {
    /// The state before the first pair, the pairs, and how much of each is written.
    crate::delta_step as fn(&mut Array2<f64>, ArrayView1<f64>, ArrayView1<f64>, f64) -> (): (
        state: Array2<f64>[d d_v], k: Array2<f64>[n d], v: Array2<f64>[n d_v], beta: Array1<f64>[n],
    ) -> Trace<Seen>;
    answer: |step, c| trace(c, step);

    // The matrix I − β k kᵀ, written out and multiplied.
    exact: |c| {
        let mut token = 0;
        Trace::of(names(c.k.nrows()), c.state.clone(), |state, _| {
            let ((d, d_v), t) = (state.dim(), token);
            token += 1;
            let passes = |row: usize, from: usize| f64::from(u8::from(row == from)) - c.beta[t] * c.k[[t, row]] * c.k[[t, from]];
            *state = Array2::from_shape_fn((d, d_v), |(row, column)| {
                let kept: f64 = (0..d).map(|from| passes(row, from) * state[[from, column]]).sum();
                kept + c.beta[t] * c.k[[t, row]] * c.v[[t, column]]
            });
            let found = (0..d_v).map(|column| (0..d).map(|row| c.k[[t, row]] * state[[row, column]]).sum()).collect();
            Seen { found, state: state.clone() }
        })
    };

    cases: |random| {
        let mut of = |about: &str, (n, d, d_v): (usize, usize, usize), beta: Option<f64>, length: f64| {
            let betas = (0..n).map(|i| beta.unwrap_or(((i * 7 + 3) % 10) as f64 / 10.0)).collect();
            case(about, (normal(random, (d, d_v)), units(random, n, d) * length, normal(random, (n, d_v)), betas))
        };
        let mut cases = vec![
            case("by hand: 5 is stored, then 7 in its place, then half of it is replaced by 1", (Array2::zeros((2, 1)), array![[1.0, 0.0], [1.0, 0.0], [1.0, 0.0]], array![[5.0], [7.0], [1.0]], array![1.0, 1.0, 0.5])),
            case("two keys at right angles", (Array2::zeros((2, 2)), array![[0.6, 0.8], [-0.8, 0.6], [0.6, 0.8]], array![[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], array![1.0, 1.0, 1.0])),
            of("β = 1", (6, 4, 3), Some(1.0), 0.9),
            of("β = 0: nothing happens", (3, 3, 2), Some(0.0), 0.8),
            of("other βs", (9, 4, 4), None, 0.9),
            of("keys that are longer than 1", (4, 3, 3), None, 1.3),
            of("β above 1", (5, 3, 2), Some(1.5), 1.0),
        ];
        cases.extend(pairwise([4, 4, 4]).into_iter().map(|[n, d, d_v]| of("small", (n + 1, d + 1, d_v + 1), None, 0.8)));
        cases
    };

    right (state, k, v, beta) {
        "matrices" => *state = (Array2::eye(k.len()) - outer(k, k) * beta).dot(state) + outer(k, v) * beta;
        "erased, then written" => {
            let found = k.dot(state);
            *state -= &(outer(k, found.view()) * beta);
            *state += &(outer(k, v) * beta);
        };
        "one value between the old one and the new one" => {
            let found = k.dot(state);
            let new = &v * beta + &found * (1.0 - beta);
            *state += &outer(k, (new - found).view());
        };
        "number by number" => {
            let found: Vec<f64> = (0..v.len()).map(|column| (0..k.len()).map(|row| k[row] * state[[row, column]]).sum()).collect();
            state.indexed_iter_mut().for_each(|((row, column), held)| *held += beta * k[row] * (v[column] - found[column]));
        };
    }

    mistakes (state, k, v, beta) {
        "added": "the value is added: what the key had before stays, and the sum of both is found"
            => *state += &(outer(k, v) * beta);
        "all-erased": "everything is erased, not only what the key finds"
            => *state = outer(k, v) * beta;
        "erased-after": "the new value is written before the key is erased, and is erased with it"
            => {
                *state += &(outer(k, v) * beta);
                let found = k.dot(state);
                *state -= &(outer(k, found.view()) * beta);
            };
        "all-fades": "the whole state fades by 1 − β; only what the key finds is replaced"
            => *state = &*state * (1.0 - beta) + outer(k, v) * beta;
        "erased-whole": "the old value is erased whole: β multiplies the new one alone"
            => {
                let found = k.dot(state);
                *state += &outer(k, (&v * beta - found).view());
            };
        "written-whole": "the new value is written whole: β multiplies the old one alone"
            => {
                let found = k.dot(state);
                *state += &outer(k, (&v - &(found * beta)).view());
            };
        "no-beta": "β is not used: the old value is always replaced whole"
            => crate::delta_step(state, k, v, 1.0);
        "beta-twice": "β multiplies twice"
            => crate::delta_step(state, k, v, beta * beta);
        "sign": "the old value is added instead of subtracted"
            => {
                let found = k.dot(state);
                *state += &(outer(k, (&v + &found).view()) * beta);
            };
        "direction": "the difference is the wrong way round: the old value minus the new one"
            => {
                let found = k.dot(state);
                *state += &(outer(k, (found - v).view()) * beta);
            };
        "erased-alone": "the old value is erased and the new one is not written"
            => {
                let found = k.dot(state);
                *state -= &(outer(k, found.view()) * beta);
            };
        "unit-key": "the key is brought to length 1 first; it is used as it is given"
            => {
                let length = k.dot(&k).sqrt();
                let key = if length > 0.0 { &k / length } else { k.to_owned() };
                crate::delta_step(state, key.view(), v, beta);
            };
        "divided": "the old value is divided by the key's length: the formula has k kᵀ as it is"
            => {
                let found = k.dot(state) / k.dot(&k).sqrt();
                *state += &(outer(k, (&v - &found).view()) * beta);
            };
        "found-by-sum": "what the key finds is taken to be the sum of the rows of S; each row counts by the key's number"
            => {
                let found = state.sum_axis(ndarray::Axis(0));
                *state += &(outer(k, (&v - &found).view()) * beta);
            };
        "row-by-row": "each row has its own number of S subtracted from the value, instead of what the key finds in all of them"
            => {
                let right = outer(k, v) - &*state * &k.mapv(|x| x * x).insert_axis(ndarray::Axis(1));
                *state += &(right * beta);
            };
        "read-while-written": "what the key finds is read anew for each row, after rows before it have changed"
            => for row in 0..k.len() {
                let missing = &v - &k.dot(state);
                state.row_mut(row).scaled_add(beta * k[row], &missing);
            };
        "transposed": "v kᵀ is written instead of k vᵀ"
            => {
                let found = k.dot(state);
                *state += &(outer((&v - &found).view(), k) * beta);
            };
        "unnoticed": "a copy of the state is changed, and `state` itself stays as it was"
            => crate::delta_step(&mut state.clone(), k, v, beta);
        "found-per-length": "what the key finds is divided by ‖k‖²: that would replace the value exactly, which the formula does for keys of length 1 alone"
            => {
                let found = k.dot(state) / k.dot(&k);
                *state += &(outer(k, (&v - &found).view()) * beta);
            };
        "beta-on-the-old-twice": "the old value is multiplied by β twice"
            => {
                let found = k.dot(state) * beta;
                *state += &(outer(k, (&v - &found).view()) * beta);
            };
        "without-the-key": "the difference is added to every row of S, without the key's numbers"
            => {
                let missing = &v - &k.dot(state);
                *state += &(missing * beta);
            };
        "erased-everywhere": "what the key finds is subtracted from every row of S; each row counts by the key's number there, too"
            => {
                let found = k.dot(state) * beta;
                *state += &(outer(k, v) * beta);
                *state -= &found;
            };
        "fades-too": "the whole state fades by 1 − β before the difference is written: the old value is erased twice, and the other keys' values with it"
            => {
                let missing = &v - &k.dot(state);
                *state *= 1.0 - beta;
                *state += &(outer(k, missing.view()) * beta);
            };
        "row-subtracted": "each row of S has itself subtracted from the value; what is to be subtracted is what the key finds, which all rows make together"
            => for (mut row, &key) in state.axis_iter_mut(ndarray::Axis(0)).zip(k) {
                let missing = &v - &row;
                row.scaled_add(beta * key, &missing);
            };
        "row-blended": "each row of S becomes a mean of itself and the value: the key's number is not in what is erased"
            => *state = &*state * (1.0 - beta) + outer(k, v);
        "one-minus-beta": "1 − β writes in the place of β"
            => crate::delta_step(state, k, v, 1.0 - beta);
        "blend-added": "what is between the old value and the new one is added; the old one has to be subtracted from it"
            => {
                let new = &v * beta + k.dot(state) * (1.0 - beta);
                *state += &outer(k, new.view());
            };
        "beta-outside": "β multiplies (I − k kᵀ) S, too: the whole state fades"
            => {
                let missing = &v - &k.dot(state);
                *state = (&*state + &outer(k, missing.view())) * beta;
            };
        "added-whole": "the value is added, and without β"
            => *state += &outer(k, v);
        "key-squared": "the difference is multiplied by the key's number twice"
            => {
                let missing = &v - &k.dot(state);
                *state += &(outer((&k * &k).view(), missing.view()) * beta);
            };
        "written-twice": "the value is written, and then the difference on top: what the key finds is read after the value was added"
            => {
                *state += &(outer(k, v) * beta);
                let missing = &v - &k.dot(state);
                *state += &(outer(k, missing.view()) * beta);
            };
        "written-then-the-difference": "the old value is read first, and then both the value and the difference are written"
            => {
                let missing = &v - &k.dot(state);
                *state += &(outer(k, (&v + &missing).view()) * beta);
            };
        "overwritten": "every row of S is replaced by the key's number times what is between the old value and the new one: all other keys' values are gone"
            => {
                let new = &v * beta + k.dot(state) * (1.0 - beta);
                *state = outer(k, new.view());
            };
        "difference-in-the-place-of-s": "S becomes β k times the difference; it is added to S"
            => {
                let missing = &v - &k.dot(state);
                *state = outer(k, missing.view()) * beta;
            };
        "state-times-key": "S is multiplied by the key from the right to find the old value: that sums over the values' numbers instead of the key's"
            => {
                let missing = &v - &state.dot(&k);
                *state += &(outer(k, missing.view()) * beta);
            };
        "from-the-right": "I − β k kᵀ multiplies S from the right; it has a row for each row of S, and stands to its left"
            => {
                let passes = Array2::eye(k.len()) - outer(k, k) * beta;
                *state = state.dot(&passes) + outer(k, v) * beta;
            };
        "parentheses": "what the key finds is subtracted whole from every row: β and the key's number multiply the value alone"
            => {
                let found = k.dot(state);
                *state += &(outer(k, v) * beta);
                *state -= &found;
            };
        "found-by-squares": "the key's numbers are squared in what it finds"
            => {
                let missing = &v - &(&k * &k).dot(state);
                *state += &(outer(k, missing.view()) * beta);
            };
        "elementwise": "the key and the difference are multiplied number by number; k (v − found)ᵀ has a row for each number of k"
            => {
                let missing = &v - &k.dot(state);
                *state += &(&k * &missing * beta);
            };
        "found-by-complement": "the old value is subtracted by 1 − β, and the new one written whole"
            => {
                let missing = &v - &(k.dot(state) * (1.0 - beta));
                *state += &outer(k, missing.view());
            };
        "shares": "1 − β of the old value is subtracted, and β of the new one written; β belongs to both"
            => {
                let missing = &v * beta - k.dot(state) * (1.0 - beta);
                *state += &outer(k, missing.view());
            };
        "written-per-length": "the difference is written with k divided by ‖k‖²: the formula has the key as it is"
            => {
                let missing = &v - &k.dot(state);
                *state += &(outer(k, missing.view()) * (beta / k.dot(&k)));
            };
        "found-written": "what the key finds is written once more; the value is not used"
            => {
                let found = k.dot(state);
                *state += &(outer(k, found.view()) * beta);
            };
    }
}

/// The state after each pair, and what its key finds in it.
fn trace(
    c: &Case,
    step: impl Fn(&mut Array2<f64>, ArrayView1<f64>, ArrayView1<f64>, f64),
) -> Trace<Seen> {
    let mut token = 0;
    Trace::of(names(c.k.nrows()), c.state.clone(), |state, _| {
        step(state, c.k.row(token), c.v.row(token), c.beta[token]);
        token += 1;
        Seen { found: c.k.row(token - 1).dot(state), state: state.clone() }
    })
}
