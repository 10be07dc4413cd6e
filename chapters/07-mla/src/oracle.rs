//! The chapter written once more as plain loops in f64: what the judges trust. It shares no code
//! with the reference.

use crate::given::{Down, EPSILON, Queries, QueryWeights, Shape, Source, Up};
use attn_oracle::softmax;
use ndarray::{Array2, Array3, ArrayView2, ArrayView3, Axis};

/// The product, entry by entry.
pub fn product(a: ArrayView2<f64>, b: ArrayView2<f64>) -> Array2<f64> {
    let mut out = Array2::zeros((a.nrows(), b.ncols()));
    for ((i, j), entry) in out.indexed_iter_mut() {
        for l in 0..a.ncols() {
            *entry += a[[i, l]] * b[[l, j]];
        }
    }
    out
}

/// Each entry over the length of its row, times √width and its gain.
fn normalised(x: &Array2<f64>, gain: impl Fn(usize) -> f64) -> Array2<f64> {
    let width = x.ncols() as f64;
    Array2::from_shape_fn(x.raw_dim(), |(r, c)| {
        let squares: f64 = (0..x.ncols()).map(|c| x[[r, c]].powi(2)).sum();
        x[[r, c]] * width.sqrt() / (squares + width * EPSILON).sqrt() * gain(c)
    })
}

/// Each neighbouring pair of a row as a complex number, times e^(i·angle).
pub fn turned(x: &Array2<f64>, start: usize, base: f64) -> Array2<f64> {
    let d = x.ncols();
    Array2::from_shape_fn(x.raw_dim(), |(r, c)| {
        let angle = (start + r) as f64 / base.powf((c - c % 2) as f64 / d as f64);
        match c % 2 {
            0 => x[[r, c]] * angle.cos() - x[[r, c + 1]] * angle.sin(),
            _ => x[[r, c - 1]] * angle.sin() + x[[r, c]] * angle.cos(),
        }
    })
}

/// The latents and the rotary keys.
pub fn compress(weights: &Down, x: ArrayView2<f64>, start: usize) -> (Array2<f64>, Array2<f64>) {
    let c = product(x, weights.w_dkv.view());
    let k_r = product(x, weights.w_kr.view());
    (normalised(&c, |column| weights.gain[column]), turned(&k_r, start, weights.base))
}

/// The two parts of the queries.
pub fn queries(
    weights: &QueryWeights,
    x: ArrayView2<f64>,
    start: usize,
) -> (Array3<f64>, Array3<f64>) {
    let source = match &weights.source {
        Source::Token => x.to_owned(),
        Source::Latent { w_dq, gain } => {
            normalised(&product(x, w_dq.view()), |column| gain[column])
        }
    };
    let of = |w: &Array3<f64>, turn: bool| {
        let mut all = Array3::zeros((w.dim().0, x.nrows(), w.dim().2));
        for (mut own, w) in all.outer_iter_mut().zip(w.outer_iter()) {
            let q = product(source.view(), w);
            own.assign(&if turn { turned(&q, start, weights.base) } else { q });
        }
        all
    };
    (of(&weights.w_uq, false), of(&weights.w_qr, true))
}

/// For each head and each query, the weights of the tokens: keys are made of the latents, and
/// compared score by score. Hidden tokens weigh 0.
pub fn weights(
    queries: &Queries,
    c: ArrayView2<f64>,
    k_r: ArrayView2<f64>,
    up: &Up,
) -> Array3<f64> {
    let ((h, n, d), m) = (queries.content.dim(), c.nrows());
    let (d_c, d_r) = (c.ncols(), k_r.ncols());
    let mut weights = Array3::zeros((h, n, m));
    for a in 0..h {
        let keys = product(c, up.w_uk.index_axis(Axis(0), a));
        assert_eq!(d_c, up.w_uk.dim().1);
        for i in 0..n {
            let score = |j: usize| {
                if j + n > m + i {
                    return f64::NEG_INFINITY;
                }
                let content: f64 = (0..d).map(|l| queries.content[[a, i, l]] * keys[[j, l]]).sum();
                let rotary: f64 = (0..d_r).map(|l| queries.rotary[[a, i, l]] * k_r[[j, l]]).sum();
                (content + rotary) / ((d + d_r) as f64).sqrt()
            };
            let (_, row) = softmax(&(0..m).map(score).collect::<Vec<f64>>());
            for (j, weight) in row.into_iter().enumerate() {
                weights[[a, i, j]] = weight;
            }
        }
    }
    weights
}

/// The weighted sums of latents, (h, n, d_c), and those of the values, (h, n, d_v).
pub fn attention(
    queries: &Queries,
    c: ArrayView2<f64>,
    k_r: ArrayView2<f64>,
    up: &Up,
) -> (Array3<f64>, Array3<f64>) {
    let weights = weights(queries, c, k_r, up);
    let (h, n, _) = weights.dim();
    let mut latents = Array3::zeros((h, n, c.ncols()));
    let mut heads = Array3::zeros((h, n, up.w_uv.dim().2));
    for (a, weights) in weights.outer_iter().enumerate() {
        let values = product(c, up.w_uv.index_axis(Axis(0), a));
        latents.index_axis_mut(Axis(0), a).assign(&product(weights, c));
        heads.index_axis_mut(Axis(0), a).assign(&product(weights, values.view()));
    }
    (latents, heads)
}

/// For each head, `left` times `right`.
pub fn products(left: ArrayView3<f64>, right: ArrayView3<f64>) -> Array3<f64> {
    let mut all = Array3::zeros((left.dim().0, left.dim().1, right.dim().2));
    for (a, mut own) in all.outer_iter_mut().enumerate() {
        own.assign(&product(left.index_axis(Axis(0), a), right.index_axis(Axis(0), a)));
    }
    all
}

/// The matrix between a query's latent and a token's, where the content part is turned: each entry
/// from the turned query of one unit latent and the turned key of another, at two far positions.
pub fn between(
    w_uq: ArrayView2<f64>,
    w_uk: ArrayView2<f64>,
    distance: usize,
    base: f64,
) -> Array2<f64> {
    let j = 3;
    Array2::from_shape_fn((w_uq.nrows(), w_uk.nrows()), |(a, b)| {
        let [q, k] = [(w_uq, a, j + distance), (w_uk, b, j)].map(|(w, row, position)| {
            let row = w.row(row).insert_axis(Axis(0)).to_owned();
            turned(&row, position, base)
        });
        q.iter().zip(&k).map(|(q, k)| q * k).sum()
    })
}

/// FLOPs of the naive and of the absorbed form, product by product.
pub fn flops(shape: Shape, n: usize, m: usize) -> (usize, usize) {
    let Shape { h, d, d_r, d_v, d_c } = shape;
    // Rows, what is summed over, columns.
    let naive = [(m, d_c, d), (m, d_c, d_v), (n, d, m), (n, d_r, m), (n, m, d_v)];
    let absorbed = [(n, d, d_c), (n, d_c, m), (n, d_r, m), (n, m, d_c), (n, d_c, d_v)];
    let count = |products: [(usize, usize, usize); 5]| {
        products.iter().map(|(rows, inner, columns)| 2 * h * rows * inner * columns).sum()
    };
    (count(naive), count(absorbed))
}
