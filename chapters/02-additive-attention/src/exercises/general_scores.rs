//! 2.2 `general_scores`

use super::additive_scores::{SIZES, softmax_rows};
use crate::{Products, oracle};
use attn_exercise::{SOME_VALUES, exercise, field, fields, judge::require, pairwise, some_values};
use ndarray::{Array2, ArrayView2, Axis, array};
use serde::{Deserialize, Serialize};

/// The scores, and what the products have cost.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Answer {
    scores: Array2<f32>,
    flop: usize,
}

fields! { Answer { scores, flop } }

exercise! {
    /// A matrix d_q×d_k, queries n×d_q and keys m×d_k.
    crate::general_scores as fn(ArrayView2<f32>, ArrayView2<f32>, ArrayView2<f32>, &mut Products) -> Array2<f32>: (
        w: Array2<f32>[d_q d_k], q: Array2<f32>[n d_q], k: Array2<f32>[m d_k],
    ) -> Answer;

    answer: |general_scores, c| {
        let mut products = Products::default();
        let scores = general_scores(c.w.view(), c.q.view(), c.k.view(), &mut products);
        Answer { scores, flop: products.flop() as usize }
    };

    exact: |c| vec![field("scores", &c.call(oracle::general_scores::<f64>))];
    // From either side.
    plain: |c| [
        vec![field("scores", &c.call(oracle::general_scores::<f32>))],
        vec![field("scores", &c.q.dot(&c.w.dot(&c.k.t())))],
        vec![field("scores", &c.q.dot(&c.w).dot(&c.k.t()))],
    ];
    then: |c, answer| {
        let [from_queries, from_keys] = costs(c.w.view(), c.q.view(), c.k.view());
        let least = from_queries.min(from_keys);
        require(answer.flop != 0, || "no product went through `products`: they cannot be counted".into())?;
        require(answer.flop == least, || format!("the products cost {} FLOP, the cheapest order costs {least}", answer.flop))
    };
    steps: |c| {
        let [from_queries, from_keys] = costs(c.w.view(), c.q.view(), c.k.view());
        [
            field("q W, the queries on the keys' side", &c.q.dot(&c.w)),
            field("FLOP of (q W) kᵀ", from_queries),
            field("W kᵀ, the keys on the queries' side", &c.w.dot(&c.k.t())),
            field("FLOP of q (W kᵀ)", from_keys),
        ]
    };

    cases: |random| {
        let mut of = |about, (n, m, d_q, d_k), [of_w, of_q, of_k]: [usize; 3]| case(about, (
            some_values(of_w, (d_q, d_k), random),
            some_values(of_q, (n, d_q), random),
            some_values(of_k, (m, d_k), random),
        ));
        let mut cases = vec![case("by hand: score 5", (array![[0.0, 3.0], [0.0, 1.0]], array![[1.0, 2.0]], array![[1.0, 1.0]]))];
        cases.extend(SIZES.map(|(n, m, d_q, d_k, _)| of("", (n, m, d_q, d_k), [0; 3])));
        cases.push(of("", (127, 129, 16, 8), [0; 3]));
        cases.push(of("one query, many keys", (1, 64, 16, 16), [0; 3]));
        cases.push(of("many queries, one key", (64, 1, 16, 16), [0; 3]));
        cases.push(of("fewer queries than keys, and wide keys", (5, 6, 2, 64), [0; 3]));
        cases.push(of("fewer keys than queries, and wide queries", (6, 5, 64, 2), [0; 3]));
        cases.push(of("", (8, 2, 2, 1), [0; 3]));
        cases.push(of("the costs are nearly equal", (10, 9, 9, 9), [0; 3]));
        let mut identity = of("W the identity: dot scores", (3, 4, 5, 5), [0; 3]);
        identity.w = Array2::eye(5);
        cases.push(identity);
        let levels = [3, 3, 3, 3, SOME_VALUES, SOME_VALUES, SOME_VALUES];
        cases.extend(pairwise(levels).into_iter().map(|[n, m, d_q, d_k, of_w, of_q, of_k]| {
            of("small", (n + 1, m + 1, d_q + 1, d_k + 1), [of_w, of_q, of_k])
        }));
        cases
    };

    right (w, q, k, products) {
        "both costs in a table" => {
            let [from_queries, from_keys] = costs(w, q, k);
            if from_keys < from_queries { keys_side(w, q, k, products) } else { queries_side(w, q, k, products) }
        };
        "transposed" => {
            let [from_queries, from_keys] = costs(w, q, k);
            let scores = if from_queries < from_keys {
                let qw = products.multiply(w.t(), q.t());
                products.multiply(k, qw.view())
            } else {
                let kw = products.multiply(k, w.t());
                products.multiply(kw.view(), q.t())
            };
            scores.reversed_axes()
        };
        "by reciprocals" => {
            // Both costs divided by 2·n·m·d_q·d_k. Up to rounding, which the tie of equal costs needs.
            let ((n, d_q), (m, d_k)) = (q.dim(), k.dim());
            let one_over = |x: usize| 1.0 / x as f64;
            let gain = (one_over(n) + one_over(d_k)) - (one_over(m) + one_over(d_q));
            if gain > -1e-12 { queries_side(w, q, k, products) } else { keys_side(w, q, k, products) }
        };
        "row by row" => {
            let [from_queries, from_keys] = costs(w, q, k);
            let mut scores = Array2::zeros((q.nrows(), k.nrows()));
            if from_queries <= from_keys {
                for (q, mut row) in q.axis_chunks_iter(Axis(0), 1).zip(scores.axis_chunks_iter_mut(Axis(0), 1)) {
                    row.assign(&queries_side(w, q, k, products));
                }
            } else {
                for (k, mut column) in k.axis_chunks_iter(Axis(0), 1).zip(scores.axis_chunks_iter_mut(Axis(1), 1)) {
                    column.assign(&keys_side(w, q, k, products));
                }
            }
            scores
        };
    }

    mistakes (w, q, k, products) {
        "transposed": "W is transposed: the query meets the rows of W, the key its columns, which fits only where W is square"
            => queries_side(w.t(), q, k, products);
        "transposed-where-square": "W is transposed where it is square: the query meets the rows of W, the key its columns"
            => crate::general_scores(if w.is_square() { w.t() } else { w }, q, k, products);
        "queries-side": "the queries are always carried over to the keys' side: where there are many more queries than keys, that is the dear way"
            => queries_side(w, q, k, products);
        "keys-side": "the keys are always carried over to the queries' side: where there are many more keys than queries, that is the dear way"
            => keys_side(w, q, k, products);
        "dearer": "of the two orders the dearer one is taken"
            => {
                let [from_queries, from_keys] = costs(w, q, k);
                if from_queries > from_keys { queries_side(w, q, k, products) } else { keys_side(w, q, k, products) }
            };
        "fewer-rows": "the side with fewer rows is carried over, which compares the first products alone: the second one costs less on the narrower side"
            => if q.nrows() <= k.nrows() { queries_side(w, q, k, products) } else { keys_side(w, q, k, products) };
        "wider": "the wider side is carried over to the narrower one, which compares the second products alone: the first one costs more the more rows are carried over"
            => if q.ncols() >= k.ncols() { queries_side(w, q, k, products) } else { keys_side(w, q, k, products) };
        "both": "both orders are carried out, to see what they cost: that costs both"
            => {
                queries_side(w, q, k, products);
                keys_side(w, q, k, products)
            };
        "uncounted": "the products do not go through `products`, so that nothing is counted"
            => q.dot(&w).dot(&k.t());
        "half-counted": "only the first of the two products goes through `products`"
            => {
                let [from_queries, from_keys] = costs(w, q, k);
                if from_queries <= from_keys {
                    products.multiply(q, w).dot(&k.t())
                } else {
                    q.dot(&products.multiply(w, k.t()))
                }
            };
        "pair-by-pair": "every pair is scored for itself, so that each query is carried over again for every key"
            => {
                let mut scores = Array2::zeros((q.nrows(), k.nrows()));
                for (i, q) in q.axis_chunks_iter(Axis(0), 1).enumerate() {
                    for (j, k) in k.axis_chunks_iter(Axis(0), 1).enumerate() {
                        scores[[i, j]] = queries_side(w, q, k, products)[[0, 0]];
                    }
                }
                scores
            };
        "dot": "W is left out: that is the dot product, which asks for equal widths"
            => products.multiply(q, k.t());
        "dot-where-equal": "W is left out where the widths are equal: that is the dot product"
            => if w.is_square() { products.multiply(q, k.t()) } else { crate::general_scores(w, q, k, products) };
        "wrong-axis": "query and key are exchanged in the result: m×n instead of n×m"
            => crate::general_scores(w, q, k, products).reversed_axes();
        "not-times-k": "the queries are carried over to the keys' side, but not multiplied with the keys"
            => products.multiply(q, w);
        "tanh": "a tanh stands between W and the keys: general scores are linear"
            => {
                let bent = products.multiply(q, w).mapv(f32::tanh);
                products.multiply(bent.view(), k.t())
            };
        "scaled": "the scores are divided by √d, as chapter 3 will"
            => crate::general_scores(w, q, k, products) / (k.ncols() as f32).sqrt();
        "twice": "W is applied to both sides, which fits only where it is square"
            => {
                let (q, k) = (products.multiply(q, w), products.multiply(k, w));
                products.multiply(q.view(), k.t())
            };
        "softmax": "the softmax of each row is returned: weights instead of scores"
            => softmax_rows(crate::general_scores(w, q, k, products));
        "tanh-of-the-score": "a tanh is taken of the scores: general scores are linear"
            => crate::general_scores(w, q, k, products).tanh();
        "twice-where-square": "W is applied to both sides where it is square"
            => if w.is_square() {
                let (q, k) = (products.multiply(q, w), products.multiply(k, w));
                products.multiply(q.view(), k.t())
            } else {
                crate::general_scores(w, q, k, products)
            };
        "query-added": "the query itself is added to what W makes of it, where the widths are equal"
            => if w.is_square() {
                let both = products.multiply(q, w) + q;
                products.multiply(both.view(), k.t())
            } else {
                crate::general_scores(w, q, k, products)
            };
    }
}

/// What `(q W) kᵀ` and `q (W kᵀ)` cost, in FLOP.
fn costs(w: ArrayView2<f32>, q: ArrayView2<f32>, k: ArrayView2<f32>) -> [usize; 2] {
    let cost = |rows: usize, between: usize, columns: usize| 2 * rows * between * columns;
    let (d_q, d_k) = w.dim();
    let (n, m) = (q.nrows(), k.nrows());
    [cost(n, d_q, d_k) + cost(n, d_k, m), cost(d_q, d_k, m) + cost(n, d_q, m)]
}

fn queries_side(
    w: ArrayView2<f32>,
    q: ArrayView2<f32>,
    k: ArrayView2<f32>,
    products: &mut Products,
) -> Array2<f32> {
    let q = products.multiply(q, w);
    products.multiply(q.view(), k.t())
}

fn keys_side(
    w: ArrayView2<f32>,
    q: ArrayView2<f32>,
    k: ArrayView2<f32>,
    products: &mut Products,
) -> Array2<f32> {
    let k = products.multiply(w, k.t());
    products.multiply(q, k.view())
}
