//! 11.6 `gated_scores`

use crate::seeded::{normal, uniform};
use attn_exercise::{exercise, field, pairwise};
use ndarray::{Array1, Array2, ArrayView2, Axis, array};

exercise! {
    /// The queries and keys of a chunk, and the logarithms of its gates.
    crate::gated_scores: (q: Array2<f64>[n d], k: Array2<f64>[n d], log_gates: Array2<f64>[n d]) -> Array2<f64>;

    // By the recurrence: a state for each key, with gates that multiply.
    exact: |c| {
        let n = c.q.nrows();
        let mut scores = Array2::<f64>::zeros((n, n));
        for j in 0..n {
            let mut held: Vec<f64> = c.k.row(j).to_vec();
            for i in j..n {
                for (channel, held) in held.iter_mut().enumerate() {
                    if i > j {
                        *held *= c.log_gates[[i, channel]].exp();
                    }
                    scores[[i, j]] += c.q[[i, channel]] * *held;
                }
            }
        }
        scores
    };

    steps: |c| {
        let mut passed = Array2::<f64>::zeros(c.k.dim());
        for t in 1..c.k.nrows() {
            let sum = &passed.row(t - 1) + &c.log_gates.row(t);
            passed.row_mut(t).assign(&sum);
        }
        [field("what is left of key 0 in each channel", &passed.mapv(f64::exp))]
    };

    cases: |random| {
        let infinite = f64::NEG_INFINITY;
        let mut of = |about: &str, (n, d): (usize, usize), strength: f64, closed: f64| {
            let [q, k] = [0, 1].map(|_| normal(random, (n, d)));
            let mut gates = uniform(random, (n, d)).mapv(|x| x.max(1e-9).ln() * strength);
            let closes = uniform(random, (n, d));
            gates.zip_mut_with(&closes, |gate, draw| if *draw < closed { *gate = infinite });
            case(about, (q, k, gates))
        };
        let (half, ones) = (-(2.0_f64.ln()), || Array2::ones((3, 2)));
        let mut cases = vec![
            case("by hand: the second token halves channel 0, the third closes channel 1", (ones(), ones(), array![[-9.0, -9.0], [half, 0.0], [0.0, infinite]])),
            case("a gate that closes behind a key of 10⁸", (array![[0.0], [1.0], [2.0]], array![[1e8], [1.0], [0.5]], array![[0.0], [infinite], [-0.5]])),
            of("gates between 0 and 1", (7, 4), 1.0, 0.0),
            of("one gate in three is closed", (8, 3), 1.0, 0.34),
            of("gates of almost 1", (9, 4), 1.0 / 16.0, 0.0),
            // The product of the gates so far is smaller than any f64 after a few tokens.
            of("gates of about e⁻²⁰⁰", (8, 3), 200.0, 0.0),
            case("all gates open", (of("", (5, 3), 1.0, 0.0).q, of("", (5, 3), 1.0, 0.0).k, Array2::zeros((5, 3)))),
            case("all gates closed: a token sees itself alone", (of("", (5, 3), 1.0, 0.0).q, of("", (5, 3), 1.0, 0.0).k, Array2::from_elem((5, 3), infinite))),
        ];
        cases.extend(pairwise([4, 4, 3]).into_iter().map(|[n, d, kind]| {
            let mut gates = uniform(random, (n + 1, d + 1)).mapv(|x| -0.1 - x);
            if kind == 2 {
                gates[[n, d]] = infinite;
            }
            case("small", (normal(random, (n + 1, d + 1)), normal(random, (n + 1, d + 1)), gates))
        }));
        cases
    };

    right (q, k, log_gates) {
        "as factors" => {
            let mut scores = Array2::<f64>::zeros((q.nrows(), q.nrows()));
            for i in 0..q.nrows() {
                let mut query = q.row(i).to_owned();
                for j in (0..=i).rev() {
                    scores[[i, j]] = query.dot(&k.row(j));
                    query *= &log_gates.row(j).mapv(f64::exp);
                }
            }
            scores
        };
        "a sum for each pair" => plainly(q, k, |i, j, c| (j + 1..i + 1).map(|r| log_gates[[r, c]]).sum());
        "differences of sums, with closed gates apart" => {
            // Sums of the finite ones, and a count of the others.
            let (mut sums, mut closed) = (Array2::<f64>::zeros(q.dim()), Array2::<f64>::zeros(q.dim()));
            let (mut sum, mut count) = (Array1::<f64>::zeros(q.ncols()), Array1::<f64>::zeros(q.ncols()));
            for r in 0..q.nrows() {
                for c in 0..q.ncols() {
                    if log_gates[[r, c]] == f64::NEG_INFINITY {
                        count[c] += 1.0;
                    } else {
                        sum[c] += log_gates[[r, c]];
                    }
                }
                sums.row_mut(r).assign(&sum);
                closed.row_mut(r).assign(&count);
            }
            plainly(q, k, |i, j, c| if closed[[i, c]] > closed[[j, c]] { f64::NEG_INFINITY } else { sums[[i, c]] - sums[[j, c]] })
        };
    }

    mistakes (q, k, log_gates) {
        "differences": "sums of the log-gates from the first token on are subtracted from each other: where both are −∞, that is NaN"
            => {
                let sums = sums(log_gates);
                plainly(q, k, |i, j, c| sums[[i, c]] - sums[[j, c]])
            };
        "divided": "q is multiplied by the product of the gates so far, and k divided by it: that product is 0 in f64 after a few strong gates, and 0/0 is NaN"
            => {
                let gates = sums(log_gates).mapv(f64::exp);
                causal((&q * &gates).dot(&(&k / &gates).t()))
            };
        "gate-of-the-key": "the gate of token j is passed, too; it acts on what was there before j is written"
            => plainly(q, k, |i, j, c| (j..i + 1).map(|r| log_gates[[r, c]]).sum());
        "without-the-query": "the gate of token i is not passed: token i fades the state before it reads"
            => plainly(q, k, |i, j, c| (j + 1..i).map(|r| log_gates[[r, c]]).sum());
        "one-back": "the gates of tokens j to i − 1 are passed instead of those of j + 1 to i"
            => plainly(q, k, |i, j, c| (j..i).map(|r| log_gates[[r, c]]).sum());
        "from-the-first": "all gates up to token i are passed, those before j too"
            => plainly(q, k, |i, _, c| (0..i + 1).map(|r| log_gates[[r, c]]).sum());
        "own-gate-alone": "only the gate of token i is passed, however far j is back"
            => plainly(q, k, |i, j, c| if i > j { log_gates[[i, c]] } else { 0.0 });
        "last-gate-alone": "only the gate of the last token is passed, by all keys"
            => plainly(q, k, |i, j, c| if j < i { log_gates[[log_gates.nrows() - 1, c]] } else { 0.0 });
        "no-gates": "the gates are not used: the scores are those of plain linear attention"
            => causal(q.dot(&k.t()));
        "not-exponentiated": "the gates are taken as factors; they are logarithms"
            => plainly_by(q, k, |i, j, c| (j + 1..i + 1).map(|r| log_gates[[r, c]]).product());
        "sums-as-factors": "the sums of the log-gates multiply, without the exponential"
            => plainly_by(q, k, |i, j, c| (j + 1..i + 1).map(|r| log_gates[[r, c]]).sum());
        "sign": "the sign is wrong: what lies far back grows instead of fading"
            => plainly(q, k, |i, j, c| -(j + 1..i + 1).map(|r| log_gates[[r, c]]).sum::<f64>());
        "one-gate": "one gate for all channels, the mean of their logarithms; every channel has its own"
            => plainly(q, k, |i, j, _| (j + 1..i + 1).map(|r| log_gates.row(r).sum() / q.ncols() as f64).sum());
        "first-channel": "every channel has the gates of channel 0"
            => plainly(q, k, |i, j, _| (j + 1..i + 1).map(|r| log_gates[[r, 0]]).sum());
        "summed-channels": "the log-gates of all channels are added up, and every channel passes all of them"
            => plainly(q, k, |i, j, _| (j + 1..i + 1).map(|r| log_gates.row(r).sum()).sum());
        "no-mask": "the scores above the diagonal are not 0: with no gate between i and j > i, they are q · k"
            => {
                let right = crate::gated_scores(q, k, log_gates);
                let plain = q.dot(&k.t());
                Array2::from_shape_fn(right.dim(), |(i, j)| if j > i { plain[[i, j]] } else { right[[i, j]] })
            };
        "strict": "a token does not see itself: the diagonal is 0"
            => {
                let mut scores = crate::gated_scores(q, k, log_gates);
                scores.diag_mut().fill(0.0);
                scores
            };
        "transposed": "the scores are in the upper half: row and column have changed places"
            => crate::gated_scores(q, k, log_gates).reversed_axes().as_standard_layout().into_owned();
        "exchanged": "queries and keys have changed places"
            => crate::gated_scores(k, q, log_gates);
        "clamped": "log-gates below −20 are set to −20, so that nothing becomes infinite: a closed gate lets something through"
            => crate::gated_scores(q, k, log_gates.mapv(|gate| gate.max(-20.0)).view());
        "softmax": "every row is divided by its sum"
            => {
                let mut scores = crate::gated_scores(q, k, log_gates);
                for mut row in scores.axis_iter_mut(Axis(0)) {
                    let sum = row.sum();
                    row /= sum;
                }
                scores
            };
        "scaled": "the scores are divided by √d"
            => crate::gated_scores(q, k, log_gates) / (q.ncols() as f64).sqrt();
        "nan-to-zero": "sums from the first token on are subtracted, and where that is NaN, the factor is 0: behind a closed gate everything is lost, what was written after it too"
            => {
                let sums = sums(log_gates);
                plainly_by(q, k, |i, j, c| {
                    let factor = (sums[[i, c]] - sums[[j, c]]).exp();
                    if factor.is_nan() { 0.0 } else { factor }
                })
            };
        "nan-to-one": "sums from the first token on are subtracted, and where that is NaN, the factor is 1: behind a closed gate nothing fades"
            => {
                let sums = sums(log_gates);
                plainly_by(q, k, |i, j, c| {
                    let factor = (sums[[i, c]] - sums[[j, c]]).exp();
                    if factor.is_nan() { 1.0 } else { factor }
                })
            };
        "closed-is-open": "a log-gate of −∞ is replaced by 0, so that nothing becomes infinite: the closed gate is open"
            => crate::gated_scores(q, k, log_gates.mapv(|gate| if gate.is_finite() { gate } else { 0.0 }).view());
        "least-product": "the products of gates are kept above 10⁻³⁰⁰ before they divide: after strong gates the quotient is 0"
            => {
                let gates = sums(log_gates).mapv(f64::exp);
                plainly_by(q, k, |i, j, c| gates[[i, c]] / gates[[j, c]].max(1e-300))
            };
        "sums-added": "the sums of the log-gates of i and j are added instead of subtracted"
            => {
                let sums = sums(log_gates);
                plainly(q, k, |i, j, c| sums[[i, c]] + sums[[j, c]])
            };
        "gates-added": "the gates between are added up; what passes one after the other is multiplied"
            => plainly_by(q, k, |i, j, c| (j + 1..i + 1).map(|r| log_gates[[r, c]].exp()).sum());
        "next-gate-alone": "only the gate of token j + 1 is passed, however far i is ahead"
            => plainly(q, k, |i, j, c| if j < i { log_gates[[j + 1, c]] } else { 0.0 });
        "key-gate-alone": "only the gate of token j is passed; it acts on what was there before j is written"
            => plainly(q, k, |_, j, c| log_gates[[j, c]]);
        "gate-times-distance": "the gate of token i is passed i − j times; each token between has its own"
            => plainly(q, k, |i, j, c| if j < i { log_gates[[i, c]] * (i - j) as f64 } else { 0.0 });
        "not-reset": "the sum goes on from one row to the next: for each i it begins at 0"
            => {
                let mut scores = Array2::<f64>::zeros((q.nrows(), k.nrows()));
                let mut passed = Array1::<f64>::zeros(q.ncols());
                for i in 0..q.nrows() {
                    for j in (0..=i).rev() {
                        scores[[i, j]] = (0..q.ncols()).map(|c| q[[i, c]] * k[[j, c]] * passed[c].exp()).sum();
                        passed += &log_gates.row(j);
                    }
                }
                scores
            };
        "built-forwards": "the sum is built from token 0 on: key j has passed the gates before it instead of those behind it"
            => plainly(q, k, |_, j, c| (0..j).map(|r| log_gates[[r, c]]).sum());
        "gates-up-to-the-key": "key j has passed the gates of tokens 0 to j; they act before it is written"
            => plainly(q, k, |_, j, c| (0..j + 1).map(|r| log_gates[[r, c]]).sum());
        "to-the-end": "all gates behind j are passed, those behind token i too"
            => plainly(q, k, |_, j, c| (j + 1..q.nrows()).map(|r| log_gates[[r, c]]).sum());
        "mean-of-the-gates": "the log-gates between are averaged; they are added up"
            => plainly(q, k, |i, j, c| {
                let sum: f64 = (j + 1..i + 1).map(|r| log_gates[[r, c]]).sum();
                if j < i { sum / (i - j) as f64 } else { 0.0 }
            });
        "both-ways": "the scores above the diagonal are not 0: they pass the gates between as those below do"
            => Array2::from_shape_fn((q.nrows(), q.nrows()), |(i, j)| {
                let passed = |c: usize| (i.min(j) + 1..i.max(j) + 1).map(|r| log_gates[[r, c]]).sum::<f64>();
                (0..q.ncols()).map(|c| q[[i, c]] * k[[j, c]] * passed(c).exp()).sum()
            });
        "minus-infinity": "the scores above the diagonal are −∞ instead of 0: no softmax comes after them"
            => {
                let mut scores = crate::gated_scores(q, k, log_gates);
                scores.indexed_iter_mut().for_each(|((i, j), x)| *x = if j <= i { *x } else { f64::NEG_INFINITY });
                scores
            };
        "base-two": "the exponential has the base 2"
            => plainly_by(q, k, |i, j, c| (j + 1..i + 1).map(|r| log_gates[[r, c]]).sum::<f64>().exp2());
        "exponentiated": "the whole score is exponentiated, as in a softmax; the gates alone are"
            => causal(Array2::from_shape_fn((q.nrows(), q.nrows()), |(i, j)| {
                (0..q.ncols()).map(|c| q[[i, c]] * k[[j, c]] + (j + 1..i + 1).map(|r| log_gates[[r, c]]).sum::<f64>()).sum::<f64>().exp()
            }));
        "differences-of-before": "the sums that are subtracted end before tokens i and j: the gates j to i − 1 are passed, and −∞ − (−∞) is NaN"
            => {
                let sums = sums(log_gates);
                let before = |i: usize, c: usize| if i == 0 { 0.0 } else { sums[[i - 1, c]] };
                plainly(q, k, |i, j, c| before(i, c) - before(j, c))
            };
        "huge-number": "−∞ is replaced by a huge number, and sums from the first token on are subtracted: beside it all other log-gates are lost to rounding"
            => {
                let sums = sums(log_gates.mapv(|gate| gate.max(-1e30)).view());
                plainly(q, k, |i, j, c| sums[[i, c]] - sums[[j, c]])
            };
        "gate-complement": "1 − gate is passed in the place of the gate"
            => plainly_by(q, k, |i, j, c| (j + 1..i + 1).map(|r| 1.0 - log_gates[[r, c]].exp()).product());
        "product-of-nothing": "the product of the gates begins at 0 instead of 1: nothing is left of any score"
            => Array2::zeros((q.nrows(), k.nrows()));
        "sum-begins-at-one": "the sum of the log-gates begins at 1 instead of 0: all scores are e times too large"
            => crate::gated_scores(q, k, log_gates) * std::f64::consts::E;
        "factors-apart": "q · k is multiplied by the sum of the channels' factors; each channel's product has its own"
            => causal(Array2::from_shape_fn((q.nrows(), q.nrows()), |(i, j)| {
                let factor = |c: usize| (j + 1..i + 1).map(|r| log_gates[[r, c]]).sum::<f64>().exp();
                q.row(i).dot(&k.row(j)) * (0..q.ncols()).map(factor).sum::<f64>()
            }));
        "least-gate": "only the strongest of the gates between is passed; all of them are, one after the other"
            => plainly(q, k, |i, j, c| (j + 1..i + 1).map(|r| log_gates[[r, c]]).fold(0.0, f64::min));
        "starts-one-late": "the way back begins at i − 1 with nothing passed: no token sees itself, and the gate of token i is left out"
            => plainly_by(q, k, |i, j, c| if i == j { 0.0 } else { (j + 1..i).map(|r| log_gates[[r, c]]).sum::<f64>().exp() });
        "first-column-lost": "the way back ends at token 1: no token sees token 0"
            => plainly_by(q, k, |i, j, c| if j == 0 { 0.0 } else { (j + 1..i + 1).map(|r| log_gates[[r, c]]).sum::<f64>().exp() });
        "query-gated": "every query is multiplied by its own token's gate, and nothing else fades: the token itself fades, too"
            => plainly(q, k, |i, _, c| log_gates[[i, c]]);
        "sigmoid": "the log-gates go through a sigmoid; they are logarithms, and e to their power is the gate"
            => plainly_by(q, k, |i, j, c| (j + 1..i + 1).map(|r| 1.0 / (1.0 + (-log_gates[[r, c]]).exp())).product());
        "queries-alone": "the scores are those of q with q: the queries are in the place of the keys, too"
            => crate::gated_scores(q, q, log_gates);
        "keys-alone": "the scores are those of k with k: the keys are in the place of the queries, too"
            => crate::gated_scores(k, k, log_gates);
        "mean-factor": "q · k is multiplied by the mean of the channels' factors; each channel's product has its own"
            => causal(Array2::from_shape_fn((q.nrows(), q.nrows()), |(i, j)| {
                let factor = |c: usize| (j + 1..i + 1).map(|r| log_gates[[r, c]]).sum::<f64>().exp();
                q.row(i).dot(&k.row(j)) * (0..q.ncols()).map(factor).sum::<f64>() / q.ncols() as f64
            }));
    }
}

/// Scores with these exponents.
fn plainly(
    q: ArrayView2<f64>,
    k: ArrayView2<f64>,
    exponent: impl Fn(usize, usize, usize) -> f64,
) -> Array2<f64> {
    plainly_by(q, k, |i, j, c| exponent(i, j, c).exp())
}

/// Scores with these factors.
fn plainly_by(
    q: ArrayView2<f64>,
    k: ArrayView2<f64>,
    factor: impl Fn(usize, usize, usize) -> f64,
) -> Array2<f64> {
    Array2::from_shape_fn((q.nrows(), q.nrows()), |(i, j)| {
        let of = |c: usize| q[[i, c]] * k[[j, c]] * factor(i, j, c);
        if j > i { 0.0 } else { (0..q.ncols()).map(of).sum() }
    })
}

/// The sums of the rows up to each.
fn sums(log_gates: ArrayView2<f64>) -> Array2<f64> {
    let mut sums = log_gates.to_owned();
    for i in 1..sums.nrows() {
        let before = sums.row(i - 1).to_owned();
        sums.row_mut(i).zip_mut_with(&before, |x, y| *x += y);
    }
    sums
}

fn causal(mut scores: Array2<f64>) -> Array2<f64> {
    scores.indexed_iter_mut().for_each(|((i, j), x)| *x = if j <= i { *x } else { 0.0 });
    scores
}
