//! 3.4 `dropout` on the weights

use crate::softmax_rows;
use attn_core::random::Random;
use attn_exercise::{exercise, field, pairwise};
use ndarray::{Array2, ArrayView2, Axis, Zip, array};

exercise! {
    /// Weights n×m, the probability of dropping one, and the seed of the draws.
    crate::dropout: (weights: Array2<f32>[n m], p: f32, seed: u64) -> Array2<f32>;

    exact: |c| {
        let keep = |&w: &f32, &draw: &f32| if draw < c.p { 0.0 } else { f64::from(w) / (1.0 - f64::from(c.p)) };
        Zip::from(&c.weights).and(&draws(c.weights.view(), c.seed)).map_collect(keep)
    };
    steps: |c| [field("draws", &draws(c.weights.view(), c.seed))];

    cases: |random| {
        let mut of = |(n, m), p, seed| case("", (softmax_rows(random.normal((n, m)).view()), p, seed));
        let mut cases = vec![
            case("by hand: 1/2 or nothing", (array![[0.25, 0.25, 0.25, 0.25]], 0.5, 1)),
            of((3, 4), 0.0, 2),
            of((4, 6), 0.25, 3),
            of((4, 6), 0.25, 4),
            of((3, 3), 1.0, 5),
            of((33, 31), 0.1, 6),
            of((127, 129), 0.9, 7),
            of((127, 129), 0.999, 9),
            case("the first draw is p", (array![[0.25, 0.25, 0.25, 0.25]], Random::new(1).uniform(4)[0], 1)),
        ];
        cases.extend(pairwise([3, 3, 3]).into_iter().map(|[n, m, p]| {
            of((n + 1, m + 1), [0.25, 0.5, 0.75][p], 8)
        }));
        cases
    };

    never {
        "weights large": "a weight is at most 1";
        "weights tiny": "the weights of a row sum to 1";
    }

    right (weights, p, seed) {
        "in place" => {
            let mut kept = weights.to_owned();
            kept.zip_mut_with(&draws(weights, seed), |w, &draw| *w = if draw >= p { *w / (1.0 - p) } else { 0.0 });
            kept
        };
        "nested loops, f64" => {
            let draws = Random::new(seed).uniform((weights.nrows(), weights.ncols()));
            let mut kept = Array2::zeros(weights.dim());
            for i in 0..weights.nrows() {
                for j in 0..weights.ncols() {
                    if draws[[i, j]] >= p {
                        kept[[i, j]] = (f64::from(weights[[i, j]]) / (1.0 - f64::from(p))) as f32;
                    }
                }
            }
            kept
        };
        "a mask of factors" => {
            let scale = if p < 1.0 { 1.0 / (1.0 - p) } else { 0.0 };
            &weights * &draws(weights, seed).mapv(|draw| f32::from(u8::from(draw >= p)) * scale)
        };
    }

    mistakes (weights, p, seed) {
        "no-rescale": "the weights that remain are not scaled by 1/(1 − p), so that the expectation shrinks"
            => keeping(weights, seed, 1.0, |draw| draw >= p);
        "by-p": "the weights that remain are divided by p instead of 1 − p"
            => keeping(weights, seed, 1.0 / p, |draw| draw >= p);
        "times-1-p": "the weights that remain are multiplied by 1 − p instead of divided"
            => keeping(weights, seed, 1.0 - p, |draw| draw >= p);
        "keeps-the-dropped": "the comparison is the wrong way round: the weights with draws below p are kept"
            => keeping(weights, seed, 1.0 / (1.0 - p), |draw| draw < p);
        "p-keeps": "p is read as the probability of keeping a weight; it is the probability of dropping one"
            => keeping(weights, seed, 1.0 / p, |draw| draw < p);
        "drops-nothing": "no weight is dropped"
            => weights.to_owned();
        "scales-all": "no weight is dropped, and all are scaled by 1/(1 − p)"
            => keeping(weights, seed, 1.0 / (1.0 - p), |_| true);
        "renormalised": "each row is divided by its new sum; inverted dropout leaves the rows' sums as they fall"
            => {
                let kept = keeping(weights, seed, 1.0, |draw| draw >= p);
                let sums = kept.sum_axis(Axis(1)).mapv(|s| if s > 0.0 { s } else { 1.0 });
                kept / sums.insert_axis(Axis(1))
            };
        "seed-ignored": "the draws do not come from the given seed"
            => crate::dropout(weights, p, 0);
        "whole-rows": "one draw decides for a whole row"
            => {
                let mut result = &weights / (1.0 - p);
                for (mut row, draws) in result.rows_mut().into_iter().zip(draws(weights, seed).rows()) {
                    if draws[0] < p {
                        row.fill(0.0);
                    }
                }
                result
            };
        "nan-at-one": "a dropped weight is multiplied by 0/(1 − p), which is NaN at p = 1"
            => {
                let keep = draws(weights, seed).mapv(|draw| if draw < p { 0.0 } else { 1.0 });
                &weights * &(keep / (1.0 - p))
            };
        "drops-at-p": "a weight whose draw is p is dropped; it is kept where its draw is at least p"
            => keeping(weights, seed, 1.0 / (1.0 - p), |draw| draw > p);
        "keeps-all": "the weights that should be dropped are kept unscaled, instead of set to zero"
            => Zip::from(weights).and(&draws(weights, seed)).map_collect(|&w, &draw| if draw < p { w } else { w / (1.0 - p) });
        "epsilon": "a small number, 1e-3, is added to 1 − p"
            => keeping(weights, seed, 1.0 / (1.0 - p + 1e-3), |draw| draw >= p);
        "whole-columns": "one draw decides for a whole column: every row uses the draws of the first"
            => {
                let draws = draws(weights, seed);
                Array2::from_shape_fn(weights.raw_dim(), |(i, j)| if draws[[0, j]] < p { 0.0 } else { weights[[i, j]] / (1.0 - p) })
            };
        "draws-transposed": "the draws are made as m×n and read transposed; one n×m array of them is right"
            => {
                let draws = draws(weights.t(), seed);
                Array2::from_shape_fn(weights.raw_dim(), |(i, j)| if draws[[j, i]] < p { 0.0 } else { weights[[i, j]] / (1.0 - p) })
            };
        "share-kept": "the weights that remain are divided by the share that happened to remain, instead of 1 − p"
            => {
                let draws = draws(weights, seed);
                let share = draws.iter().filter(|&&draw| draw >= p).count() as f32 / draws.len() as f32;
                keeping(weights, seed, 1.0 / share, |draw| draw >= p)
            };
        "one-minus-draw": "1 − draw is compared with p instead of the draw itself"
            => keeping(weights, seed, 1.0 / (1.0 - p), |draw| 1.0 - draw >= p);
    }
}

fn draws(weights: ArrayView2<f32>, seed: u64) -> Array2<f32> {
    Random::new(seed).uniform(weights.raw_dim())
}

/// Keeps a weight where `keep(draw)`, multiplied by `scale`.
fn keeping(
    weights: ArrayView2<f32>,
    seed: u64,
    scale: f32,
    keep: impl Fn(f32) -> bool,
) -> Array2<f32> {
    Zip::from(weights)
        .and(&draws(weights, seed))
        .map_collect(|&w, &draw| if keep(draw) { w * scale } else { 0.0 })
}
