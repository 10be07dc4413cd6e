//! 12.13 `ring_hop`

use crate::{
    given::{Output, State},
    ring::ring_attention,
};
use attn_core::Mask;
use attn_exercise::{SOME_VALUES, exercise, pairwise, some_values};
use attn_oracle as oracle;
use ch08_flash_cpu::{merge, push};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, NdFloat, array};

exercise! {
    /// Queries, keys and values of a text, and how many devices share it.
    crate::ring_hop as fn(&mut [State], ArrayView2<f32>, usize, ArrayView2<f32>, ArrayView2<f32>, usize, bool) -> ():
        (q: Array2<f32>[n d], k: Array2<f32>[n d], v: Array2<f32>[n d_v], devices: usize[devices], causal: bool) -> Output;
    answer: |ring_hop, c| c.call(|q, k, v, devices, causal| ring_attention(q, k, v, devices, causal, *ring_hop));

    exact: |c| exact::<f64>(c);
    plain: |c| [exact::<f32>(c)];

    cases: |random| {
        let ln3 = 3.0_f32.ln();
        let mut of = |about: &str, n: usize, (d, d_v): (usize, usize), devices: usize, causal: bool, kinds: [usize; 3]| {
            let [of_q, of_k, of_v] = kinds;
            case(about, (some_values(of_q, (n, d), random), some_values(of_k, (n, d), random), some_values(of_v, (n, d_v), random), devices, causal))
        };
        let mut cases = vec![
            case("by hand: weights 1/4 and 3/4 for token 1", (array![[0.0], [1.0]], array![[0.0], [ln3]], array![[0.0], [4.0]], 2, true)),
            of("three devices, causal", 9, (4, 3), 3, true, [0; 3]),
            of("three devices, everything seen", 9, (4, 3), 3, false, [0; 3]),
            of("the last part is shorter", 10, (4, 2), 4, true, [0; 3]),
            of("the last part is empty", 9, (4, 2), 4, true, [0; 3]),
            of("the last part is empty, and all is seen", 5, (4, 2), 4, false, [0; 3]),
            of("one device", 6, (4, 3), 1, true, [0; 3]),
            of("one device", 6, (4, 3), 1, false, [0; 3]),
            of("as many devices as tokens", 5, (4, 3), 5, true, [0; 3]),
            of("more devices than tokens", 3, (4, 3), 5, false, [0; 3]),
            of("one token", 1, (3, 2), 2, true, [0; 3]),
            of("one token", 1, (2, 2), 1, false, [0; 3]),
            of("eight devices", 33, (8, 4), 8, true, [0; 3]),
            of("large scores", 12, (16, 3), 3, true, [1, 0, 0]),
        ];
        let levels = [4, 4, 4, 4, 2, SOME_VALUES, SOME_VALUES, SOME_VALUES];
        let small = pairwise(levels).into_iter().map(|[n, d, d_v, devices, causal, a, b, c]| {
            of("small", 2 * n + 1, (d + 1, d_v + 1), devices + 1, causal == 1, [a, b, c])
        });
        cases.extend(small.collect::<Vec<_>>());
        let more = [(2, 2, 2, 2), (3, 3, 3, 3), (4, 4, 4, 4), (1, 1, 2, 1), (2, 1, 2, 4), (3, 4, 1, 2), (1, 2, 1, 1), (2, 2, 1, 1)];
        for causal in [false, true] {
            cases.extend(more.map(|(n, d, d_v, devices)| of("small", n, (d, d_v), devices, causal, [0; 3])));
        }
        cases
    };

    right (states, q, q_start, k, v, k_start, causal) {
        "the part by itself, then merged" => by(states, (q, q_start), (k, v, k_start), How { seen: |i, j, causal, _, _| !causal || j <= i, ..How::RIGHT }, causal);
        "only as many keys as are seen" => {
            let scale = 1.0 / (q.ncols() as f32).sqrt();
            for (r, state) in states.iter_mut().enumerate() {
                let seen = if causal { (q_start + r + 1).saturating_sub(k_start).min(k.nrows()) } else { k.nrows() };
                for c in 0..seen {
                    push(state, scale * q.row(r).dot(&k.row(c)), v.row(c));
                }
            }
        };
        "with scores of −∞" => {
            let scores = q.dot(&k.t()) / (q.ncols() as f32).sqrt();
            for (r, state) in states.iter_mut().enumerate() {
                for c in (0..k.nrows()).rev() {
                    let hidden = causal && k_start + c > q_start + r;
                    push(state, if hidden { f32::NEG_INFINITY } else { scores[[r, c]] }, v.row(c));
                }
            }
        };
    }

    mistakes (states, q, q_start, k, v, k_start, causal) {
        "places": "the places in the parts are compared instead of the positions in the text"
            => crate::ring_hop(states, q, 0, k, v, 0, causal);
        "k-start-missing": "where the keys begin is not used: those of a later part are seen as if they were the text's first"
            => crate::ring_hop(states, q, q_start, k, v, 0, causal);
        "q-start-missing": "where the queries begin is not used: they see as little as the text's first ones"
            => crate::ring_hop(states, q, 0, k, v, k_start, causal);
        "starts-swapped": "the two starts have changed places: a query sees later parts and not the earlier ones"
            => crate::ring_hop(states, q, k_start, k, v, q_start, causal);
        "no-mask": "every query sees every key, causal or not"
            => crate::ring_hop(states, q, q_start, k, v, k_start, false);
        "causal-always": "no query sees a key behind it, causal or not"
            => crate::ring_hop(states, q, q_start, k, v, k_start, true);
        "itself-hidden": "a token does not see itself: key < query instead of key ≤ query"
            => by(states, (q, q_start), (k, v, k_start), How { seen: |i, j, causal, _, _| !causal || j < i, ..How::RIGHT }, causal);
        "one-ahead": "a token sees the one behind it, too"
            => by(states, (q, q_start), (k, v, k_start), How { seen: |i, j, causal, _, _| !causal || j <= i + 1, ..How::RIGHT }, causal);
        "whole-parts": "a part is seen whole or not at all: within its own part a query sees the keys behind it"
            => by(states, (q, q_start), (k, v, k_start), How { seen: |_, _, causal, i, j| !causal || j <= i, ..How::RIGHT }, causal);
        "own-part-hidden": "a device's own part is left out: only those before it are seen"
            => by(states, (q, q_start), (k, v, k_start), How { seen: |_, _, causal, i, j| !causal || j < i, ..How::RIGHT }, causal);
        "mask-everywhere": "the triangle of the own part is laid on the earlier parts as well"
            => by(states, (q, q_start), (k, v, k_start), How { seen: |i, j, causal, q_start, k_start| !causal || k_start <= q_start && j - k_start <= i - q_start, ..How::RIGHT }, causal);
        "mask-in-the-own-part": "only within the own part are keys hidden: later parts are seen whole"
            => by(states, (q, q_start), (k, v, k_start), How { seen: |i, j, causal, q_start, k_start| !causal || k_start != q_start || j <= i, ..How::RIGHT }, causal);
        "hidden-as-zero": "a hidden key gets the score 0 instead of being left out: the weight of a score of 0 is not 0"
            => {
                let scale = 1.0 / (q.ncols() as f32).sqrt();
                for (r, state) in states.iter_mut().enumerate() {
                    for c in 0..k.nrows() {
                        let seen = !causal || k_start + c <= q_start + r;
                        push(state, if seen { q.row(r).dot(&k.row(c)) * scale } else { 0.0 }, v.row(c));
                    }
                }
            };
        "last-part-alone": "the state is replaced by that of the part: what came before is forgotten"
            => by(states, (q, q_start), (k, v, k_start), How { join: |_, part| part.clone(), ..How::RIGHT }, causal);
        "first-part-alone": "a state that has met a key is not brought up to date any more"
            => by(states, (q, q_start), (k, v, k_start), How { join: |old, part| if old.row_sum > 0.0 { old.clone() } else { part.clone() }, ..How::RIGHT }, causal);
        "sum-not-rescaled": "out is rescaled to the new maximum, and row_sum is not"
            => by(states, (q, q_start), (k, v, k_start), How { join: |old, part| {
                let both = merge(old, part);
                State { row_sum: old.row_sum + part.row_sum, ..both }
            }, ..How::RIGHT }, causal);
        "out-not-rescaled": "row_sum is rescaled to the new maximum, and out is not"
            => by(states, (q, q_start), (k, v, k_start), How { join: |old, part| {
                let both = merge(old, part);
                State { out: &old.out + &part.out, ..both }
            }, ..How::RIGHT }, causal);
        "nothing-rescaled": "sums and outputs are added as they are, whatever their maxima"
            => by(states, (q, q_start), (k, v, k_start), How { join: |old, part| {
                let both = merge(old, part);
                State { row_sum: old.row_sum + part.row_sum, out: &old.out + &part.out, ..both }
            }, ..How::RIGHT }, causal);
        "a-softmax-per-part": "every part has a softmax of its own, and the results are added with equal weight"
            => by(states, (q, q_start), (k, v, k_start), How { join: |old, part| {
                if part.row_sum == 0.0 { return old.clone(); }
                let (out, _) = part.finish();
                State { row_max: 0.0, row_sum: old.row_sum + 1.0, out: &old.out + &out }
            }, ..How::RIGHT }, causal);
        "no-scale": "the scores are not divided by √d"
            => by(states, (q, q_start), (k, v, k_start), How { scale: |_| 1.0, ..How::RIGHT }, causal);
        "by-d": "the scores are divided by d instead of √d"
            => by(states, (q, q_start), (k, v, k_start), How { scale: |d| 1.0 / d as f32, ..How::RIGHT }, causal);
        "first-query": "only the first query of the part is brought up to date"
            => {
                let first = &mut states[..q.nrows().min(1)];
                crate::ring_hop(first, q.slice(ndarray::s![..q.nrows().min(1), ..]), q_start, k, v, k_start, causal)
            };
        "value-of-the-query": "the value is taken from the query's place in the part, not from the key's"
            => by(states, (q, q_start), (k, v, k_start), How { value: |v, r, c| v.row(if r < v.nrows() { r } else { c }).to_owned(), ..How::RIGHT }, causal);
        "last-key-missing": "the last key of every part is left out"
            => {
                let keys = k.nrows().saturating_sub(1);
                crate::ring_hop(states, q, q_start, k.slice(ndarray::s![..keys, ..]), v.slice(ndarray::s![..keys, ..]), k_start, causal)
            };
        "nothing": "the states are read and never changed: every row is zeros"
            => ();
        "twice": "every key is taken in twice: the rows are right, and the log-sum-exp is ln 2 too large"
            => { crate::ring_hop(states, q, q_start, k, v, k_start, causal); crate::ring_hop(states, q, q_start, k, v, k_start, causal) };
    }
}

/// What may go wrong in a hop.
#[derive(Clone, Copy)]
struct How {
    /// By the positions of query and key, whether causal, and where queries and keys begin.
    seen: fn(usize, usize, bool, usize, usize) -> bool,
    join: fn(&State, &State) -> State,
    scale: fn(usize) -> f32,
    value: fn(ArrayView2<f32>, usize, usize) -> Array1<f32>,
}

impl How {
    const RIGHT: How = How {
        seen: |i, j, causal, _, _| !causal || j <= i,
        join: merge,
        scale: |d| 1.0 / (d as f32).sqrt(),
        value: |v, _, c| v.row(c).to_owned(),
    };
}

fn by(
    states: &mut [State],
    (q, q_start): (ArrayView2<f32>, usize),
    (k, v, k_start): (ArrayView2<f32>, ArrayView2<f32>, usize),
    how: How,
    causal: bool,
) {
    for (r, state) in states.iter_mut().enumerate() {
        let mut part = State::empty(v.ncols());
        for c in 0..k.nrows() {
            if (how.seen)(q_start + r, k_start + c, causal, q_start, k_start) {
                let value: Array1<f32> = (how.value)(v, r, c);
                let view: ArrayView1<f32> = value.view();
                push(&mut part, q.row(r).dot(&k.row(c)) * (how.scale)(q.ncols()), view);
            }
        }
        *state = (how.join)(state, &part);
    }
}

/// On one device.
fn exact<F: NdFloat>(c: &Case) -> oracle::Output<F> {
    let mask = if c.causal { Mask::Causal } else { Mask::None };
    oracle::attention::<F>(c.q.view(), c.k.view(), c.v.view(), &mask)
}
