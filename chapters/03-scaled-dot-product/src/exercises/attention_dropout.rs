//! 3.7 `attention_dropout`: attention as it runs in training

use super::attention::{dense_with_empty_row, small};
use crate::{Output, allowed, attention, masked_scores, softmax_rows};
use attn_core::{Mask, random::Random};
use attn_exercise::{exercise, field};
use attn_oracle as oracle;
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, Zip, array};

exercise! {
    /// The inputs of attention, which weights are kept, and the probability with which they were dropped.
    crate::attention_dropout: (
        q: Array2<f32>[n d], k: Array2<f32>[m d], v: Array2<f32>[m d_v], mask: Mask, kept: Array2<bool>[n m], p: f32,
    ) -> Output;

    exact: |c| c.call(oracle::attention_dropout::<f64>);
    plain: |c| [c.call(oracle::attention_dropout::<f32>)];
    steps: |c| {
        let weights = softmax_rows(masked_scores(c.q.view(), c.k.view(), &c.mask).view());
        let dropped = factor(weights.view(), c.kept.view(), 1.0 / (1.0 - c.p), 0.0);
        [field("weights", &weights), field("weights, dropped and scaled", &dropped)]
    };

    cases: |random| {
        let dense = dense_with_empty_row(random, 6, 5);
        let padded = Mask::All(vec![Mask::Causal, Mask::padding((0..31).map(|j| j % 4 != 0))]);
        let mut of = |about, (n, m), (d, d_v), mask, p| {
            let [q, k, v] = [(n, d), (m, d), (m, d_v)].map(|shape| random.normal(shape));
            let kept = some_kept((n, m), p, random);
            case(about, (q, k, v, mask, kept, p))
        };
        let mut cases = vec![
            case("by hand: 3/4 of 4, doubled", (
                array![[1.0, 1.0, 1.0, 1.0]],
                array![[0.0; 4], [2.0 * 3.0_f32.ln(), 0.0, 0.0, 0.0]],
                array![[8.0], [4.0]],
                Mask::None,
                array![[false, true]],
                0.5,
            )),
            of("", (5, 7), (4, 3), Mask::None, 0.5),
            of("", (3, 6), (4, 4), Mask::Causal, 0.25),
            of("the first three queries see nothing", (6, 3), (8, 2), Mask::Causal, 0.25),
            of("row 1 empty", (6, 5), (4, 2), dense, 0.1),
            of("a query alone", (1, 5), (4, 3), Mask::padding([true, false, true, true, false]), 0.5),
            of("", (33, 31), (16, 8), padded, 0.1),
            of("", (63, 65), (32, 16), Mask::Causal, 0.9),
        ];
        let mut all = of("all are kept, as p = 0 has it", (4, 5), (3, 2), Mask::Causal, 0.0);
        all.kept.fill(true);
        let mut none = of("none is kept", (4, 5), (3, 2), Mask::Causal, 0.75);
        none.kept.fill(false);
        let mut row = of("all that query 2 sees is dropped", (4, 6), (3, 2), Mask::Causal, 0.5);
        row.kept.row_mut(2).fill(false);
        cases.extend([all, none, row]);
        // Query 0 fits no key at all: every score of its row is far below zero.
        let mut large = of("scores of about ±10000", (4, 6), (16, 3), Mask::Causal, 0.25);
        large.k.mapv_inplace(|x| 100.0 * x.abs());
        large.q *= 100.0;
        large.q.row_mut(0).mapv_inplace(|x| -x.abs());
        cases.push(large);
        cases.extend(with_kept(random).map(|(q, k, v, mask, kept, p)| case("small", (q, k, v, mask, kept, p))));
        cases
    };

    right (q, k, v, mask, kept, p) {
        "the values' rows scaled, kept keys one by one" => {
            let weights = softmax_rows(masked_scores(q, k, mask).view());
            let mut out = Array2::zeros((q.nrows(), v.ncols()));
            for ((i, j), _) in kept.indexed_iter().filter(|(_, kept)| **kept) {
                out.row_mut(i).scaled_add(weights[[i, j]] / (1.0 - p), &v.row(j));
            }
            Output { out, lse: attention(q, k, v, mask).lse }
        };
        "numerators dropped, denominators not" => {
            let scores = masked_scores(q, k, mask);
            let row_max = scores.fold_axis(Axis(1), f32::NEG_INFINITY, |max, &s| max.max(s));
            let row_max = row_max.mapv(|max| if max.is_finite() { max } else { 0.0 }).insert_axis(Axis(1));
            let exp = (scores - &row_max).exp();
            let row_sum = exp.sum_axis(Axis(1)).insert_axis(Axis(1));
            let numerators = factor(exp.view(), kept, 1.0, 0.0);
            let divisor = row_sum.mapv(|sum| if sum == 0.0 { 1.0 } else { sum * (1.0 - p) });
            Output { out: numerators.dot(&v) / divisor, lse: (row_max + row_sum.ln()).remove_axis(Axis(1)) }
        };
        "online, one pass over the keys" => online(q, k, v, mask, kept, p);
        "f64 inside" => {
            let exact = oracle::attention_dropout::<f64>(q, k, v, mask, kept, p);
            Output { out: exact.out.mapv(|x| x as f32), lse: exact.lse.mapv(|x| x as f32) }
        };
    }

    mistakes (q, k, v, mask, kept, p) {
        "before-softmax": "dropped keys are hidden before the softmax, like masked ones, so that the weights of the others grow: dropout comes after it"
            => {
                let output = attention(q, k, v, &without(mask, kept));
                Output { out: output.out / (1.0 - p), ..output }
            };
        "renormalised": "dropped keys are hidden before the softmax, like masked ones, and nothing is scaled: each row of weights sums to one again"
            => attention(q, k, v, &without(mask, kept));
        "renormalised-lse-right": "each row of weights is divided by what is left of its sum, in place of 1 − p"
            => Output { out: attention(q, k, v, &without(mask, kept)).out, ..attention(q, k, v, mask) };
        "before-softmax-lse-right": "dropped keys are hidden before the softmax, so that the weights of the others grow, and then those are scaled as well"
            => Output { out: attention(q, k, v, &without(mask, kept)).out / (1.0 - p), ..attention(q, k, v, mask) };
        "dropped-scores-zero": "scores are set to 0 where they are dropped: exp(0) = 1, so those keys still weigh"
            => {
                let mut scores = masked_scores(q, k, mask);
                Zip::from(&mut scores).and(kept).for_each(|s, &kept| *s = if kept { *s / (1.0 - p) } else { 0.0 });
                from_scores(scores.view(), v)
            };
        "no-rescale": "the weights that are kept are not scaled by 1/(1 − p)"
            => with_factors(q, k, v, mask, kept, (1.0, 0.0));
        "times-1-p": "the weights that are kept are multiplied by 1 − p instead of divided"
            => with_factors(q, k, v, mask, kept, (1.0 - p, 0.0));
        "by-p": "the weights that are kept are divided by p instead of 1 − p"
            => with_factors(q, k, v, mask, kept, (1.0 / p, 0.0));
        "flipped": "the polarity is flipped: the weights that `kept` keeps are dropped"
            => with_factors(q, k, v, mask, kept, (0.0, 1.0 / (1.0 - p)));
        "no-dropout": "no weight is dropped: this is attention itself"
            => attention(q, k, v, mask);
        "scales-all": "no weight is dropped, and all are scaled"
            => with_factors(q, k, v, mask, kept, (1.0 / (1.0 - p), 1.0 / (1.0 - p)));
        "keeps-unscaled": "the weights that should be dropped are kept unscaled"
            => with_factors(q, k, v, mask, kept, (1.0 / (1.0 - p), 1.0));
        "share-kept": "the weights are divided by the share that happens to be kept, instead of 1 − p"
            => {
                let share = kept.iter().filter(|kept| **kept).count().max(1) as f32 / kept.len() as f32;
                with_factors(q, k, v, mask, kept, (1.0 / share, 0.0))
            };
        "lse-of-kept": "the log-sum-exp is taken of the kept scores only; it does not see the dropout"
            => Output { lse: attention(q, k, v, &without(mask, kept)).lse, ..crate::attention_dropout(q, k, v, mask, kept, p) };
        "lse-scaled": "1/(1 − p) is in the log-sum-exp too; it belongs to the weights only"
            => {
                let output = crate::attention_dropout(q, k, v, mask, kept, p);
                Output { lse: output.lse.mapv(|lse| lse - (1.0 - p).ln()), ..output }
            };
        "mask-ignored": "the mask is not applied"
            => crate::attention_dropout(q, k, v, &Mask::None, kept, p);
        "mask-is-kept": "the mask is applied after the softmax, together with the dropout: hidden keys have to be out of the denominator, dropped ones in it"
            => {
                let table = allowed(mask, q.nrows(), k.nrows());
                let both = Zip::from(&table).and(kept).map_collect(|&may, &kept| may && kept);
                Output {
                    out: with_factors(q, k, v, &Mask::None, both.view(), (1.0 / (1.0 - p), 0.0)).out,
                    lse: attention(q, k, v, mask).lse,
                }
            };
        "no-scale": "the scores are not divided by √d"
            => crate::attention_dropout((&q * (q.ncols() as f32).sqrt()).view(), k, v, mask, kept, p);
        "whole-keys": "a key that the first query drops is dropped for all queries: each query has a row of its own in `kept`"
            => {
                let first = Array2::from_shape_fn(kept.raw_dim(), |(_, j)| kept[[0, j]]);
                crate::attention_dropout(q, k, v, mask, first.view(), p)
            };
        "whole-rows": "one flag decides for all keys of a query"
            => {
                let first = Array2::from_shape_fn(kept.raw_dim(), |(i, _)| kept[[i, 0]]);
                crate::attention_dropout(q, k, v, mask, first.view(), p)
            };
        "transposed-where-square": "`kept` is read transposed where there are as many queries as keys: its rows are the queries"
            => match kept.is_square() {
                true => crate::attention_dropout(q, k, v, mask, kept.t(), p),
                false => crate::attention_dropout(q, k, v, mask, kept, p),
            };
        "twice": "1/(1 − p) is applied twice"
            => with_factors(q, k, v, mask, kept, ((1.0 - p).powi(-2), 0.0));
        "lse-minus-infinity": "a query whose keys are all dropped gets the log-sum-exp −∞: it saw keys, they only have no say this time"
            => {
                let mut output = crate::attention_dropout(q, k, v, mask, kept, p);
                let left = attention(q, k, v, &without(mask, kept)).lse;
                Zip::from(&mut output.lse).and(&left).for_each(|lse, &left| {
                    *lse = if left.is_finite() { *lse } else { left };
                });
                output
            };
    }

    within {
        allowed: |allowed, (q, k, v, mask, kept, p)| {
            let table = Mask::Dense(allowed(mask, q.nrows(), k.nrows()));
            crate::attention_dropout(q, k, v, &table, kept, p)
        };
        softmax_rows: |softmax_rows, (q, k, v, mask, kept, p)| {
            let weights = softmax_rows(masked_scores(q, k, mask).view());
            Output {
                out: factor(weights.view(), kept, 1.0 / (1.0 - p), 0.0).dot(&v),
                lse: attention(q, k, v, mask).lse,
            }
        };
    }
}

/// A table in which a share p is not kept.
pub(super) fn some_kept(shape: (usize, usize), p: f32, random: &mut Random) -> Array2<bool> {
    random.uniform(shape).mapv(|draw| draw >= p)
}

/// The small inputs of attention, each with a table of kept weights and a probability.
pub(super) fn with_kept(
    random: &mut Random,
) -> impl Iterator<Item = (Array2<f32>, Array2<f32>, Array2<f32>, Mask, Array2<bool>, f32)> {
    let inputs: Vec<_> = small(random).collect();
    let mut probabilities = [0.25, 0.5, 0.125].into_iter().cycle();
    let with_kept = |(q, k, v, mask): (Array2<f32>, Array2<f32>, Array2<f32>, Mask)| {
        let p = probabilities.next().unwrap_or(0.5);
        // Half of them, or the small tables would mostly keep all.
        let kept = some_kept((q.nrows(), k.nrows()), 0.5, random);
        (q, k, v, mask, kept, p)
    };
    inputs.into_iter().map(with_kept).collect::<Vec<_>>().into_iter()
}

/// The mask, and what is dropped hidden as well.
pub(super) fn without(mask: &Mask, kept: ArrayView2<bool>) -> Mask {
    Mask::All(vec![mask.clone(), Mask::Dense(kept.to_owned())])
}

/// `x` times one factor where kept and times another elsewhere.
pub(super) fn factor(
    x: ArrayView2<f32>,
    kept: ArrayView2<bool>,
    where_kept: f32,
    elsewhere: f32,
) -> Array2<f32> {
    Zip::from(x).and(kept).map_collect(|&x, &kept| {
        let factor = if kept { where_kept } else { elsewhere };
        if factor == 0.0 { 0.0 } else { x * factor }
    })
}

fn with_factors(
    q: ArrayView2<f32>,
    k: ArrayView2<f32>,
    v: ArrayView2<f32>,
    mask: &Mask,
    kept: ArrayView2<bool>,
    (where_kept, elsewhere): (f32, f32),
) -> Output {
    let weights = softmax_rows(masked_scores(q, k, mask).view());
    Output {
        out: factor(weights.view(), kept, where_kept, elsewhere).dot(&v),
        lse: attention(q, k, v, mask).lse,
    }
}

fn from_scores(scores: ArrayView2<f32>, v: ArrayView2<f32>) -> Output {
    let lse = |row: ArrayView1<f32>| {
        let row_max = row.fold(f32::NEG_INFINITY, |max, &s| max.max(s));
        let shift = if row_max.is_finite() { row_max } else { 0.0 };
        row.mapv(|s| (s - shift).exp()).sum().ln() + shift
    };
    Output { out: softmax_rows(scores).dot(&v), lse: scores.map_axis(Axis(1), lse) }
}

/// One query at a time, in one pass over its keys: all of them enter the denominator, the kept ones
/// the output.
fn online(
    q: ArrayView2<f32>,
    k: ArrayView2<f32>,
    v: ArrayView2<f32>,
    mask: &Mask,
    kept: ArrayView2<bool>,
    p: f32,
) -> Output {
    let table = allowed(mask, q.nrows(), k.nrows());
    let mut output =
        Output { out: Array2::zeros((q.nrows(), v.ncols())), lse: Array1::zeros(q.nrows()) };
    for i in 0..q.nrows() {
        let (mut row_max, mut row_sum) = (f32::NEG_INFINITY, 0.0_f32);
        let mut out = Array1::<f32>::zeros(v.ncols());
        for j in (0..k.nrows()).filter(|&j| table[[i, j]]) {
            let score = q.row(i).dot(&k.row(j)) / (q.ncols() as f32).sqrt();
            let new_max = row_max.max(score);
            let correction = (row_max - new_max).exp();
            let weight = (score - new_max).exp();
            row_sum = row_sum * correction + weight;
            out *= correction;
            if kept[[i, j]] {
                out.scaled_add(weight, &v.row(j));
            }
            row_max = new_max;
        }
        output.lse[i] = row_max + row_sum.ln();
        if row_sum > 0.0 {
            output.out.row_mut(i).assign(&(out / (row_sum * (1.0 - p))));
        }
    }
    output
}
