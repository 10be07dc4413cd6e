//! 2.4 `location_weights`

use super::additive_scores::softmax_rows;
use crate::oracle;
use attn_exercise::{exercise, field, judge::require, pairwise, some_values};
use ch01_rnn_attention::softmax;
use ndarray::{Array1, Array2, ArrayView2, Axis, array, s};

exercise! {
    /// A matrix d_q×s, queries n×d_q and the number of keys.
    crate::location_weights: (w: Array2<f32>[d_q s], q: Array2<f32>[n d_q], m: usize[m]) -> Array2<f32>;

    exact: |c| c.call(oracle::location_weights::<f64>);
    plain: |c| [c.call(oracle::location_weights::<f32>)];
    first: |c, weights| match weights.dim() == (c.q.nrows(), c.m) {
        true => weights.rows().into_iter().enumerate().try_for_each(|(i, row)| {
            let sum = row.sum();
            require((sum - 1.0).abs() < 1e-4, || format!("row {i} sums to {sum:.4}, should sum to 1"))
        }),
        false => Ok(()), // the shape is refused by the comparison
    };
    steps: |c| [field("q W", &c.q.dot(&c.w)), field("its first m columns", &first_scores(c.w.view(), c.q.view(), c.m))];

    cases: |random| {
        let mut of = |about, (n, m), (d_q, s): (usize, usize), [of_w, of_q]: [usize; 2]| {
            case(about, (some_values(of_w, (d_q, s), random) / (d_q as f32).sqrt(), some_values(of_q, (n, d_q), random), m))
        };
        let mut cases = vec![
            case("by hand: weights 1/4 and 3/4", (array![[0.0, 3.0_f32.ln(), 7.0]], array![[1.0]], 2)),
            of("", (1, 1), (1, 1), [0, 0]),
            of("", (3, 5), (4, 8), [0, 0]),
            of("as many keys as positions", (4, 6), (3, 6), [0, 0]),
            of("", (2, 1), (5, 9), [0, 0]),
            of("", (33, 31), (16, 127), [0, 0]),
            of("", (5, 129), (8, 129), [0, 0]),
        ];
        // W and q of these kinds together give scores of ordinary size.
        let kinds = [[0, 0], [1, 2], [2, 1], [3, 0], [0, 3]];
        cases.extend(pairwise([3, 3, 3, 3, kinds.len()]).into_iter().map(|[n, m, d_q, s, of]| (n + 1, m + 1, d_q + 1, s + 1, kinds[of]))
            .filter(|(_, m, _, s, _)| m <= s)
            .map(|(n, m, d_q, s, kinds)| of("small", (n, m), (d_q, s), kinds)));
        cases
    };

    never {
        "s < m": "every key has a position";
    }

    right (w, q, m) {
        "−∞ for the rest" => {
            let mut scores = q.dot(&w);
            scores.slice_mut(s![.., m..]).fill(f32::NEG_INFINITY);
            let exp = scores.exp();
            let sums = exp.sum_axis(Axis(1)).insert_axis(Axis(1));
            (exp / sums).slice(s![.., ..m]).to_owned()
        };
        "cut and normalised again, in f64" => {
            let exp = q.dot(&w).mapv(|s| f64::from(s).exp());
            let exp = exp.slice(s![.., ..m]);
            let sums = exp.sum_axis(Axis(1)).insert_axis(Axis(1));
            (&exp / &sums).mapv(|w| w as f32)
        };
    }

    mistakes (w, q, m) {
        "cut-after": "the softmax runs over all positions that the weights know and is cut afterwards: positions that do not exist take their share"
            => softmax_rows(q.dot(&w)).slice(s![.., ..m]).to_owned();
        "not-cut": "the result has a column for every position that the weights know, not for the m keys"
            => softmax_rows(q.dot(&w));
        "last-positions": "the last m positions are taken instead of the first"
            => softmax_rows(q.dot(&w.slice(s![.., w.ncols() - m..])));
        "zeroed-before": "the scores of positions that do not exist are set to 0 before the softmax, and take a share of e⁰ each: they would have to be −∞, or not be there"
            => {
                let mut scores = q.dot(&w);
                scores.slice_mut(s![.., m..]).fill(0.0);
                softmax_rows(scores).slice(s![.., ..m]).to_owned()
            };
        "zeroed-after": "the softmax runs over all positions, and the weights of those that do not exist are set to 0: they keep their share, and their columns"
            => {
                let mut weights = softmax_rows(q.dot(&w));
                weights.slice_mut(s![.., m..]).fill(0.0);
                weights
            };
        "no-softmax": "the scores are returned, without the softmax"
            => first_scores(w, q, m);
        "log": "the logarithms of the weights are returned instead of the weights"
            => crate::location_weights(w, q, m).ln();
        "columns": "the softmax runs over the queries (columns) instead of the positions (rows)"
            => softmax_rows(first_scores(w, q, m).reversed_axes()).reversed_axes();
        "whole-matrix": "one softmax runs over the whole matrix instead of each row"
            => {
                let scores = first_scores(w, q, m);
                let weights = softmax(Array1::from_iter(scores.iter().copied()).view());
                Array2::from_shape_vec(scores.raw_dim(), weights.to_vec()).expect("as many")
            };
        "by-the-sum": "the scores are divided by their sum instead of going through the softmax"
            => {
                let scores = first_scores(w, q, m);
                let sums = scores.sum_axis(Axis(1)).insert_axis(Axis(1));
                scores / sums
            };
        "scaled": "the scores are divided by √d_q: that belongs to the dot product"
            => softmax_rows(first_scores(w, q, m) / (q.ncols() as f32).sqrt());
        "first-query": "every row has the weights of the first query"
            => {
                let weights = crate::location_weights(w, q, m);
                Array2::from_shape_fn(weights.raw_dim(), |(_, j)| weights[[0, j]])
            };
    }
}

/// The scores of the positions that exist, n×m.
fn first_scores(w: ArrayView2<f32>, q: ArrayView2<f32>, m: usize) -> Array2<f32> {
    q.dot(&w.slice(s![.., ..m]))
}
