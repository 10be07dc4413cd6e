//! 3.5 `softmax_backward`

use crate::softmax_rows;
use attn_exercise::{SOME_VALUES, exercise, field, judge::require, pairwise, some_values};
use attn_oracle as oracle;
use ndarray::{Array2, ArrayView2, Axis, array};

exercise! {
    /// Softmax weights n×m and the gradient with respect to them.
    crate::softmax_backward: (weights: Array2<f32>[n m], d_weights: Array2<f32>[n m]) -> Array2<f32>;

    exact: |c| oracle::softmax_backward(&oracle::to::<f64>(c.weights.view()), &oracle::to(c.d_weights.view()));
    plain: |c| [oracle::softmax_backward(&c.weights, &c.d_weights)];
    first: |c, d_scores| {
        let most = c.d_weights.fold(1.0_f32, |most, d| most.max(d.abs()));
        d_scores.rows().into_iter().enumerate().try_for_each(|(i, row)| {
            let sum = row.sum();
            require(sum.abs() < 1e-4 * most, || format!("row {i} sums to {sum:.4}, should sum to 0"))
        })
    };
    steps: |c| {
        let product = &c.weights * &c.d_weights;
        [field("weights · d_weights", &product), field("sum of each row", &row_sums(product.view()))]
    };

    cases: |random| {
        let mut of = |about, (n, m), empty_row: bool, kind| {
            let mut scores = random.normal((n, m));
            if empty_row {
                scores.row_mut(1).fill(f32::NEG_INFINITY);
            }
            case(about, (softmax_rows(scores.view()), some_values(kind, (n, m), random)))
        };
        let mut cases = vec![
            case("by hand: 3/4 and −3/4", (array![[0.25, 0.75]], array![[4.0, 0.0]])),
            case("one weight is nearly 1", (array![[0.9995, 0.0005], [0.0001, 0.9999]], array![[1.0, 0.0], [2.0, -1.0]])),
            of("standard normal", (1, 1), false, 0),
            of("standard normal", (4, 7), false, 0),
            of("row 1 empty", (3, 5), true, 0),
            of("standard normal", (33, 31), false, 0),
            of("standard normal", (127, 129), false, 0),
        ];
        cases.extend(pairwise([3, 3, SOME_VALUES]).into_iter().map(|[n, m, kind]| of("small", (n + 1, m + 1), false, kind)));
        cases
    };

    never {
        "weights large": "a weight is at most 1";
        "weights tiny": "the weights of a row sum to 1";
    }

    right (w, d) {
        "nested loops" => {
            let (n, m) = w.dim();
            let mut d_scores = Array2::zeros((n, m));
            for i in 0..n {
                let mut row_dot = 0.0;
                for j in 0..m {
                    row_dot += w[[i, j]] * d[[i, j]];
                }
                for j in 0..m {
                    d_scores[[i, j]] = w[[i, j]] * (d[[i, j]] - row_dot);
                }
            }
            d_scores
        };
        "the whole Jacobian" => by_jacobian(w, d);
        "multiplied out" => {
            let product = &w * &d;
            &product - &(&w * &row_sums(product.view()))
        };
        "f64 inside" => oracle::softmax_backward(&oracle::to::<f64>(w), &oracle::to(d)).mapv(|x| x as f32);
    }

    mistakes (w, d) {
        "no-row-term": "only weights · d_weights is returned: the sum over the row is not subtracted"
            => &w * &d;
        "diagonal-only": "only the diagonal of the Jacobian is used, w(1 − w), as if each weight depended on its own score alone"
            => &w * &(1.0 - &w) * d;
        "columns": "the sum runs over the columns instead of the rows"
            => &w * &(&d - &(&w * &d).sum_axis(Axis(0)));
        "whole-matrix": "the sum runs over the whole matrix instead of each row"
            => &w * &(&d - (&w * &d).sum());
        "plus": "the row's sum is added instead of subtracted"
            => &w * &(&d + &row_sums((&w * &d).view()));
        "mean": "the row's mean is subtracted instead of its sum"
            => &w * &(&d - &(row_sums((&w * &d).view()) / w.ncols() as f32));
        "row-term-unweighted": "the row's sum is subtracted from weights · d_weights without being multiplied by the weight"
            => {
                let product = &w * &d;
                let sums = row_sums(product.view());
                product - sums
            };
        "plain-row-sum": "the sum is over d_weights alone, without the weights in it"
            => &w * &(&d - &row_sums(d));
        "no-insert-axis": "the row sums are used without insert_axis(Axis(1)): an array of one axis is laid along the columns, not along the rows"
            => &w * &(&d - &(&w * &d).sum_axis(Axis(1)));
        "not-times-weight": "the difference d_weights − sum is not multiplied by the weight"
            => &d - &row_sums((&w * &d).view());
        "softmax-again": "a softmax is taken of the weights, which have been through it already"
            => crate::softmax_backward(softmax_rows(w).view(), d);
        "squared-weights": "the result is multiplied by the weights twice"
            => &w * &crate::softmax_backward(w, d);
        "mean-of-d-weights": "the mean of d_weights is subtracted; it has to be the sum of weights · d_weights"
            => &w * &(&d - &(row_sums(d) / w.ncols() as f32));
        "sign": "the sign is the wrong way round: d_weights is subtracted from the row's sum"
            => -crate::softmax_backward(w, d);
        "cross-entropy": "d_weights is subtracted from the weights, as for the gradient of a cross-entropy"
            => &w - &d;
        "squared-in-sum": "the weights are squared in the row's sum"
            => &w * &(&d - &row_sums((&w * &w * d).view()));
        "no-insert-axis-where-square": "the row sums of square weights are used without insert_axis(Axis(1)): an array of one axis is laid along the columns, not along the rows"
            => if w.is_square() { &w * &(&d - &(&w * &d).sum_axis(Axis(1))) } else { crate::softmax_backward(w, d) };
    }
}

/// The Jacobian of each row, diag(w) − w wᵀ, times the gradient.
pub(super) fn by_jacobian(w: ArrayView2<f32>, d: ArrayView2<f32>) -> Array2<f32> {
    let mut d_scores = Array2::zeros(w.raw_dim());
    for ((w, d), mut row) in w.rows().into_iter().zip(d.rows()).zip(d_scores.rows_mut()) {
        let column = w.insert_axis(Axis(1));
        let jacobian = Array2::from_diag(&w) - column.dot(&column.t());
        row.assign(&jacobian.dot(&d));
    }
    d_scores
}

fn row_sums(x: ArrayView2<f32>) -> Array2<f32> {
    x.sum_axis(Axis(1)).insert_axis(Axis(1))
}
