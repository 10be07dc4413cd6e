//! The wrong answers to 3.3 that are known.

use super::Body;
use crate::{Output, allowed, masked_scores, softmax_rows};
use attn_core::Mask;
use attn_exercise::Mistake;
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, Zip, s};

/// The likeliest first.
pub fn mistakes() -> Vec<Mistake<Body>> {
    vec![
        Mistake {
            name: "no-scale",
            when: "the scores are not divided by √d",
            body: |q, k, v, mask| scaled(q, k, v, mask, 1.0),
        },
        Mistake {
            name: "by-d",
            when: "the scores are divided by d instead of √d",
            body: |q, k, v, mask| scaled(q, k, v, mask, 1.0 / q.ncols() as f32),
        },
        Mistake {
            name: "times-root-d",
            when: "the scores are multiplied by √d instead of divided",
            body: |q, k, v, mask| scaled(q, k, v, mask, root(q.ncols())),
        },
        Mistake {
            name: "root-m",
            when: "the scores are divided by √m, the number of keys, instead of √d, the width of a query",
            body: |q, k, v, mask| scaled(q, k, v, mask, 1.0 / root(k.nrows())),
        },
        Mistake {
            name: "root-d-v",
            when: "the scores are divided by the root of the values' width instead of the queries'",
            body: |q, k, v, mask| scaled(q, k, v, mask, 1.0 / root(v.ncols())),
        },
        Mistake {
            name: "scale-after-softmax",
            when: "the weights are divided by √d after the softmax, instead of the scores before it",
            body: |q, k, v, mask| {
                let unscaled = scaled(q, k, v, mask, 1.0);
                Output {
                    out: unscaled.out / root(q.ncols()),
                    lse: unscaled.lse,
                }
            },
        },
        Mistake {
            name: "columns",
            when: "the softmax runs over the queries (columns) instead of the keys (rows)",
            body: |q, k, v, mask| {
                let scores = masked_scores(q, k, mask);
                let weights = softmax_rows(scores.t()).reversed_axes();
                Output {
                    out: weights.dot(&v),
                    lse: log_sum_exp(scores.view()),
                }
            },
        },
        Mistake {
            name: "mask-ignored",
            when: "the mask is not applied at all",
            body: |q, k, v, _| scaled(q, k, v, &Mask::None, 1.0 / root(q.ncols())),
        },
        Mistake {
            name: "mask-after-softmax",
            when: "the mask is applied to the weights after the softmax, so that the rows no longer sum to one",
            body: |q, k, v, mask| {
                let mut weights = softmax_rows(masked_scores(q, k, &Mask::None).view());
                Zip::from(&mut weights)
                    .and(&table(q, k, mask))
                    .for_each(|w, &may| *w = if may { *w } else { 0.0 });
                Output {
                    out: weights.dot(&v),
                    lse: log_sum_exp(masked_scores(q, k, mask).view()),
                }
            },
        },
        Mistake {
            name: "finite-mask",
            when: "forbidden scores are set to −1e9 instead of −∞: a row that may attend to nothing becomes the plain mean",
            body: |q, k, v, mask| variant(q, k, v, 1.0 / root(q.ncols()), -1e9, &table(q, k, mask)),
        },
        Mistake {
            name: "hidden-zero",
            when: "forbidden scores are set to 0 instead of −∞: exp(0) = 1, so they still weigh",
            body: |q, k, v, mask| variant(q, k, v, 1.0 / root(q.ncols()), 0.0, &table(q, k, mask)),
        },
        Mistake {
            name: "added-bool",
            when: "the mask is added to the scores as 0 and 1",
            body: |q, k, v, mask| {
                let may = table(q, k, mask).mapv(|may| if may { 1.0 } else { 0.0 });
                let scores = masked_scores(q, k, &Mask::None) + may;
                Output {
                    out: softmax_rows(scores.view()).dot(&v),
                    lse: log_sum_exp(scores.view()),
                }
            },
        },
        Mistake {
            name: "flipped",
            when: "the polarity is flipped: the keys with true are the ones left out",
            body: |q, k, v, mask| {
                let flipped = Mask::Dense(!table(q, k, mask));
                scaled(q, k, v, &flipped, 1.0 / root(q.ncols()))
            },
        },
        Mistake {
            name: "top-left",
            when: "causal is aligned top-left (j ≤ i) instead of bottom-right",
            body: |q, k, v, mask| {
                let mask = with_causal(mask, q.nrows(), k.nrows(), |i, j| j <= i);
                scaled(q, k, v, &mask, 1.0 / root(q.ncols()))
            },
        },
        Mistake {
            name: "empty-row-nan",
            when: "a row that may attend to nothing is not taken out: −∞ − (−∞) is NaN",
            body: |q, k, v, mask| {
                let mut output = crate::attention(q, k, v, mask);
                for (i, row) in table(q, k, mask).rows().into_iter().enumerate() {
                    if !row.iter().any(|&may| may) {
                        output.out.row_mut(i).fill(f32::NAN);
                        output.lse[i] = f32::NAN;
                    }
                }
                output
            },
        },
        Mistake {
            name: "lse-empty-nan",
            when: "the log-sum-exp of a row that may attend to nothing is NaN, because −∞ − (−∞) is; it has to be −∞",
            body: |q, k, v, mask| {
                let mut output = crate::attention(q, k, v, mask);
                output
                    .lse
                    .mapv_inplace(|lse| if lse.is_finite() { lse } else { f32::NAN });
                output
            },
        },
        Mistake {
            name: "lse-max-from-zero",
            when: "the row's maximum is looked for from 0 on instead of −∞, so that the exponentials of a row of very negative scores are all zero",
            body: |q, k, v, mask| {
                let one = |row: ArrayView1<f32>| {
                    let row_max = row.fold(0.0_f32, |max, &s| max.max(s));
                    row.mapv(|s| (s - row_max).exp()).sum().ln() + row_max
                };
                Output {
                    lse: masked_scores(q, k, mask).map_axis(Axis(1), one),
                    ..crate::attention(q, k, v, mask)
                }
            },
        },
        Mistake {
            name: "lse-unscaled",
            when: "the log-sum-exp is taken of the unscaled scores",
            body: |q, k, v, mask| Output {
                lse: scaled(q, k, v, mask, 1.0).lse,
                ..crate::attention(q, k, v, mask)
            },
        },
        Mistake {
            name: "lse-unmasked",
            when: "the log-sum-exp is taken of all scores, the forbidden ones too",
            body: |q, k, v, mask| Output {
                lse: crate::attention(q, k, v, &Mask::None).lse,
                ..crate::attention(q, k, v, mask)
            },
        },
        Mistake {
            name: "lse-without-max",
            when: "the log-sum-exp is only the logarithm of the sum; the row's maximum was not added back",
            body: |q, k, v, mask| {
                let scores = masked_scores(q, k, mask);
                let row_max = scores.fold_axis(Axis(1), f32::NEG_INFINITY, |a, &b| a.max(b));
                let output = crate::attention(q, k, v, mask);
                let lse = Zip::from(&output.lse)
                    .and(&row_max)
                    .map_collect(|&lse, &max| if max.is_finite() { lse - max } else { lse });
                Output { lse, ..output }
            },
        },
        Mistake {
            name: "lse-overflow",
            when: "the log-sum-exp is computed without taking out the row's maximum, so that large scores overflow",
            body: |q, k, v, mask| Output {
                lse: masked_scores(q, k, mask).exp().sum_axis(Axis(1)).ln(),
                ..crate::attention(q, k, v, mask)
            },
        },
        Mistake {
            name: "lse-row-max",
            when: "the row's maximum is returned as its log-sum-exp",
            body: |q, k, v, mask| Output {
                lse: masked_scores(q, k, mask)
                    .fold_axis(Axis(1), f32::NEG_INFINITY, |a, &b| a.max(b)),
                ..crate::attention(q, k, v, mask)
            },
        },
        Mistake {
            name: "first-values",
            when: "every query gets the values of the best key alone: the largest weight is taken, not the average",
            body: |q, k, v, mask| {
                let scores = masked_scores(q, k, mask);
                let mut output = crate::attention(q, k, v, mask);
                for (i, row) in scores.rows().into_iter().enumerate() {
                    let best = (0..row.len()).max_by(|&a, &b| row[a].total_cmp(&row[b]));
                    if let Some(j) = best.filter(|&j| row[j].is_finite()) {
                        output.out.row_mut(i).assign(&v.slice(s![j, ..]));
                    }
                }
                output
            },
        },
    ]
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
    Zip::from(&mut scores)
        .and(table)
        .for_each(|s, &may| *s = if may { *s } else { hidden });
    Output {
        out: softmax_rows(scores.view()).dot(&v),
        lse: log_sum_exp(scores.view()),
    }
}

fn root(width: usize) -> f32 {
    (width as f32).sqrt()
}

fn table(q: ArrayView2<f32>, k: ArrayView2<f32>, mask: &Mask) -> Array2<bool> {
    allowed(mask, q.nrows(), k.nrows())
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

/// `mask` with another meaning of causal, wherever it stands.
fn with_causal(mask: &Mask, n: usize, m: usize, causal: fn(usize, usize) -> bool) -> Mask {
    match mask {
        Mask::Causal => Mask::Dense(Array2::from_shape_fn((n, m), |(i, j)| causal(i, j))),
        Mask::All(masks) => Mask::All(
            masks
                .iter()
                .map(|mask| with_causal(mask, n, m, causal))
                .collect(),
        ),
        mask => mask.clone(),
    }
}
