//! Seeded weights and tokens in f64, for the cases, the tests and the figures.

use crate::given::{Down, Latents, Queries, QueryWeights, Shape, Source, Up};
use attn_core::random::Random;
use ndarray::{Array, Array1, Dimension, ShapeBuilder};

/// Standard normal entries.
pub fn normal<D: Dimension, S: ShapeBuilder<Dim = D>>(
    random: &mut Random,
    shape: S,
) -> Array<f64, D> {
    random.normal(shape).mapv(f64::from)
}

/// Normal entries that keep the size of what they multiply, which has `width` numbers.
pub fn weights<D: Dimension, S: ShapeBuilder<Dim = D>>(
    random: &mut Random,
    width: usize,
    shape: S,
) -> Array<f64, D> {
    normal(random, shape) / (width as f64).sqrt()
}

/// Gains around 1, none of them 0.
fn gain(random: &mut Random, length: usize) -> Array1<f64> {
    random.uniform(length).mapv(|x| 0.5 + f64::from(x))
}

/// One of a few bases.
fn base(random: &mut Random) -> f64 {
    [100.0, 30.0, 10_000.0][random.below(3)]
}

/// Weights that make what is kept of a token.
pub fn down(random: &mut Random, d_model: usize, d_c: usize, d_r: usize) -> Down {
    Down {
        w_dkv: weights(random, d_model, (d_model, d_c)),
        gain: gain(random, d_c),
        w_kr: weights(random, d_model, (d_model, d_r)),
        base: base(random),
    }
}

/// Weights that make queries: of the token where `d_q` is `None`.
pub fn query_weights(
    random: &mut Random,
    d_model: usize,
    d_q: Option<usize>,
    (h, d, d_r): (usize, usize, usize),
) -> QueryWeights {
    let source = match d_q {
        None => Source::Token,
        Some(d_q) => Source::Latent {
            w_dq: weights(random, d_model, (d_model, d_q)),
            gain: gain(random, d_q),
        },
    };
    let d_q = d_q.unwrap_or(d_model);
    QueryWeights {
        source,
        w_uq: weights(random, d_q, (h, d_q, d)),
        w_qr: weights(random, d_q, (h, d_q, d_r)),
        base: base(random),
    }
}

/// Weights that make keys and values of a latent.
pub fn up(random: &mut Random, shape: Shape) -> Up {
    let Shape { h, d, d_v, d_c, .. } = shape;
    Up { w_uk: weights(random, d_c, (h, d_c, d)), w_uv: weights(random, d_c, (h, d_c, d_v)) }
}

/// Queries for `n` tokens, and what is kept of `m`.
pub fn attention(random: &mut Random, shape: Shape, (n, m): (usize, usize)) -> (Queries, Latents) {
    let Shape { h, d, d_r, d_c, .. } = shape;
    let queries =
        Queries { content: normal(random, (h, n, d)), rotary: normal(random, (h, n, d_r)) };
    (queries, Latents { c: normal(random, (m, d_c)), k_r: normal(random, (m, d_r)) })
}
