//! Right answers in other styles: none of them may be refused.

use ch00_primer::exercises::{normalise_rows, weighted_sum};
use ndarray::{Array1, Array2, Axis, Zip};

#[test]
fn weighted_sum_in_other_styles() {
    let loops: weighted_sum::Body = |weights, values| {
        let mut out = Array1::zeros(values.ncols());
        for j in 0..values.nrows() {
            for c in 0..values.ncols() {
                out[c] += weights[j] * values[[j, c]];
            }
        }
        out
    };
    let row_by_row: weighted_sum::Body = |weights, values| {
        let mut out = Array1::zeros(values.ncols());
        for (&weight, row) in weights.iter().zip(values.rows()) {
            out.scaled_add(weight, &row);
        }
        out
    };
    let broadcast: weighted_sum::Body =
        |weights, values| (&values * &weights.insert_axis(Axis(1))).sum_axis(Axis(0));
    let turned: weighted_sum::Body = |weights, values| values.t().dot(&weights);
    let columns_backwards: weighted_sum::Body = |weights, values| {
        let mut terms = Vec::new();
        for column in values.columns() {
            let products = column.iter().zip(weights).rev().map(|(x, w)| w * x);
            terms.push(products.sum());
        }
        Array1::from(terms)
    };
    let wide: weighted_sum::Body = |weights, values| {
        let out = weights.mapv(f64::from).dot(&values.mapv(f64::from));
        out.mapv(|x| x as f32)
    };
    weighted_sum::exercise().assert_accepts(&[
        ("nested loops", loops),
        ("row by row", row_by_row),
        ("broadcasting", broadcast),
        ("the matrix turned", turned),
        ("columns, backwards", columns_backwards),
        ("f64 inside", wide),
    ]);
}

#[test]
fn normalise_rows_in_other_styles() {
    let loops: normalise_rows::Body = |x| {
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
    let row_by_row: normalise_rows::Body = |x| {
        let mut result = x.to_owned();
        for mut row in result.rows_mut() {
            let sum = row.sum();
            if sum > 0.0 {
                row /= sum;
            }
        }
        result
    };
    let reciprocal: normalise_rows::Body = |x| {
        let factor = x.map_axis(Axis(1), |row| {
            let sum: f32 = row.iter().rev().sum();
            if sum > 0.0 { sum.recip() } else { 0.0 }
        });
        &x * &factor.insert_axis(Axis(1))
    };
    let nan_swept_up: normalise_rows::Body = |x| {
        let quotient = &x / &x.sum_axis(Axis(1)).insert_axis(Axis(1));
        quotient.mapv(|y| if y.is_nan() { 0.0 } else { y })
    };
    let zipped: normalise_rows::Body = |x| {
        let mut result = Array2::zeros(x.raw_dim());
        Zip::from(result.rows_mut())
            .and(x.rows())
            .for_each(|mut result, row| {
                let sum: f64 = row.iter().map(|&x| f64::from(x)).sum();
                result.assign(&row.mapv(|x| (f64::from(x) / sum.max(f64::MIN_POSITIVE)) as f32));
            });
        result
    };
    normalise_rows::exercise().assert_accepts(&[
        ("nested loops", loops),
        ("row by row", row_by_row),
        ("times the reciprocal", reciprocal),
        ("NaN swept up afterwards", nan_swept_up),
        ("zipped rows, f64 inside", zipped),
    ]);
}
