//! 12.10 `index_scores`

use crate::seeded::normal;
use attn_exercise::{exercise, pairwise};
use ndarray::{Array2, Array3, ArrayView2, ArrayView3, Axis, array};

exercise! {
    /// The indexer's queries, its keys, and how much each query's token listens to each head.
    crate::index_scores: (q: Array3<f64>[h n d], k: Array2<f64>[n d], w: Array2<f64>[n h]) -> Array2<f64>;

    exact: |c| {
        let (h, n, d) = c.q.dim();
        Array2::from_shape_fn((n, n), |(t, s)| {
            if s > t {
                return f64::NEG_INFINITY;
            }
            let mut sum = 0.0;
            for j in 0..h {
                let product: f64 = (0..d).map(|x| c.q[[j, t, x]] * c.k[[s, x]]).sum();
                if product > 0.0 {
                    sum += c.w[[t, j]] * product;
                }
            }
            sum
        })
    };

    cases: |random| {
        let mut of = |about: &str, (h, n, d): (usize, usize, usize)| case(about, (normal(random, (h, n, d)), normal(random, (n, d)), normal(random, (n, h))));
        let mut cases = vec![
            case("by hand: the product 6 counts, and −3 is cut off", (array![[[1.0], [2.0]], [[1.0], [-1.0]]], array![[3.0], [1.0]], array![[1.0, 1.0], [0.5, 9.0]])),
            of("four heads", (4, 6, 3)),
            of("one head", (1, 7, 4)),
            of("one token", (3, 1, 4)),
            of("many heads", (8, 9, 4)),
            case("all products are negative", (Array3::from_elem((2, 4, 2), -1.0), Array2::ones((4, 2)), Array2::from_elem((4, 2), 0.5))),
            case("all products are positive", (Array3::from_elem((2, 4, 2), 1.0), Array2::ones((4, 2)), Array2::from_elem((4, 2), 0.5))),
        ];
        cases.extend(pairwise([4, 4, 4]).into_iter().map(|[h, n, d]| of("small", (h + 1, n + 1, d + 1))));
        cases
    };

    right (q, k, w) {
        "pair by pair" => Array2::from_shape_fn((k.nrows(), k.nrows()), |(t, s)| {
            let of = |j: usize| w[[t, j]] * q.index_axis(Axis(0), j).row(t).dot(&k.row(s)).max(0.0);
            if s > t { f64::NEG_INFINITY } else { (0..q.dim().0).map(of).sum() }
        });
        "the weight inside, where it is positive" => {
            let mut scores = Array2::from_elem((k.nrows(), k.nrows()), f64::NEG_INFINITY);
            for t in 0..k.nrows() {
                for s in 0..=t {
                    let mut sum = 0.0;
                    for (q, &w) in q.axis_iter(Axis(0)).zip(w.row(t)) {
                        let product = q.row(t).dot(&k.row(s));
                        sum += if product > 0.0 { w * product } else { 0.0 };
                    }
                    scores[[t, s]] = sum;
                }
            }
            scores
        };
        "half of the product and its size" => with(q, k, w, |x| (x + x.abs()) / 2.0, Seen::Past);
    }

    mistakes (q, k, w) {
        "no-relu": "negative products count, too: nothing is cut off at 0"
            => with(q, k, w, |x| x, Seen::Past);
        "relu-of-the-sum": "the sum over the heads is cut off at 0, and not each head's product"
            => with(q, k, w, |x| x, Seen::Past).mapv(|x| if x == f64::NEG_INFINITY { x } else { x.max(0.0) });
        "relu-of-both": "each head's product is cut off at 0, and so is the sum"
            => crate::index_scores(q, k, w).mapv(|x| if x == f64::NEG_INFINITY { x } else { x.max(0.0) });
        "weighted-first": "the weight goes into the product before it is cut off at 0: a negative weight turns the sign"
            => each(q, k, |t, _, j, x| (w[[t, j]] * x).max(0.0));
        "absolute": "the size of the product is taken instead of its positive part"
            => with(q, k, w, f64::abs, Seen::Past);
        "squared": "the positive part is squared"
            => with(q, k, w, |x| x.max(0.0).powi(2), Seen::Past);
        "exponential": "the products are exponentiated instead of cut off at 0"
            => with(q, k, w, f64::exp, Seen::Past);
        "no-weights": "the weights of the heads are not used"
            => with(q, k, Array2::ones(w.dim()).view(), |x| x.max(0.0), Seen::Past);
        "weights-of-the-key": "the heads are weighed by the key's token instead of the query's"
            => each(q, k, |_, s, j, x| w[[s, j]] * x.max(0.0));
        "softmax-of-weights": "the weights of the heads go through a softmax first"
            => {
                let mut w = w.to_owned();
                for mut row in w.rows_mut() {
                    row.mapv_inplace(f64::exp);
                    let sum = row.sum();
                    row /= sum;
                }
                with(q, k, w.view(), |x| x.max(0.0), Seen::Past)
            };
        "mean-of-heads": "the sum over the heads is divided by their number"
            => crate::index_scores(q, k, w) / q.dim().0 as f64;
        "largest-head": "the largest head counts instead of the sum over all"
            => Array2::from_shape_fn((k.nrows(), k.nrows()), |(t, s)| {
                let of = |j: usize| w[[t, j]] * q.index_axis(Axis(0), j).row(t).dot(&k.row(s)).max(0.0);
                if s > t { f64::NEG_INFINITY } else { (0..q.dim().0).map(of).fold(f64::NEG_INFINITY, f64::max) }
            });
        "first-head": "only head 0 counts"
            => each(q, k, |t, _, j, x| if j == 0 { w[[t, 0]] * x.max(0.0) } else { 0.0 });
        "scaled": "the products are divided by √d"
            => crate::index_scores(q, k, w) / (q.dim().2 as f64).sqrt();
        "no-mask": "keys behind the query have scores, too"
            => with(q, k, w, |x| x.max(0.0), Seen::All);
        "zero-mask": "keys behind the query have the score 0; a score of 0 may be chosen, and one of −∞ may not"
            => crate::index_scores(q, k, w).mapv(|x| if x == f64::NEG_INFINITY { 0.0 } else { x });
        "strict": "a token does not see itself: s < t"
            => with(q, k, w, |x| x.max(0.0), Seen::Before);
        "upside-down": "the mask is the wrong way round: a token sees itself and those behind it"
            => with(q, k, w, |x| x.max(0.0), Seen::Future);
        "exchanged": "queries and keys have changed places: the score of key s for query t is q[s] · k[t]"
            => Array2::from_shape_fn((k.nrows(), k.nrows()), |(t, s)| {
                let of = |j: usize| w[[t, j]] * q.index_axis(Axis(0), j).row(s).dot(&k.row(t)).max(0.0);
                if s > t { f64::NEG_INFINITY } else { (0..q.dim().0).map(of).sum() }
            });
        "probabilities": "every row goes through a softmax; the scores are there to choose by"
            => {
                let mut scores = crate::index_scores(q, k, w);
                for mut row in scores.rows_mut() {
                    let most = row.fold(f64::NEG_INFINITY, |a, &b| a.max(b));
                    row.mapv_inplace(|x| (x - most).exp());
                    let sum = row.sum();
                    row /= sum;
                }
                scores
            };
        "negative-part": "the negative part of the product is taken instead of the positive one: min in the place of max"
            => with(q, k, w, |x| x.min(0.0), Seen::Past);
        "votes": "a head that finds something counts as 1, however large its product is"
            => with(q, k, w, |x| if x > 0.0 { 1.0 } else { 0.0 }, Seen::Past);
        "positive-weights": "the weights of the heads are cut off at 0, too"
            => with(q, k, w.mapv(|w| w.max(0.0)).view(), |x| x.max(0.0), Seen::Past);
        "absolute-weights": "the sizes of the weights are taken, whatever their signs"
            => with(q, k, w.mapv(f64::abs).view(), |x| x.max(0.0), Seen::Past);
        "weights-of-token-0": "the heads are weighed by token 0 for every query"
            => each(q, k, |_, _, j, x| w[[0, j]] * x.max(0.0));
        "weights-sum-to-one": "the weights of a token are divided by their sum first"
            => each(q, k, |t, _, j, x| w[[t, j]] / w.row(t).sum() * x.max(0.0));
        "all-weights": "every head has the sum of the token's weights instead of its own"
            => each(q, k, |t, _, _, x| w.row(t).sum() * x.max(0.0));
        "mean-weight": "every head has the mean of the token's weights instead of its own"
            => each(q, k, |t, _, _, x| w.row(t).sum() / w.ncols() as f64 * x.max(0.0));
        "last-head": "the heads are not added up: `=` in the place of `+=` leaves the last one"
            => each(q, k, |t, _, j, x| if j == w.ncols() - 1 { w[[t, j]] * x.max(0.0) } else { 0.0 });
        "by-d": "the products are divided by d"
            => crate::index_scores(q, k, w) / q.dim().2 as f64;
        "by-root-of-heads": "the sum over the heads is divided by the root of their number"
            => crate::index_scores(q, k, w) / (q.dim().0 as f64).sqrt();
        "minus-a-billion": "keys behind the query have the score −1e9; one of −∞ is never taken, and any other may be"
            => crate::index_scores(q, k, w).mapv(|x| if x == f64::NEG_INFINITY { -1e9 } else { x });
        "smallest-number": "keys behind the query have the smallest number that there is; a score of −∞ is never taken, and any other may be"
            => crate::index_scores(q, k, w).mapv(|x| if x == f64::NEG_INFINITY { f64::MIN } else { x });
        "mask-weighed": "−∞ goes into the sum over the heads behind the query: a negative weight makes ∞ of it, and both together NaN"
            => Array2::from_shape_fn((k.nrows(), k.nrows()), |(t, s)| {
                let of = |j: usize| {
                    let product: f64 = q.index_axis(Axis(0), j).row(t).dot(&k.row(s));
                    w[[t, j]] * if s > t { f64::NEG_INFINITY } else { product.max(0.0) }
                };
                (0..q.dim().0).map(of).sum()
            });
        "relu-of-queries": "the numbers of the queries are cut off at 0 instead of the products"
            => with(q.mapv(|x| x.max(0.0)).view(), k, w, |x| x, Seen::Past);
        "relu-of-rows": "the numbers of queries and keys are cut off at 0 instead of the products"
            => with(q.mapv(|x| x.max(0.0)).view(), k.mapv(|x| x.max(0.0)).view(), w, |x| x, Seen::Past);
    }
}

/// Which keys have a score.
#[derive(Clone, Copy, PartialEq)]
enum Seen {
    All,
    Past,
    Before,
    Future,
}

/// Scores with this in the place of the cut at 0.
fn with(
    q: ArrayView3<f64>,
    k: ArrayView2<f64>,
    w: ArrayView2<f64>,
    cut: fn(f64) -> f64,
    seen: Seen,
) -> Array2<f64> {
    Array2::from_shape_fn((k.nrows(), k.nrows()), |(t, s)| {
        let hidden = match seen {
            Seen::All => false,
            Seen::Past => s > t,
            Seen::Before => s >= t,
            Seen::Future => s < t,
        };
        let of = |j: usize| w[[t, j]] * cut(q.index_axis(Axis(0), j).row(t).dot(&k.row(s)));
        if hidden { f64::NEG_INFINITY } else { (0..q.dim().0).map(of).sum() }
    })
}

/// Scores by query, key, head and product.
fn each(
    q: ArrayView3<f64>,
    k: ArrayView2<f64>,
    of: impl Fn(usize, usize, usize, f64) -> f64,
) -> Array2<f64> {
    Array2::from_shape_fn((k.nrows(), k.nrows()), |(t, s)| {
        let of = |j: usize| of(t, s, j, q.index_axis(Axis(0), j).row(t).dot(&k.row(s)));
        if s > t { f64::NEG_INFINITY } else { (0..q.dim().0).map(of).sum() }
    })
}
