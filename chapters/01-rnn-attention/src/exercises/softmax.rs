//! 1.1 `softmax`

use attn_exercise::{exercise, field, judge::require, pairwise, some_values};
use ndarray::{Array1, ArrayView1, NdFloat, array};

exercise! {
    /// Scores, m.
    crate::softmax: (scores: Array1<f32>[m]) -> Array1<f32>;

    exact: |c| loops::<f64>(c.scores.view());
    plain: |c| [loops::<f32>(c.scores.view()), as_written(c.scores.view()), by_log_of_sum(c.scores.view())];
    first: |_c, weights| {
        let sum = weights.sum();
        require((sum - 1.0).abs() < 1e-4, || format!("the weights sum to {sum:.4}, should sum to 1"))
    };
    steps: |c| [field("exp(scores)", &c.scores.exp()), field("their sum", c.scores.exp().sum())];

    cases: |random| {
        let mut cases = vec![
            case("by hand: weights 1/7, 2/7, 4/7", (array![0.0, 2.0_f32.ln(), 4.0_f32.ln()],)),
            case("the relevances of the book", (array![8.0, 4.0, 4.0, 2.0, 2.0],)),
            case("a single score", (random.normal(1),)),
            case("equal scores", (Array1::from_elem(4, -1.5),)),
            case("standard normal", (random.normal(7),)),
            case("all below zero", (random.normal(31).mapv(|s: f32| -3.0 - s.abs()),)),
            case("standard normal", (random.normal(33),)),
            case("wide", (random.normal(129) * 5.0,)),
            case("all near −80", (random.normal(5) - 76.0,)),
            case("all near 75", (random.normal(5) + 75.0,)),
            case("the last score above all others", (array![-80.0, -80.0, -80.0, -80.0, 80.0],)),
            case("the first score above all others", (array![80.0, -80.0, -80.0, -80.0, -80.0],)),
            case("one score below all others", (array![80.0, 80.0, -80.0, 80.0],)),
        ];
        cases.extend(pairwise([3, 3]).into_iter().map(|[m, kind]| {
            case("small", (some_values([0, 2, 3][kind], m + 1, random),))
        }));
        cases
    };

    never {
        "scores large": "scores lie between −80 and 80";
    }

    right (scores) {
        "as written" => as_written(scores);
        "in f64" => in_f64(scores);
        "exp(s − ln Σ)" => by_log_of_sum(scores);
        "a loop from the end, and the reciprocal" => {
            let mut weights = Array1::zeros(scores.len());
            let mut sum = 0.0;
            for j in (0..scores.len()).rev() {
                weights[j] = scores[j].exp();
                sum += weights[j];
            }
            weights * sum.recip()
        };
    }

    mistakes (scores) {
        "by-the-sum": "the scores themselves are divided by their sum: the other meaning of “normalise”, without exp"
            => scores.to_owned() / scores.sum();
        "no-division": "the exponentials are not divided by their sum"
            => scores.exp();
        "divided-before-exp": "the scores are divided by their sum first and exp is taken afterwards"
            => (scores.to_owned() / scores.sum()).exp();
        "by-the-sum-of-scores": "the exponentials are divided by the sum of the scores instead of the sum of the exponentials"
            => scores.exp() / scores.sum();
        "by-the-largest": "the exponentials are divided by the largest of them instead of their sum"
            => scores.exp() / largest(scores).exp();
        "by-the-count": "the exponentials are divided by how many there are instead of their sum"
            => scores.exp() / scores.len() as f32;
        "epsilon": "a small number is added to the sum: where all scores are far below zero it is larger than the sum itself"
            => scores.exp() / (scores.exp().sum() + 1e-8);
        "epsilon 1e-12": "a small number is added to the sum: where all scores are far below zero it is larger than the sum itself"
            => scores.exp() / (scores.exp().sum() + 1e-12);
        "epsilon 1e-10": "a small number is added to the sum: where all scores are far below zero it is larger than the sum itself"
            => scores.exp() / (scores.exp().sum() + 1e-10);
        "epsilon 1e-9": "a small number is added to the sum: where all scores are far below zero it is larger than the sum itself"
            => scores.exp() / (scores.exp().sum() + 1e-9);
        "epsilon 1e-7": "a small number is added to the sum: where all scores are far below zero it is larger than the sum itself"
            => scores.exp() / (scores.exp().sum() + 1e-7);
        "epsilon 1e-6": "a small number is added to the sum: where all scores are far below zero it is larger than the sum itself"
            => scores.exp() / (scores.exp().sum() + 1e-6);
        "minus": "exp is taken of −score, so that the least relevant gets the largest weight"
            => crate::softmax((-&scores).view());
        "mean-subtracted": "the mean of the scores is subtracted before exp: a score far above it overflows"
            => as_written((&scores - scores.mean().unwrap_or(0.0)).view());
        "least-subtracted": "the smallest score is subtracted before exp: a score far above it overflows"
            => as_written((&scores + largest((-&scores).view())).view());
        "first-subtracted": "the first score is subtracted before exp: a score far above it overflows"
            => as_written((&scores - scores[0]).view());
        "winner-takes-all": "the largest score gets the weight 1 and all others 0: that is the maximum, not its soft form"
            => {
                let mut weights = Array1::zeros(scores.len());
                let first = scores.iter().position(|&s| s == largest(scores));
                weights[first.unwrap_or(0)] = 1.0;
                weights
            };
        "powers-of-two": "2 is raised to the scores instead of e"
            => scores.exp2() / scores.exp2().sum();
        "log": "the logarithms of the weights are returned instead of the weights"
            => &scores - scores.exp().sum().ln();
        "log-of-weights": "the logarithms of the weights are returned instead of the weights"
            => crate::softmax(scores).ln();
        "by-the-length": "the exponentials are divided by the root of the sum of their squares instead of their sum"
            => scores.exp() / scores.exp().mapv(|e| e * e).sum().sqrt();
        "by-the-sum-of-magnitudes": "the scores are divided by the sum of their magnitudes, without exp"
            => scores.to_owned() / scores.abs().sum();
    }
}

fn loops<F: NdFloat>(scores: ArrayView1<f32>) -> Array1<F> {
    let scores = crate::oracle::vector(scores);
    Array1::from(attn_oracle::softmax(&scores).1)
}

fn as_written(scores: ArrayView1<f32>) -> Array1<f32> {
    let exp = scores.mapv(f32::exp);
    &exp / exp.sum()
}

/// Right too, and a little less exact far from zero.
fn by_log_of_sum(scores: ArrayView1<f32>) -> Array1<f32> {
    let log_sum = scores.iter().map(|s| s.exp()).sum::<f32>().ln();
    scores.mapv(|s| (s - log_sum).exp())
}

pub(super) fn in_f64(scores: ArrayView1<f32>) -> Array1<f32> {
    let exp: Vec<f64> = scores.iter().map(|&s| f64::from(s).exp()).collect();
    let sum: f64 = exp.iter().rev().sum();
    exp.iter().map(|e| (e / sum) as f32).collect()
}

fn largest(scores: ArrayView1<f32>) -> f32 {
    scores.fold(f32::NEG_INFINITY, |most, &s| most.max(s))
}
