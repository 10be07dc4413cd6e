//! 11.5 `positive_features`

use crate::seeded::normal;
use attn_exercise::{exercise, field, pairwise};
use ndarray::{Array2, ArrayView2, Axis, array};

exercise! {
    /// Queries or keys n×d, and r directions.
    crate::positive_features: (x: Array2<f64>[n d], directions: Array2<f64>[r d]) -> Array2<f64>;

    // The square completed: ω·x′ − ‖x′‖²/2 = (‖ω‖² − ‖ω − x′‖²)/2.
    exact: |c| {
        let (root, r) = ((c.x.ncols() as f64).sqrt().sqrt(), c.directions.nrows());
        Array2::from_shape_fn((c.x.nrows(), r), |(i, j)| {
            let mut exponent = 0.0;
            for l in 0..c.x.ncols() {
                let (direction, x) = (c.directions[[j, l]], c.x[[i, l]] / root);
                exponent += (direction.powi(2) - (direction - x).powi(2)) / 2.0;
            }
            exponent.exp() / (r as f64).sqrt()
        })
    };

    steps: |c| {
        let x = &c.x / (c.x.ncols() as f64).powf(0.25);
        let halves = x.map_axis(Axis(1), |row| row.dot(&row) / 2.0);
        [field("x′", &x), field("ω · x′", &x.dot(&c.directions.t())), field("half of the squared lengths of x′", &halves)]
    };

    cases: |random| {
        let mut of = |about: &str, (n, d, r): (usize, usize, usize), scale: f64| {
            case(about, (normal(random, (n, d)) * scale, normal(random, (r, d))))
        };
        let mut cases = vec![
            // d = 16: the root is 2, x′ is 1 in one place.
            case("by hand: e^(1 − 1/2)/√4 in the first place", ({
                let mut x = Array2::zeros((1, 16));
                x[[0, 0]] = 2.0;
                x
            }, {
                let mut directions = Array2::zeros((4, 16));
                for (j, mut row) in directions.axis_iter_mut(Axis(0)).enumerate() {
                    row[0] = 1.0 - j as f64;
                }
                directions
            })),
            of("as many directions as numbers", (5, 4, 4), 1.0),
            of("long rows", (3, 4, 6), 4.0),
            of("short rows", (4, 3, 5), 0.1),
            case("large exponents whose difference is 0", (array![[40.0]], array![[20.0]])),
            case("a row of zeros", (Array2::zeros((2, 3)), array![[1.0, -1.0, 2.0], [0.5, 0.0, 1.0]])),
        ];
        cases.extend(pairwise([4, 4, 4]).into_iter().map(|[n, d, r]| of("small", (n + 1, d + 1, r + 1), 1.0)));
        cases
    };

    right (x, directions) {
        "number by number" => {
            let root = (x.ncols() as f64).sqrt();
            Array2::from_shape_fn((x.nrows(), directions.nrows()), |(i, j)| {
                let product = x.row(i).dot(&directions.row(j)) / root.sqrt();
                (product - x.row(i).dot(&x.row(i)) / (2.0 * root)).exp() / (directions.nrows() as f64).sqrt()
            })
        };
        "the logarithm of r in the exponent" => {
            let count = (directions.nrows() as f64).ln() / 2.0;
            with(x, directions, |_, product, half| product - half - count, 0.0)
        };
    }

    mistakes (x, directions) {
        "two-exponentials": "e to the product and e to the length are computed apart: one is infinite where the other is 0, and their product NaN"
            => {
                let root = (x.ncols() as f64).sqrt();
                let factors = x.map_axis(Axis(1), |row| (-row.dot(&row) / (2.0 * root)).exp() / (directions.nrows() as f64).sqrt());
                (x.dot(&directions.t()) / root.sqrt()).mapv(f64::exp) * factors.insert_axis(Axis(1))
            };
        "no-length": "‖x′‖²/2 is not subtracted: the products of features are e^(q·k) times factors for the lengths"
            => with(x, directions, |_, product, _| product, 0.5);
        "whole-length": "‖x′‖² is subtracted; it is half of that"
            => with(x, directions, |_, product, half| product - 2.0 * half, 0.5);
        "length-added": "‖x′‖²/2 is added instead of subtracted"
            => with(x, directions, |_, product, half| product + half, 0.5);
        "length-not-squared": "‖x′‖/2 is subtracted: the length is not squared"
            => with(x, directions, |_, product, half| product - (2.0 * half).sqrt() / 2.0, 0.5);
        "divided-by-r": "the features are divided by r; the queries' and the keys' together have to be divided by r, so each by √r"
            => with(x, directions, |_, product, half| product - half, 1.0);
        "not-divided": "the features are not divided by √r: their products are r times too large"
            => with(x, directions, |_, product, half| product - half, 0.0);
        "by-root-of-d": "the features are divided by √d instead of √r"
            => with(x, directions, |_, product, half| product - half, 0.0) / (x.ncols() as f64).sqrt();
        "no-scale": "x is taken as it is: the products of features estimate e^(q·k) without √d"
            => {
                let root = (x.ncols() as f64).powf(0.25);
                crate::positive_features((&x * root).view(), directions)
            };
        "root-of-d": "x is divided by √d on each side, so q · k by d; it is d^¼ on each side"
            => {
                let root = (x.ncols() as f64).powf(0.25);
                crate::positive_features((&x / root).view(), directions)
            };
        "length-of-x": "the length is that of x, and the product that of x′ = x / d^¼"
            => with(x, directions, |d, product, half| product - half * d.sqrt(), 0.5);
        "product-of-x": "the product is that of x, and the length that of x′ = x / d^¼"
            => with(x, directions, |d, product, half| product * d.powf(0.25) - half, 0.5);
        "length-of-direction": "‖ω‖²/2 is subtracted instead of ‖x′‖²/2"
            => {
                let x = &x / (x.ncols() as f64).powf(0.25);
                let halves = directions.map_axis(Axis(1), |row| row.dot(&row) / 2.0);
                (x.dot(&directions.t()) - halves).mapv(f64::exp) / (directions.nrows() as f64).sqrt()
            };
        "cosine": "the feature is a cosine: those are the trigonometric features, which are negative at times"
            => {
                let root = (x.ncols() as f64).powf(0.25);
                (x.dot(&directions.t()) / root).mapv(f64::cos) / (directions.nrows() as f64).sqrt()
            };
        "no-exponential": "the exponents are returned: they are not exponentiated"
            => with(x, directions, |_, product, half| product - half, 0.0).mapv(f64::ln) / (directions.nrows() as f64).sqrt();
        "base-two": "the exponential has the base 2"
            => with(x, directions, |_, product, half| (product - half) * std::f64::consts::LN_2, 0.5);
        "relu": "the product is cut off at 0 in the place of the exponential"
            => {
                let root = (x.ncols() as f64).powf(0.25);
                (x.dot(&directions.t()) / root).mapv(|x| x.max(0.0)) / (directions.nrows() as f64).sqrt()
            };
        "maximum-subtracted": "the largest exponent of each row is subtracted, as in a softmax: the products are no longer those that are asked for"
            => {
                let mut features = crate::positive_features(x, directions);
                for mut row in features.axis_iter_mut(Axis(0)) {
                    let most = row.fold(0.0_f64, |most, x| most.max(*x));
                    row /= most * (directions.nrows() as f64).sqrt();
                }
                features
            };
        "normalised": "each row of features is divided by its sum, as in a softmax"
            => {
                let mut features = crate::positive_features(x, directions);
                for mut row in features.axis_iter_mut(Axis(0)) {
                    let sum = row.sum();
                    row /= sum;
                }
                features
            };
        "units": "the directions are brought to length 1; their lengths belong to the normal distribution"
            => {
                let mut units = directions.to_owned();
                for mut row in units.axis_iter_mut(Axis(0)) {
                    let length = row.dot(&row).sqrt();
                    if length > 0.0 {
                        row /= length;
                    }
                }
                crate::positive_features(x, units.view())
            };
        "not-transposed": "x ω is computed instead of x ωᵀ: each row of ω is a direction"
            => {
                let x = &x / (x.ncols() as f64).powf(0.25);
                let halves = x.map_axis(Axis(1), |row| row.dot(&row) / 2.0).insert_axis(Axis(1));
                (x.dot(&directions) - halves).mapv(f64::exp) / (directions.nrows() as f64).sqrt()
            };
        "epsilon": "a small number is added to every feature: the estimate is no longer right on average"
            => crate::positive_features(x, directions) + 1e-3;
        "length-scaled-twice": "‖x′‖²/2 is divided by √d once more: x′ has been divided by d^¼ already"
            => with(x, directions, |d, product, half| product - half / d.sqrt(), 0.5);
        "quarter-length": "‖x′‖²/4 is subtracted; it is ‖x′‖²/2"
            => with(x, directions, |_, product, half| product - half / 2.0, 0.5);
        "root-of-m-inside": "√m divides the exponent; it divides the feature"
            => {
                let m = (directions.nrows() as f64).sqrt();
                with(x, directions, |_, product, half| (product - half) / m, 0.0)
            };
        "times-root-of-m": "the features are multiplied by √m instead of divided"
            => with(x, directions, |_, product, half| product - half, -0.5);
        "by-root-of-n": "the features are divided by the root of the number of rows of x; m is the number of directions"
            => with(x, directions, |_, product, half| product - half, 0.0) / (x.nrows() as f64).sqrt();
        "scaled-by-m": "x is divided by m^¼ instead of d^¼"
            => {
                let root = (x.ncols() as f64 / directions.nrows() as f64).powf(0.25);
                crate::positive_features((&x * root).view(), directions)
            };
        "scaled-by-n": "x is divided by the fourth root of its number of rows; d is the number of its columns"
            => {
                let root = (x.ncols() as f64 / x.nrows() as f64).powf(0.25);
                crate::positive_features((&x * root).view(), directions)
            };
        "multiplied-by-root": "x is multiplied by d^¼ instead of divided"
            => {
                let root = (x.ncols() as f64).sqrt();
                crate::positive_features((&x * root).view(), directions)
            };
        "divided-by-a-quarter": "x is divided by d/4 instead of the fourth root of d"
            => {
                let d = x.ncols() as f64;
                crate::positive_features((&x * (d.powf(0.25) / (d / 4.0))).view(), directions)
            };
        "product-by-root-of-d": "ω · x is divided by √d, as q · k is; x′ is in it once, so it is d^¼"
            => with(x, directions, |d, product, half| product / d.powf(0.25) - half, 0.5);
        "product-by-root-of-d-alone": "ω · x is divided by √d, and the length is that of x: both are those of x′ = x / d^¼"
            => with(x, directions, |d, product, half| product / d.powf(0.25) - half * d.sqrt(), 0.5);
        "half-of-both": "½ multiplies the whole exponent; it belongs to the length alone"
            => with(x, directions, |_, product, half| product / 2.0 - half, 0.5);
        "length-outside": "‖x′‖²/2 is subtracted from the exponential; it belongs into the exponent"
            => {
                let x = &x / (x.ncols() as f64).powf(0.25);
                let halves = x.map_axis(Axis(1), |row| row.dot(&row) / 2.0).insert_axis(Axis(1));
                (x.dot(&directions.t()).mapv(f64::exp) - halves) / (directions.nrows() as f64).sqrt()
            };
        "length-of-all": "the squared length is that of all rows of x together; each row has its own"
            => {
                let x = &x / (x.ncols() as f64).powf(0.25);
                let half = x.mapv(|x| x * x).sum() / 2.0;
                x.dot(&directions.t()).mapv(|product| (product - half).exp()) / (directions.nrows() as f64).sqrt()
            };
        "length-of-the-products": "the squared length is that of the products ω · x′ instead of that of x′"
            => {
                let mut features = (&x / (x.ncols() as f64).powf(0.25)).dot(&directions.t());
                for mut row in features.axis_iter_mut(Axis(0)) {
                    let half = row.dot(&row) / 2.0;
                    row.mapv_inplace(|product| (product - half).exp());
                }
                features / (directions.nrows() as f64).sqrt()
            };
        "both-lengths": "‖ω‖²/2 is subtracted as well as ‖x′‖²/2"
            => {
                let halves = directions.map_axis(Axis(1), |row| (-row.dot(&row) / 2.0).exp());
                with(x, directions, |_, product, half| product - half, 0.5) * halves
            };
        "sum-in-the-place-of-length": "half of the sum of the numbers of x′ is subtracted; it is the sum of their squares"
            => {
                let x = &x / (x.ncols() as f64).powf(0.25);
                let halves = x.sum_axis(Axis(1)).insert_axis(Axis(1)) / 2.0;
                (x.dot(&directions.t()) - halves).mapv(f64::exp) / (directions.nrows() as f64).sqrt()
            };
        "exponent-negated": "the exponent has the opposite sign: ‖x′‖²/2 − ω · x′"
            => with(x, directions, |_, product, half| half - product, 0.5);
        "sine": "the feature is a sine: those are the trigonometric features, which are negative at times"
            => {
                let root = (x.ncols() as f64).powf(0.25);
                (x.dot(&directions.t()) / root).mapv(f64::sin) / (directions.nrows() as f64).sqrt()
            };
        "turned": "the features have a row for each direction; they have one for each row of x"
            => crate::positive_features(x, directions).reversed_axes().as_standard_layout().into_owned();
        "fourth-root-of-m": "the features are divided by the fourth root of m instead of √m; only x has the fourth root, of d"
            => with(x, directions, |_, product, half| product - half, 0.25);
        "eighth-root": "x is divided by the eighth root of d instead of the fourth"
            => {
                let root = (x.ncols() as f64).powf(0.125);
                crate::positive_features((&x * root).view(), directions)
            };
        "whole-length-of-x": "‖x‖² is subtracted: neither is it halved, nor is it that of x′ = x / d^¼"
            => with(x, directions, |d, product, half| product - 2.0 * half * d.sqrt(), 0.5);
        "lengths-without-an-axis": "the vector of lengths is subtracted as it is: its numbers belong to the columns unless it gets a second axis"
            => {
                let x = &x / (x.ncols() as f64).powf(0.25);
                let halves = x.map_axis(Axis(1), |row| row.dot(&row) / 2.0);
                (x.dot(&directions.t()) - &halves).mapv(f64::exp) / (directions.nrows() as f64).sqrt()
            };
        "length-multiplied": "ω · x′ is multiplied by ‖x′‖²/2; that is subtracted from it"
            => with(x, directions, |_, product, half| product * half, 0.5);
        "exchanged-sizes": "x is divided by m^¼ and the features by √d: the two sizes have changed places"
            => {
                let (d, m) = (x.ncols() as f64, directions.nrows() as f64);
                crate::positive_features((&x * (d / m).powf(0.25)).view(), directions) * (m / d).sqrt()
            };
        "mean-of-squares": "half the mean of the squares is subtracted; it is half their sum"
            => with(x, directions, |d, product, half| product - half / d, 0.5);
        "square-of-the-product": "half the square of ω · x′ is subtracted instead of half the squared length of x′"
            => with(x, directions, |_, product, _| product - product * product / 2.0, 0.5);
        "trigonometric": "the feature is e^(‖x′‖²/2) times a cosine: that is the other known feature, which is negative at times"
            => {
                let x = &x / (x.ncols() as f64).powf(0.25);
                let factors = x.map_axis(Axis(1), |row| (row.dot(&row) / 2.0).exp()).insert_axis(Axis(1));
                x.dot(&directions.t()).mapv(f64::cos) * factors / (directions.nrows() as f64).sqrt()
            };
        "largest-product-subtracted": "the largest product ω · x′ of each row is subtracted from its exponents: the products of features are no longer those that are asked for"
            => {
                let x = &x / (x.ncols() as f64).powf(0.25);
                let mut features = x.dot(&directions.t());
                for (mut row, x) in features.rows_mut().into_iter().zip(x.rows()) {
                    let most = row.fold(f64::NEG_INFINITY, |most, x| most.max(*x));
                    row.mapv_inplace(|product| (product - x.dot(&x) / 2.0 - most).exp());
                }
                features / (directions.nrows() as f64).sqrt()
            };
    }
}

/// Features by their exponents, which are made of d, ω·x′ and ‖x′‖²/2, divided by a power of m.
fn with(
    x: ArrayView2<f64>,
    directions: ArrayView2<f64>,
    exponent: impl Fn(f64, f64, f64) -> f64,
    power: f64,
) -> Array2<f64> {
    let (d, m) = (x.ncols() as f64, directions.nrows() as f64);
    let x = &x / d.powf(0.25);
    Array2::from_shape_fn((x.nrows(), directions.nrows()), |(i, j)| {
        let product = x.row(i).dot(&directions.row(j));
        exponent(d, product, x.row(i).dot(&x.row(i)) / 2.0).exp() / m.powf(power)
    })
}
