//! 1.10 `top_softmax`

use crate::oracle;
use attn_exercise::{exercise, field, judge::require, pairwise, some_values};
use ndarray::{Array1, ArrayView1, NdFloat, array};

exercise! {
    /// Scores, m, and how many of them to keep.
    crate::top_softmax: (scores: Array1<f32>[m], keep: usize[keep]) -> Array1<f32>;

    exact: |c| by_rank::<f64>(c.scores.view(), c.keep);
    plain: |c| [by_rank::<f32>(c.scores.view(), c.keep), c.call(from_all)];
    first: |c, weights| {
        let given = weights.iter().filter(|&&w| w != 0.0).count();
        require(given <= c.keep, || format!("{given} weights are not 0, at most {} should be", c.keep))?;
        let any = c.keep > 0 && c.scores.iter().any(|s| s.is_finite());
        let (sum, right) = (weights.sum(), if any { 1.0 } else { 0.0 });
        require((sum - right).abs() < 1e-4, || format!("the weights sum to {sum:.4}, should sum to {right}"))
    };
    steps: |c| {
        let kept = order(c.scores.view(), c.keep);
        let scores: Array1<f32> = kept.iter().map(|&j| c.scores[j]).collect();
        [field("the places of the kept scores, the largest first", &kept), field("their scores", &scores)]
    };

    cases: |random| {
        let (ln3, none) = (3.0_f32.ln(), f32::NEG_INFINITY);
        let mut cases = vec![
            case("by hand: weights 3/4 and 1/4", (array![0.0, ln3, -1.0, 0.0], 2)),
            case("the relevances of the book, the best three", (array![8.0, 4.0, 4.0, 2.0, 2.0], 3)),
            case("the second of three equals does not fit in", (array![2.0, 5.0, 2.0, 2.0], 2)),
            case("nothing is kept", (random.normal(4), 0)),
            case("there are fewer scores than may be kept", (random.normal(3), 7)),
            case("all are kept", (random.normal(6), 6)),
            case("some scores are −∞", (array![none, 1.0, none, 0.5, -2.0], 2)),
            case("two are kept, one score is not −∞", (array![none, none, -3.0, none], 2)),
            case("all scores are −∞", (array![none, none, none], 2)),
            case("all scores are −∞, and more may be kept", (array![none, none, none], 5)),
            case("many equal scores", (Array1::from_shape_fn(60, |j| (j * 7 % 3) as f32), 25)),
            case("all below zero", (random.normal(9).mapv(|s: f32| -3.0 - s.abs()), 3)),
            case("the largest magnitudes are below zero", (array![-9.0, 1.0, -8.0, 0.5, 2.0, -7.0], 3)),
            case("the best stand last", (array![-1.0, 0.0, 0.5, 1.0, 3.0], 2)),
            case("the best stand first", (array![3.0, 2.5, 0.0, -1.0], 2)),
            case("a score of 0 among scores below it", (array![-2.0, 0.0, -1.0, -3.0], 2)),
            case("all near −70", (random.normal(6) - 70.0, 3)),
            case("standard normal", (random.normal(33), 5)),
            case("standard normal", (random.normal(129), 64)),
        ];
        for [m, keep, kind] in pairwise([4, 4, 3]) {
            cases.push(case("small", (some_values([0, 2, 3][kind], m + 1, random), keep + 1)));
        }
        cases
    };

    never {
        "scores large": "scores lie between −80 and 80, or are −∞";
    }

    right (scores, keep) {
        "by rank, without a sort" => by_rank::<f32>(scores, keep);
        "softmax of all, then divided by what is kept" => from_all(scores, keep);
        "the best one, again and again" => {
            let mut left = scores.to_owned();
            let mut exp = Array1::zeros(scores.len());
            for _ in 0..keep.min(scores.len()) {
                let best = super::attend_all::largest(&left);
                exp[best] = left[best].exp(); // 0 for −∞
                left[best] = f32::NEG_INFINITY;
            }
            let sum = exp.sum();
            if sum == 0.0 { exp } else { exp / sum }
        };
        "−∞ for the rest" => {
            let kept = order(scores, keep);
            let masked = Array1::from_shape_fn(scores.len(), |j| if kept.contains(&j) { scores[j] } else { f32::NEG_INFINITY });
            let exp = masked.exp();
            let sum = exp.sum();
            exp.mapv(|e| if e == 0.0 { 0.0 } else { e / sum })
        };
    }

    mistakes (scores, keep) {
        "all": "all scores are kept: that is the softmax of 1.1"
            => safe_softmax(scores);
        "not-again": "the softmax runs over all scores, and the weights of those that are not kept are set to 0 afterwards: the others then sum to less than 1"
            => {
                let (kept, all) = (order(scores, keep), safe_softmax(scores));
                Array1::from_shape_fn(scores.len(), |j| if kept.contains(&j) { all[j] } else { 0.0 })
            };
        "zeros": "the scores that are not kept are set to 0 before the softmax, and take a share of e⁰ each: they would have to be −∞, or not be there"
            => {
                let kept = order(scores, keep);
                safe_softmax(Array1::from_shape_fn(scores.len(), |j| if kept.contains(&j) { scores[j] } else { 0.0 }).view())
            };
        "threshold": "every score that is at least the last kept one is kept: where scores are equal, those are too many"
            => from_threshold(scores, keep, |s, last| s >= last);
        "strict-threshold": "only scores above the last one that is to be kept are kept: that one is missing, and all its equals"
            => from_threshold(scores, keep, |s, last| s > last);
        "later-first": "of equal scores the later ones are kept: the earlier come first"
            => {
                let mut order: Vec<usize> = (0..scores.len()).rev().filter(|&j| scores[j].is_finite()).collect();
                order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
                order.truncate(keep);
                among(scores, &order)
            };
        "smallest": "the smallest scores are kept: the sort runs upwards"
            => {
                let mut order: Vec<usize> = (0..scores.len()).filter(|&j| scores[j].is_finite()).collect();
                order.sort_by(|&a, &b| scores[a].total_cmp(&scores[b]));
                order.truncate(keep);
                among(scores, &order)
            };
        "first-places": "the first scores are kept, as many as are to be kept, and not the largest"
            => among(scores, &(0..keep.min(scores.len())).collect::<Vec<_>>());
        "last-places": "the last scores are kept, as many as are to be kept, and not the largest"
            => among(scores, &(scores.len().saturating_sub(keep)..scores.len()).collect::<Vec<_>>());
        "by-magnitude": "the scores of the largest magnitude are kept: a score far below zero is a bad one"
            => {
                let mut order: Vec<usize> = (0..scores.len()).filter(|&j| scores[j].is_finite()).collect();
                order.sort_by(|&a, &b| scores[b].abs().total_cmp(&scores[a].abs()));
                order.truncate(keep);
                among(scores, &order)
            };
        "sorted": "the weights come in the order of the sorted scores: each belongs at the place of its score"
            => {
                let mut weights = crate::top_softmax(scores, keep).to_vec();
                weights.sort_by(|a, b| b.total_cmp(a));
                Array1::from(weights)
            };
        "only-the-kept": "the result holds the kept weights alone; it has to be as long as the scores, with 0 for all others"
            => {
                let weights = crate::top_softmax(scores, keep);
                let mut kept = order(scores, keep);
                kept.sort_unstable();
                kept.iter().map(|&j| weights[j]).collect()
            };
        "only-the-kept, sorted": "the result holds the kept weights alone, the largest first; it has to be as long as the scores, with 0 for all others"
            => {
                let weights = crate::top_softmax(scores, keep);
                order(scores, keep).iter().map(|&j| weights[j]).collect()
            };
        "one-more": "one score more than asked for is kept"
            => crate::top_softmax(scores, keep + 1);
        "one-less": "one score less than asked for is kept"
            => crate::top_softmax(scores, keep.saturating_sub(1));
        "at-least-one": "one score is kept even where none is to be kept"
            => crate::top_softmax(scores, keep.max(1));
        "best-only": "only the best score is kept, however many are to be kept"
            => crate::top_softmax(scores, keep.min(1));
        "even": "the kept scores all get the same weight"
            => {
                let kept = order(scores, keep);
                Array1::from_shape_fn(scores.len(), |j| if kept.contains(&j) { 1.0 / kept.len() as f32 } else { 0.0 })
            };
        "even over keep": "the kept scores all get the same weight, 1 divided by how many may be kept"
            => {
                let kept = order(scores, keep);
                Array1::from_shape_fn(scores.len(), |j| if kept.contains(&j) { 1.0 / keep as f32 } else { 0.0 })
            };
        "by-the-sum": "the kept scores are divided by their sum instead of going through the softmax"
            => {
                let kept = order(scores, keep);
                let sum: f32 = kept.iter().map(|&j| scores[j]).sum();
                Array1::from_shape_fn(scores.len(), |j| if kept.contains(&j) { scores[j] / sum } else { 0.0 })
            };
        "no-division": "the exponentials of the kept scores are not divided by their sum"
            => {
                let kept = order(scores, keep);
                Array1::from_shape_fn(scores.len(), |j| if kept.contains(&j) { scores[j].exp() } else { 0.0 })
            };
        "no-softmax": "the kept scores are returned, without the softmax"
            => {
                let kept = order(scores, keep);
                Array1::from_shape_fn(scores.len(), |j| if kept.contains(&j) { scores[j] } else { 0.0 })
            };
        "nan": "where nothing is kept, 0 is divided by 0: all weights have to be 0 there"
            => {
                let kept = order(scores, keep);
                let exp = Array1::from_shape_fn(scores.len(), |j| if kept.contains(&j) { scores[j].exp() } else { 0.0 });
                &exp / exp.sum()
            };
        "−1e9": "the scores that are not kept are set to −1e9 before the softmax: where nothing is kept, all get the same weight"
            => {
                let kept = order(scores, keep);
                as_written(Array1::from_shape_fn(scores.len(), |j| if kept.contains(&j) { scores[j] } else { -1e9 }).view())
            };
        "−∞ as well": "where fewer scores than may be kept are above −∞, scores of −∞ are counted in, and −∞ − (−∞) is no number"
            => {
                let mut order: Vec<usize> = (0..scores.len()).collect();
                order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
                order.truncate(keep);
                let last = order.iter().map(|&j| scores[j]).fold(f32::INFINITY, f32::min);
                let sum: f32 = order.iter().map(|&j| (scores[j] - last).exp()).sum();
                let mut weights = Array1::zeros(scores.len());
                for &j in &order {
                    weights[j] = (scores[j] - last).exp() / sum;
                }
                weights
            };
    }

    within {
        softmax: |softmax, (scores, keep)| {
            let kept = order(scores, keep);
            let best: Array1<f32> = kept.iter().map(|&j| scores[j]).collect();
            let mut weights = Array1::zeros(scores.len());
            for (&j, weight) in kept.iter().zip(softmax(best.view())) {
                weights[j] = weight;
            }
            weights
        };
    }
}

/// A score is kept if fewer than `keep` stand before it: those that are larger, and equal ones that
/// come earlier.
fn by_rank<F: NdFloat>(scores: ArrayView1<f32>, keep: usize) -> Array1<F> {
    let kept = |j: usize| {
        let before = |l: usize| scores[l] > scores[j] || scores[l] == scores[j] && l < j;
        (0..scores.len()).filter(|&l| before(l)).count() < keep
    };
    let rows = oracle::vector::<F>(scores);
    let masked: Vec<F> =
        (0..rows.len()).map(|j| if kept(j) { rows[j] } else { F::neg_infinity() }).collect();
    Array1::from(attn_oracle::softmax(&masked).1)
}

/// Right as well: the softmax of all, of which what is kept is divided by its own sum.
fn from_all(scores: ArrayView1<f32>, keep: usize) -> Array1<f32> {
    let mut weights = Array1::zeros(scores.len());
    let exp = scores.exp();
    for j in order(scores, keep) {
        weights[j] = exp[j] / exp.sum();
    }
    let sum = weights.sum();
    if sum == 0.0 { weights } else { weights / sum }
}

/// The places of the scores that are kept, the largest first.
fn order(scores: ArrayView1<f32>, keep: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..scores.len()).filter(|&j| scores[j].is_finite()).collect();
    order.sort_by(|&a, &b| scores[b].partial_cmp(&scores[a]).expect("no NaN"));
    order.truncate(keep);
    order
}

/// The softmax of the scores at these places.
fn among(scores: ArrayView1<f32>, kept: &[usize]) -> Array1<f32> {
    let masked = Array1::from_shape_fn(scores.len(), |j| {
        if kept.contains(&j) { scores[j] } else { f32::NEG_INFINITY }
    });
    safe_softmax(masked.view())
}

/// Keeps what `is_kept` says of a score and the last one that is to be kept.
fn from_threshold(
    scores: ArrayView1<f32>,
    keep: usize,
    is_kept: fn(f32, f32) -> bool,
) -> Array1<f32> {
    let mut sorted = scores.to_vec();
    sorted.sort_by(|a, b| b.total_cmp(a));
    let last = match keep.min(sorted.len()) {
        0 => return Array1::zeros(scores.len()),
        keep => sorted[keep - 1],
    };
    safe_softmax(scores.mapv(|s| if is_kept(s, last) { s } else { f32::NEG_INFINITY }).view())
}

/// Zeros where every score is −∞.
fn safe_softmax(scores: ArrayView1<f32>) -> Array1<f32> {
    let exp = scores.exp();
    let sum = exp.sum();
    if sum == 0.0 { exp } else { exp / sum }
}

fn as_written(scores: ArrayView1<f32>) -> Array1<f32> {
    let largest = scores.fold(f32::NEG_INFINITY, |most, &s| most.max(s));
    let exp = scores.mapv(|s| (s - largest).exp());
    &exp / exp.sum()
}
