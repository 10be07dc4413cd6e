//! 11.1 `feature_map`

use crate::seeded::normal;
use attn_exercise::{exercise, pairwise};
use ndarray::{Array2, Axis, array};

exercise! {
    /// Numbers, n×d.
    crate::feature_map: (x: Array2<f64>[n d]) -> Array2<f64>;

    // Another formula: what is above 0 and what is below it meet in a product of 1 or a sum with 0.
    exact: |c| {
        let mut features = c.x.clone();
        for x in features.iter_mut() {
            let (above, below) = ((*x + x.abs()) / 2.0, (*x - x.abs()) / 2.0);
            *x = above + below.exp();
        }
        features
    };

    cases: |random| {
        let mut cases = vec![
            case("by hand: 3, 1 and 1/4", (array![[2.0, 0.0, -(4.0_f64.ln())]],)),
            case("very far on both sides", (array![[800.0, -800.0], [-1e-9, 1e-9]],)),
            case("small", (array![[0.25, -0.25], [-0.5, 0.5], [1.5, -1.5]],)),
        ];
        cases.extend(pairwise([4, 4]).into_iter().map(|[n, d]| case("", (normal(random, (n + 1, d + 1)) * 2.0,))));
        cases
    };

    right (x) {
        "the larger and the smaller part" => x.mapv(|x| x.max(0.0) + x.min(0.0).exp());
        "elu, then 1" => x.mapv(|x| if x >= 0.0 { x } else { x.exp_m1() }) + 1.0;
        "number by number" => Array2::from_shape_fn(x.dim(), |at| match x[at] {
            x if x < 0.0 => x.exp(),
            x => 1.0 + x,
        });
    }

    mistakes (x) {
        "no-one": "1 is not added: that is elu itself, which is negative for negative numbers"
            => x.mapv(|x| if x > 0.0 { x } else { x.exp() - 1.0 });
        "exponential": "eˣ is taken of every number; above 0 it is x + 1"
            => x.mapv(f64::exp);
        "relu": "the feature is max(x, 0): a token whose numbers are all negative has no features at all"
            => x.mapv(|x| x.max(0.0));
        "relu-plus-one": "the feature is max(x, 0) + 1: every negative number has the same one"
            => x.mapv(|x| x.max(0.0) + 1.0);
        "plus-one": "1 is added to every number; below 0 it is eˣ"
            => &x + 1.0;
        "one-twice": "below 0 the feature is eˣ + 1; elu is eˣ − 1 there, and with 1 more that is eˣ"
            => x.mapv(|x| if x > 0.0 { x + 1.0 } else { x.exp() + 1.0 });
        "elu-below": "below 0 the feature is eˣ − 1; 1 has to be added there, too"
            => x.mapv(|x| if x > 0.0 { x + 1.0 } else { x.exp() - 1.0 });
        "unchanged-above": "above 0 the feature is x; 1 has to be added there, too"
            => x.mapv(|x| if x > 0.0 { x } else { x.exp() });
        "swapped": "the two sides have changed places: eˣ above 0, x + 1 below"
            => x.mapv(|x| if x > 0.0 { x.exp() } else { x + 1.0 });
        "softplus": "the feature is ln(1 + eˣ)"
            => x.mapv(|x| x.max(0.0) + (-x.abs()).exp().ln_1p());
        "softmax": "each row is its softmax"
            => {
                let mut features = x.to_owned();
                for mut row in features.axis_iter_mut(Axis(0)) {
                    let most = row.fold(f64::NEG_INFINITY, |most, x| most.max(*x));
                    row.mapv_inplace(|x| (x - most).exp());
                    let sum = row.sum();
                    row /= sum;
                }
                features
            };
        "normalised": "each row of features is divided by its sum"
            => {
                let mut features = crate::feature_map(x);
                for mut row in features.axis_iter_mut(Axis(0)) {
                    let sum = row.sum();
                    row /= sum;
                }
                features
            };
        "inverted": "below 0 the feature is e⁻ˣ, which is more than 1"
            => x.mapv(|x| if x > 0.0 { x + 1.0 } else { (-x).exp() });
        "magnitude": "the feature is |x| + 1"
            => x.mapv(|x| x.abs() + 1.0);
        "base-two": "the exponential has the base 2"
            => x.mapv(|x| if x > 0.0 { x + 1.0 } else { x.exp2() });
        "scaled": "the numbers are divided by √d first; no scale is asked for"
            => crate::feature_map((&x / (x.ncols() as f64).sqrt()).view());
        "clipped": "eˣ is taken and cut off at 1: all numbers above 0 have the same feature"
            => x.mapv(|x| x.exp().min(1.0));
        "squared": "the feature is x²"
            => x.mapv(|x| x * x);
        "sigmoid": "the feature is 1/(1 + e⁻ˣ)"
            => x.mapv(|x| 1.0 / (1.0 + (-x).exp()));
        "cut-off": "the feature is x + 1, cut off at 0"
            => x.mapv(|x| (x + 1.0).max(0.0));
        "epsilon": "a small number is added to every feature; elu + 1 is never 0 but for rounding"
            => x.mapv(|x| if x > 0.0 { x + 1.0 } else { x.exp() } + 1e-6);
        "one-more": "1 is added once more: the two sides, x + 1 and eˣ, have the 1 of elu + 1 already"
            => x.mapv(|x| if x > 0.0 { x + 1.0 } else { x.exp() } + 1.0);
        "one-in-the-exponent": "below 0 the feature is e to the power of x + 1"
            => x.mapv(|x| if x > 0.0 { x + 1.0 } else { (x + 1.0).exp() });
        "meets-at-one": "eˣ is taken of all numbers up to 1; from 0 on it is x + 1"
            => x.mapv(|x| if x > 1.0 { x + 1.0 } else { x.exp() });
        "meets-at-minus-one": "1 is added to all numbers from −1 on; below 0 it is eˣ"
            => x.mapv(|x| if x > -1.0 { x + 1.0 } else { x.exp() });
        "turned-below": "below 0 the feature is 1 − eˣ, which falls where it should grow"
            => x.mapv(|x| if x > 0.0 { x + 1.0 } else { 1.0 - x.exp() });
        "negative-below": "below 0 the feature is −eˣ, which is negative"
            => x.mapv(|x| if x > 0.0 { x + 1.0 } else { -x.exp() });
        "zero-below": "below 0 the feature is 0; it is eˣ"
            => x.mapv(|x| if x > 0.0 { x + 1.0 } else { 0.0 });
        "leaky": "below 0 the feature is 1 + x/100, as in a leaky ReLU; it is eˣ"
            => x.mapv(|x| if x > 0.0 { x + 1.0 } else { 1.0 + 0.01 * x });
        "both-above": "eˣ is added to numbers above 0, too: that is max(x, 0) + eˣ"
            => x.mapv(|x| x.max(0.0) + x.exp());
        "one-subtracted": "1 is subtracted from elu instead of added"
            => x.mapv(|x| if x > 0.0 { x - 1.0 } else { x.exp() - 2.0 });
        "exponential-of-relu": "the feature is e to the power of max(x, 0)"
            => x.mapv(|x| x.max(0.0).exp());
        "exponential-of-magnitude": "the feature is e^(−|x|), which is the same for x and −x"
            => x.mapv(|x| (-x.abs()).exp());
        "exponential-minus-one": "eˣ − 1 is taken of every number"
            => x.mapv(f64::exp_m1);
        "exponential-plus-one": "eˣ + 1 is taken of every number"
            => x.mapv(|x| x.exp() + 1.0);
        "unchanged": "the numbers come back as they are"
            => x.to_owned();
        "both-sides-multiplied": "below 0 the feature is x · eˣ, which is negative"
            => x.mapv(|x| if x > 0.0 { x + 1.0 } else { x * x.exp() });
        "swish": "the feature is x/(1 + e⁻ˣ) + 1: that is another smooth ReLU, and not elu"
            => x.mapv(|x| x / (1.0 + (-x).exp()) + 1.0);
        "selu": "elu is scaled by 1.05 and 1.67, as selu has it"
            => x.mapv(|x| 1.0507 * if x > 0.0 { x } else { 1.6733 * x.exp_m1() } + 1.0);
        "one-subtracted-in-the-exponent": "below 0 the feature is e to the power of x − 1; it is eˣ − 1, and then 1 is added"
            => x.mapv(|x| if x > 0.0 { x + 1.0 } else { (x - 1.0).exp() });
        "softplus-plus-one": "the feature is ln(1 + eˣ) + 1"
            => x.mapv(|x| x.max(0.0) + (-x.abs()).exp().ln_1p() + 1.0);
        "tanh": "the feature is tanh(x) + 1"
            => x.mapv(|x| x.tanh() + 1.0);
        "elu-below-0": "below 0 the feature is eˣ − 1, and from 0 on x + 1; 1 has to be added on both sides"
            => x.mapv(|x| if x >= 0.0 { x + 1.0 } else { x.exp() - 1.0 });
        "one-twice-below-0": "below 0 the feature is eˣ + 1, and from 0 on x + 1; elu is eˣ − 1 below, and with 1 more that is eˣ"
            => x.mapv(|x| if x >= 0.0 { x + 1.0 } else { x.exp() + 1.0 });
        "unchanged-from-0": "from 0 on the feature is x; 1 has to be added there, too"
            => x.mapv(|x| if x >= 0.0 { x } else { x.exp() });
        "zero-below-0": "below 0 the feature is 0, and from 0 on x + 1; below it is eˣ"
            => x.mapv(|x| if x >= 0.0 { x + 1.0 } else { 0.0 });
    }
}
