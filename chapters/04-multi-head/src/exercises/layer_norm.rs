//! 4.6 `layer_norm`

use crate::{
    given::{EPSILON, LayerNorm},
    oracle,
};
use attn_core::random::Random;
use attn_exercise::{SOME_VALUES, exercise, field, given, pairwise, some_values};
use ndarray::{Array1, Array2, ArrayView2, Axis, array};

given! { LayerNorm { gain [d_model], bias [d_model] } }

exercise! {
    /// A sequence, n × d_model, and the weights.
    crate::layer_norm: (x: Array2<f32>[n d_model], norm: LayerNorm) -> Array2<f32>;

    exact: |c| oracle::layer_norm(&attn_oracle::to::<f64>(c.x.view()), &c.norm);
    plain: |c| [oracle::layer_norm(&c.x, &c.norm)];
    steps: |c| {
        let mean = row_means(c.x.view());
        let centred = &c.x - &mean;
        [field("mean of each row", &mean), field("variance of each row", &row_means((&centred * &centred).view()))]
    };

    cases: |random| {
        let by_hand = LayerNorm { gain: array![2.0, 2.0], bias: array![10.0, 0.0] };
        let mut of = |about, (n, d_model), kind, change: fn(&mut Array2<f32>)| {
            let mut x = some_values(kind, (n, d_model), random);
            change(&mut x);
            case(about, (x, random_norm(random, d_model)))
        };
        let mut cases = vec![case("by hand: the rows become (−1, 1) and (1, −1)", (array![[3.0, 5.0], [9.0, 1.0]], by_hand))];
        cases.extend([(1, 4), (5, 7), (8, 8), (33, 31), (127, 129)].map(|sizes| of("standard normal", sizes, 0, |_| {})));
        cases.extend([
            of("rows of different size and mean", (4, 16), 0, |x| {
                *x *= &array![[100.0_f32], [1.0], [10.0], [0.1]];
                *x += &array![[50.0_f32], [-2.0], [0.0], [0.3]];
            }),
            of("mean 1000, spread 1", (4, 16), 0, |x| *x += 1000.0),
            of("row 1 constant, so that its variance is 0", (4, 16), 0, |x| x.row_mut(1).fill(2.0)),
            of("numbers of about 0.003, so that ε counts", (4, 16), 0, |x| *x *= 0.003),
        ]);
        cases.extend(pairwise([3, 3, SOME_VALUES]).into_iter().map(|[n, d_model, kind]| of("small", (n + 1, d_model + 1), kind, |_| {})));
        cases
    };

    right (x, norm) {
        "whole arrays" => whole_arrays(x, norm);
        "backwards" => backwards(x, norm);
        "f64 inside" => oracle::layer_norm(&attn_oracle::to::<f64>(x), norm).mapv(|x| x as f32);
    }

    mistakes (x, norm) {
        "columns": "the columns are normalised instead of the rows: tokens would see each other"
            => {
                let plain = LayerNorm { gain: Array1::ones(x.nrows()), bias: Array1::zeros(x.nrows()) };
                crate::layer_norm(x.t(), &plain).reversed_axes() * &norm.gain + &norm.bias
            };
        "whole-matrix": "mean and variance are those of the whole matrix instead of each row"
            => {
                let centred = &x - x.sum() / x.len() as f32;
                let variance = (&centred * &centred).sum() / x.len() as f32;
                centred / (variance + EPSILON).sqrt() * &norm.gain + &norm.bias
            };
        "no-epsilon": "ε is missing: a constant row is 0/0, and small numbers are blown up"
            => normalised(x, |variance, _| variance.sqrt()) * &norm.gain + &norm.bias;
        "epsilon-outside": "ε is added to the root instead of under it"
            => normalised(x, |variance, _| variance.sqrt() + EPSILON) * &norm.gain + &norm.bias;
        "epsilon-1e-3": "ε is 1e-3, as in some libraries; here it is 1e-5, `EPSILON`"
            => normalised(x, |variance, _| (variance + 1e-3).sqrt()) * &norm.gain + &norm.bias;
        "epsilon-1e-6": "ε is 1e-6, as in some models; here it is 1e-5, `EPSILON`"
            => normalised(x, |variance, _| (variance + 1e-6).sqrt()) * &norm.gain + &norm.bias;
        "epsilon-1e-8": "ε is 1e-8; here it is 1e-5, `EPSILON`"
            => normalised(x, |variance, _| (variance + 1e-8).sqrt()) * &norm.gain + &norm.bias;
        "epsilon-1e-12": "ε is 1e-12, as in some models; here it is 1e-5, `EPSILON`"
            => normalised(x, |variance, _| (variance + 1e-12).sqrt()) * &norm.gain + &norm.bias;
        "no-root": "it is divided by the variance instead of its root"
            => normalised(x, |variance, _| variance + EPSILON) * &norm.gain + &norm.bias;
        "sample-variance": "the sum of the squares is divided by d_model − 1 instead of d_model"
            => normalised(x, |variance, width| (variance * width / (width - 1.0).max(1.0) + EPSILON).sqrt()) * &norm.gain + &norm.bias;
        "sum-of-squares": "the squares are summed up and not divided by d_model"
            => normalised(x, |variance, width| (variance * width + EPSILON).sqrt()) * &norm.gain + &norm.bias;
        "no-mean": "the mean is not subtracted: that is RMS normalisation, another layer"
            => &x / &(row_means((&x * &x).view()) + EPSILON).sqrt() * &norm.gain + &norm.bias;
        "mean-only": "the rows are centred, but not divided by their deviation"
            => normalised(x, |_, _| 1.0) * &norm.gain + &norm.bias;
        "variance-before-mean": "the variance is taken before the mean is subtracted: it is the mean of the squares"
            => (&x - &row_means(x)) / (row_means((&x * &x).view()) + EPSILON).sqrt() * &norm.gain + &norm.bias;
        "squares-less-square": "the variance is the mean of the squares less the square of the mean: where the mean is large against the spread, two nearly equal numbers are subtracted and the digits are lost; subtract the mean first"
            => {
                let mean = row_means(x);
                let variance = row_means((&x * &x).view()) - &mean * &mean;
                (&x - &mean) / (variance + EPSILON).sqrt() * &norm.gain + &norm.bias
            };
        "no-gain-no-bias": "gain and bias are not applied"
            => normalised(x, right);
        "no-gain": "the gain is forgotten: the normalised entries are not multiplied by it"
            => normalised(x, right) + &norm.bias;
        "no-bias": "the bias is not added"
            => normalised(x, right) * &norm.gain;
        "bias-first": "the bias is added before the gain multiplies, so that it is multiplied too"
            => (normalised(x, right) + &norm.bias) * &norm.gain;
        "gain-first": "gain and bias are applied before the rows are normalised"
            => normalised((&x * &norm.gain + &norm.bias).view(), right);
        "swapped": "gain and bias are exchanged"
            => normalised(x, right) * &norm.bias + &norm.gain;
        "mean-deviation": "it is divided by the mean of the deviations' magnitudes instead of the root of the mean of their squares"
            => {
                let centred = &x - &row_means(x);
                &centred / &(row_means(centred.abs().view()) + EPSILON) * &norm.gain + &norm.bias
            };
        "one-plus-gain": "it is multiplied by 1 + gain, as in some models; here the gain is the whole factor"
            => normalised(x, right) * &(1.0 + &norm.gain) + &norm.bias;
        "epsilon-as-least": "ε is taken as the least variance, by max; it has to be added to it"
            => normalised(x, |variance, _| variance.max(EPSILON).sqrt()) * &norm.gain + &norm.bias;
        "by-gain": "it is divided by the gain instead of multiplied"
            => normalised(x, right) / &norm.gain + &norm.bias;
    }
}

pub(super) fn random_norm(random: &mut Random, d_model: usize) -> LayerNorm {
    LayerNorm { gain: random.normal(d_model) * 0.5 + 1.0, bias: random.normal(d_model) * 0.5 }
}

pub(super) fn whole_arrays(x: ArrayView2<f32>, norm: &LayerNorm) -> Array2<f32> {
    let variance = x.var_axis(Axis(1), 0.0).insert_axis(Axis(1));
    (&x - &row_means(x)) / (variance + EPSILON).sqrt() * &norm.gain + &norm.bias
}

/// Deviations summed backwards; multiplied by 1/√ instead of divided.
pub(super) fn backwards(x: ArrayView2<f32>, norm: &LayerNorm) -> Array2<f32> {
    let mut y = x.to_owned();
    for mut row in y.rows_mut() {
        let width = row.len() as f32;
        let mean = row.iter().rev().sum::<f32>() / width;
        let squares = row.iter().rev().map(|x| (x - mean).powi(2)).sum::<f32>();
        let scale = 1.0 / (squares / width + EPSILON).sqrt();
        for (column, x) in row.iter_mut().enumerate() {
            *x = (*x - mean) * scale * norm.gain[column] + norm.bias[column];
        }
    }
    y
}

fn row_means(x: ArrayView2<f32>) -> Array2<f32> {
    x.mean_axis(Axis(1)).expect("columns").insert_axis(Axis(1))
}

/// The reference without gain and bias, whose deviation is `deviation(variance, d_model)`.
fn normalised(x: ArrayView2<f32>, deviation: fn(f32, f32) -> f32) -> Array2<f32> {
    let mut y = &x - &row_means(x);
    let width = x.ncols() as f32;
    for mut row in y.rows_mut() {
        let variance = row.dot(&row) / width;
        row /= deviation(variance, width);
    }
    y
}

fn right(variance: f32, _: f32) -> f32 {
    (variance + EPSILON).sqrt()
}
