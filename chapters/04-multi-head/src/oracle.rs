//! The chapter written once more as plain loops over any float: in f64 it is the judges' oracle, in
//! f32 the sequential order of summation that the tolerance is measured with. It shares no code
//! with the reference.

use crate::given::{AttentionLayer, DecoderBlock, EPSILON, LayerNorm, Layout, Rotary};
use attn_core::Mask;
use attn_oracle::{may_attend, product, softmax};
use ndarray::{Array1, Array2, ArrayView1, NdFloat};

fn number<F: NdFloat>(x: f64) -> F {
    F::from(x).expect("a number")
}

fn row_of<F: NdFloat>(x: ArrayView1<f32>) -> Array1<F> {
    x.mapv(|x| F::from(x).expect("f32 fits every float"))
}

/// The two columns of pair `i` of `d/2`.
pub fn pair(layout: Layout, i: usize, d: usize) -> (usize, usize) {
    match layout {
        Layout::Interleaved => (2 * i, 2 * i + 1),
        Layout::Half => (i, d / 2 + i),
    }
}

/// Each pair as a complex number, times e^(i·angle): n×d.
pub fn rope<F: NdFloat>(x: &Array2<F>, start: usize, rotary: Rotary) -> Array2<F> {
    let d = x.ncols();
    let mut out = Array2::zeros(x.raw_dim());
    for r in 0..x.nrows() {
        for i in 0..d / 2 {
            let exponent = number::<F>(-2.0 * i as f64 / d as f64);
            let theta = number::<F>(f64::from(rotary.base)).powf(exponent);
            let angle = number::<F>((start + r) as f64) * theta;
            let (a, b) = pair(rotary.layout, i, d);
            out[[r, a]] = x[[r, a]] * angle.cos() - x[[r, b]] * angle.sin();
            out[[r, b]] = x[[r, a]] * angle.sin() + x[[r, b]] * angle.cos();
        }
    }
    out
}

/// The columns of one head.
fn head<F: NdFloat>(x: &Array2<F>, head: usize, h: usize) -> Array2<F> {
    let d = x.ncols() / h;
    Array2::from_shape_fn((x.nrows(), d), |(i, c)| x[[i, head * d + c]])
}

/// Attention of one head, score by score.
fn attend<F: NdFloat>(q: &Array2<F>, k: &Array2<F>, v: &Array2<F>, mask: &Mask) -> Array2<F> {
    let (n, m) = (q.nrows(), k.nrows());
    let root_d = number::<F>(q.ncols() as f64).sqrt();
    let mut out = Array2::zeros((n, v.ncols()));
    for i in 0..n {
        let score = |j: usize| {
            if !may_attend(mask, (i, n), (j, m)) {
                return F::neg_infinity();
            }
            let products = (0..q.ncols()).map(|c| q[[i, c]] * k[[j, c]]);
            products.fold(F::zero(), |sum, x| sum + x) / root_d
        };
        let (_, weights) = softmax(&(0..m).map(score).collect::<Vec<F>>());
        for (j, &weight) in weights.iter().enumerate() {
            for c in 0..v.ncols() {
                out[[i, c]] += weight * v[[j, c]];
            }
        }
    }
    out
}

/// Multi-head attention, head by head; with `rotary`, queries and keys are turned: n × d_model.
pub fn multi_head<F: NdFloat>(
    layer: &AttentionLayer,
    x: &Array2<F>,
    memory: &Array2<F>,
    rotary: Option<Rotary>,
    mask: &Mask,
) -> Array2<F> {
    let h = layer.h;
    let [q, k, v] = [(x, &layer.w_q), (memory, &layer.w_k), (memory, &layer.w_v)]
        .map(|(x, w)| product(x, w.view()));
    let turn = |x: Array2<F>| match rotary {
        Some(rotary) => rope(&x, 0, rotary),
        None => x,
    };
    let d_v = v.ncols() / h;
    let mut merged = Array2::zeros((x.nrows(), v.ncols()));
    for i in 0..h {
        let (q, k) = (turn(head(&q, i, h)), turn(head(&k, i, h)));
        let out = attend(&q, &k, &head(&v, i, h), mask);
        for ((row, c), &entry) in out.indexed_iter() {
            merged[[row, i * d_v + c]] = entry;
        }
    }
    product(&merged, layer.w_o.view())
}

/// Layer normalisation, row by row, in two passes: n × d_model.
pub fn layer_norm<F: NdFloat>(x: &Array2<F>, norm: &LayerNorm) -> Array2<F> {
    let (gain, bias) = (row_of::<F>(norm.gain.view()), row_of(norm.bias.view()));
    let width = number::<F>(x.ncols() as f64);
    let mut out = Array2::zeros(x.raw_dim());
    for r in 0..x.nrows() {
        let mut mean = F::zero();
        for c in 0..x.ncols() {
            mean += x[[r, c]] / width;
        }
        let mut variance = F::zero();
        for c in 0..x.ncols() {
            variance += (x[[r, c]] - mean) * (x[[r, c]] - mean) / width;
        }
        let deviation = (variance + number(f64::from(EPSILON))).sqrt();
        for c in 0..x.ncols() {
            out[[r, c]] = (x[[r, c]] - mean) / deviation * gain[c] + bias[c];
        }
    }
    out
}

/// A decoder's block, part by part: n × d_model.
pub fn decoder_block<F: NdFloat>(
    block: &DecoderBlock,
    x: &Array2<F>,
    memory: &Array2<F>,
    memory_mask: &Mask,
) -> Array2<F> {
    let seen = layer_norm(x, &block.norm_1);
    let rotary = Some(block.rotary);
    let x = x + &multi_head(&block.self_attention, &seen, &seen, rotary, &Mask::Causal);
    let seen = layer_norm(&x, &block.norm_2);
    let x = &x + &multi_head(&block.cross_attention, &seen, memory, None, memory_mask);
    let seen = layer_norm(&x, &block.norm_3);
    let network = &block.feed_forward;
    let mut inner = product(&seen, network.w_1.view()) + row_of::<F>(network.b_1.view());
    inner.mapv_inplace(|x| if x > F::zero() { x } else { F::zero() });
    &x + &product(&inner, network.w_2.view()) + row_of::<F>(network.b_2.view())
}
