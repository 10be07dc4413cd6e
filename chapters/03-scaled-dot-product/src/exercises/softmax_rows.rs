//! 3.1 `softmax_rows`

use attn_exercise::{SOME_VALUES, exercise, field, judge::require, pairwise, some_values};
use attn_oracle as oracle;
use ndarray::{Array2, ArrayView1, ArrayView2, Axis, array};

exercise! {
    /// Scores, n×m.
    crate::softmax_rows: (x: Array2<f32>[n m]) -> Array2<f32>;

    exact: |c| oracle::softmax_rows::<f64>(c.x.view());
    plain: |c| [oracle::softmax_rows::<f32>(c.x.view()), by_log_sum_exp(c.x.view())];
    first: |c, weights| weights.rows().into_iter().zip(c.x.rows()).enumerate().try_for_each(|(i, (row, scores))| {
        let should = if is_empty(scores) { 0.0 } else { 1.0 };
        let sum = row.sum();
        require((sum - should).abs() < 1e-4, || format!("row {i} sums to {sum:.4}, should sum to {should}"))
    });
    steps: |c| {
        let row_max = row_max(c.x.view());
        // A row that is all −∞ has no steps: its weights are zero.
        let exp = zero_empty_rows(c.x.view(), (&c.x - &row_max).exp());
        let row_sum = exp.sum_axis(Axis(1)).insert_axis(Axis(1));
        [field("row_max", &row_max), field("exp(x − row_max)", &exp), field("row_sum", &row_sum)]
    };

    cases: |random| {
        let (ln2, ln4) = (2.0_f32.ln(), 4.0_f32.ln());
        let mut scattered = random.normal((5, 6)).mapv(|s| if s > 0.8 { f32::NEG_INFINITY } else { s });
        scattered[[0, 0]] = 0.0;
        let mut empty_row = random.normal((3, 4));
        empty_row.row_mut(1).fill(f32::NEG_INFINITY);
        let far_apart = random.normal((3, 5)) + &array![[-1000.0_f32], [0.0], [1000.0]];
        let mut cases = vec![
            case("by hand: weights 1/7, 2/7, 4/7 and thirds", (array![[0.0, ln2, ln4], [5.0, 5.0, 5.0]],)),
            case("a single score", (random.normal((1, 1)),)),
            case("standard normal", (random.normal((4, 7)),)),
            case("standard normal", (random.normal((33, 31)),)),
            case("scores of ±10000", (random.normal((4, 5)) * 1e4,)),
            case("rows 1000 apart", (far_apart,)),
            case("some scores −∞", (scattered,)),
            case("row 1 all −∞", (empty_row,)),
            case("weights of 1/22000", (array![[10.0, 0.0, -0.5], [0.0, -9.5, -9.0]],)),
            case("one score above many", (array![[-80.0, -80.0, -80.0, -80.0, 80.0], [80.0, -80.0, -80.0, -80.0, -80.0]],)),
            case("standard normal", (random.normal((127, 129)),)),
        ];
        cases.extend(pairwise([3, 3, SOME_VALUES]).into_iter().map(|[n, m, kind]| {
            case("small", (some_values(kind, (n + 1, m + 1), random),))
        }));
        cases
    };

    right (x) {
        "nested loops" => {
            let (n, m) = x.dim();
            let mut y = Array2::zeros((n, m));
            for i in 0..n {
                let mut row_max = f32::NEG_INFINITY;
                for j in 0..m {
                    if x[[i, j]] > row_max {
                        row_max = x[[i, j]];
                    }
                }
                if row_max.is_infinite() {
                    continue;
                }
                let mut row_sum = 0.0;
                for j in 0..m {
                    y[[i, j]] = (x[[i, j]] - row_max).exp();
                    row_sum += y[[i, j]];
                }
                for j in 0..m {
                    y[[i, j]] /= row_sum;
                }
            }
            y
        };
        "iterators, pairwise sum, reciprocal" => {
            let rows = x.rows().into_iter().flat_map(|row| {
                let row_max = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                let weight = |s: &f32| if row_max.is_finite() { (s - row_max).exp() } else { 0.0 };
                let exp: Vec<f32> = row.iter().map(weight).collect();
                let scale = pairwise_sum(&exp).recip();
                exp.into_iter().map(move |e| if e == 0.0 { 0.0 } else { e * scale })
            });
            Array2::from_shape_vec(x.raw_dim(), rows.collect()).expect("as many as in x")
        };
        "whole arrays in f64" => {
            let x = x.mapv(f64::from);
            let row_max = x.fold_axis(Axis(1), f64::NEG_INFINITY, |max, &s| max.max(s));
            let row_max = row_max.mapv(|max| if max.is_finite() { max } else { 0.0 });
            let exp = (&x - &row_max.insert_axis(Axis(1))).exp();
            let row_sum = exp.sum_axis(Axis(1)).mapv(|sum| if sum > 0.0 { sum } else { 1.0 });
            (exp / row_sum.insert_axis(Axis(1))).mapv(|y| y as f32)
        };
        "exp(x − max − ln Σ), summed backwards" => {
            let mut y = x.to_owned();
            for mut row in y.rows_mut() {
                let row_max = row.fold(f32::NEG_INFINITY, |max, &s| max.max(s));
                row -= if row_max.is_finite() { row_max } else { 0.0 };
                let log_sum = row.iter().rev().map(|s| s.exp()).sum::<f32>().ln();
                row.mapv_inplace(|s| if s.is_finite() { (s - log_sum).exp() } else { 0.0 });
            }
            y
        };
        "exp(x − lse), rounded near 1000" => {
            let mut y = x.to_owned();
            for mut row in y.rows_mut() {
                let row_max = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                let lse = row_max + row.iter().rev().map(|s| (s - row_max).exp()).sum::<f32>().ln();
                row.mapv_inplace(|s| if lse.is_finite() { (s - lse).exp() } else { 0.0 });
            }
            y
        };
    }

    mistakes (x) {
        "formula-as-written": "exp is taken of the scores as they are: large ones overflow, and a row that is all −∞ is 0/0; subtract the row's maximum first"
            => normalise(x, &Array2::zeros((1, 1)), Axis(1));
        "no-max": "the row's maximum is not subtracted before exp, so that large scores overflow"
            => zero_empty_rows(x, normalise(x, &Array2::zeros((1, 1)), Axis(1)));
        "columns": "the columns are normalised instead of the rows"
            => crate::softmax_rows(x.t()).reversed_axes();
        "whole-matrix": "everything is divided by the sum over the whole matrix instead of the row's sum"
            => {
                let exp = (&x - &matrix_max(x)).exp();
                let sum = exp.sum();
                exp / sum
            };
        "matrix-max": "the maximum of the whole matrix is subtracted instead of the row's, so that a row far below it vanishes"
            => zero_empty_rows(x, normalise(x, &matrix_max(x), Axis(1)));
        "matrix-max-nan": "the maximum of the whole matrix is subtracted instead of the row's, and a row far below it is 0/0"
            => normalise(x, &matrix_max(x), Axis(1));
        "no-exp": "the scores themselves are divided by their sum, without exp"
            => &x / &x.sum_axis(Axis(1)).insert_axis(Axis(1));
        "no-division": "the exponentials are not divided by the row's sum"
            => zero_empty_rows(x, (&x - &row_max(x)).exp());
        "bare-exp": "the exponentials themselves are returned: they are not divided by the row's sum, and large ones overflow"
            => x.exp();
        "empty-row-nan": "a row that is all −∞ is not taken out first: −∞ − (−∞), like 0/0, is NaN"
            => normalise(x, &row_max(x), Axis(1));
        "empty-row-uniform": "a row that is all −∞ gets equal weights instead of zeros"
            => {
                let mut weights = crate::softmax_rows(x);
                let equal = 1.0 / x.ncols() as f32;
                for mut row in weights.rows_mut() {
                    if row.sum() == 0.0 {
                        row.fill(equal);
                    }
                }
                weights
            };
        "base-two": "the weights are powers of 2 instead of powers of e"
            => crate::softmax_rows((&x * std::f32::consts::LN_2).view());
        "mean-subtracted": "the row's mean is subtracted before exp instead of its maximum, so that a score far above it overflows"
            => zero_empty_rows(x, normalise(x, &x.mean_axis(Axis(1)).expect("a key").insert_axis(Axis(1)), Axis(1)));
        "min-subtracted": "the row's minimum is subtracted before exp instead of its maximum, so that a score far above it overflows"
            => zero_empty_rows(x, normalise(x, &x.fold_axis(Axis(1), f32::INFINITY, |min, &s| min.min(s)).insert_axis(Axis(1)), Axis(1)));
        "first-subtracted": "the row's first score is subtracted before exp instead of its maximum, so that a score far above it overflows"
            => zero_empty_rows(x, normalise(x, &x.column(0).to_owned().insert_axis(Axis(1)), Axis(1)));
        "max-from-zero": "the row's maximum is looked for from 0 on instead of −∞, so that a row of very negative scores is 0/0"
            => zero_empty_rows(x, normalise(x, &row_max(x).mapv(|max| max.max(0.0)), Axis(1)));
        "log": "the logarithms of the weights are returned instead of the weights"
            => crate::softmax_rows(x).ln();
        "abs-max": "the row's largest magnitude is subtracted before exp instead of its maximum, so that a row of very negative scores is 0/0"
            => zero_empty_rows(x, normalise(x, &x.fold_axis(Axis(1), 0.0, |max: &f32, s| max.max(s.abs())).insert_axis(Axis(1)), Axis(1)));
        "divided-by-max": "the scores are divided by the row's maximum before exp; it has to be subtracted"
            => zero_empty_rows(x, normalise((&x / &row_max(x)).view(), &Array2::zeros((1, 1)), Axis(1)));
        "sum-before-exp": "the row's sum is taken of the scores, before exp; it has to be the sum of the exponentials"
            => zero_empty_rows(x, (&x - &row_max(x)).exp() / x.sum_axis(Axis(1)).insert_axis(Axis(1)));
        "epsilon": "a small number, 1e-3, is added to the row's sum, so that the weights sum to less than 1"
            => {
                let exp = (&x - &row_max(x)).exp();
                let sum = exp.sum_axis(Axis(1)).insert_axis(Axis(1)) + 1e-3;
                zero_empty_rows(x, exp / sum)
            };
        "clamped": "the scores are clamped to ±80 against overflow, so that all beyond it count as equal; subtract the row's maximum instead"
            => zero_empty_rows(x, normalise(x.mapv(|s| s.clamp(-80.0, 80.0)).view(), &Array2::zeros((1, 1)), Axis(1)));
        "any-hidden": "a row with any score of −∞ gets zeros: only one in which all scores are −∞ should (all, not any)"
            => {
                let mut weights = crate::softmax_rows(x);
                for (scores, mut row) in x.rows().into_iter().zip(weights.rows_mut()) {
                    if scores.iter().any(|&s| s == f32::NEG_INFINITY) {
                        row.fill(0.0);
                    }
                }
                weights
            };
    }
}

/// `exp(x − lse)`: another right way, which loses some digits where scores are far from zero.
fn by_log_sum_exp(x: ArrayView2<f32>) -> Array2<f32> {
    let row_max = row_max(x);
    let sum = (&x - &row_max).exp().sum_axis(Axis(1)).ln();
    let lse = row_max + sum.insert_axis(Axis(1));
    zero_empty_rows(x, (&x - &lse).exp())
}

/// The sum by halves: its error grows with the logarithm of the length.
fn pairwise_sum(terms: &[f32]) -> f32 {
    match terms {
        [] => 0.0,
        [x] => *x,
        _ => {
            let (left, right) = terms.split_at(terms.len() / 2);
            pairwise_sum(left) + pairwise_sum(right)
        }
    }
}

fn row_max(x: ArrayView2<f32>) -> Array2<f32> {
    x.fold_axis(Axis(1), f32::NEG_INFINITY, |max, &s| max.max(s)).insert_axis(Axis(1))
}

/// One number for the whole matrix, 1×1.
fn matrix_max(x: ArrayView2<f32>) -> Array2<f32> {
    let max = x.fold(f32::NEG_INFINITY, |max, &s| max.max(s));
    Array2::from_elem((1, 1), max)
}

/// Exponentials over their sum along `axis`, with `shift` taken off first.
fn normalise(x: ArrayView2<f32>, shift: &Array2<f32>, axis: Axis) -> Array2<f32> {
    let exp = (&x - shift).exp();
    let sum = exp.sum_axis(axis).insert_axis(axis);
    exp / sum
}

fn is_empty(scores: ArrayView1<f32>) -> bool {
    scores.iter().all(|&s| s == f32::NEG_INFINITY)
}

fn zero_empty_rows(x: ArrayView2<f32>, mut weights: Array2<f32>) -> Array2<f32> {
    for (scores, mut row) in x.rows().into_iter().zip(weights.rows_mut()) {
        if is_empty(scores) {
            row.fill(0.0);
        }
    }
    weights
}
