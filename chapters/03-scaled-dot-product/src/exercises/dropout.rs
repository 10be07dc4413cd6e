//! 3.4 `dropout` on the weights

use crate::softmax_rows;
use attn_core::random::Random;
use attn_exercise::{exercise, field, pairwise};
use ndarray::{Array2, ArrayView2, Axis, Zip, array, s};

exercise! {
    /// Weights n×m, the probability of dropping one, the seed of the draws, and which row of the whole table is the
    /// first.
    crate::dropout: (weights: Array2<f32>[n m], p: f32, seed: u64, first_row: usize) -> Array2<f32>;

    exact: |c| {
        // One draw after the other, from the first of the table on.
        let mut random = Random::new(c.seed);
        let (n, m) = c.weights.dim();
        let mut kept = Array2::zeros((n, m));
        for i in 0..c.first_row + n {
            for j in 0..m {
                let draw = random.uniform(1)[0];
                if i >= c.first_row && draw >= c.p {
                    kept[[i - c.first_row, j]] = f64::from(c.weights[[i - c.first_row, j]]) / (1.0 - f64::from(c.p));
                }
            }
        }
        kept
    };
    steps: |c| [field("draws", &draws(c.weights.view(), c.seed, c.first_row))];

    cases: |random| {
        let mut of = |(n, m), p, seed, first_row| {
            case("", (softmax_rows(random.normal((n, m)).view()), p, seed, first_row))
        };
        let mut cases = vec![
            case("by hand: 1/2 or nothing", (array![[0.25, 0.25, 0.25, 0.25]], 0.5, 1, 0)),
            of((3, 4), 0.0, 2, 0),
            of((4, 6), 0.25, 3, 0),
            of((4, 6), 0.25, 4, 0),
            of((4, 6), 0.25, 3, 4),
            of((3, 3), 1.0, 5, 2),
            of((33, 31), 0.1, 6, 0),
            of((31, 33), 0.1, 6, 65),
            of((127, 129), 0.9, 7, 0),
            of((127, 129), 0.999, 9, 128),
            of((3, 5), 0.25, 3, 300),
            of((31, 65), 0.005, 12, 1),
            case("the first draw is p", (array![[0.25, 0.25, 0.25, 0.25]], Random::new(1).uniform(4)[0], 1, 0)),
        ];
        // Half of the keys are hidden, and their weights 0: they have draws all the same.
        let mut hidden = of((5, 6), 0.4, 10, 3);
        hidden.about = "every other key is hidden".into();
        hidden.weights.slice_mut(s![.., ..;2]).fill(0.0);
        hidden.weights *= 2.0;
        cases.push(hidden);
        // A table in one piece, and then in two.
        let whole = of((6, 5), 0.5, 11, 0);
        let block = |about: &str, rows: std::ops::Range<usize>| {
            let weights = whole.weights.slice(s![rows.clone(), ..]).to_owned();
            case(about, (weights, whole.p, whole.seed, rows.start))
        };
        let blocks = [block("rows 0 to 1 of the table before", 0..2), block("rows 2 to 5 of the same table", 2..6)];
        cases.push(whole);
        cases.extend(blocks);
        cases.extend(pairwise([3, 3, 3, 3]).into_iter().map(|[n, m, p, first_row]| {
            of((n + 1, m + 1), [0.25, 0.5, 0.75][p], 8, first_row)
        }));
        cases
    };

    never {
        "weights large": "a weight is at most 1";
        "weights tiny": "the weights of a row sum to 1";
    }

    right (weights, p, seed, first_row) {
        "in place" => {
            let mut kept = weights.to_owned();
            kept.zip_mut_with(&draws(weights, seed, first_row), |w, &draw| {
                *w = if draw >= p { *w / (1.0 - p) } else { 0.0 };
            });
            kept
        };
        "nested loops, f64" => {
            let draws = Random::new(seed).uniform((weights.nrows() + first_row, weights.ncols()));
            let mut kept = Array2::zeros(weights.dim());
            for i in 0..weights.nrows() {
                for j in 0..weights.ncols() {
                    if draws[[first_row + i, j]] >= p {
                        kept[[i, j]] = (f64::from(weights[[i, j]]) / (1.0 - f64::from(p))) as f32;
                    }
                }
            }
            kept
        };
        "a mask of factors" => {
            let scale = if p < 1.0 { 1.0 / (1.0 - p) } else { 0.0 };
            &weights * &draws(weights, seed, first_row).mapv(|draw| f32::from(u8::from(draw >= p)) * scale)
        };
        "the generator moved on, then one draw for each weight" => {
            let mut random = Random::new(seed);
            for _ in 0..first_row * weights.ncols() {
                random.uniform(1);
            }
            weights.mapv(|w| if random.uniform(1)[0] < p { 0.0 } else { w / (1.0 - p) })
        };
    }

    mistakes (weights, p, seed, first_row) {
        "no-rescale": "the weights that remain are not scaled by 1/(1 − p), so that the expectation shrinks"
            => keeping(weights, seed, first_row, 1.0, |draw| draw >= p);
        "by-p": "the weights that remain are divided by p instead of 1 − p"
            => keeping(weights, seed, first_row, 1.0 / p, |draw| draw >= p);
        "doubled": "the weights that remain are doubled, whatever p is; they have to be divided by 1 − p"
            => keeping(weights, seed, first_row, 2.0, |draw| draw >= p);
        "times-1-p": "the weights that remain are multiplied by 1 − p instead of divided"
            => keeping(weights, seed, first_row, 1.0 - p, |draw| draw >= p);
        "plus-p": "the weights that remain are multiplied by 1 + p; they have to be divided by 1 − p"
            => keeping(weights, seed, first_row, 1.0 + p, |draw| draw >= p);
        "keeps-the-dropped": "the comparison is the wrong way round: the weights with draws below p are kept"
            => keeping(weights, seed, first_row, 1.0 / (1.0 - p), |draw| draw < p);
        "p-keeps": "p is read as the probability of keeping a weight; it is the probability of dropping one"
            => keeping(weights, seed, first_row, 1.0 / p, |draw| draw < p);
        "drops-nothing": "no weight is dropped"
            => weights.to_owned();
        "scales-all": "no weight is dropped, and all are scaled by 1/(1 − p)"
            => keeping(weights, seed, first_row, 1.0 / (1.0 - p), |_| true);
        "renormalised": "each row is divided by its new sum; inverted dropout leaves the rows' sums as they fall"
            => {
                let kept = keeping(weights, seed, first_row, 1.0, |draw| draw >= p);
                let sums = kept.sum_axis(Axis(1)).mapv(|s| if s > 0.0 { s } else { 1.0 });
                kept / sums.insert_axis(Axis(1))
            };
        "first-row-ignored": "every block takes the draws from the first on, as if it were at the top of the table: first_row is not used"
            => crate::dropout(weights, p, seed, 0);
        "first-row-of-draws": "first_row draws are skipped, instead of that many rows of m draws each"
            => {
                let draws = Random::new(seed).uniform(first_row + weights.len());
                let draws = draws.slice(s![first_row..]).to_shape(weights.dim()).expect("n·m draws").to_owned();
                scaled(weights, draws, 1.0 / (1.0 - p), |draw| draw >= p)
            };
        "first-row-of-n": "first_row · n draws are skipped instead of first_row · m: a row has as many draws as keys"
            => {
                let skipped = first_row * weights.nrows();
                let draws = Random::new(seed).uniform(skipped + weights.len());
                let draws = draws.slice(s![skipped..]).to_shape(weights.dim()).expect("n·m draws").to_owned();
                scaled(weights, draws, 1.0 / (1.0 - p), |draw| draw >= p)
            };
        "first-row-in-seed": "first_row is added to the seed: that starts another stream, which has nothing to do with the table's"
            => crate::dropout(weights, p, seed + first_row as u64, 0);
        "next-block": "the block is taken for the first_row-th block of n rows, instead of the one that starts at row first_row"
            => crate::dropout(weights, p, seed, first_row * weights.nrows());
        "visible-only": "a draw is made only for weights above 0: every place of the table has one, or what a mask hides moves the draws of the keys behind it"
            => {
                let mut random = Random::new(seed);
                for _ in 0..first_row * weights.ncols() {
                    random.uniform(1);
                }
                weights.mapv(|w| if w > 0.0 && random.uniform(1)[0] >= p { w / (1.0 - p) } else { 0.0 })
            };
        "seed-ignored": "the draws do not come from the given seed"
            => crate::dropout(weights, p, 0, first_row);
        "whole-rows": "one draw decides for a whole row"
            => {
                let mut result = &weights / (1.0 - p);
                for (mut row, draws) in result.rows_mut().into_iter().zip(draws(weights, seed, first_row).rows()) {
                    if draws[0] < p {
                        row.fill(0.0);
                    }
                }
                result
            };
        "nan-at-one": "a dropped weight is multiplied by 0/(1 − p), which is NaN at p = 1"
            => {
                let keep = draws(weights, seed, first_row).mapv(|draw| if draw < p { 0.0 } else { 1.0 });
                &weights * &(keep / (1.0 - p))
            };
        "drops-at-p": "a weight whose draw is p is dropped; it is kept where its draw is at least p"
            => keeping(weights, seed, first_row, 1.0 / (1.0 - p), |draw| draw > p);
        "keeps-all": "the weights that should be dropped are kept unscaled, instead of set to zero"
            => Zip::from(weights).and(&draws(weights, seed, first_row)).map_collect(|&w, &draw| if draw < p { w } else { w / (1.0 - p) });
        "epsilon": "a small number, 1e-3, is added to 1 − p"
            => keeping(weights, seed, first_row, 1.0 / (1.0 - p + 1e-3), |draw| draw >= p);
        "whole-columns": "one draw decides for a whole column: every row uses the draws of the first"
            => {
                let draws = draws(weights, seed, first_row);
                Array2::from_shape_fn(weights.raw_dim(), |(i, j)| if draws[[0, j]] < p { 0.0 } else { weights[[i, j]] / (1.0 - p) })
            };
        "draws-transposed": "the draws are made as m×n and read transposed; one n×m array of them is right"
            => {
                let draws = Random::new(seed).uniform((weights.ncols(), first_row + weights.nrows()));
                Array2::from_shape_fn(weights.raw_dim(), |(i, j)| if draws[[j, first_row + i]] < p { 0.0 } else { weights[[i, j]] / (1.0 - p) })
            };
        "share-kept": "the weights that remain are divided by the share that happened to remain, instead of 1 − p"
            => {
                let draws = draws(weights, seed, first_row);
                let share = draws.iter().filter(|&&draw| draw >= p).count() as f32 / draws.len() as f32;
                keeping(weights, seed, first_row, 1.0 / share, |draw| draw >= p)
            };
        "one-minus-draw": "1 − draw is compared with p instead of the draw itself"
            => keeping(weights, seed, first_row, 1.0 / (1.0 - p), |draw| 1.0 - draw >= p);
    }
}

/// The draws of these rows, n×m.
fn draws(weights: ArrayView2<f32>, seed: u64, first_row: usize) -> Array2<f32> {
    let table = Random::new(seed).uniform((first_row + weights.nrows(), weights.ncols()));
    table.slice(s![first_row.., ..]).to_owned()
}

/// Keeps a weight where `keep(draw)`, multiplied by `scale`.
fn keeping(
    weights: ArrayView2<f32>,
    seed: u64,
    first_row: usize,
    scale: f32,
    keep: impl Fn(f32) -> bool,
) -> Array2<f32> {
    scaled(weights, draws(weights, seed, first_row), scale, keep)
}

fn scaled(
    weights: ArrayView2<f32>,
    draws: Array2<f32>,
    scale: f32,
    keep: impl Fn(f32) -> bool,
) -> Array2<f32> {
    Zip::from(weights).and(&draws).map_collect(|&w, &draw| if keep(draw) { w * scale } else { 0.0 })
}
