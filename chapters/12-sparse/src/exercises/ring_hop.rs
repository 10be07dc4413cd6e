//! 12.13 `ring_hop`

use crate::{
    given::{Output, State, part},
    ring::{Hop, ring_attention},
};
use attn_core::Mask;
use attn_exercise::{SOME_VALUES, exercise, pairwise, some_values};
use attn_oracle as oracle;
use ch08_flash_cpu::{merge, push};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, NdFloat, array, s};

exercise! {
    /// Queries, keys and values of a text, how many devices share it, and which parts of the keys come to all of
    /// them (from, to), if these are not the devices' own.
    crate::ring_hop as fn(&mut [State], ArrayView2<f32>, usize, ArrayView2<f32>, ArrayView2<f32>, usize, bool) -> ():
        (q: Array2<f32>[n d], k: Array2<f32>[n d], v: Array2<f32>[n d_v], devices: usize[devices], causal: bool, parts: Vec<[usize; 2]>) -> Output;
    answer: |ring_hop, c| c.call(|q, k, v, devices, causal, parts: &[[usize; 2]]| {
        if parts.is_empty() { ring_attention(q, k, v, devices, causal, *ring_hop) } else { hops(q, k, v, devices, causal, parts, *ring_hop) }
    });

    exact: |c| exact::<f64>(c);
    plain: |c| [exact::<f32>(c)];

    cases: |random| {
        let ln3 = 3.0_f32.ln();
        let mut of = |about: &str, n: usize, (d, d_v): (usize, usize), devices: usize, causal: bool, kinds: [usize; 3]| {
            let [of_q, of_k, of_v] = kinds;
            case(about, (some_values(of_q, (n, d), random), some_values(of_k, (n, d), random), some_values(of_v, (n, d_v), random), devices, causal, Vec::new()))
        };
        let mut cases = vec![
            case("by hand: weights 1/4 and 3/4 for token 1", (array![[0.0], [1.0]], array![[0.0], [ln3]], array![[0.0], [4.0]], 2, true, Vec::new())),
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
            of("parts that lie across the devices' own", 12, (4, 3), 3, true, [0; 3]),
            of("parts that begin within the devices' own", 10, (4, 2), 2, true, [0; 3]),
            of("only a part in the middle comes round", 12, (4, 3), 4, true, [0; 3]),
            of("parts out of order, everything seen, scores far below zero", 9, (4, 2), 3, false, [0; 3]),
        ];
        cases[14].parts = vec![[0, 6], [6, 12]];
        cases[15].parts = vec![[3, 8], [8, 10], [0, 3]];
        cases[16].parts = vec![[4, 7]];
        cases[17].parts = vec![[5, 9], [0, 5]];
        cases[17].q.fill(-20.0);
        cases[17].k.fill(20.0);
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
            => pushed(states, (q, q_start), (k, v, k_start), causal, 0.0);
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
        "last-key-missing": "the last key of every part is left out; a part without keys panics"
            => {
                let keys = k.nrows() - 1;
                crate::ring_hop(states, q, q_start, k.slice(ndarray::s![..keys, ..]), v.slice(ndarray::s![..keys, ..]), k_start, causal)
            };
        "nothing": "the states are read and never changed: every row is zeros"
            => ();
        "twice": "every key is taken in twice: the rows are right, and the log-sum-exp is ln 2 too large"
            => { crate::ring_hop(states, q, q_start, k, v, k_start, causal); crate::ring_hop(states, q, q_start, k, v, k_start, causal) };
        "by-the-starts": "a part that begins before the device's own queries is seen whole; it may reach behind some of them"
            => by(states, (q, q_start), (k, v, k_start), How { seen: |i, j, causal, q_start, k_start| !causal || k_start < q_start || k_start == q_start && j <= i, ..How::RIGHT }, causal);
        "later-start-skipped": "a part that begins behind the device's first query is passed over; the later ones may see some of it"
            => if !causal || k_start <= q_start { crate::ring_hop(states, q, q_start, k, v, k_start, causal) };
        "before-or-own": "a part is seen if it ends before the device's own queries or begins where they do; it may do neither"
            => {
                let whole = k_start + k.nrows() <= q_start;
                if !causal || whole || k_start == q_start { crate::ring_hop(states, q, q_start, k, v, k_start, causal) }
            };
        "minus-a-billion": "a hidden key gets the score −1e9 instead of being left out: a query that sees nothing averages hidden values"
            => pushed(states, (q, q_start), (k, v, k_start), causal, -1e9);
        "hidden-as-min": "a hidden key gets the smallest number instead of being left out: a query that sees nothing averages hidden values"
            => pushed(states, (q, q_start), (k, v, k_start), causal, f32::MIN);
        "own-part-alone": "only the device's own part is seen where it is causal: those before it are left out"
            => by(states, (q, q_start), (k, v, k_start), How { seen: |i, j, causal, q_start, k_start| !causal || k_start == q_start && j <= i, ..How::RIGHT }, causal);
        "reversed": "the comparison is the wrong way round: a query sees itself and the keys behind it"
            => by(states, (q, q_start), (k, v, k_start), How { seen: |i, j, causal, _, _| !causal || j >= i, ..How::RIGHT }, causal);
        "future-alone": "the condition is that for hidden keys: a query sees those behind it, and not itself"
            => by(states, (q, q_start), (k, v, k_start), How { seen: |i, j, causal, _, _| !causal || j > i, ..How::RIGHT }, causal);
        "ends-at-hidden": "the hop ends at the first hidden key: the other queries of the device get nothing of the part"
            => {
                let scale = 1.0 / (q.ncols() as f32).sqrt();
                'hop: for (r, state) in states.iter_mut().enumerate() {
                    for c in 0..k.nrows() {
                        if causal && k_start + c > q_start + r { break 'hop; }
                        push(state, q.row(r).dot(&k.row(c)) * scale, v.row(c));
                    }
                }
            };
        "divided-parts": "a part's out is divided by its sum before it is merged"
            => by(states, (q, q_start), (k, v, k_start), How { join: |old, part| {
                if part.row_sum == 0.0 { return old.clone(); }
                merge(old, &State { out: &part.out / part.row_sum, ..part.clone() })
            }, ..How::RIGHT }, causal);
        "part-as-a-key": "a part joins the state as a single key, with its maximum as the score and its result as the value"
            => by(states, (q, q_start), (k, v, k_start), How { join: |old, part| {
                if part.row_sum == 0.0 { return old.clone(); }
                let mut both = old.clone();
                push(&mut both, part.row_max, part.finish().0.view());
                both
            }, ..How::RIGHT }, causal);
        "divided-states": "the state is divided by its sum after every hop, and counts as one key in the next"
            => by(states, (q, q_start), (k, v, k_start), How { join: |old, part| {
                let both = merge(old, part);
                if both.row_sum == 0.0 { return both; }
                State { row_sum: 1.0, out: &both.out / both.row_sum, ..both }
            }, ..How::RIGHT }, causal);
        "divided-outs": "out is divided by row_sum after every hop, and row_sum stays as it is"
            => by(states, (q, q_start), (k, v, k_start), How { join: |old, part| {
                let both = merge(old, part);
                if both.row_sum == 0.0 { return both; }
                State { out: &both.out / both.row_sum, ..both }
            }, ..How::RIGHT }, causal);
        "key-by-key-not-rescaled": "the maximum changes from key to key, and what was summed before is never rescaled to it"
            => {
                let scale = 1.0 / (q.ncols() as f32).sqrt();
                for (r, state) in states.iter_mut().enumerate() {
                    for c in (0..k.nrows()).filter(|c| !causal || k_start + c <= q_start + r) {
                        let score = q.row(r).dot(&k.row(c)) * scale;
                        state.row_max = state.row_max.max(score);
                        let weight = (score - state.row_max).exp();
                        state.row_sum += weight;
                        state.out.scaled_add(weight, &v.row(c));
                    }
                }
            };
        "no-maximum": "no maximum is subtracted: the exponential of a large score is infinite"
            => {
                let scale = 1.0 / (q.ncols() as f32).sqrt();
                for (r, state) in states.iter_mut().enumerate() {
                    for c in (0..k.nrows()).filter(|c| !causal || k_start + c <= q_start + r) {
                        let weight = (q.row(r).dot(&k.row(c)) * scale).exp();
                        state.row_max = 0.0;
                        state.row_sum += weight;
                        state.out.scaled_add(weight, &v.row(c));
                    }
                }
            };
        "by-root-of-d-v": "the scores are divided by the root of the values' width instead of √d"
            => {
                let root = (q.ncols() as f32 / v.ncols() as f32).sqrt();
                crate::ring_hop(states, (&q * root).view(), q_start, k, v, k_start, causal)
            };
        "by-root-of-keys": "the scores are divided by the root of how many keys the part has instead of √d"
            => {
                let root = (q.ncols() as f32 / k.nrows() as f32).sqrt();
                crate::ring_hop(states, (&q * root).view(), q_start, k, v, k_start, causal)
            };
        "times-root": "the scores are multiplied by √d instead of divided by it"
            => crate::ring_hop(states, (&q * q.ncols() as f32).view(), q_start, k, v, k_start, causal);
        "as-many-keys-as-queries": "the loop over the keys ends where the queries do: a longer part loses its last keys"
            => {
                let keys = k.nrows().min(q.nrows());
                crate::ring_hop(states, q, q_start, k.slice(ndarray::s![..keys, ..]), v.slice(ndarray::s![..keys, ..]), k_start, causal)
            };
        "own-start-skipped": "a part that begins where the device's own queries do, or behind, is passed over: the own part is never seen"
            => if !causal || k_start < q_start { crate::ring_hop(states, q, q_start, k, v, k_start, causal) };
        "before-the-device": "only keys before the device's first query are seen: those of its own part are left out"
            => by(states, (q, q_start), (k, v, k_start), How { seen: |_, j, causal, q_start, _| !causal || j < q_start, ..How::RIGHT }, causal);
        "whole-parts-alone": "a part is seen as a whole or not at all, by the queries from its last key on"
            => {
                let end = k_start + k.nrows();
                let first = end.saturating_sub(q_start + 1).min(q.nrows());
                let (states, q) = if causal { (&mut states[first..], q.slice(ndarray::s![first.., ..])) } else { (states, q) };
                crate::ring_hop(states, q, q_start, k, v, k_start, false)
            };
        "parts-before-alone": "a part is seen as a whole or not at all, by the queries behind its last key"
            => {
                let end = k_start + k.nrows();
                let first = end.saturating_sub(q_start).min(q.nrows());
                let (states, q) = if causal { (&mut states[first..], q.slice(ndarray::s![first.., ..])) } else { (states, q) };
                crate::ring_hop(states, q, q_start, k, v, k_start, false)
            };
        "nothing-if-causal": "nothing is seen where it is causal, and elsewhere the keys up to the query's own position: `&&` in the place of `||`"
            => if !causal { crate::ring_hop(states, q, q_start, k, v, k_start, true) };
        "causal-turned-round": "`causal` is taken the wrong way round: keys behind the query are hidden where everything may be seen, and seen where they may not"
            => crate::ring_hop(states, q, q_start, k, v, k_start, !causal);
        "places-exchanged": "the places of query and key have changed sides: k_start + r is compared with q_start + c"
            => by(states, (q, q_start), (k, v, k_start), How { seen: |i, j, causal, q_start, k_start| !causal || k_start + (i - q_start) <= q_start + (j - k_start), ..How::RIGHT }, causal);
        "to-the-end-of-the-device": "every query sees the keys up to the device's last one"
            => {
                let end = (q_start + q.nrows()).saturating_sub(k_start).min(k.nrows());
                let keys = if causal { end } else { k.nrows() };
                crate::ring_hop(states, q, q_start, k.slice(ndarray::s![..keys, ..]), v.slice(ndarray::s![..keys, ..]), k_start, false)
            };
        "ended-before-the-device": "a part is seen only if it ends before the device's own queries: its own part is left out, and so is one that reaches into it"
            => if !causal || k_start + k.nrows() <= q_start { crate::ring_hop(states, q, q_start, k, v, k_start, causal) };
        "max-from-zero": "the maximum of a state without keys is set to 0 instead of −∞: where all scores are far below zero, their weights vanish"
            => {
                states.iter_mut().filter(|state| state.row_sum == 0.0).for_each(|state| state.row_max = 0.0);
                let scale = 1.0 / (q.ncols() as f32).sqrt();
                for (r, state) in states.iter_mut().enumerate() {
                    for c in (0..k.nrows()).filter(|c| !causal || k_start + c <= q_start + r) {
                        push(state, q.row(r).dot(&k.row(c)) * scale, v.row(c));
                    }
                }
            };
        "to-the-first-query": "every query sees the keys up to the device's first one, and not up to its own position"
            => by(states, (q, q_start), (k, v, k_start), How { seen: |_, j, causal, q_start, _| !causal || j <= q_start, ..How::RIGHT }, causal);
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

/// Every key is taken in, hidden ones with this score.
fn pushed(
    states: &mut [State],
    (q, q_start): (ArrayView2<f32>, usize),
    (k, v, k_start): (ArrayView2<f32>, ArrayView2<f32>, usize),
    causal: bool,
    hidden: f32,
) {
    let scale = 1.0 / (q.ncols() as f32).sqrt();
    for (r, state) in states.iter_mut().enumerate() {
        for c in 0..k.nrows() {
            let seen = !causal || k_start + c <= q_start + r;
            let score = if seen { q.row(r).dot(&k.row(c)) * scale } else { hidden };
            push(state, score, v.row(c));
        }
    }
}

/// Each device meets each of these parts of the keys, one after the other.
fn hops(
    q: ArrayView2<f32>,
    k: ArrayView2<f32>,
    v: ArrayView2<f32>,
    devices: usize,
    causal: bool,
    parts: &[[usize; 2]],
    hop: Hop,
) -> Output {
    let n = q.nrows();
    let mut result = Output { out: Array2::zeros(v.dim()), lse: Array1::zeros(n) };
    for own in (0..devices).map(|device| part(n, devices, device)) {
        let mut states = vec![State::empty(v.ncols()); own.len()];
        for &[from, to] in parts {
            let (q, keys) = (q.slice(s![own.clone(), ..]), s![from..to, ..]);
            hop(&mut states, q, own.start, k.slice(keys), v.slice(keys), from, causal);
        }
        for (i, state) in own.zip(&states) {
            let (out, lse) = state.finish();
            result.out.row_mut(i).assign(&out);
            result.lse[i] = lse;
        }
    }
    result
}

/// On one device.
fn exact<F: NdFloat>(c: &Case) -> oracle::Output<F> {
    let mask = match (c.parts.is_empty(), c.causal) {
        (true, true) => Mask::Causal,
        (true, false) => Mask::None,
        (false, causal) => {
            Mask::Dense(Array2::from_shape_fn((c.q.nrows(), c.k.nrows()), |(i, j)| {
                c.parts.iter().any(|&[from, to]| (from..to).contains(&j)) && (!causal || j <= i)
            }))
        }
    };
    oracle::attention::<F>(c.q.view(), c.k.view(), c.v.view(), &mask)
}
