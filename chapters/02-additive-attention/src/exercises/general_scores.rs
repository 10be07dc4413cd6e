//! 2.2 `general_scores`

use super::additive_scores::{SIZES, softmax_rows};
use crate::oracle;
use attn_exercise::{SOME_VALUES, exercise, field, pairwise, some_values};
use ndarray::{Array2, array};

exercise! {
    /// A matrix d_q×d_k, queries n×d_q and keys m×d_k.
    crate::general_scores: (w: Array2<f32>[d_q d_k], q: Array2<f32>[n d_q], k: Array2<f32>[m d_k]) -> Array2<f32>;

    exact: |c| c.call(oracle::general_scores::<f64>);
    // The second from the other side: the keys carried over to the queries.
    plain: |c| [c.call(oracle::general_scores::<f32>), c.q.dot(&c.w.dot(&c.k.t()))];
    steps: |c| [field("q W, the queries on the keys' side", &c.q.dot(&c.w))];

    cases: |random| {
        let mut of = |about, (n, m, d_q, d_k), [of_w, of_q, of_k]: [usize; 3]| case(about, (
            some_values(of_w, (d_q, d_k), random),
            some_values(of_q, (n, d_q), random),
            some_values(of_k, (m, d_k), random),
        ));
        let mut cases = vec![case("by hand: score 5", (array![[0.0, 3.0], [0.0, 1.0]], array![[1.0, 2.0]], array![[1.0, 1.0]]))];
        cases.extend(SIZES.map(|(n, m, d_q, d_k, _)| of("", (n, m, d_q, d_k), [0; 3])));
        cases.push(of("", (127, 129, 16, 8), [0; 3]));
        let mut identity = of("W the identity: dot scores", (3, 4, 5, 5), [0; 3]);
        identity.w = Array2::eye(5);
        cases.push(identity);
        let levels = [3, 3, 3, 3, SOME_VALUES, SOME_VALUES, SOME_VALUES];
        cases.extend(pairwise(levels).into_iter().map(|[n, m, d_q, d_k, of_w, of_q, of_k]| {
            of("small", (n + 1, m + 1, d_q + 1, d_k + 1), [of_w, of_q, of_k])
        }));
        cases
    };

    right (w, q, k) {
        "from the keys' side" => q.dot(&w.dot(&k.t()));
        "transposed" => k.dot(&w.t()).dot(&q.t()).reversed_axes();
        "three loops in one sum" => Array2::from_shape_fn((q.nrows(), k.nrows()), |(i, j)| {
            let mut score = 0.0;
            for (r, x) in q.row(i).iter().enumerate() {
                for (c, y) in k.row(j).iter().enumerate() {
                    score += x * w[[r, c]] * y;
                }
            }
            score
        });
    }

    mistakes (w, q, k) {
        "transposed": "W is transposed: the query meets the rows of W, the key its columns, which fits only where W is square"
            => q.dot(&w.t()).dot(&k.t());
        "transposed-where-square": "W is transposed where it is square: the query meets the rows of W, the key its columns"
            => if w.is_square() { q.dot(&w.t()).dot(&k.t()) } else { crate::general_scores(w, q, k) };
        "dot": "W is left out: that is the dot product, which asks for equal widths"
            => q.dot(&k.t());
        "dot-where-equal": "W is left out where the widths are equal: that is the dot product"
            => if w.is_square() { q.dot(&k.t()) } else { crate::general_scores(w, q, k) };
        "wrong-axis": "query and key are exchanged in the result: m×n instead of n×m"
            => crate::general_scores(w, q, k).reversed_axes();
        "not-times-k": "the queries are carried over to the keys' side, but not multiplied with the keys"
            => q.dot(&w);
        "tanh": "a tanh stands between W and the keys: general scores are linear"
            => q.dot(&w).mapv(f32::tanh).dot(&k.t());
        "scaled": "the scores are divided by √d, as chapter 3 will"
            => crate::general_scores(w, q, k) / (k.ncols() as f32).sqrt();
        "twice": "W is applied to both sides, which fits only where it is square"
            => q.dot(&w).dot(&k.dot(&w).t());
        "softmax": "the softmax of each row is returned: weights instead of scores"
            => softmax_rows(crate::general_scores(w, q, k));
        "tanh-of-the-score": "a tanh is taken of the scores: general scores are linear"
            => crate::general_scores(w, q, k).tanh();
        "twice-where-square": "W is applied to both sides where it is square"
            => if w.is_square() { q.dot(&w).dot(&k.dot(&w).t()) } else { crate::general_scores(w, q, k) };
        "query-added": "the query itself is added to what W makes of it, where the widths are equal"
            => if w.is_square() { (q.dot(&w) + q).dot(&k.t()) } else { crate::general_scores(w, q, k) };
    }
}
