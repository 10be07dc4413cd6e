//! 3.5 `softmax_backward`, through the weights and the log-sum-exp

use crate::softmax_rows;
use attn_exercise::{SOME_VALUES, exercise, field, judge::require, pairwise, some_values};
use attn_oracle as oracle;
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, array};

exercise! {
    /// Softmax weights n×m, and the gradients with respect to them and to the log-sum-exp of each row.
    crate::softmax_backward: (weights: Array2<f32>[n m], d_weights: Array2<f32>[n m], d_lse: Array1<f32>[n]) -> Array2<f32>;

    exact: |c| oracle::softmax_backward(
        &oracle::to::<f64>(c.weights.view()), &oracle::to(c.d_weights.view()), &c.d_lse.mapv(f64::from),
    );
    plain: |c| [oracle::softmax_backward(&c.weights, &c.d_weights, &c.d_lse)];
    first: |c, d_scores| {
        let most = c.d_weights.iter().chain(&c.d_lse).fold(1.0_f32, |most, d| most.max(d.abs()));
        let rows = d_scores.rows().into_iter().zip(c.weights.rows()).zip(&c.d_lse);
        rows.enumerate().try_for_each(|(i, ((row, weights), d_lse))| {
            // A constant added to all scores of a row adds itself to the log-sum-exp, and changes no weight.
            let (sum, should) = (row.sum(), d_lse * weights.sum());
            require((sum - should).abs() < 1e-4 * most, || {
                format!("row {i} sums to {sum:.4}, should sum to {should:.4}, the gradient of its log-sum-exp")
            })
        })
    };
    steps: |c| {
        let product = &c.weights * &c.d_weights;
        [field("weights · d_weights", &product), field("sum of each row", &row_sums(product.view()))]
    };

    cases: |random| {
        let mut of = |about, (n, m), empty_row: bool, [kind, of_lse]: [usize; 2]| {
            let mut scores = random.normal((n, m));
            if empty_row {
                scores.row_mut(1).fill(f32::NEG_INFINITY);
            }
            let d_lse = some_values(of_lse, n, random);
            case(about, (softmax_rows(scores.view()), some_values(kind, (n, m), random), d_lse))
        };
        let mut cases = vec![
            case("by hand: 5/4 and 3/4", (array![[0.25, 0.75]], array![[4.0, 0.0]], array![2.0])),
            case("the log-sum-exp is not used", (array![[0.25, 0.75]], array![[4.0, 0.0]], array![0.0])),
            case("the weights are not used", (array![[0.25, 0.75], [0.5, 0.5]], Array2::zeros((2, 2)), array![2.0, -1.0])),
            case("one weight is nearly 1", (array![[0.9995, 0.0005], [0.0001, 0.9999]], array![[1.0, 0.0], [2.0, -1.0]], array![0.5, -3.0])),
            of("standard normal", (1, 1), false, [0, 0]),
            of("standard normal", (4, 7), false, [0, 0]),
            of("row 1 empty", (3, 5), true, [0, 0]),
            of("standard normal", (33, 31), false, [0, 0]),
            of("standard normal", (127, 129), false, [0, 0]),
        ];
        cases.extend(pairwise([3, 3, SOME_VALUES, SOME_VALUES]).into_iter().map(|[n, m, kind, of_lse]| {
            of("small", (n + 1, m + 1), false, [kind, of_lse])
        }));
        cases
    };

    never {
        "weights large": "a weight is at most 1";
        "weights tiny": "the weights of a row sum to 1";
    }

    right (w, d, d_lse) {
        "nested loops" => {
            let (n, m) = w.dim();
            let mut d_scores = Array2::zeros((n, m));
            for i in 0..n {
                let mut row_dot = 0.0;
                for j in 0..m {
                    row_dot += w[[i, j]] * d[[i, j]];
                }
                for j in 0..m {
                    d_scores[[i, j]] = w[[i, j]] * (d[[i, j]] - row_dot) + w[[i, j]] * d_lse[i];
                }
            }
            d_scores
        };
        "the whole Jacobian" => by_jacobian(w, d) + &w * &column(d_lse);
        "multiplied out" => {
            let product = &w * &d;
            &product - &(&w * &row_sums(product.view())) + &w * &column(d_lse)
        };
        "the log-sum-exp's gradient is one of all weights" => {
            // As if d_weights were larger by d_lse everywhere, but for the sum.
            let (all, sums) = (&d + &column(d_lse), row_sums((&w * &d).view()));
            &w * &(all - sums)
        };
        "f64 inside" => {
            let exact = oracle::softmax_backward(&oracle::to::<f64>(w), &oracle::to(d), &d_lse.mapv(f64::from));
            exact.mapv(|x| x as f32)
        };
    }

    mistakes (w, d, d_lse) {
        "no-row-term": "only weights · d_weights is returned beside the log-sum-exp's part: the sum over the row is not subtracted"
            => &w * &(&d + &column(d_lse));
        "lse-ignored": "the log-sum-exp's gradient has no effect: it is not used, or it is added to d_weights before the row's sum is taken, which takes it away again"
            => without_lse(w, d);
        "neither-term": "weights · d_weights is returned and no more: neither is the sum over the row subtracted, nor the log-sum-exp's gradient used"
            => &w * &d;
        "lse-unweighted": "the log-sum-exp's gradient is added to each score alike; it reaches each by its weight, ∂lse/∂s_j = w_j"
            => without_lse(w, d) + column(d_lse);
        "lse-subtracted": "the log-sum-exp's gradient is subtracted instead of added"
            => without_lse(w, d) - &w * &column(d_lse);
        "lse-one-minus-w": "the log-sum-exp's gradient is multiplied by w(1 − w), as if it were a weight; ∂lse/∂s_j is w_j"
            => without_lse(w, d) + &w * &(1.0 - &w) * column(d_lse);
        "lse-even": "the log-sum-exp's gradient is shared evenly between the keys; each key's share is its weight"
            => without_lse(w, d) + &column(d_lse) / w.ncols() as f32;
        "lse-mean": "the log-sum-exp's gradient is averaged over the rows; each row has its own"
            => without_lse(w, d) + &w * d_lse.mean().unwrap_or(0.0);
        "lse-for-rows-sum": "the log-sum-exp's gradient stands in the place of the row's sum, which is missing"
            => &w * &(&d - &column(d_lse));
        "diagonal-only": "only the diagonal of the Jacobian is used, w(1 − w), as if each weight depended on its own score alone"
            => &w * &(1.0 - &w) * d + &w * &column(d_lse);
        "columns": "the sum runs over the columns instead of the rows"
            => &w * &(&d - &(&w * &d).sum_axis(Axis(0)) + column(d_lse));
        "whole-matrix": "the sum runs over the whole matrix instead of each row"
            => &w * &(&d - (&w * &d).sum() + column(d_lse));
        "plus": "the row's sum is added instead of subtracted"
            => &w * &(&d + &row_sums((&w * &d).view()) + column(d_lse));
        "mean": "the row's mean is subtracted instead of its sum"
            => &w * &(&d - &(row_sums((&w * &d).view()) / w.ncols() as f32) + column(d_lse));
        "row-term-unweighted": "the row's sum is subtracted from weights · d_weights without being multiplied by the weight"
            => {
                let product = &w * &d;
                let sums = row_sums(product.view());
                product - sums + &w * &column(d_lse)
            };
        "plain-row-sum": "the sum is over d_weights alone, without the weights in it"
            => &w * &(&d - &row_sums(d) + column(d_lse));
        "no-insert-axis": "the row sums are used without insert_axis(Axis(1)): an array of one axis is laid along the columns, not along the rows"
            => &w * &(&d - &(&w * &d).sum_axis(Axis(1)) + d_lse);
        "not-times-weight": "the difference d_weights − sum is not multiplied by the weight"
            => &d - &row_sums((&w * &d).view()) + &w * &column(d_lse);
        "softmax-again": "a softmax is taken of the weights, which have been through it already"
            => crate::softmax_backward(softmax_rows(w).view(), d, d_lse);
        "squared-weights": "the result is multiplied by the weights twice"
            => &w * &crate::softmax_backward(w, d, d_lse);
        "mean-of-d-weights": "the mean of d_weights is subtracted; it has to be the sum of weights · d_weights"
            => &w * &(&d - &(row_sums(d) / w.ncols() as f32) + column(d_lse));
        "sign": "the sign of the softmax's part is the wrong way round: d_weights is subtracted from the row's sum"
            => &w * &column(d_lse) - without_lse(w, d);
        "both-signs": "the sign is the wrong way round in both parts"
            => -crate::softmax_backward(w, d, d_lse);
        "cross-entropy": "d_weights is subtracted from the weights, as for the gradient of a cross-entropy"
            => &w - &d;
        "squared-in-sum": "the weights are squared in the row's sum"
            => &w * &(&d - &row_sums((&w * &w * d).view()) + column(d_lse));
        "no-insert-axis-where-square": "the row sums of square weights are used without insert_axis(Axis(1)): an array of one axis is laid along the columns, not along the rows"
            => match w.is_square() {
                true => &w * &(&d - &(&w * &d).sum_axis(Axis(1)) + d_lse),
                false => crate::softmax_backward(w, d, d_lse),
            };
        "lse-along-columns": "the log-sum-exp's gradients are used without insert_axis(Axis(1)) where the weights are square: they are laid along the columns, not along the rows"
            => match w.is_square() {
                true => without_lse(w, d) + &w * &d_lse,
                false => crate::softmax_backward(w, d, d_lse),
            };
    }
}

/// Through the weights alone.
fn without_lse(w: ArrayView2<f32>, d: ArrayView2<f32>) -> Array2<f32> {
    crate::softmax_backward(w, d, Array1::zeros(w.nrows()).view())
}

fn column(x: ArrayView1<f32>) -> ArrayView2<f32> {
    x.insert_axis(Axis(1))
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
