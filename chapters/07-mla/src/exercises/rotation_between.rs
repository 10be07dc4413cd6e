//! 7.7 `rotation_between`

use super::compress::{each_row, halves, in_f64, swapped, through_f32};
use crate::{given::rope, oracle, seeded};
use attn_exercise::{exercise, field, pairwise};
use ndarray::{Array2, ArrayView2, array, s};
use std::f64::consts::FRAC_PI_2;

exercise! {
    /// W_UQ and W_UK of one head, how far apart the two tokens stand, and the base of the rotation.
    crate::rotation_between: (w_uq: Array2<f64>[d_q d], w_uk: Array2<f64>[d_c d], distance: usize, base: f64) -> Array2<f64>;

    exact: |c| oracle::between(c.w_uq.view(), c.w_uk.view(), c.distance, c.base);
    then: |c, answer| {
        let exact = oracle::between(c.w_uq.view(), c.w_uk.view(), c.distance, c.base);
        in_f64(&[("result", answer, &exact)])
    };
    steps: |c| [
        field("W_UQ W_UKᵀ, without a rotation", &c.w_uq.dot(&c.w_uk.t())),
        field("W_UQ, every row turned by the distance", &each_row(&c.w_uq, |row| rope(row, c.distance, c.base))),
    ];

    cases: |random| {
        let mut of = |about, (d_q, d_c), d, distance, base| {
            case(about, (seeded::normal(random, (d_q, d)), seeded::normal(random, (d_c, d)), distance, base))
        };
        let pair = array![[0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]];
        let mut cases = vec![
            case("by hand: a quarter turn", (pair.clone(), pair, 1, FRAC_PI_2.recip().powi(2))),
            of("", (6, 8), 4, 0, 100.0),
            of("", (6, 8), 4, 1, 100.0),
            of("", (6, 8), 4, 7, 100.0),
            of("far apart", (6, 8), 8, 3000, 10_000.0),
            of("very far apart", (3, 2), 4, 100_000, 10_000.0),
            of("as in V2, each width an eighth", (192, 64), 16, 40, 10_000.0),
        ];
        cases.extend(pairwise([5, 5, 2, 4]).into_iter().map(|[d_q, d_c, d, distance]| {
            of("small", (d_q + 1, d_c + 1), 2 * d + 2, [0, 1, 5, 90][distance], [100.0, 30.0][d])
        }));
        cases
    };

    never {
        "d = 1": "the numbers are turned in pairs";
    }

    right (w_uq, w_uk, distance, base) {
        "the keys turned backwards" => {
            let turned = each_row(&w_uk.to_owned(), |row| backwards(row, distance, base));
            w_uq.dot(&turned.t())
        };
        "both turned, by two positions" => {
            let [q, k] = [(w_uq, distance + 5), (w_uk, 5)].map(|(w, at)| each_row(&w.to_owned(), |row| rope(row, at, base)));
            q.dot(&k.t())
        };
        "the rotation as a matrix" => {
            let d = w_uq.ncols();
            let rotation = each_row(&Array2::eye(d), |row| rope(row, distance, base));
            w_uq.dot(&rotation).dot(&w_uk.t())
        };
        "by plain loops" => oracle::between(w_uq, w_uk, distance, base);
    }

    mistakes (w_uq, w_uk, distance, base) {
        "rows-as-positions": "`rope` turns row r of W_UQ by distance + r: the rows are numbers of a latent, not tokens, and all of them are turned alike"
            => rope(w_uq, distance, base).dot(&w_uk.t());
        "rows-as-positions-of-both": "`rope` turns row r of both matrices by its number: the rows are numbers of latents, not tokens"
            => rope(w_uq, distance, base).dot(&rope(w_uk, 0, base).t());
        "rows-as-positions-alike": "`rope` turns row r of both matrices by its number, and the distance cancels: the rows are numbers of latents, not tokens"
            => rope(w_uq, distance, base).dot(&rope(w_uk, distance, base).t());
        "no-rotation": "there is no rotation between the two, as when none is turned or both are turned alike: this is the matrix that could be computed once"
            => w_uq.dot(&w_uk.t());
        "backwards": "the turn is the wrong way round: the query is ahead of the key, so that it is the query that is turned by the distance, or the key by minus the distance"
            => w_uq.dot(&turned(w_uk, distance, base).t());
        "twice": "query and key are both turned by the distance, in opposite directions: it counts double"
            => turned(w_uq, 2 * distance, base).dot(&w_uk.t());
        "one-too-far": "the distance is one too large"
            => turned(w_uq, distance + 1, base).dot(&w_uk.t());
        "always-one": "the turn is that of distance 1, whatever the distance is"
            => turned(w_uq, 1, base).dot(&w_uk.t());
        "halves": "the pairs are the numbers i and i + d/2, where they should be 2i and 2i + 1"
            => halves(&w_uq.to_owned(), |w| turned(w, distance, base)).dot(&w_uk.t());
        "transposed": "the result is d_c × d_q: the query's latent stands on the left"
            => w_uk.dot(&turned(w_uq, distance, base).t());
        "transposed-where-square": "the result is transposed where d_q = d_c: the query's latent stands on the left"
            => {
                let right = crate::rotation_between(w_uq, w_uk, distance, base);
                if right.is_square() { right.reversed_axes() } else { right }
            };
        "not-transposed": "where d_c = d, W_UK is not transposed"
            => {
                let w = if w_uk.is_square() { w_uk } else { w_uk.t() };
                turned(w_uq, distance, base).dot(&w)
            };
        "base-fixed": "the base is always 10,000, whatever `base` is"
            => crate::rotation_between(w_uq, w_uk, distance, 10_000.0);
        "one-too-near": "the distance is one too small where it is not 0"
            => turned(w_uq, distance.saturating_sub(1), base).dot(&w_uk.t());
        "first-angle": "all pairs are turned by the angle of the first; each has its own, which the base makes smaller from pair to pair"
            => turned(w_uq, distance, 1.0).dot(&w_uk.t());
        "rows-of-keys-as-positions": "W_UQ is turned by the distance, and `rope` turns row r of W_UK by its number: the rows are numbers of a latent, not tokens"
            => turned(w_uq, distance, base).dot(&rope(w_uk, 0, base).t());
        "product-turned": "the product W_UQ W_UKᵀ is turned where its width is even, instead of what stands between the two"
            => {
                let product = w_uq.dot(&w_uk.t());
                if product.ncols().is_multiple_of(2) { turned(product.view(), distance, base) } else { product }
            };
        "scaled": "the matrix is divided by √d"
            => crate::rotation_between(w_uq, w_uk, distance, base) / (w_uq.ncols() as f64).sqrt();
        "mirrored": "a pair is mirrored instead of turned: the sign of the second sine is wrong"
            => {
                let sign = Array2::from_shape_fn((1, w_uq.ncols()), |(_, c)| if c % 2 == 0 { 1.0 } else { -1.0 });
                (turned(w_uq, distance, base) * sign).dot(&w_uk.t())
            };
        "by-column": "the columns of W_UQ are turned, in pairs of rows where there are any, instead of its rows"
            => {
                let w = w_uq.t();
                let by_column = if w.ncols().is_multiple_of(2) { turned(w, distance, base).reversed_axes() } else { w_uq.to_owned() };
                by_column.dot(&w_uk.t())
            };
        "exponent-without-2": "the exponent is −i/d: pair i is turned by distance · base^(−2i/d)"
            => turned_by(w_uq, |i| distance as f64 * base.powf(-(i as f64) / w_uq.ncols() as f64)).dot(&w_uk.t());
        "exponent-of-half": "the exponent is −4i/d, as when 2i is divided by the number of pairs: pair i is turned by distance · base^(−2i/d)"
            => turned_by(w_uq, |i| distance as f64 * base.powf(-4.0 * i as f64 / w_uq.ncols() as f64)).dot(&w_uk.t());
        "pairs-from-one": "the pairs are counted from 1: the first one is turned by the distance itself, base⁰"
            => turned_by(w_uq, |i| distance as f64 * base.powf(-2.0 * (i + 1) as f64 / w_uq.ncols() as f64)).dot(&w_uk.t());
        "exponent-positive": "the exponent is positive: the later pairs turn faster; they turn slower, by base^(−2i/d)"
            => turned_by(w_uq, |i| distance as f64 * base.powf(2.0 * i as f64 / w_uq.ncols() as f64)).dot(&w_uk.t());
        "base-ignored": "pair i is turned by the distance over i + 1; it is turned by distance · base^(−2i/d)"
            => turned_by(w_uq, |i| distance as f64 / (i + 1) as f64).dot(&w_uk.t());
        "width-of-the-latent": "the exponent has d_q in the place of d, the width of a head"
            => turned_by(w_uq, |i| distance as f64 * base.powf(-2.0 * i as f64 / w_uq.nrows() as f64)).dot(&w_uk.t());
        "first-pair-only": "only the first pair is turned, and the others are left as they are"
            => turned_by(w_uq, |i| if i == 0 { distance as f64 } else { 0.0 }).dot(&w_uk.t());
        "first-pair-and-zeros": "only the first pair is filled in, and the others stay zeros"
            => {
                let turned = turned(w_uq, distance, base);
                turned.slice(s![.., ..2]).dot(&w_uk.slice(s![.., ..2]).t())
            };
        "overwritten": "the second number of a pair is turned by the first as it is already turned; both are turned as they were"
            => {
                let mut turned = turned(w_uq, distance, base);
                for ((r, c), x) in w_uq.indexed_iter() {
                    if c % 2 == 1 {
                        let angle = distance as f64 * base.powf(-((c - 1) as f64) / w_uq.ncols() as f64);
                        turned[[r, c]] = turned[[r, c - 1]] * angle.sin() + x * angle.cos();
                    }
                }
                turned.dot(&w_uk.t())
            };
        "cosines-only": "each number is multiplied by the cosine, and the sines are left out"
            => scaled_pairs(w_uq, distance, base, |angle| angle.cos()).dot(&w_uk.t());
        "sines-exchanged": "sine and cosine are exchanged"
            => turned_by(w_uq, |i| FRAC_PI_2 - distance as f64 * base.powf(-2.0 * i as f64 / w_uq.ncols() as f64)).dot(&w_uk.t());
        "rows-as-positions-of-keys": "`rope` turns row r of W_UK by its number, and W_UQ is not turned: the rows are numbers of a latent, not tokens"
            => w_uq.dot(&rope(w_uk, 0, base).t());
        "keys-from-the-distance": "`rope` turns row r of W_UK by distance + r, and W_UQ is not turned: the rows are numbers of a latent, and the query is the one ahead"
            => w_uq.dot(&rope(w_uk, distance, base).t());
        "queries-as-positions": "`rope` turns row r of W_UQ by its number, and the distance is not used: the rows are numbers of a latent, and all of them are turned by the distance"
            => rope(w_uq, 0, base).dot(&w_uk.t());
        "exchanged-positions": "`rope` turns row r of W_UQ by its number, and that of W_UK by distance + r: the rows are numbers of latents, not tokens"
            => rope(w_uq, 0, base).dot(&rope(w_uk, distance, base).t());
        "as-it-stands": "W_UK is not transposed, also where the widths do not fit"
            => turned(w_uq, distance, base).dot(&w_uk);
        "product-as-positions": "`rope` turns row r of the product W_UQ W_UKᵀ by distance + r; the turn stands between the two"
            => rope(w_uq.dot(&w_uk.t()).view(), distance, base);
        "product-turned-everywhere": "every row of the product W_UQ W_UKᵀ is turned by the distance; the turn stands between the two"
            => turned(w_uq.dot(&w_uk.t()).view(), distance, base);
        "columns-as-positions": "`rope` turns column c of W_UQ by distance + c: a head's numbers are taken for tokens"
            => rope(w_uq.t(), distance, base).t().dot(&w_uk.t());
        "second-angle": "all pairs are turned by the angle of the second, distance · base^(−2/d): the number of the pair is left out of the exponent"
            => turned_by(w_uq, |_| distance as f64 * base.powf(-2.0 / w_uq.ncols() as f64)).dot(&w_uk.t());
        "both-signs-plus": "both sines are added; the first one is subtracted, x·cos − y·sin"
            => Array2::from_shape_fn(w_uq.raw_dim(), |(r, c)| {
                let angle = distance as f64 * base.powf(-((c - c % 2) as f64) / w_uq.ncols() as f64);
                w_uq[[r, c]] * angle.cos() + w_uq[[r, c ^ 1]] * angle.sin()
            }).dot(&w_uk.t());
        "through-f32": "the numbers go through f32, which keeps seven digits; this chapter asks for f64"
            => through_f32(&crate::rotation_between(w_uq, w_uk, distance, base));
    }
}

fn turned(w: ArrayView2<f64>, position: usize, base: f64) -> Array2<f64> {
    each_row(&w.to_owned(), |row| rope(row, position, base))
}

/// Pair i of each row turned by an angle of its own.
fn turned_by(w: ArrayView2<f64>, angle: impl Fn(usize) -> f64) -> Array2<f64> {
    Array2::from_shape_fn(w.raw_dim(), |(r, c)| {
        let (sin, cos) = angle(c / 2).sin_cos();
        if c % 2 == 0 {
            w[[r, c]] * cos - w[[r, c + 1]] * sin
        } else {
            w[[r, c - 1]] * sin + w[[r, c]] * cos
        }
    })
}

/// Each number multiplied by what its pair's angle makes of it.
fn scaled_pairs(
    w: ArrayView2<f64>,
    distance: usize,
    base: f64,
    factor: impl Fn(f64) -> f64,
) -> Array2<f64> {
    let d = w.ncols() as f64;
    Array2::from_shape_fn(w.raw_dim(), |(r, c)| {
        w[[r, c]] * factor(distance as f64 * base.powf(-((c - c % 2) as f64) / d))
    })
}

/// Turned by minus the position.
fn backwards(row: ArrayView2<f64>, position: usize, base: f64) -> Array2<f64> {
    swapped(&rope(swapped(&row.to_owned()).view(), position, base))
}
