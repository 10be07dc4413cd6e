//! 7.1 `compress`

use crate::{
    given::{Down, EPSILON, Latents, rms_norm, rope},
    oracle, seeded,
};
use attn_exercise::{exercise, field, fields, given, judge::require, pairwise};
use ndarray::{Array, Array1, Array2, ArrayView2, Axis, Dimension, array, concatenate, s};
use std::f64::consts::FRAC_PI_2;

given! { Down { w_dkv [d_model d_c], gain [d_c], w_kr [d_model d_r], base [] } }
fields! { Latents { c, k_r } }

exercise! {
    /// The weights, new tokens, and the position of the first.
    crate::compress: (weights: Down, x: Array2<f64>[n d_model], start: usize) -> Latents;

    exact: |c| {
        let (c, k_r) = oracle::compress(&c.weights, c.x.view(), c.start);
        Latents { c, k_r }
    };
    then: |c, answer| {
        let (latents, k_r) = oracle::compress(&c.weights, c.x.view(), c.start);
        in_f64(&[("c", &answer.c, &latents), ("k_r", &answer.k_r, &k_r)])
    };
    steps: |c| [
        field("x W_DKV", &c.x.dot(&c.weights.w_dkv)),
        field("x W_KR", &c.x.dot(&c.weights.w_kr)),
    ];

    cases: |random| {
        let mut of = |about, (n, d_model), (d_c, d_r), start| {
            let weights = seeded::down(random, d_model, d_c, d_r);
            case(about, (weights, seeded::normal(random, (n, d_model)), start))
        };
        let mut cases = vec![
            by_hand(),
            of("from the beginning", (4, 8), (6, 4), 0),
            of("one new token", (1, 16), (12, 8), 31),
            of("a chunk", (5, 16), (12, 8), 17),
            of("far on in a text", (3, 8), (8, 4), 2000),
        ];
        // ε counts where a latent is small.
        let small = of("small numbers", (3, 8), (6, 4), 2);
        cases.push(Case { x: small.x * 1e-3, ..small });
        cases.extend(pairwise([4, 4, 2, 4, 3]).into_iter().map(|[n, d_model, d_r, d_c, start]| {
            let size = |level: usize| [1, 2, 4, 5][level];
            of("small", (size(n), size(d_model)), (size(d_c), 2 * d_r + 2), [0, 3, 50][start])
        }));
        cases
    };

    never {
        "d_r = 1": "the rotary key is turned in pairs";
    }

    right (weights, x, start) {
        "token by token" => {
            let mut kept = Latents::empty(weights.gain.len(), weights.w_kr.ncols());
            for (r, row) in x.axis_chunks_iter(Axis(0), 1).enumerate() {
                kept.append(&crate::compress(weights, row, start + r));
            }
            kept
        };
        "both products as one" => {
            let (both, d_c) = (x.dot(&concatenate![Axis(1), weights.w_dkv, weights.w_kr]), weights.gain.len());
            Latents {
                c: rms_norm(both.slice(s![.., ..d_c]), weights.gain.view()),
                k_r: rope(both.slice(s![.., d_c..]), start, weights.base),
            }
        };
        "by plain loops" => {
            let (c, k_r) = oracle::compress(weights, x, start);
            Latents { c, k_r }
        };
    }

    mistakes (weights, x, start) {
        "no-norm": "the latent is not normalised"
            => latent(weights, x, start, |c| c);
        "gain-without-norm": "the latent is multiplied by the gain, but not normalised"
            => latent(weights, x, start, |c| c * &weights.gain);
        "no-gain": "the latent is normalised, but not multiplied by the gain"
            => latent(weights, x, start, |c| unit(c.view()));
        "norm-of-both": "latent and rotary key are normalised together, by the mean over d_c + d_r squares; the norm is the latent's alone"
            => {
                let (d_c, d_r) = (weights.gain.len(), weights.w_kr.ncols());
                let both = x.dot(&concatenate![Axis(1), weights.w_dkv, weights.w_kr]);
                let gain = concatenate![Axis(0), weights.gain, Array1::ones(d_r)];
                let both = rms_norm(both.view(), gain.view());
                Latents { c: both.slice(s![.., ..d_c]).to_owned(), k_r: rope(both.slice(s![.., d_c..]), start, weights.base) }
            };
        "key-normalised": "the rotary key is normalised too, before or after its turn; only the latent is"
            => key(weights, x, start, |k| rope(unit(k.view()).view(), start, weights.base));
        "position-0": "the positions begin at 0 instead of at start: every chunk would be turned as if it were the first"
            => crate::compress(weights, x, 0);
        "one-ahead": "the positions are one too far: the first row stands at start"
            => crate::compress(weights, x, start + 1);
        "all-at-start": "every row is turned by the position of the first"
            => key(weights, x, start, |k| each_row(&k, |row| rope(row, start, weights.base)));
        "not-turned": "the rotary key is kept as it is, without its rotation"
            => key(weights, x, start, |k| k);
        "latent-turned": "the latent is turned too where its width is even; only the rotary key has a position"
            => latent(weights, x, start, |c| {
                let c = rms_norm(c.view(), weights.gain.view());
                if c.ncols().is_multiple_of(2) { rope(c.view(), start, weights.base) } else { c }
            });
        "x-normalised": "the latent is divided by the size of x, as when x is normalised before W_DKV instead of the latent after it"
            => latent(weights, x, start, |_| unit(x).dot(&weights.w_dkv) * &weights.gain);
        "mean-subtracted": "the mean is subtracted, as layer normalisation does; the latent is divided by the root of the mean of its squares alone"
            => latent(weights, x, start, |c| {
                let mean = c.mean_axis(Axis(1)).expect("columns").insert_axis(Axis(1));
                rms_norm((c - &mean).view(), weights.gain.view())
            });
        "sum-of-squares": "the latent is divided by its length, the root of the sum of its squares; it is the root of their mean"
            => latent(weights, x, start, |c| {
                let root = (c.ncols() as f64).sqrt();
                rms_norm(c.view(), weights.gain.view()) / root
            });
        "mean-of-squares": "the latent is divided by the mean of its squares, without the root"
            => latent(weights, x, start, |c| each_row(&c, |row| {
                let mean = row.mapv(|x| x * x).mean().expect("columns");
                &row / (mean + EPSILON) * &weights.gain
            }));
        "norm-over-tokens": "each column is normalised over the tokens, instead of each token over its columns"
            => latent(weights, x, start, |c| {
                rms_norm(c.t(), Array1::ones(c.nrows()).view()).reversed_axes() * &weights.gain
            });
        "length": "the latent is divided by its length, with ε added to the sum of its squares; it is divided by the root of their mean"
            => latent(weights, x, start, |c| each_row(&c, |row| {
                let sum = row.mapv(|x| x * x).sum();
                &row / (sum + EPSILON).sqrt() * &weights.gain
            }));
        "length-without-epsilon": "the latent is divided by its length, and nothing is added to the sum of its squares; it is divided by the root of their mean and ε"
            => latent(weights, x, start, |c| each_row(&c, |row| {
                let sum = row.mapv(|x| x * x).sum();
                &row / sum.sqrt() * &weights.gain
            }));
        "largest-value": "the latent is divided by the largest of its absolute values; it is divided by the root of the mean of its squares"
            => latent(weights, x, start, |c| each_row(&c, |row| {
                let largest = row.fold(0.0_f64, |largest, x| largest.max(x.abs()));
                &row / largest * &weights.gain
            }));
        "gain-twice": "the normalised latent is multiplied by the gain twice"
            => latent(weights, x, start, |c| rms_norm(c.view(), weights.gain.view()) * &weights.gain);
        "key-of-latent": "the rotary key is made of the latent where that is as wide as x; W_KR multiplies x itself"
            => {
                let right = crate::compress(weights, x, start);
                let source = if right.c.ncols() == x.ncols() { right.c.view() } else { x };
                let k_r = rope(source.dot(&weights.w_kr).view(), start, weights.base);
                Latents { k_r, ..right }
            };
        "x-turned": "x is turned before W_KR where its width is even, instead of the rotary key after it"
            => key(weights, x, start, |k| {
                let even = x.ncols().is_multiple_of(2);
                if even { rope(x, start, weights.base).dot(&weights.w_kr) } else { rope(k.view(), start, weights.base) }
            });
        "halves": "the rotary key is turned in the other layout: pair i is the numbers i and i + d_r/2, where it should be 2i and 2i + 1"
            => key(weights, x, start, |k| halves(&k, |k| rope(k, start, weights.base)));
        "base-fixed": "the base is always 10,000, whatever `weights.base` says"
            => crate::compress(&Down { base: 10_000.0, ..weights.clone() }, x, start);
        "no-epsilon": "nothing is added to the mean of the squares: a latent of zeros becomes NaN, and small ones too large"
            => latent(weights, x, start, |c| each_row(&c, |row| {
                let mean = row.mapv(|x| x * x).mean().expect("columns");
                &row / mean.sqrt() * &weights.gain
            }));
        "epsilon-outside": "the small number is added to the root, instead of to the mean of the squares under it"
            => latent(weights, x, start, |c| each_row(&c, |row| {
                let mean = row.mapv(|x| x * x).mean().expect("columns");
                &row / (mean.sqrt() + EPSILON) * &weights.gain
            }));
        "backwards": "the rotary key is turned the other way"
            => key(weights, x, start, |k| swapped(&rope(swapped(&k).view(), start, weights.base)));
        "gain-before-norm": "the gain multiplies the latent before its norm instead of after it"
            => latent(weights, x, start, |c| unit((c * &weights.gain).view()));
        "x-normalised-for-both": "x is normalised before both products; the latent alone is normalised, and the rotary key is made of x as it is"
            => crate::compress(weights, unit(x).view(), start);
        "x-normalised-with-gain": "x is normalised with the latent's gain before W_DKV; the latent is normalised, behind it"
            => latent(weights, x, start, |_| rms_norm(x, weights.gain.view()).dot(&weights.w_dkv));
        "w-kr-behind-the-norm": "W_KR multiplies the normalised latent, also where the widths do not fit; it multiplies x itself"
            => {
                let right = crate::compress(weights, x, start);
                let k_r = rope(right.c.dot(&weights.w_kr).view(), start, weights.base);
                Latents { k_r, ..right }
            };
        "w-kr-behind-w-dkv": "W_KR multiplies the latent as it is before its norm; it multiplies x itself"
            => key(weights, x, start, |_| rope(x.dot(&weights.w_dkv).dot(&weights.w_kr).view(), start, weights.base));
        "latent-turned-everywhere": "the latent is turned as well as the rotary key; it has no position"
            => latent(weights, x, start, |c| rope(rms_norm(c.view(), weights.gain.view()).view(), start, weights.base));
        "gain-for-the-key": "the rotary key is normalised too, with the latent's gain; only the latent is normalised"
            => key(weights, x, start, |k| rope(rms_norm(k.view(), weights.gain.view()).view(), start, weights.base));
        "one-mean-for-all": "the squares of all tokens have one mean; each token has its own"
            => latent(weights, x, start, |c| {
                let mean = c.mapv(|x| x * x).mean().expect("tokens");
                c / (mean + EPSILON).sqrt() * &weights.gain
            });
        "mean-over-d-model": "the sum of the squares is divided by d_model; a latent has d_c numbers"
            => latent(weights, x, start, |c| each_row(&c, |row| {
                let mean = row.mapv(|x| x * x).sum() / x.ncols() as f64;
                &row / (mean + EPSILON).sqrt() * &weights.gain
            }));
        "turned-twice": "the rotary key is turned twice by its position"
            => key(weights, x, start, |k| rope(rope(k.view(), start, weights.base).view(), start, weights.base));
        "from-the-end": "the first row is turned by position start + n; it stands at start, and the chunk ends there"
            => crate::compress(weights, x, start + x.nrows());
        "last-row-first": "the positions run backwards: the last row is turned by start, and the first by start + n − 1"
            => key(weights, x, start, |k| rope(k.slice(s![..;-1, ..]), start, weights.base).slice_move(s![..;-1, ..]));
        "one-behind": "the positions are one too small, where start is not 0: the first row stands at start"
            => crate::compress(weights, x, start.saturating_sub(1));
        "one-plus-gain": "the latent is multiplied by 1 + gain; it is multiplied by the gain itself"
            => latent(weights, x, start, |c| rms_norm(c.view(), (&weights.gain + 1.0).view()));
        "gain-added": "the gain is added to the normalised latent; it multiplies it"
            => latent(weights, x, start, |c| unit(c.view()) + &weights.gain);
        "gain-divides": "the normalised latent is divided by the gain; it is multiplied"
            => latent(weights, x, start, |c| unit(c.view()) / &weights.gain);
        "epsilon-of-deepseek": "the number added to the mean of the squares is 10⁻⁶, as in DeepSeek's code; here it is 10⁻⁵"
            => latent(weights, x, start, |c| each_row(&c, |row| {
                let mean = row.mapv(|x| x * x).mean().expect("columns");
                &row / (mean + 1e-6).sqrt() * &weights.gain
            }));
        "deviation": "the latent is divided by its standard deviation, without the mean being subtracted; it is divided by the root of the mean of its squares"
            => latent(weights, x, start, |c| each_row(&c, |row| {
                let mean = row.mean().expect("columns");
                let variance = row.mapv(|x| (x - mean).powi(2)).mean().expect("columns");
                &row / (variance + EPSILON).sqrt() * &weights.gain
            }));
        "x-turned-everywhere": "x is turned before W_KR, instead of the rotary key after it"
            => key(weights, x, start, |_| rope(x, start, weights.base).dot(&weights.w_kr));
        "gain-on-the-key": "the rotary key is multiplied by the latent's gain before it is turned, also where the two differ in width"
            => key(weights, x, start, |k| rope((k * &weights.gain).view(), start, weights.base));
        "matrices-exchanged": "W_DKV and W_KR are exchanged, also where they differ in width"
            => {
                let (latent, key) = (x.dot(&weights.w_kr), x.dot(&weights.w_dkv));
                let c = rms_norm(latent.view(), weights.gain.view());
                Latents { c, k_r: rope(key.view(), start, weights.base) }
            };
        "through-f32": "the numbers go through f32, which keeps seven digits; this chapter asks for f64"
            => {
                let right = crate::compress(weights, x, start);
                Latents { c: through_f32(&right.c), k_r: through_f32(&right.k_r) }
            };
    }
}

/// The latents (1, 14) and (7, 2); a quarter turn, and half a turn.
fn by_hand() -> Case {
    let weights = Down {
        w_dkv: Array2::eye(2),
        gain: array![5.0, 10.0],
        w_kr: array![[0.0, 0.0, 1.0, 2.0], [0.0; 4]],
        base: FRAC_PI_2.recip().powi(2),
    };
    let about = "by hand: the second pair makes a quarter turn per position";
    case(about, (weights, array![[1.0, 7.0], [7.0, 1.0]], 1))
}

/// With another latent, made of the product with W_DKV.
fn latent(
    weights: &Down,
    x: ArrayView2<f64>,
    start: usize,
    make: impl Fn(Array2<f64>) -> Array2<f64>,
) -> Latents {
    Latents { c: make(x.dot(&weights.w_dkv)), ..crate::compress(weights, x, start) }
}

/// With another rotary key, made of the product with W_KR.
fn key(
    weights: &Down,
    x: ArrayView2<f64>,
    start: usize,
    make: impl Fn(Array2<f64>) -> Array2<f64>,
) -> Latents {
    Latents { k_r: make(x.dot(&weights.w_kr)), ..crate::compress(weights, x, start) }
}

/// Every row by itself, as a matrix of one.
pub(super) fn each_row(
    x: &Array2<f64>,
    make: impl Fn(ArrayView2<f64>) -> Array2<f64>,
) -> Array2<f64> {
    let rows: Vec<_> = x.axis_chunks_iter(Axis(0), 1).map(make).collect();
    let rows: Vec<_> = rows.iter().map(|row| row.view()).collect();
    ndarray::concatenate(Axis(0), &rows).expect("equal rows")
}

/// With columns i and i + d/2 brought together, and back.
pub(super) fn halves(
    x: &Array2<f64>,
    turn: impl Fn(ArrayView2<f64>) -> Array2<f64>,
) -> Array2<f64> {
    let d = x.ncols();
    let together = Array2::from_shape_fn(x.raw_dim(), |(r, c)| x[[r, c / 2 + c % 2 * (d / 2)]]);
    let turned = turn(together.view());
    Array2::from_shape_fn(x.raw_dim(), |(r, c)| turned[[r, 2 * (c % (d / 2)) + c / (d / 2)]])
}

/// The two numbers of each pair exchanged.
pub(super) fn swapped(x: &Array2<f64>) -> Array2<f64> {
    Array2::from_shape_fn(x.raw_dim(), |(r, c)| x[[r, c ^ 1]])
}

/// Divided by the root of the mean of its squares.
pub(super) fn unit(x: ArrayView2<f64>) -> Array2<f64> {
    rms_norm(x, Array1::ones(x.ncols()).view())
}

/// Rounded to f32.
pub(super) fn through_f32<D: Dimension>(x: &Array<f64, D>) -> Array<f64, D> {
    x.mapv(|x| f64::from(x as f32))
}

/// A part of an answer: its name, what came, and what is exact.
type Part<'a, D> = (&'a str, &'a Array<f64, D>, &'a Array<f64, D>);

/// Refuses what is right to the digits of f32 only: this chapter compares two forms to the twelfth
/// digit.
pub(super) fn in_f64<D: Dimension>(parts: &[Part<D>]) -> Result<(), String> {
    for (name, came, exact) in parts {
        let size = |x: &Array<f64, D>| x.fold(0.0_f64, |size, x| size.max(x.abs()));
        let off = size(&(*came - *exact));
        require(off <= 1e-9 * size(exact) + f64::MIN_POSITIVE, || {
            format!("{name} is off by {off:.0e}: it is right to the digits of f32, not of f64")
        })?;
    }
    Ok(())
}
