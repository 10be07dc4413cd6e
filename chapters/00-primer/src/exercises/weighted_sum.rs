//! 0.1 `weighted_sum`

use attn_exercise::{SOME_VALUES, exercise, field, pairwise, some_values};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, NdFloat, array};

exercise! {
    /// Weights m and values m×d_v.
    crate::weighted_sum: (weights: Array1<f32>[m], values: Array2<f32>[m d_v]) -> Array1<f32>;

    exact: |c| c.call(loops::<f64>);
    plain: |c| [c.call(loops::<f32>)];
    steps: |c| [field("values · weights", &c.call(weighted))];

    cases: |random| {
        let positive = |x: Array1<f32>| &x.exp() / x.exp().sum();
        let mut of = |m, d_v| case("standard normal values", (positive(random.normal(m)), random.normal((m, d_v))));
        // Not square, so that rows and columns cannot be mistaken for each other without a panic.
        let by_hand = (array![0.25, 0.75], array![[4.0, 0.0, 8.0], [0.0, 4.0, 8.0]]);
        let nothing = Case { about: "weights of zero".into(), weights: Array1::zeros(4), ..of(4, 5) };
        let mut cases = vec![
            case("by hand: a quarter and three quarters", by_hand),
            of(1, 3),
            of(4, 4),
            nothing,
            of(31, 33),
            of(129, 127),
        ];
        for [m, d_v, kind, zero] in pairwise([3, 3, SOME_VALUES, 2]) {
            let weights = positive(some_values([0, 3][zero], m + 1, random));
            cases.push(case("small", (weights, some_values(kind, (m + 1, d_v + 1), random))));
        }
        cases
    };

    never {
        "weights large": "a weight is at most 1";
        "weights tiny": "the weights sum to 1, or all of them are 0";
    }

    right (weights, values) {
        "nested loops" => loops(weights, values);
        "row by row" => {
            let mut out = Array1::zeros(values.ncols());
            for (&weight, row) in weights.iter().zip(values.rows()) {
                out.scaled_add(weight, &row);
            }
            out
        };
        "broadcasting" => (&values * &weights.insert_axis(Axis(1))).sum_axis(Axis(0));
        "the matrix turned" => values.t().dot(&weights);
        "columns, backwards" => {
            let mut terms = Vec::new();
            for column in values.columns() {
                let products = column.iter().zip(weights).rev().map(|(x, w)| w * x);
                terms.push(products.sum());
            }
            Array1::from(terms)
        };
        "f64 inside" => weights.mapv(f64::from).dot(&values.mapv(f64::from)).mapv(|x| x as f32);
    }

    mistakes (weights, values) {
        "mean": "every row counts the same: the plain mean of the rows, without the weights"
            => values.sum_axis(Axis(0)) / weights.len() as f32;
        "plain-sum": "the rows are added up without their weights"
            => values.sum_axis(Axis(0));
        "values-first": "the product is values.dot(&weights), which pairs the weights with the columns of `values`; the weights belong to its rows, so they stand first"
            => values.dot(&weights);
        "no-insert-axis": "the weights are multiplied with `values` without insert_axis(Axis(1)): an array of one axis is broadcast along the columns, not along the rows"
            => (&values * &weights).sum_axis(Axis(0));
        "across": "the weighted rows are summed along Axis(1), which gives one number per row; Axis(0) gives one per column"
            => weighted(weights, values).sum_axis(Axis(1));
        "last-row": "the result is overwritten with each row (=) instead of added to (+=), so that only the last row is left"
            => &values.row(weights.len() - 1) * weights[weights.len() - 1];
        "largest-only": "only the row with the largest weight is taken"
            => {
                let best = (0..weights.len()).fold(0, |best, j| if weights[j] > weights[best] { j } else { best });
                values.row(best).to_owned()
            };
        "divided-by-count": "the sum is divided by the number of rows as well; the weights have seen to that"
            => weights.dot(&values) / weights.len() as f32;
        "divided-by-sum": "the result is divided by the sum of the weights: where all of them are zero, that is 0 / 0, which is NaN"
            => weights.dot(&values) / weights.sum();
    }
}

/// Entry by entry, over any float.
fn loops<F: NdFloat>(weights: ArrayView1<f32>, values: ArrayView2<f32>) -> Array1<F> {
    let to = |x: f32| F::from(x).expect("f32 fits every float");
    let mut out = Array1::zeros(values.ncols());
    for ((j, c), &value) in values.indexed_iter() {
        out[c] += to(weights[j]) * to(value);
    }
    out
}

/// Each row times its weight, m×d_v.
fn weighted(weights: ArrayView1<f32>, values: ArrayView2<f32>) -> Array2<f32> {
    &values * &weights.insert_axis(Axis(1))
}
