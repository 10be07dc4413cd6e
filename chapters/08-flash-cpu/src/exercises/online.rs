//! 8.2 `online`

use super::{
    flash_forward::{by_hand, large, scaled, small},
    merge::{combined, nothing_rescaled, out_not_rescaled, plainly, right, sum_not_rescaled},
};
use crate::{
    checked::{Held, mask},
    given::{Output, State, seen},
    merge,
};
use attn_core::Mask;
use attn_exercise::{exercise, field};
use attn_oracle as oracle;
use ch03_scaled_dot_product::attention;
use ndarray::{Array1, Array2, ArrayView2, array, s};

exercise! {
    /// One head.
    crate::online as fn(ArrayView2<f32>, ArrayView2<f32>, ArrayView2<f32>, bool) -> Output:
        (q: Array2<f32>[n d], k: Array2<f32>[m d], v: Array2<f32>[m d_v], causal: bool) -> Held<Output>;
    answer: |online, c| c.call(|q, k, v, causal| Held::during((q.nrows(), k.nrows()), 1, || online(q, k, v, causal)));

    exact: |c| c.call(|q, k, v, causal| oracle::attention::<f64>(q, k, v, &mask(causal)));
    plain: |c| [
        c.call(|q, k, v, causal| oracle::attention::<f32>(q, k, v, &mask(causal))),
        c.call(|q, k, v, causal| attention(q, k, v, &mask(causal))),
    ];
    then: |_c, answer| answer.expect_little();
    steps: |c| {
        // The state of query 0 after each key that it sees.
        let states: Vec<State> = c.call(|q, k, v, causal| {
            let scores = k.dot(&q.row(0)) / (q.ncols() as f32).sqrt();
            let keys = seen(0, q.nrows(), k.nrows(), causal).min(12);
            let after = |j| super::merge::state(&scores.slice(s![..j]).to_owned(), &v.slice(s![..j, ..]).to_owned());
            (1..=keys).map(after).collect()
        });
        let column = |part: fn(&State) -> f32| states.iter().map(part).collect::<Array1<f32>>();
        let outs = Array2::from_shape_fn((states.len(), c.v.ncols()), |(j, column)| states[j].finish().0[column]);
        [
            field("row_max of query 0 after each key", &column(|state| state.row_max)),
            field("row_sum of query 0 after each key", &column(|state| state.row_sum)),
            field("out / row_sum of query 0 after each key", &outs),
        ]
    };

    cases: |random| {
        let mut of = |about, (n, m), (d, d_v), causal| {
            case(about, (random.normal((n, d)), random.normal((m, d)), random.normal((m, d_v)), causal))
        };
        let (q, k, v) = by_hand();
        let mut cases = vec![
            case("by hand: 1/7, 2/7, 4/7", (q, k, v, false)),
            of("", (5, 7), (4, 3), false),
            of("", (1, 1), (1, 1), false),
            of("", (3, 6), (4, 4), true),
            of("the first three queries see nothing", (6, 3), (8, 2), true),
            of("scores of about ±10000", (4, 6), (16, 3), false),
            of("", (33, 31), (16, 8), true),
            of("", (31, 129), (64, 32), true),
            of("memory is measured", (16, 8000), (2, 2), false),
            of("all scores below −10¹⁰", (3, 5), (4, 2), true),
        ];
        // Each query's out is made of three values alike in size, whose weights are e⁻¹⁸, e⁻⁹ and 1.
        let far_apart = (array![[1.0], [-1.0]], array![[0.0], [18.0], [9.0]], array![[1e8, 1.0], [1.0, 1e8], [1e4, 1e4]]);
        cases.push(case("18 apart", (far_apart.0, far_apart.1, far_apart.2, false)));
        let Case { q, k, .. } = &mut cases[5];
        large(q, k, 100.0);
        let Case { q, k, .. } = &mut cases[9];
        large(q, k, 1e6);
        cases[9].q.mapv_inplace(|x| -x.abs());
        cases.extend(small(random).map(|(q, k, v, causal, _)| case("small", (q, k, v, causal))));
        cases
    };

    right (q, k, v, causal) {
        "merging" => pass(q, k, v, |i| seen(i, q.nrows(), k.nrows(), causal), merge, State::finish);
        "backwards, rescaling only when needed" => {
            let ((n, d), (m, d_v)) = (q.dim(), v.dim());
            let mut result = Output { out: Array2::zeros((n, d_v)), lse: Array1::from_elem(n, f32::NEG_INFINITY) };
            for i in 0..n {
                let query = &q.row(i) / (d as f32).sqrt();
                let (mut row_max, mut row_sum) = (f32::NEG_INFINITY, 0.0);
                let mut out = result.out.row_mut(i);
                for j in (0..seen(i, n, m, causal)).rev() {
                    let score = query.dot(&k.row(j));
                    if score > row_max {
                        let factor = (row_max - score).exp();
                        row_sum *= factor;
                        out *= factor;
                        row_max = score;
                    }
                    let weight = (score - row_max).exp();
                    row_sum += weight;
                    out.scaled_add(weight, &v.row(j));
                }
                if row_sum > 0.0 {
                    out /= row_sum;
                    result.lse[i] = row_max + row_sum.ln();
                }
            }
            result
        };
    }

    mistakes (q, k, v, causal) {
        "sum-not-rescaled": "out is rescaled to each new maximum and row_sum is not"
            => merging(q, k, v, causal, sum_not_rescaled);
        "out-not-rescaled": "row_sum is rescaled to each new maximum and out is not"
            => merging(q, k, v, causal, out_not_rescaled);
        "nothing-rescaled": "the maximum changes on the way and what was summed before is never rescaled to it"
            => merging(q, k, v, causal, nothing_rescaled);
        "undivided": "out is not divided by row_sum at the end"
            => finishing(q, k, v, causal, |state| (state.out.clone(), state.finish().1));
        "no-scale": "the scores are not divided by √d"
            => crate::online(scaled(q, q.ncols() as f32).view(), k, v, causal);
        "by-d": "the scores are divided by d instead of √d"
            => crate::online(scaled(q, 1.0 / q.ncols() as f32).view(), k, v, causal);
        "by-d-v": "the scores are divided by √d_v instead of √d"
            => crate::online(scaled(q, q.ncols() as f32 / v.ncols() as f32).view(), k, v, causal);
        "state-carried-over": "the state is made once, before the loop over the queries: each query goes on with what the ones before it saw"
            => {
                let ((n, d), (m, d_v)) = (q.dim(), v.dim());
                let mut result = Output { out: Array2::zeros((n, d_v)), lse: Array1::zeros(n) };
                let mut state = State::empty(d_v);
                for i in 0..n {
                    for j in 0..seen(i, n, m, causal) {
                        let score = q.row(i).dot(&k.row(j)) / (d as f32).sqrt();
                        state = merge(&state, &State::of_key(score, v.row(j)));
                    }
                    let (row, lse) = state.finish();
                    result.out.row_mut(i).assign(&row);
                    result.lse[i] = lse;
                }
                result
            };
        "max-from-zero": "the maximum starts at 0 instead of −∞: a query whose scores are all far below zero loses them all"
            => merging(q, k, v, causal, |a, b| plainly(a, b, a.row_max.max(b.row_max).max(0.0)));
        "max-from-a-billion": "the maximum starts at −1e9 instead of −∞: a query whose scores are all below that loses them all"
            => merging(q, k, v, causal, |a, b| plainly(a, b, a.row_max.max(b.row_max).max(-1e9)));
        "max-from-least-float": "the maximum starts at the least finite number instead of −∞, so that a query without keys gets a log-sum-exp that is not −∞"
            => finishing(q, k, v, causal, |state| (state.finish().0, state.finish().1.max(f32::MIN)));
        "causal-ignored": "every query sees every key, causal or not"
            => crate::online(q, k, v, false);
        "top-left": "causal is aligned top-left (j ≤ i) instead of bottom-right"
            => seeing(q, k, v, |i, _, m| if causal { m.min(i + 1) } else { m });
        "strict": "the causal limit itself is left out, so that no query sees its own key"
            => seeing(q, k, v, |i, n, m| if causal { (m + i).saturating_sub(n) } else { m });
        "last-key-dropped": "the last key that a query sees is left out, causal or not"
            => seeing(q, k, v, |i, n, m| seen(i, n, m, causal).saturating_sub(1));
        "clamped-limit": "the causal limit is clamped at zero, so that queries which should see nothing see key 0"
            => seeing(q, k, v, |i, n, m| seen(i, n, m, causal).max(1));
        "empty-row-nan": "out is divided by row_sum where a query saw no key: 0/0 is NaN"
            => finishing(q, k, v, causal, |state| (&state.out / state.row_sum, state.finish().1));
        "lse-without-max": "the log-sum-exp is only ln row_sum; row_max was not added back"
            => finishing(q, k, v, causal, |state| (state.finish().0, state.row_sum.ln()));
        "lse-without-log": "the log-sum-exp is row_max + row_sum, without the logarithm"
            => finishing(q, k, v, causal, |state| (state.finish().0, state.row_max + state.row_sum));
        "lse-is-max": "row_max is returned in place of the log-sum-exp"
            => finishing(q, k, v, causal, |state| (state.finish().0, if state.row_sum == 0.0 { f32::NEG_INFINITY } else { state.row_max }));
        "new-key-at-the-old-maximum": "the new key's weight is e^(score − the old row_max); like the rest, it belongs to the new one"
            => merging(q, k, v, causal, |a, b| if a.row_sum == 0.0 { b.clone() } else { at_the_old_maximum(a, b) });
        "new-key-at-the-old-maximum-as-typed": "the new key's weight is e^(score − the old row_max), even for the first key, where that is −∞; like the rest, it belongs to the new one"
            => merging(q, k, v, causal, at_the_old_maximum);
        "no-maximum": "no maximum is subtracted: a key weighs e^score, which overflows where scores are large and vanishes where they are far below zero"
            => merging(q, k, v, causal, |a, b| combined(a, b, 0.0, [1.0, b.row_max.exp()]));
        "no-maximum-nan": "no maximum is subtracted, so that e^score overflows or vanishes, and the division does not look for a sum of 0"
            => {
                let sees = |i| seen(i, q.nrows(), k.nrows(), causal);
                let finish = |state: &State| (&state.out / state.row_sum, state.row_sum.ln());
                pass(q, k, v, sees, |a, b| combined(a, b, 0.0, [1.0, b.row_max.exp()]), finish)
            };
        "normalised-rescaled-by-half": "out is kept divided by row_sum, but only rescaled by e^(old − new): before the new key comes, it has to be multiplied by the old row_sum and divided by the new one"
            => {
                let sees = |i| seen(i, q.nrows(), k.nrows(), causal);
                let merge = |a: &State, b: &State| {
                    let (both, (_, [x, y])) = (merge(a, b), right(a, b));
                    State { out: x * &a.out + y / both.row_sum * &b.out, ..both }
                };
                pass(q, k, v, sees, merge, |state| (state.out.clone(), state.finish().1))
            };
        "keeps-a-row": "all scores of a query are computed before the first is used, and kept: the numbers are right, the memory grows with the keys"
            => {
                let (n, m) = (q.nrows(), k.nrows());
                let mut result = Output { out: Array2::zeros((n, v.ncols())), lse: Array1::zeros(n) };
                for i in 0..n {
                    let keys = s![..seen(i, n, m, causal), ..];
                    let one = attention(q.slice(s![i..=i, ..]), k.slice(keys), v.slice(keys), &Mask::None);
                    result.out.row_mut(i).assign(&one.out.row(0));
                    result.lse[i] = one.lse[0];
                }
                result
            };
        "keeps-a-table": "this is attention as in chapter 3, with its tables of n×m scores and weights: the numbers are right, the memory is not"
            => attention(q, k, v, &mask(causal));
    }

    within {
        merge: |merge, (q, k, v, causal)| {
            Held::during((q.nrows(), k.nrows()), 1, || merging(q, k, v, causal, merge))
        };
    }
}

/// The keys pass by, one after the other: `sees` says how many of them query i sees, `merge` joins
/// the state so far with that of a key, `finish` makes a row of the result and its log-sum-exp.
fn pass(
    q: ArrayView2<f32>,
    k: ArrayView2<f32>,
    v: ArrayView2<f32>,
    sees: impl Fn(usize) -> usize,
    merge: impl Fn(&State, &State) -> State,
    finish: impl Fn(&State) -> (Array1<f32>, f32),
) -> Output {
    let mut result =
        Output { out: Array2::zeros((q.nrows(), v.ncols())), lse: Array1::zeros(q.nrows()) };
    for i in 0..q.nrows() {
        let mut state = State::empty(v.ncols());
        for j in 0..sees(i) {
            let score = q.row(i).dot(&k.row(j)) / (q.ncols() as f32).sqrt();
            state = merge(&state, &State::of_key(score, v.row(j)));
        }
        let (row, lse) = finish(&state);
        result.out.row_mut(i).assign(&row);
        result.lse[i] = lse;
    }
    result
}

/// A key with its weight at the maximum before it.
fn at_the_old_maximum(a: &State, b: &State) -> State {
    let (row_max, [x, _]) = right(a, b);
    combined(a, b, row_max, [x, (b.row_max - a.row_max).exp()])
}

type View<'a> = ArrayView2<'a, f32>;

fn seeing(q: View, k: View, v: View, sees: impl Fn(usize, usize, usize) -> usize) -> Output {
    pass(q, k, v, |i| sees(i, q.nrows(), k.nrows()), merge, State::finish)
}

fn merging(q: View, k: View, v: View, causal: bool, merge: fn(&State, &State) -> State) -> Output {
    pass(q, k, v, |i| seen(i, q.nrows(), k.nrows(), causal), merge, State::finish)
}

fn finishing(
    q: View,
    k: View,
    v: View,
    causal: bool,
    finish: fn(&State) -> (Array1<f32>, f32),
) -> Output {
    pass(q, k, v, |i| seen(i, q.nrows(), k.nrows(), causal), merge, finish)
}
