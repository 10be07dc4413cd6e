//! 1.9 `teacher_forcing`

use crate::oracle;
use attn_exercise::{Field, exercise, field, fields, judge::require, pairwise, some_values};
use ndarray::{Array1, Array2, ArrayView1, NdFloat, array};
use serde::{Deserialize, Serialize};

/// The loss, and the tokens that the decoder was fed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Answer {
    loss: f32,
    fed: Vec<usize>,
}

fields! { Answer { loss, fed } }

exercise! {
    /// A decoder whose logits depend on the token that it is fed: row `token` of `logits`.
    crate::teacher_forcing as fn(&mut dyn FnMut(usize) -> Array1<f32>, usize, &[usize]) -> f32: (
        logits: Array2<f32>[vocab vocab], start: usize, targets: Vec<usize>[n],
    ) -> Answer;

    answer: |teacher_forcing, c| {
        let mut fed = Vec::new();
        let mut step = |token: usize| {
            fed.push(token);
            c.logits.row(token).to_owned()
        };
        let loss = teacher_forcing(&mut step, c.start, &c.targets);
        Answer { loss, fed }
    };

    exact: |c| loss::<f64>(c);
    plain: |c| [
        loss::<f32>(c),
        vec![field("loss", by_log_sum_exp(&mut |token| c.logits.row(token).to_owned(), c.start, &c.targets))],
    ];
    first: |c, answer| {
        let right = fed(c.start, &c.targets);
        require(answer.fed == right, || format!("the decoder was fed {:?}, should be fed {right:?}", answer.fed))
    };
    steps: |c| {
        let p = |(&fed, &target): (&usize, &usize)| crate::softmax(c.logits.row(fed))[target];
        let fed = fed(c.start, &c.targets);
        let p: Array1<f32> = fed.iter().zip(&c.targets).map(p).collect();
        [
            field("what the decoder should be fed", &fed),
            field("p of each target", &p),
            field("−ln p", &p.mapv(|p| -p.ln())),
        ]
    };

    cases: |random| {
        let (ln2, ln3, ln4) = (2.0_f32.ln(), 3.0_f32.ln(), 4.0_f32.ln());
        let book = array![[0.0, 0.0, ln2], [ln4, ln3, 0.0], [0.0, 0.0, 0.0]];
        let mut of = |about, v, start, targets| case(about, (random.normal((v, v)), start, targets));
        let mut cases = vec![
            case("by hand: p = 1/4 and 1/2, loss (ln 8)/2", (book, 0, vec![1, 0])),
            of("one target", 5, 2, vec![3]),
            case("a target of probability e⁻⁷⁰", (array![[0.0, 70.0], [0.0, 0.0]], 0, vec![0])),
            of("standard normal", 5, 0, vec![3, 3, 1, 4]),
            of("standard normal", 7, 6, vec![0, 2, 5, 5, 1, 3, 6]),
            of("standard normal", 33, 1, (0..31).map(|t| t * 7 % 33).collect()),
        ];
        for [v, n, kind] in pairwise([3, 3, 3]) {
            let v = v + 2;
            let logits = some_values([0, 2, 3][kind], (v, v), random);
            let targets = (0..n + 1).map(|_| random.below(v)).collect();
            cases.push(case("small", (logits, random.below(v), targets)));
        }
        cases
    };

    never {
        "vocab = 1": "with a single token there is nothing to predict";
        "logits large": "the logits lie between −80 and 80, as the scores of the softmax";
    }

    right (step, start, targets) {
        "log-sum-exp" => by_log_sum_exp(step, start, targets);
        "by index, in f64" => {
            let mut loss = 0.0;
            for (t, &target) in targets.iter().enumerate() {
                let logits = step(if t == 0 { start } else { targets[t - 1] });
                let exp = logits.mapv(|s| f64::from(s).exp());
                loss -= (exp[target] / exp.sum()).ln();
            }
            (loss / targets.len() as f64) as f32
        };
    }

    mistakes (step, start, targets) {
        "own-choice": "the decoder is fed its own choice instead of the true token: that is greedy decoding"
            => {
                let (mut loss, mut token) = (0.0, start);
                for &target in targets {
                    let p = crate::softmax(step(token).view());
                    loss -= p[target].ln();
                    token = super::attend_all::largest(&p);
                }
                loss / targets.len() as f32
            };
        "not-shifted": "at each step the decoder is fed the very token that it should predict: the inputs have to be one step behind"
            => -mean(each(step, targets, targets, |p, target| p[target].ln()));
        "fed-once-more": "the decoder is fed the last target too, for logits that nobody uses"
            => {
                let loss = crate::teacher_forcing(step, start, targets);
                step(targets[targets.len() - 1]);
                loss
            };
        "likeliest": "the probability of the likeliest token is taken instead of the target's"
            => -mean(each(step, &fed(start, targets), targets, |p, _| p.fold(0.0_f32, |most, &p| most.max(p)).ln()));
        "of-the-fed-token": "the probability of the token that is fed is taken instead of the target's"
            => {
                let fed = fed(start, targets);
                -mean(each(step, &fed, &fed, |p, fed| p[fed].ln()))
            };
        "one-less": "the sum is divided by n − 1 instead of n"
            => -probabilities(step, start, targets).ln().sum() / (targets.len() as f32 - 1.0);
        "epsilon": "a small number is added inside the logarithm: an unlikely target then costs too little"
            => -mean((probabilities(step, start, targets) + 1e-8).ln());
        "epsilon 1e-12": "a small number is added inside the logarithm: an unlikely target then costs too little"
            => -mean((probabilities(step, start, targets) + 1e-12).ln());
        "epsilon 1e-10": "a small number is added inside the logarithm: an unlikely target then costs too little"
            => -mean((probabilities(step, start, targets) + 1e-10).ln());
        "epsilon 1e-9": "a small number is added inside the logarithm: an unlikely target then costs too little"
            => -mean((probabilities(step, start, targets) + 1e-9).ln());
        "epsilon 1e-7": "a small number is added inside the logarithm: an unlikely target then costs too little"
            => -mean((probabilities(step, start, targets) + 1e-7).ln());
        "epsilon of f32": "a small number is added inside the logarithm: an unlikely target then costs too little"
            => -mean((probabilities(step, start, targets) + f32::EPSILON).ln());
        "epsilon 1e-6": "a small number is added inside the logarithm: an unlikely target then costs too little"
            => -mean((probabilities(step, start, targets) + 1e-6).ln());
        "start-again": "the start token is fed at every step"
            => -mean(each(step, &vec![start; targets.len()], targets, |p, target| p[target].ln()));
        "sum": "the losses are added up, but not divided by their number"
            => -probabilities(step, start, targets).ln().sum();
        "sign": "the sign is missing: a mean of logarithms of probabilities is below zero, a loss above"
            => mean(probabilities(step, start, targets).ln());
        "no-softmax": "the logits are used as if they were logarithms of probabilities: the softmax is missing"
            => {
                let logits = fed(start, targets).into_iter().zip(targets).map(|(fed, &target)| step(fed)[target]);
                -logits.sum::<f32>() / targets.len() as f32
            };
        "no-logarithm": "the mean of 1 − p is returned: the logarithm is missing"
            => mean(1.0 - probabilities(step, start, targets));
        "mean-probability": "the mean of the probabilities is returned: the logarithm and its sign are missing"
            => mean(probabilities(step, start, targets));
        "bits": "the logarithm is to the base 2 (bits), not e (nats)"
            => -mean(probabilities(step, start, targets).log2());
        "log-of-the-mean": "the logarithm of the mean probability is taken instead of the mean of the logarithms"
            => -mean(probabilities(step, start, targets)).ln();
        "perplexity": "exp of the loss is returned: that is the perplexity"
            => crate::teacher_forcing(step, start, targets).exp();
        "one-more": "the sum is divided by n + 1 instead of n"
            => -probabilities(step, start, targets).ln().sum() / (targets.len() as f32 + 1.0);
    }

    within {
        softmax: |softmax, (logits, start, targets)| {
            let fed = fed(start, targets);
            let p = fed.iter().zip(targets).map(|(&fed, &target)| softmax(logits.row(fed))[target]);
            let loss = -mean(p.collect::<Array1<f32>>().ln());
            Answer { loss, fed }
        };
    }
}

/// `start`, and the targets but for the last.
fn fed(start: usize, targets: &[usize]) -> Vec<usize> {
    [&[start], &targets[..targets.len() - 1]].concat()
}

/// The loss in plain loops.
fn loss<F: NdFloat + Into<f64>>(case: &Case) -> Vec<Field> {
    let rows: Vec<ArrayView1<f32>> =
        fed(case.start, &case.targets).into_iter().map(|token| case.logits.row(token)).collect();
    let loss: f64 = oracle::loss::<F>(&rows, &case.targets).into();
    vec![field("loss", loss)]
}

/// `ln Σ exp − logit`, without a probability.
fn by_log_sum_exp(
    step: &mut dyn FnMut(usize) -> Array1<f32>,
    start: usize,
    targets: &[usize],
) -> f32 {
    let losses = fed(start, targets).into_iter().zip(targets).map(|(fed, &target)| {
        let logits = step(fed);
        logits.exp().sum().ln() - logits[target]
    });
    losses.sum::<f32>() / targets.len() as f32
}

/// What `of` makes of the probabilities after each token that is `fed`, and of the target.
fn each(
    step: &mut dyn FnMut(usize) -> Array1<f32>,
    fed: &[usize],
    targets: &[usize],
    of: impl Fn(Array1<f32>, usize) -> f32,
) -> Array1<f32> {
    let of = |(&fed, &target)| of(crate::softmax(step(fed).view()), target);
    fed.iter().zip(targets).map(of).collect()
}

/// The probabilities that the decoder gives to the targets when it is fed the truth.
fn probabilities(
    step: &mut dyn FnMut(usize) -> Array1<f32>,
    start: usize,
    targets: &[usize],
) -> Array1<f32> {
    each(step, &fed(start, targets), targets, |p, target| p[target])
}

fn mean(x: Array1<f32>) -> f32 {
    x.sum() / x.len() as f32
}
