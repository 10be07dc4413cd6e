//! 2.1 `additive_scores`

use crate::{Additive, oracle};
use attn_core::random::Random;
use attn_exercise::{SOME_VALUES, exercise, field, given, judge::require, pairwise, some_values};
use ndarray::{Array1, Array2, ArrayView2, Axis, array};

given! { Additive { w_q [d_q a], w_k [d_k a], v [a] } }

exercise! {
    /// The weights of the score, queries n×d_q and keys m×d_k.
    crate::additive_scores: (additive: Additive, q: Array2<f32>[n d_q], k: Array2<f32>[m d_k]) -> Array2<f32>;

    exact: |c| c.call(oracle::additive_scores::<f64>);
    plain: |c| [c.call(oracle::additive_scores::<f32>)];
    first: |c, scores| {
        // A tanh is at most 1, so a score is at most ‖v‖₁.
        let most = c.additive.v.mapv(f32::abs).sum();
        scores.indexed_iter().try_for_each(|((i, j), s)| require(s.abs() <= most * 1.0001 + 1e-6, || {
            format!("result[{i},{j}] is {s:.4}, but no score can be beyond ±‖v‖₁ = {most:.4}")
        }))
    };
    steps: |c| {
        let (from_q, from_k) = (c.q.dot(&c.additive.w_q), c.k.dot(&c.additive.w_k));
        let hidden = (&from_k + &from_q.row(0)).mapv(f32::tanh);
        [field("q W_q", &from_q), field("k W_k", &from_k), field("hidden layer of query 0, one row per key", &hidden)]
    };

    cases: |random| {
        let (ln2, ln3) = (2.0_f32.ln(), 3.0_f32.ln());
        let by_hand = Additive { w_q: array![[ln2, ln3]], w_k: array![[0.0, -ln3]], v: array![1.0, 0.5] };
        let mut of = |about, (n, m, d_q, d_k, a), of_q, of_k| case(about, (
            random_additive(random, (d_q, d_k), a),
            some_values(of_q, (n, d_q), random),
            some_values(of_k, (m, d_k), random),
        ));
        let mut cases = vec![case("by hand: scores 1 and 3/5", (by_hand, array![[1.0]], array![[0.0], [1.0]]))];
        cases.extend(SIZES.map(|sizes| of("", sizes, 0, 0)));
        cases.push(of("", (127, 3, 16, 8, 129), 0, 0));
        let mut loud = of("inputs of about ±1000: every tanh is ±1", (4, 5, 8, 8, 16), 0, 0);
        loud.q *= 1000.0;
        loud.k *= 1000.0;
        cases.push(loud);
        let levels = [3, 3, 3, 3, 3, SOME_VALUES, SOME_VALUES];
        cases.extend(pairwise(levels).into_iter().map(|[n, m, d_q, d_k, a, of_q, of_k]| {
            of("small", (n + 1, m + 1, d_q + 1, d_k + 1, a + 1), of_q, of_k)
        }));
        cases
    };

    right (additive, q, k) {
        "loops, summed backwards" => {
            let mut scores = Array2::zeros((q.nrows(), k.nrows()));
            for i in 0..q.nrows() {
                for j in 0..k.nrows() {
                    for c in (0..additive.v.len()).rev() {
                        let mut sum = 0.0;
                        for r in 0..q.ncols() {
                            sum += q[[i, r]] * additive.w_q[[r, c]];
                        }
                        for r in 0..k.ncols() {
                            sum += k[[j, r]] * additive.w_k[[r, c]];
                        }
                        scores[[i, j]] += additive.v[c] * sum.tanh();
                    }
                }
            }
            scores
        };
        "one array of n×m×a" => broadcast(additive, q, k);
        "row by row" => {
            let from_k = k.dot(&additive.w_k);
            let mut scores = Array2::zeros((q.nrows(), k.nrows()));
            for (q, mut row) in q.rows().into_iter().zip(scores.rows_mut()) {
                let hidden = (&from_k + &q.dot(&additive.w_q)).tanh();
                row.assign(&hidden.dot(&additive.v));
            }
            scores
        };
    }

    mistakes (additive, q, k) {
        "v-before-tanh": "v is applied before the tanh: tanh(v · (q W_q + k W_k))"
            => with(additive, q, k, |sum, v| sum.dot(v).tanh());
        "relu": "the hidden layer is cut off below zero (ReLU) instead of going through the tanh"
            => with(additive, q, k, |sum, v| sum.mapv(|x| x.max(0.0)).dot(v));
        "no-tanh": "there is no tanh between the two layers"
            => with(additive, q, k, |sum, v| sum.dot(v));
        "sigmoid": "the hidden layer goes through a sigmoid instead of the tanh"
            => with(additive, q, k, |sum, v| sum.mapv(|x| 1.0 / (1.0 + (-x).exp())).dot(v));
        "tanh-apart": "the tanh is taken of the query's and of the key's part before they are added"
            => {
                let from_q = q.dot(&additive.w_q).mapv(f32::tanh).dot(&additive.v);
                let from_k = k.dot(&additive.w_k).mapv(f32::tanh).dot(&additive.v);
                &from_q.insert_axis(Axis(1)) + &from_k
            };
        "query-alone": "the key's part is left out, so that every key gets the same score"
            => crate::additive_scores(additive, q, Array2::zeros(k.raw_dim()).view());
        "key-alone": "the query's part is left out, so that every query gives the same scores"
            => crate::additive_scores(additive, Array2::zeros(q.raw_dim()).view(), k);
        "wrong-axis": "query and key are exchanged in the result: row i belongs to key i, m×n instead of n×m"
            => crate::additive_scores(additive, q, k).reversed_axes();
        "same-index": "query i only ever meets key i (and again from the first when the keys run out): the two were lined up instead of paired"
            => {
                let scores = crate::additive_scores(additive, q, k);
                Array2::from_shape_fn(scores.raw_dim(), |(i, _)| scores[[i, i % k.nrows()]])
            };
        "first-query": "every row is the first query's: the sum was stretched over the wrong axis"
            => {
                let scores = crate::additive_scores(additive, q, k);
                Array2::from_shape_fn(scores.raw_dim(), |(_, j)| scores[[0, j]])
            };
        "minus": "the key's part is subtracted instead of added"
            => crate::additive_scores(additive, q, (-&k).view());
        "no-v": "the hidden layer is added up without the weights v"
            => with(additive, q, k, |sum, _| sum.mapv(f32::tanh).sum());
        "mean": "the score is divided by the width of the hidden layer"
            => crate::additive_scores(additive, q, k) / additive.v.len() as f32;
        "scaled": "the scores are divided by √d: that belongs to the dot product"
            => crate::additive_scores(additive, q, k) / (q.ncols() as f32).sqrt();
        "softmax": "the softmax of each row is returned: weights instead of scores"
            => softmax_rows(crate::additive_scores(additive, q, k));
        "product": "the query's and the key's part are multiplied instead of added"
            => {
                let (from_q, from_k) = (q.dot(&additive.w_q), k.dot(&additive.w_k));
                Array2::from_shape_fn((q.nrows(), k.nrows()), |(i, j)| (&from_q.row(i) * &from_k.row(j)).tanh().dot(&additive.v))
            };
        "root-a": "the scores are divided by √a, the root of the width of the hidden layer: that belongs to the dot product"
            => crate::additive_scores(additive, q, k) / (additive.v.len() as f32).sqrt();
        "tanh-twice": "the scores go through a tanh as well, after the hidden layer"
            => crate::additive_scores(additive, q, k).tanh();
        "tanh-of-the-key": "the tanh is taken of the key's part alone, and the query's part is added after it"
            => {
                let (from_q, from_k) = (q.dot(&additive.w_q), k.dot(&additive.w_k).tanh());
                Array2::from_shape_fn((q.nrows(), k.nrows()), |(i, j)| (&from_q.row(i) + &from_k.row(j)).dot(&additive.v))
            };
    }
}

/// Sizes at which scores are tried: n, m, d_q, d_k, a.
pub(super) const SIZES: [(usize, usize, usize, usize, usize); 7] = [
    (1, 1, 1, 1, 1),
    (2, 3, 4, 4, 4),
    (5, 3, 2, 4, 6),
    (1, 33, 8, 5, 3),
    (31, 33, 16, 16, 8),
    (33, 31, 7, 32, 31),
    (3, 2, 130, 129, 5),
];

/// Weights whose hidden layer neither saturates nor stays linear.
pub(super) fn random_additive(
    random: &mut Random,
    (d_q, d_k): (usize, usize),
    a: usize,
) -> Additive {
    Additive {
        w_q: random.normal((d_q, a)) / (d_q as f32).sqrt(),
        w_k: random.normal((d_k, a)) / (d_k as f32).sqrt(),
        v: random.normal(a),
    }
}

/// The whole n×m×a array of hidden layers at once.
pub(super) fn broadcast(
    additive: &Additive,
    q: ArrayView2<f32>,
    k: ArrayView2<f32>,
) -> Array2<f32> {
    let from_q = q.dot(&additive.w_q).insert_axis(Axis(1)); // n×1×a
    let from_k = k.dot(&additive.w_k).insert_axis(Axis(0)); // 1×m×a
    let hidden = (&from_q + &from_k).mapv(f32::tanh); // n×m×a
    (hidden * &additive.v).sum_axis(Axis(2))
}

/// A score for each pair, from the sums that go into its hidden layer.
fn with(
    additive: &Additive,
    q: ArrayView2<f32>,
    k: ArrayView2<f32>,
    score: impl Fn(Array1<f32>, &Array1<f32>) -> f32,
) -> Array2<f32> {
    let (from_q, from_k) = (q.dot(&additive.w_q), k.dot(&additive.w_k));
    Array2::from_shape_fn((q.nrows(), k.nrows()), |(i, j)| {
        score(&from_q.row(i) + &from_k.row(j), &additive.v)
    })
}

/// The softmax of each row.
pub(super) fn softmax_rows(mut scores: Array2<f32>) -> Array2<f32> {
    for mut row in scores.rows_mut() {
        let weights = ch01_rnn_attention::softmax(row.view());
        row.assign(&weights);
    }
    scores
}
