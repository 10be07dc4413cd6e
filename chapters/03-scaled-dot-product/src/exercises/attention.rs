//! 3.3 `attention`

use crate::{Output, allowed, masked_scores, softmax_rows};
use attn_core::{Mask, random::Random};
use attn_exercise::{
    Finding, SOME_MASKS, SOME_VALUES, exercise, field, fields, judge::require, pairwise, some_mask,
    some_values,
};
use attn_oracle as oracle;
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, Zip, array, s};

fields! { Output { out, lse } }

exercise! {
    /// Queries, keys, values and a mask.
    crate::attention: (q: Array2<f32>[n d], k: Array2<f32>[m d], v: Array2<f32>[m d_v], mask: Mask) -> Output;

    exact: |c| c.call(oracle::attention::<f64>);
    // Large scores that are nearly level: their rounding, which depends on how they are summed and scaled, decides.
    plain: |c| [c.call(oracle::attention::<f32>), c.call(backwards)];
    first: |c, answer| within_values(&answer.out, c.v.view());
    relation: no_leak;
    steps: |c| {
        let scores = masked_scores(c.q.view(), c.k.view(), &c.mask);
        [field("q kᵀ", &c.q.dot(&c.k.t())), field("scores, scaled and masked", &scores), field("weights", &softmax_rows(scores.view()))]
    };

    cases: |random| {
        let dense = dense_with_empty_row(random, 6, 5);
        let padded = Mask::All(vec![Mask::Causal, Mask::padding((0..31).map(|j| j % 4 != 0))]);
        let mut of = |about, (n, m), (d, d_v), mask| {
            case(about, (random.normal((n, d)), random.normal((m, d)), random.normal((m, d_v)), mask))
        };
        let mut cases = vec![
            case("by hand: weights 1/4 and 3/4", (
                array![[1.0, 1.0, 1.0, 1.0]],
                array![[0.0; 4], [2.0 * 3.0_f32.ln(), 0.0, 0.0, 0.0]],
                array![[0.0], [4.0]],
                Mask::None,
            )),
            of("", (5, 7), (4, 3), Mask::None),
            of("", (1, 1), (1, 1), Mask::None),
            of("", (3, 6), (4, 4), Mask::Causal),
            of("the first three queries see nothing", (6, 3), (8, 2), Mask::Causal),
            of("", (4, 6), (3, 5), Mask::Prefix(4)),
            of("row 1 empty", (6, 5), (4, 2), dense),
            of("a query alone, as in decoding", (1, 5), (4, 3), Mask::padding([true, false, true, true, false])),
            of("", (33, 31), (16, 8), padded),
            of("", (127, 129), (64, 32), Mask::Causal),
        ];
        // Query 0 fits no key at all: every score of its row is far below zero.
        let far = |mut case: Case| {
            case.k.mapv_inplace(|x| 100.0 * x.abs());
            case.q *= 100.0;
            case.q.row_mut(0).mapv_inplace(|x| -x.abs());
            case
        };
        cases.push(far(of("scores of about ±10000", (4, 6), (16, 3), Mask::None)));
        cases.push(far(of("scores of about ±10000, masked", (5, 6), (16, 3), Mask::Causal)));
        // Two neighbours that differ in the future of all but the last query.
        let quiet = of("", (4, 6), (5, 3), Mask::Causal);
        let mut loud = quiet.clone();
        loud.about = "as before, but the last key and value are rubbish".into();
        loud.k.row_mut(5).fill(1e3);
        loud.v.row_mut(5).fill(-1e6);
        cases.extend([quiet, loud]);
        cases.extend(small(random).map(|(q, k, v, mask)| case("small", (q, k, v, mask))));
        cases
    };

    right (q, k, v, mask) {
        "online softmax" => online(q, k, v, mask);
        "loops backwards, times 1/√d" => backwards(q, k, v, mask);
        "scaled queries, late division" => {
            let mut scores = (&q / root(q.ncols())).dot(&k.t());
            scores.zip_mut_with(&table(q, k, mask), |s, &may| *s = if may { *s } else { f32::NEG_INFINITY });
            let row_max = scores.fold_axis(Axis(1), f32::NEG_INFINITY, |max, &s| max.max(s));
            let row_max = row_max.mapv(|max| if max.is_finite() { max } else { 0.0 });
            let exp = (scores - row_max.view().insert_axis(Axis(1))).exp();
            let row_sum = exp.sum_axis(Axis(1));
            let divisor = row_sum.mapv(|sum| if sum == 0.0 { 1.0 } else { sum });
            Output { out: exp.dot(&v) / divisor.insert_axis(Axis(1)), lse: row_max + row_sum.ln() }
        };
        "f64 inside" => {
            let exact = oracle::attention::<f64>(q, k, v, mask);
            Output { out: exact.out.mapv(|x| x as f32), lse: exact.lse.mapv(|x| x as f32) }
        };
    }

    mistakes (q, k, v, mask) {
        "no-scale": "the scores are not divided by √d"
            => scaled(q, k, v, mask, 1.0);
        "by-d": "the scores are divided by d instead of √d"
            => scaled(q, k, v, mask, 1.0 / q.ncols() as f32);
        "times-root-d": "the scores are multiplied by √d instead of divided"
            => scaled(q, k, v, mask, root(q.ncols()));
        "root-m": "the scores are divided by √m, the number of keys, instead of √d, the width of a query"
            => scaled(q, k, v, mask, 1.0 / root(k.nrows()));
        "root-n": "the scores are divided by √n, the number of queries, instead of √d, the width of a query"
            => scaled(q, k, v, mask, 1.0 / root(q.nrows()));
        "root-d-v": "the scores are divided by the root of the values' width instead of the queries'"
            => scaled(q, k, v, mask, 1.0 / root(v.ncols()));
        "scale-after-softmax": "the weights are divided by √d after the softmax, instead of the scores before it"
            => {
                let unscaled = scaled(q, k, v, mask, 1.0);
                Output { out: unscaled.out / root(q.ncols()), lse: unscaled.lse }
            };
        "columns": "the softmax runs over the queries (columns) instead of the keys (rows)"
            => {
                let scores = masked_scores(q, k, mask);
                let weights = softmax_rows(scores.t()).reversed_axes();
                Output { out: weights.dot(&v), lse: log_sum_exp(scores.view()) }
            };
        "no-softmax": "the scores themselves weigh the values: there is no softmax"
            => {
                let mut output = crate::attention(q, k, v, mask);
                output.out = masked_scores(q, k, mask).mapv(|s| if s.is_finite() { s } else { 0.0 }).dot(&v);
                output
            };
        "mask-ignored": "the mask is not applied at all"
            => scaled(q, k, v, &Mask::None, 1.0 / root(q.ncols()));
        "mask-after-softmax": "the mask is applied to the weights after the softmax, so that the rows no longer sum to one"
            => {
                let mut weights = softmax_rows(masked_scores(q, k, &Mask::None).view());
                weights.zip_mut_with(&table(q, k, mask), |w, &may| *w = if may { *w } else { 0.0 });
                Output { out: weights.dot(&v), lse: log_sum_exp(masked_scores(q, k, mask).view()) }
            };
        "finite-mask": "forbidden scores become −1e9, or about that, instead of −∞: a row that may attend to nothing becomes the plain mean"
            => variant(q, k, v, 1.0 / root(q.ncols()), -1e9, &table(q, k, mask));
        "finite-mask-small": "forbidden scores are set to −1e4 instead of −∞: scores can be lower than that, and a row that may attend to nothing becomes the plain mean"
            => variant(q, k, v, 1.0 / root(q.ncols()), -1e4, &table(q, k, mask));
        "finite-mask-100": "forbidden scores are set to −100 instead of −∞: scores can be lower than that"
            => variant(q, k, v, 1.0 / root(q.ncols()), -100.0, &table(q, k, mask));
        "least-float-mask": "forbidden scores are set to the least finite number instead of −∞: a row that may attend to nothing becomes the plain mean"
            => variant(q, k, v, 1.0 / root(q.ncols()), f32::MIN, &table(q, k, mask));
        "finite-mask-zeroed": "forbidden scores are set to −1e4 instead of −∞: scores can be lower than that"
            => empty_rows_as_right(variant(q, k, v, 1.0 / root(q.ncols()), -1e4, &table(q, k, mask)), q, k, v, mask);
        "empty-row-mean": "a row that may attend to nothing gets the plain mean of the values instead of zeros"
            => {
                let mut output = crate::attention(q, k, v, mask);
                let mean = v.mean_axis(Axis(0)).expect("a key");
                for (mut row, lse) in output.out.rows_mut().into_iter().zip(&output.lse) {
                    if *lse == f32::NEG_INFINITY {
                        row.assign(&mean);
                    }
                }
                output
            };
        "hidden-zero": "forbidden scores are set to 0 instead of −∞: exp(0) = 1, so they still weigh"
            => variant(q, k, v, 1.0 / root(q.ncols()), 0.0, &table(q, k, mask));
        "added-bool": "the mask is added to the scores as 0 and 1"
            => shifted(q, k, v, mask, (1.0, 0.0));
        "flipped": "the polarity is flipped: the keys with true are the ones left out"
            => scaled(q, k, v, &Mask::Dense(!table(q, k, mask)), 1.0 / root(q.ncols()));
        "empty-row-nan": "a row that may attend to nothing is not taken out: −∞ − (−∞) is NaN"
            => {
                let mut output = crate::attention(q, k, v, mask);
                for (mut row, lse) in output.out.rows_mut().into_iter().zip(&mut output.lse) {
                    if *lse == f32::NEG_INFINITY {
                        row.fill(f32::NAN);
                        *lse = f32::NAN;
                    }
                }
                output
            };
        "lse-empty-nan": "the log-sum-exp of a row that may attend to nothing is NaN, because −∞ − (−∞) is; it has to be −∞"
            => with_lse(q, k, v, mask, |lse, _| if lse.is_finite() { lse } else { f32::NAN });
        "lse-empty-zero": "the log-sum-exp of a row that may attend to nothing is 0; it has to be −∞"
            => with_lse(q, k, v, mask, |lse, _| if lse.is_finite() { lse } else { 0.0 });
        "lse-max-from-zero": "the row's maximum is looked for from 0 on instead of −∞, so that the exponentials of a row of very negative scores are all zero"
            => with_lse(q, k, v, mask, |_, row| {
                let row_max = row.fold(0.0_f32, |max, &s| max.max(s));
                row.mapv(|s| (s - row_max).exp()).sum().ln() + row_max
            });
        "lse-unscaled": "the log-sum-exp is taken of the unscaled scores"
            => Output { lse: scaled(q, k, v, mask, 1.0).lse, ..crate::attention(q, k, v, mask) };
        "lse-unmasked": "the log-sum-exp is taken of all scores, the forbidden ones too"
            => Output { lse: crate::attention(q, k, v, &Mask::None).lse, ..crate::attention(q, k, v, mask) };
        "lse-without-max": "the log-sum-exp is only the logarithm of the sum; the row's maximum was not added back"
            => with_lse(q, k, v, mask, |lse, row| {
                let row_max = row.fold(f32::NEG_INFINITY, |max, &s| max.max(s));
                if row_max.is_finite() { lse - row_max } else { lse }
            });
        "lse-overflow": "the log-sum-exp is computed without taking out the row's maximum, so that large scores overflow"
            => with_lse(q, k, v, mask, |_, row| row.exp().sum().ln());
        "lse-row-max": "the row's maximum is returned as its log-sum-exp"
            => with_lse(q, k, v, mask, |_, row| row.fold(f32::NEG_INFINITY, |max, &s| max.max(s)));
        "lse-without-log": "the log-sum-exp lacks the logarithm: it is the row's maximum plus the sum"
            => with_lse(q, k, v, mask, |lse, row| {
                let row_max = row.fold(f32::NEG_INFINITY, |max, &s| max.max(s));
                if row_max.is_finite() { row_max + (lse - row_max).exp() } else { lse }
            });
        "first-values": "every query gets the values of the best key alone: the largest weight is taken, not the average"
            => {
                let mut output = crate::attention(q, k, v, mask);
                for (i, row) in masked_scores(q, k, mask).rows().into_iter().enumerate() {
                    let best = (0..row.len()).max_by(|&a, &b| row[a].total_cmp(&row[b]));
                    if let Some(j) = best.filter(|&j| row[j].is_finite()) {
                        output.out.row_mut(i).assign(&v.slice(s![j, ..]));
                    }
                }
                output
            };
        "causal-only-when-square": "causal is skipped when n and m differ"
            => {
                let skip = |mask: &Mask| if q.nrows() == k.nrows() { mask.clone() } else { Mask::None };
                match mask {
                    Mask::Causal => crate::attention(q, k, v, &skip(mask)),
                    mask => crate::attention(q, k, v, mask),
                }
            };
        "lse-times-max": "the row's maximum is multiplied with the logarithm of the sum, instead of added to it"
            => with_lse(q, k, v, mask, |lse, row| {
                let row_max = row.fold(f32::NEG_INFINITY, |max, &s| max.max(s));
                if row_max.is_finite() { row_max * row.mapv(|s| (s - row_max).exp()).sum().ln() } else { lse }
            });
        "lse-log2": "the log-sum-exp is made with the logarithm to base 2 instead of the natural one"
            => with_lse(q, k, v, mask, |lse, row| {
                let row_max = row.fold(f32::NEG_INFINITY, |max, &s| max.max(s));
                if row_max.is_finite() { row_max + row.mapv(|s| (s - row_max).exp()).sum().log2() } else { lse }
            });
        "lse-mean": "the log-sum-exp is the logarithm of the exponentials' mean instead of their sum"
            => with_lse(q, k, v, mask, |lse, row| lse - (row.len() as f32).ln());
        "out-mean": "out is divided by the number of keys; the weights sum to 1 already"
            => {
                let output = crate::attention(q, k, v, mask);
                Output { out: output.out / k.nrows() as f32, ..output }
            };
        "softmax-twice": "the softmax is taken twice: the weights go through it again"
            => {
                let scores = masked_scores(q, k, mask);
                let weights = softmax_rows(softmax_rows(scores.view()).view());
                Output { out: weights.dot(&v), lse: log_sum_exp(scores.view()) }
            };
        "added-1e4": "−1e4 is added to forbidden scores, instead of setting them to −∞: a score can still be larger than the others, and a row that may attend to nothing gets weights"
            => shifted(q, k, v, mask, (0.0, -1e4));
        "added-hidden-bool": "1 is added to the forbidden scores; they have to become −∞"
            => shifted(q, k, v, mask, (0.0, 1.0));
    }

    within {
        allowed: |allowed, (q, k, v, mask)| {
            variant(q, k, v, 1.0 / root(q.ncols()), f32::NEG_INFINITY, &allowed(mask, q.nrows(), k.nrows()))
        };
        softmax_rows: |softmax_rows, (q, k, v, mask)| {
            let scores = masked_scores(q, k, mask);
            Output { out: softmax_rows(scores.view()).dot(&v), lse: log_sum_exp(scores.view()) }
        };
    }
}

/// Small inputs of all sizes from 1 to 3, with every kind of mask and of values.
pub(super) fn small(
    random: &mut Random,
) -> impl Iterator<Item = (Array2<f32>, Array2<f32>, Array2<f32>, Mask)> {
    let levels = [3, 3, 3, 3, SOME_MASKS, SOME_VALUES, SOME_VALUES, SOME_VALUES];
    pairwise(levels).into_iter().map(|[n, m, d, d_v, mask, of_q, of_k, of_v]| {
        let (n, m, d, d_v) = (n + 1, m + 1, d + 1, d_v + 1);
        (
            some_values(of_q, (n, d), random),
            some_values(of_k, (m, d), random),
            some_values(of_v, (m, d_v), random),
            some_mask(mask, (n, m), random),
        )
    })
}

/// A dense mask in which row 1 may attend to nothing.
pub(super) fn dense_with_empty_row(random: &mut Random, n: usize, m: usize) -> Mask {
    let mut table = random.uniform((n, m)).mapv(|draw| draw < 0.6);
    table.row_mut(1).fill(false);
    Mask::Dense(table)
}

/// Every entry of `out` is an average of values (or zero): it lies between the least and the
/// greatest of its column.
fn within_values(out: &Array2<f32>, v: ArrayView2<f32>) -> Result<(), String> {
    if out.ncols() != v.ncols() {
        return Ok(()); // the shape is refused by the comparison
    }
    for ((i, c), &x) in out.indexed_iter() {
        let column = v.column(c);
        let least = column.fold(0.0_f32, |a, &b| a.min(b));
        let most = column.fold(0.0_f32, |a, &b| a.max(b));
        let slack = 1e-4 * (1.0 + most - least);
        require(!(x < least - slack || x > most + slack), || {
            format!(
                "out[{i},{c}] is {x:.4}, but an average of values lies between {least:.4} and {most:.4}"
            )
        })?;
    }
    Ok(())
}

/// Between neighbouring cases with the same queries and mask: a query that sees only keys and
/// values that did not change has to give the very same bits.
fn no_leak(cases: &[Case], answers: &[Output]) -> Result<(), Finding> {
    for (i, (case, answer)) in cases.windows(2).zip(answers.windows(2)).enumerate() {
        let [a, b] = case else { unreachable!() };
        if a.q != b.q || a.mask != b.mask || a.v.dim() != b.v.dim() {
            continue;
        }
        let may = allowed(&b.mask, b.q.nrows(), b.k.nrows());
        let same_key: Vec<bool> = (0..b.k.nrows())
            .map(|j| a.k.row(j) == b.k.row(j) && a.v.row(j) == b.v.row(j))
            .collect();
        for (row, may) in may.rows().into_iter().enumerate() {
            let sees_change = may.iter().zip(&same_key).any(|(may, same)| *may && !same);
            if !sees_change && answer[0].out.row(row) != answer[1].out.row(row) {
                let what = format!(
                    "out row {row} changes when a key changes that query {row} may not attend to"
                );
                return Err(Finding { case: i + 1, what });
            }
        }
    }
    Ok(())
}

/// One row at a time, in one pass over the keys: the maximum, the denominator and the output are
/// corrected as a greater score turns up.
pub(super) fn online(
    q: ArrayView2<f32>,
    k: ArrayView2<f32>,
    v: ArrayView2<f32>,
    mask: &Mask,
) -> Output {
    let table = table(q, k, mask);
    let mut output =
        Output { out: Array2::zeros((q.nrows(), v.ncols())), lse: Array1::zeros(q.nrows()) };
    for i in 0..q.nrows() {
        let (mut row_max, mut row_sum) = (f32::NEG_INFINITY, 0.0_f32);
        let mut out = Array1::<f32>::zeros(v.ncols());
        for j in (0..k.nrows()).filter(|&j| table[[i, j]]) {
            let score = q.row(i).dot(&k.row(j)) / root(q.ncols());
            let new_max = row_max.max(score);
            let correction = (row_max - new_max).exp();
            let weight = (score - new_max).exp();
            row_sum = row_sum * correction + weight;
            out = out * correction + &v.row(j) * weight;
            row_max = new_max;
        }
        output.lse[i] = row_max + row_sum.ln();
        if row_sum > 0.0 {
            output.out.row_mut(i).assign(&(out / row_sum));
        }
    }
    output
}

/// Every sum from its end, and a product with 1/√d in the place of the division.
fn backwards(q: ArrayView2<f32>, k: ArrayView2<f32>, v: ArrayView2<f32>, mask: &Mask) -> Output {
    let sum = |a: ArrayView1<f32>, b: ArrayView1<f32>| -> f32 {
        a.iter().rev().zip(b.iter().rev()).map(|(x, y)| x * y).sum()
    };
    let table = table(q, k, mask);
    let scores = Array2::from_shape_fn((q.nrows(), k.nrows()), |(i, j)| match table[[i, j]] {
        true => sum(q.row(i), k.row(j)) * root(q.ncols()).recip(),
        false => f32::NEG_INFINITY,
    });
    let weights = softmax_rows(scores.view());
    let out =
        Array2::from_shape_fn((q.nrows(), v.ncols()), |(i, c)| sum(weights.row(i), v.column(c)));
    Output { out, lse: log_sum_exp(scores.view()) }
}

/// `ln Σ exp` of each row.
fn log_sum_exp(scores: ArrayView2<f32>) -> Array1<f32> {
    let one = |row: ArrayView1<f32>| {
        let row_max = row.fold(f32::NEG_INFINITY, |max, &s| max.max(s));
        let shift = if row_max.is_finite() { row_max } else { 0.0 };
        row.mapv(|s| (s - shift).exp()).sum().ln() + shift
    };
    scores.map_axis(Axis(1), one)
}

/// Attention with `scale` in place of 1/√d, `hidden` in place of −∞, and `table` in place of the
/// mask's.
fn variant(
    q: ArrayView2<f32>,
    k: ArrayView2<f32>,
    v: ArrayView2<f32>,
    scale: f32,
    hidden: f32,
    table: &Array2<bool>,
) -> Output {
    let mut scores = q.dot(&k.t()) * scale;
    Zip::from(&mut scores).and(table).for_each(|s, &may| *s = if may { *s } else { hidden });
    Output { out: softmax_rows(scores.view()).dot(&v), lse: log_sum_exp(scores.view()) }
}

fn scaled(
    q: ArrayView2<f32>,
    k: ArrayView2<f32>,
    v: ArrayView2<f32>,
    mask: &Mask,
    scale: f32,
) -> Output {
    variant(q, k, v, scale, f32::NEG_INFINITY, &table(q, k, mask))
}

/// Attention with `seen` added to the scores that the mask allows, and `hidden` to the others.
fn shifted(
    q: ArrayView2<f32>,
    k: ArrayView2<f32>,
    v: ArrayView2<f32>,
    mask: &Mask,
    (seen, hidden): (f32, f32),
) -> Output {
    let shift = table(q, k, mask).mapv(|may| if may { seen } else { hidden });
    let scores = masked_scores(q, k, &Mask::None) + shift;
    Output { out: softmax_rows(scores.view()).dot(&v), lse: log_sum_exp(scores.view()) }
}

/// The right output, with another log-sum-exp made of the right one and the row of scores.
fn with_lse(
    q: ArrayView2<f32>,
    k: ArrayView2<f32>,
    v: ArrayView2<f32>,
    mask: &Mask,
    wrong: fn(f32, ArrayView1<f32>) -> f32,
) -> Output {
    let Output { out, lse } = crate::attention(q, k, v, mask);
    let scores = masked_scores(q, k, mask);
    let lse = lse.iter().zip(scores.rows()).map(|(&lse, row)| wrong(lse, row));
    Output { out, lse: lse.collect() }
}

/// `output`, with what is right for rows that may attend to nothing.
fn empty_rows_as_right(
    mut output: Output,
    q: ArrayView2<f32>,
    k: ArrayView2<f32>,
    v: ArrayView2<f32>,
    mask: &Mask,
) -> Output {
    for (i, lse) in crate::attention(q, k, v, mask).lse.iter().enumerate() {
        if *lse == f32::NEG_INFINITY {
            output.out.row_mut(i).fill(0.0);
            output.lse[i] = *lse;
        }
    }
    output
}

fn root(width: usize) -> f32 {
    (width as f32).sqrt()
}

fn table(q: ArrayView2<f32>, k: ArrayView2<f32>, mask: &Mask) -> Array2<bool> {
    allowed(mask, q.nrows(), k.nrows())
}
