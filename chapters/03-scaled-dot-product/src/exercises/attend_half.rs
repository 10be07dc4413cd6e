//! 3.9 `attend_half`: attention from scores in half precision

use crate::softmax_rows;
use attn_exercise::{SOME_VALUES, exercise, field, judge::require, pairwise, some_values};
use attn_oracle as oracle;
use half::f16;
use ndarray::{Array2, ArrayView2, Axis, array};

exercise! {
    /// Scores n×m and values m×d_v. They are kept in f32 here, and given in f16, which holds each of them exactly.
    crate::attend_half as fn(ArrayView2<f16>, ArrayView2<f16>) -> Array2<f16>:
        (scores: Array2<f32>[n m], v: Array2<f32>[m d_v]) -> Array2<f32>;
    answer: |body, c| wide(body(narrow(&c.scores).view(), narrow(&c.v).view()).view());

    first: |c, out| within_rounding(out, c.scores.view(), c.v.view());
    steps: |c| [field("weights, rounded", &wide(narrow(&softmax_rows(c.scores.view())).view()))];

    cases: |random| {
        let ln3 = 3.0_f32.ln();
        let half = |x: Array2<f32>| wide(narrow(&x).view());
        let of = |about, scores: Array2<f32>, v: Array2<f32>| case(about, (half(scores), half(v)));
        let mut normal = |about, (n, m), d_v, factor: f32| {
            of(about, random.normal((n, m)) * factor, random.normal((m, d_v)))
        };
        let mut cases = vec![
            of("by hand: weights 1/4 and 3/4", array![[0.0, ln3]], array![[0.0], [4.0]]),
            normal("", (3, 7), 2, 1.0),
            normal("", (1, 1), 1, 1.0),
            normal("", (33, 31), 8, 1.0),
            normal("", (5, 129), 16, 3.0),
        ];
        cases.push(normal("scores of about ±10000", (4, 6), 3, 1e4));
        cases.push(of("scores of 12: exp of them is more than an f16 can hold", array![[12.0, 12.0, 11.5]], array![[1.0], [2.0], [4.0]]));
        cases.push(of("scores of 100: exp of them is more than an f32 can hold", array![[100.0, 99.0], [-100.0, -99.0]], array![[1.0, 0.0], [2.0, 1.0]]));
        cases.push(of("4097 equal scores", Array2::from_elem((1, 4097), 0.5), Array2::ones((4097, 1))));
        cases.push(of("4097 equal scores, values of ±1", Array2::zeros((2, 4097)), Array2::from_shape_fn((4097, 3), |(j, c)| if (j + c) % 3 == 0 { -1.0 } else { 1.0 })));
        // The differences to the maximum lie between two halves, and all of them on the same side.
        let score = |j: usize| if j == 0 { 8.796875 } else { 0.25 + 15.0 / 4096.0 };
        cases.push(of("one score 8.5 above many", Array2::from_shape_fn((1, 65), |(_, j)| score(j)), Array2::from_shape_fn((65, 1), |(j, _)| if j == 0 { 0.0 } else { 1.0 })));
        cases.push(of("values in the thousands", array![[0.0, 1.0, -1.0]], array![[3000.0], [-2000.0], [5000.0]]));
        cases.push(of("a single key, hidden", array![[f32::NEG_INFINITY]], array![[2.0]]));
        let mut masked = normal("some scores −∞, row 1 all of them", (4, 6), 3, 1.0);
        masked.scores.mapv_inplace(|s| if s > 0.8 { f32::NEG_INFINITY } else { s });
        masked.scores.row_mut(1).fill(f32::NEG_INFINITY);
        cases.push(masked);
        cases.extend(pairwise([3, 3, 3, SOME_VALUES, SOME_VALUES]).into_iter().map(|[n, m, d_v, of_scores, of_v]| {
            let (n, m, d_v) = (n + 1, m + 1, d_v + 1);
            // Tiny scores are so small that f16 cannot tell the weights from equal ones.
            let factor = if of_scores == 2 { 0.01 } else { 1.0 };
            // Equal values are their own mean, whatever the scores, but for the weights' rounding: it is kept small.
            let of_values = if of_v == 3 { 1.0 / 1024.0 } else { 1.0 };
            of("small", some_values(of_scores, (n, m), random) * factor, some_values(of_v, (m, d_v), random) * of_values)
        }));
        cases
    };

    right (scores, v) {
        "nested loops over f32" => {
            let mut out = Array2::from_elem((scores.nrows(), v.ncols()), f16::ZERO);
            for i in 0..scores.nrows() {
                let row: Vec<f32> = scores.row(i).iter().map(|s| s.to_f32()).collect();
                let row_max = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                if row_max == f32::NEG_INFINITY {
                    continue;
                }
                let row_sum: f32 = row.iter().map(|s| (s - row_max).exp()).sum();
                for c in 0..v.ncols() {
                    let mut mean = 0.0;
                    for (j, s) in row.iter().enumerate() {
                        let weight = f16::from_f32((s - row_max).exp() / row_sum);
                        mean += weight.to_f32() * v[[j, c]].to_f32();
                    }
                    out[[i, c]] = f16::from_f32(mean);
                }
            }
            out
        };
        "weights that are not rounded" => {
            narrow(&softmax_rows(wide(scores).view()).dot(&wide(v)))
        };
        "f64 inside" => {
            let weights = oracle::softmax_rows::<f64>(wide(scores).view());
            weights.dot(&v.mapv(f64::from)).mapv(f16::from_f64)
        };
        "numerators, divided at the end" => {
            let scores = wide(scores);
            let row_max = scores.fold_axis(Axis(1), f32::NEG_INFINITY, |max, &s| max.max(s));
            let row_max = row_max.mapv(|max| if max.is_finite() { max } else { 0.0 }).insert_axis(Axis(1));
            let exp = (scores - row_max).exp();
            let row_sum = exp.sum_axis(Axis(1)).mapv(|sum| if sum > 0.0 { sum } else { 1.0 });
            narrow(&(exp.dot(&wide(v)) / row_sum.insert_axis(Axis(1))))
        };
    }

    mistakes (scores, v) {
        "all-in-half": "the softmax and the weighted sum are computed in f16 throughout: exponentials and sums are rounded at every step, and a sum of ones stops at 2048"
            => in_half(scores, v, Half { subtract: true, exp: true, sum: true, mean: true, maximum: true });
        "softmax-in-half": "the softmax is computed in f16, with the maximum subtracted: its exponentials and their sum are rounded at every step, and a sum of ones stops at 2048"
            => in_half(scores, v, Half { subtract: true, exp: true, sum: true, mean: false, maximum: true });
        "exp-overflow": "exp is taken of the scores in f16 without the maximum: above 11.09 it is infinite, and ∞/∞ is NaN"
            => in_half(scores, v, Half { subtract: true, exp: true, sum: true, mean: false, maximum: false });
        "exp-overflow-all": "exp is taken of the scores in f16 without the maximum, and everything is computed in f16: above 11.09 it is infinite, and ∞/∞ is NaN"
            => in_half(scores, v, Half { subtract: true, exp: true, sum: true, mean: true, maximum: false });
        "exp-half-sum-float": "exp is rounded to f16 without the maximum, before the f32 sum: above 11.09 it is infinite"
            => in_half(scores, v, Half { subtract: false, exp: true, sum: false, mean: false, maximum: false });
        "no-maximum": "the scores are made f32, but the row's maximum is not subtracted: exp overflows in f32 above 88"
            => in_half(scores, v, Half { subtract: false, exp: false, sum: false, mean: false, maximum: false });
        "subtracted-in-half": "the maximum is subtracted in f16, before the scores become f32: the difference is rounded"
            => in_half(scores, v, Half { subtract: true, exp: false, sum: false, mean: false, maximum: true });
        "sum-in-half": "the sum of the exponentials is made in f16: it stops at 2048, where the next half is 2050"
            => in_half(scores, v, Half { subtract: false, exp: false, sum: true, mean: false, maximum: true });
        "mean-in-half": "the weighted sum of the values is made in f16: it is rounded after each key"
            => in_half(scores, v, Half { subtract: false, exp: false, sum: false, mean: true, maximum: true });
        "columns": "the softmax runs over the queries (columns) instead of the keys (rows)"
            => narrow(&rounded(softmax_rows(wide(scores).t()).t()).dot(&wide(v)));
        "no-softmax": "the scores themselves weigh the values: there is no softmax"
            => narrow(&wide(scores).mapv(|s| if s.is_finite() { s } else { 0.0 }).dot(&wide(v)));
        "sum-not-mean": "the exponentials are not divided by their sum"
            => {
                let scores = wide(scores);
                let row_max = scores.fold_axis(Axis(1), f32::NEG_INFINITY, |max, &s| max.max(s));
                let row_max = row_max.mapv(|max| if max.is_finite() { max } else { 0.0 }).insert_axis(Axis(1));
                narrow(&rounded((scores - row_max).exp().view()).dot(&wide(v)))
            };
        "empty-row-nan": "a row of scores that is all −∞ is not taken out: −∞ − (−∞) is NaN"
            => {
                let mut out = crate::attend_half(scores, v);
                for (row, mut out) in scores.rows().into_iter().zip(out.rows_mut()) {
                    if row.iter().all(|s| *s == f16::NEG_INFINITY) {
                        out.fill(f16::NAN);
                    }
                }
                out
            };
        "empty-row-mean": "a row of scores that is all −∞ gets the plain mean of the values instead of zeros"
            => {
                let scores = scores.mapv(|s| s.to_f32().max(-65504.0));
                narrow(&rounded(softmax_rows(scores.view()).view()).dot(&wide(v)))
            };
    }
}

/// As an array of f16 keeps it.
fn rounded(x: ArrayView2<f32>) -> Array2<f32> {
    x.mapv(|x| f16::from_f32(x).to_f32())
}

fn wide(x: ArrayView2<f16>) -> Array2<f32> {
    x.mapv(f32::from)
}

fn narrow(x: &Array2<f32>) -> Array2<f16> {
    x.mapv(f16::from_f32)
}

/// Which steps round to f16, and whether the row's maximum is subtracted.
struct Half {
    subtract: bool,
    exp: bool,
    sum: bool,
    mean: bool,
    maximum: bool,
}

/// The same steps as the reference, some of them in f16.
fn in_half(scores: ArrayView2<f16>, v: ArrayView2<f16>, half: Half) -> Array2<f16> {
    let round = |here: bool, x: f32| if here { f16::from_f32(x).to_f32() } else { x };
    let sum = |here: bool, terms: &mut dyn Iterator<Item = f32>| {
        terms.fold(0.0, |sum, term| round(here, sum + term))
    };
    let mut out = Array2::from_elem((scores.nrows(), v.ncols()), f16::ZERO);
    for (scores, mut out) in wide(scores).rows().into_iter().zip(out.rows_mut()) {
        let row_max = scores.fold(f32::NEG_INFINITY, |max, &s| max.max(s));
        if row_max == f32::NEG_INFINITY && half.maximum {
            continue;
        }
        let shift = if half.maximum { row_max } else { 0.0 };
        let exp = scores.mapv(|s| round(half.exp, round(half.subtract, s - shift).exp()));
        let row_sum = sum(half.sum, &mut exp.iter().copied());
        let weights = exp.mapv(|e| round(true, e / row_sum));
        for (c, out) in out.iter_mut().enumerate() {
            let values = v.column(c);
            let mut terms =
                weights.iter().zip(values).map(|(w, v)| round(half.mean, w * v.to_f32()));
            *out = f16::from_f32(sum(half.mean, &mut terms));
        }
    }
    out
}

/// Half the distance from 1 to the next f16: what rounding may change a number by, in parts of it.
const UNIT: f64 = 1.0 / 2048.0;
/// Half the distance of the least numbers, which are no less apart.
const LEAST: f64 = 1.0 / 33_554_432.0;

/// Two roundings are allowed, one of each weight and one of the result, and a tenth of them for the
/// f32 between.
fn within_rounding(
    out: &Array2<f32>,
    scores: ArrayView2<f32>,
    v: ArrayView2<f32>,
) -> Result<(), String> {
    let shape = (scores.nrows(), v.ncols());
    require(out.dim() == shape, || {
        format!(
            "result has shape {}×{}, should be {}×{}",
            out.nrows(),
            out.ncols(),
            shape.0,
            shape.1
        )
    })?;
    let weights = oracle::softmax_rows::<f64>(scores);
    for ((i, c), &got) in out.indexed_iter() {
        let (mut mean, mut size, mut least) = (0.0, 0.0, 1.0);
        for (weight, v) in weights.row(i).iter().zip(v.column(c)) {
            let v = f64::from(*v);
            mean += weight * v;
            size += weight * v.abs();
            least += if *weight > 0.0 { v.abs() } else { 0.0 };
        }
        let allowed =
            if least == 1.0 { 0.0 } else { 1.1 * (UNIT * (size + mean.abs()) + LEAST * least) };
        let off = (f64::from(got) - mean).abs();
        require(off <= allowed, || {
            format!(
                "result[{i},{c}] is {got:.4}, should be {mean:.4} (allowed error {allowed:.0e}, two roundings to f16)"
            )
        })?;
    }
    Ok(())
}
