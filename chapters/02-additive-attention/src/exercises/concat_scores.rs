//! 2.3 `concat_scores`

use super::additive_scores::{SIZES, broadcast};
use crate::{Concat, oracle, scores::split};
use attn_exercise::{SOME_VALUES, exercise, field, given, pairwise, some_values};
use ndarray::{Array2, Axis, array, concatenate};

given! { Concat { w [], v [a] } }

exercise! {
    /// The weights of the score, queries n×d_q and keys m×d_k.
    crate::concat_scores: (concat: Concat, q: Array2<f32>[n d_q], k: Array2<f32>[m d_k]) -> Array2<f32>;

    exact: |c| c.call(oracle::concat_scores::<f64>);
    plain: |c| [c.call(oracle::concat_scores::<f32>), crate::additive_scores(&split(&c.concat, c.q.ncols()), c.q.view(), c.k.view())];
    steps: |c| {
        let both = concatenate![Axis(0), c.q.row(0), c.k.row(0)];
        [field("query 0 and key 0, joined", &both), field("their hidden layer", &both.dot(&c.concat.w).mapv(f32::tanh))]
    };

    cases: |random| {
        let (ln2, ln3) = (2.0_f32.ln(), 3.0_f32.ln());
        let by_hand = Concat { w: array![[ln2, ln3], [0.0, -ln3]], v: array![1.0, 0.5] };
        let mut of = |about, (n, m, d_q, d_k, a): (usize, usize, usize, usize, usize), of_q, of_k| {
            let concat = Concat { w: random.normal((d_q + d_k, a)) / ((d_q + d_k) as f32).sqrt(), v: random.normal(a) };
            case(about, (concat, some_values(of_q, (n, d_q), random), some_values(of_k, (m, d_k), random)))
        };
        let mut cases = vec![case("by hand: scores 1 and 3/5", (by_hand, array![[1.0]], array![[0.0], [1.0]]))];
        cases.extend(SIZES.map(|sizes| of("", sizes, 0, 0)));
        cases.push(of("", (3, 127, 16, 8, 129), 0, 0));
        let levels = [3, 3, 3, 3, 3, SOME_VALUES, SOME_VALUES];
        cases.extend(pairwise(levels).into_iter().map(|[n, m, d_q, d_k, a, of_q, of_k]| {
            of("small", (n + 1, m + 1, d_q + 1, d_k + 1, a + 1), of_q, of_k)
        }));
        cases
    };

    right (concat, q, k) {
        "split in two" => broadcast(&split(concat, q.ncols()), q, k);
        "all keys beside one query" => {
            let mut scores = Array2::zeros((q.nrows(), k.nrows()));
            for (q, mut row) in q.rows().into_iter().zip(scores.rows_mut()) {
                let same = q.broadcast((k.nrows(), q.len())).expect("a row");
                let both = concatenate![Axis(1), same, k];
                row.assign(&both.dot(&concat.w).tanh().dot(&concat.v));
            }
            scores
        };
    }

    mistakes (concat, q, k) {
        "key-first": "the key is put before the query: the query comes first"
            => Array2::from_shape_fn((q.nrows(), k.nrows()), |(i, j)| {
                concatenate![Axis(0), k.row(j), q.row(i)].dot(&concat.w).mapv(f32::tanh).dot(&concat.v)
            });
        "v-before-tanh": "v is applied before the tanh"
            => Array2::from_shape_fn((q.nrows(), k.nrows()), |(i, j)| {
                concatenate![Axis(0), q.row(i), k.row(j)].dot(&concat.w).dot(&concat.v).tanh()
            });
        "tanh-first": "the tanh is taken of the joined row, before W, instead of after it"
            => Array2::from_shape_fn((q.nrows(), k.nrows()), |(i, j)| {
                concatenate![Axis(0), q.row(i), k.row(j)].tanh().dot(&concat.w).dot(&concat.v)
            });
    }

    within {
        additive_scores: |additive_scores, (concat, q, k)| additive_scores(&split(concat, q.ncols()), q, k);
    }
}
