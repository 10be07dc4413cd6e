//! 0.2 `normalise_rows`

use attn_exercise::{SOME_VALUES, exercise, field, judge::require, pairwise, some_values};
use ndarray::{Array2, ArrayView2, Axis, NdFloat, Zip, array};

exercise! {
    /// Entries that are not negative, n×m.
    crate::normalise_rows: (x: Array2<f32>[n m]) -> Array2<f32>;

    exact: |c| loops::<f64>(c.x.view());
    plain: |c| [loops::<f32>(c.x.view())];
    first: |c, result| result.rows().into_iter().zip(c.x.rows()).enumerate().try_for_each(|(i, (row, x))| {
        let should = if x.iter().all(|&x| x == 0.0) { 0.0 } else { 1.0 };
        let sum = row.sum();
        require((sum - should).abs() < 1e-4, || format!("row {i} sums to {sum:.4}, should sum to {should}"))
    });
    steps: |c| [field("row_sum", &row_sum(c.x.view()))];

    cases: |random| {
        let mut positive = |shape| random.normal(shape).exp();
        let mut zero_row = positive((3, 4));
        zero_row.row_mut(1).fill(0.0);
        let mut small_row = positive((4, 3));
        small_row.row_mut(2).mapv_inplace(|x| x * 1e-20);
        let mut tiny_row = positive((3, 3));
        tiny_row.row_mut(0).mapv_inplace(|x| x * 1e-30);
        let mut cases = vec![
            case("by hand: quarters, halves and a one", (array![[1.0, 2.0, 1.0], [0.0, 0.0, 5.0]],)),
            case("a single entry", (positive((1, 1)),)),
            case("exp of standard normal", (positive((4, 4)),)),
            case("row 1 all zero", (zero_row,)),
            case("row 2 far smaller than the others", (small_row,)),
            case("row 0 tiny, but not zero", (tiny_row,)),
            case("exp of standard normal", (positive((33, 31)),)),
            case("exp of standard normal", (positive((127, 129)),)),
        ];
        for [n, m, kind] in pairwise([3, 3, SOME_VALUES]) {
            // Tiny, but well above what one might add to a sum: that shows in the rows further above.
            let x = match kind {
                2 => random.uniform((n + 1, m + 1)) * 4e-4 + 4e-4,
                kind => some_values(kind, (n + 1, m + 1), random).abs(),
            };
            cases.push(case("small", (x,)));
        }
        cases
    };

    right (x) {
        "nested loops" => {
            let mut result = x.to_owned();
            for i in 0..x.nrows() {
                let mut sum = 0.0;
                for j in 0..x.ncols() {
                    sum += x[[i, j]];
                }
                for j in 0..x.ncols() {
                    result[[i, j]] = if sum == 0.0 { 0.0 } else { x[[i, j]] / sum };
                }
            }
            result
        };
        "row by row" => {
            let mut result = x.to_owned();
            for mut row in result.rows_mut() {
                let sum = row.sum();
                if sum > 0.0 {
                    row /= sum;
                }
            }
            result
        };
        "times the reciprocal" => {
            let factor = x.map_axis(Axis(1), |row| {
                let sum: f32 = row.iter().rev().sum();
                if sum > 0.0 { sum.recip() } else { 0.0 }
            });
            &x * &factor.insert_axis(Axis(1))
        };
        "NaN swept up afterwards" => (&x / &row_sum(x)).mapv(|y| if y.is_nan() { 0.0 } else { y });
        "zipped rows, f64 inside" => {
            let mut result = Array2::zeros(x.raw_dim());
            Zip::from(result.rows_mut()).and(x.rows()).for_each(|mut result, row| {
                let sum: f64 = row.iter().map(|&x| f64::from(x)).sum();
                result.assign(&row.mapv(|x| (f64::from(x) / sum.max(f64::MIN_POSITIVE)) as f32));
            });
            result
        };
    }

    mistakes (x) {
        "columns": "each column is divided by its sum instead of each row: sum_axis(Axis(0)) adds up the rows and gives one sum per column"
            => divide(x, x.sum_axis(Axis(0)).insert_axis(Axis(0)));
        "no-insert-axis": "the row sums are used without insert_axis(Axis(1)): an array of one axis is broadcast along the columns, not along the rows"
            => &x / &x.sum_axis(Axis(1));
        "zero-row-nan": "a row of zeros is divided by its sum: 0 / 0 is NaN"
            => &x / &row_sum(x);
        "zero-row-uniform": "a row of zeros gets equal entries that sum to one: it should stay a row of zeros"
            => {
                let mut result = crate::normalise_rows(x);
                for mut row in result.rows_mut() {
                    if row.sum() == 0.0 {
                        row.fill(1.0 / x.ncols() as f32);
                    }
                }
                result
            };
        "whole-matrix": "everything is divided by the sum of the whole matrix instead of the row's sum"
            => &x / x.sum();
        "mean": "each row is divided by its mean instead of its sum"
            => divide(x, row_sum(x) / x.ncols() as f32);
        "max": "each row is divided by its largest entry instead of its sum"
            => divide(x, x.fold_axis(Axis(1), 0.0, |max: &f32, &x| max.max(x)).insert_axis(Axis(1)));
        "length": "each row is divided by its length, the root of the sum of squares, instead of its sum"
            => divide(x, row_sum(x.mapv(|x| x * x).view()).sqrt());
        "softmax": "the exponentials of the entries are divided by their sum, as in a softmax, instead of the entries"
            => &x.exp() / &row_sum(x.exp().view());
        "epsilon": "a small number is added to the sum, or takes the place of a small sum, so that none is zero: a row of tiny entries then no longer sums to one; only a sum of exactly 0 must not divide"
            => &x / &(row_sum(x) + 1e-8);
        "epsilon 1e-7": "a small number is added to the sum so that none is zero: a row of tiny entries then no longer sums to one; only a sum of exactly 0 must not divide"
            => &x / &(row_sum(x) + 1e-7);
        "epsilon 1e-6": "a small number is added to the sum so that none is zero: a row of tiny entries then no longer sums to one; only a sum of exactly 0 must not divide"
            => &x / &(row_sum(x) + 1e-6);
        "epsilon 1e-5": "a small number is added to the sum so that none is zero: a row of tiny entries then no longer sums to one; only a sum of exactly 0 must not divide"
            => &x / &(row_sum(x) + 1e-5);
    }
}

/// Entry by entry, over any float; zeros where the sum is zero.
fn loops<F: NdFloat>(x: ArrayView2<f32>) -> Array2<F> {
    let x = attn_oracle::to::<F>(x);
    let mut result = Array2::zeros(x.raw_dim());
    for i in 0..x.nrows() {
        let mut sum = F::zero();
        for j in 0..x.ncols() {
            sum += x[[i, j]];
        }
        if sum > F::zero() {
            for j in 0..x.ncols() {
                result[[i, j]] = x[[i, j]] / sum;
            }
        }
    }
    result
}

fn row_sum(x: ArrayView2<f32>) -> Array2<f32> {
    x.sum_axis(Axis(1)).insert_axis(Axis(1))
}

/// `x` over `divisor`, except that 0 / 0 is 0.
fn divide(x: ArrayView2<f32>, divisor: Array2<f32>) -> Array2<f32> {
    &x / &divisor.mapv(|by| if by == 0.0 { 1.0 } else { by })
}
