//! The chapter written once more as plain loops over any float: in f64 it is the judges' oracle, in
//! f32 the sequential order of summation that the tolerance is measured with. It shares no code
//! with the reference.

use crate::given::{AttentionLayer, Bound, DecoderBlock, EPSILON, LayerNorm, Layout, Rotary};
use attn_core::Mask;
use attn_oracle::{may_attend, product, softmax};
use ndarray::{Array1, Array2, Array3, ArrayView1, ArrayView2, Axis, NdFloat};

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
    attend_with(q, k, v, mask, |score, _, _| score)
}

/// The same, where `change` makes another score of each that is not hidden, given its i and j.
fn attend_with<F: NdFloat>(
    q: &Array2<F>,
    k: &Array2<F>,
    v: &Array2<F>,
    mask: &Mask,
    change: impl Fn(F, usize, usize) -> F,
) -> Array2<F> {
    let (n, m) = (q.nrows(), k.nrows());
    let root_d = number::<F>(q.ncols() as f64).sqrt();
    let mut out = Array2::zeros((n, v.ncols()));
    for i in 0..n {
        let score = |j: usize| {
            if !may_attend(mask, (i, n), (j, m)) {
                return F::neg_infinity();
            }
            let products = (0..q.ncols()).map(|c| q[[i, c]] * k[[j, c]]);
            change(products.fold(F::zero(), |sum, x| sum + x) / root_d, i, j)
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

/// One step of decoding, head by head: out, key and value.
pub fn decode_step<F: NdFloat>(
    layer: &AttentionLayer,
    x: &Array2<F>,
    (keys, values): (&Array3<F>, &Array3<F>),
    padding: usize,
    start: usize,
    rotary: Rotary,
) -> (Array1<F>, Array2<F>, Array2<F>) {
    let (h, m) = (layer.h, keys.dim().1);
    let [q, k, v] = [&layer.w_q, &layer.w_k, &layer.w_v].map(|w| product(x, w.view()));
    let (d, d_v) = (k.ncols() / h, v.ncols() / h);
    let (mut key, mut value) = (Array2::zeros((h, d)), Array2::zeros((h, d_v)));
    let mut merged = Array2::zeros((1, v.ncols()));
    let mask = Mask::padding((0..=m).map(|j| j >= padding));
    for i in 0..h {
        let (q, new) = (rope(&head(&q, i, h), start, rotary), rope(&head(&k, i, h), start, rotary));
        let own = head(&v, i, h);
        let joined =
            |kept: &Array3<F>, new: &Array2<F>| {
                let width = new.ncols();
                Array2::from_shape_fn((m + 1, width), |(j, c)| {
                    if j < m { kept[[i, j, c]] } else { new[[0, c]] }
                })
            };
        let out = attend(&q, &joined(keys, &new), &joined(values, &own), &mask);
        for c in 0..d {
            key[[i, c]] = new[[0, c]];
        }
        for c in 0..d_v {
            value[[i, c]] = own[[0, c]];
            merged[[0, i * d_v + c]] = out[[0, c]];
        }
    }
    (product(&merged, layer.w_o.view()).row(0).to_owned(), key, value)
}

/// Attention with bounded scores, score by score: n×d_v.
pub fn bounded<F: NdFloat>(
    q: &Array2<F>,
    k: &Array2<F>,
    v: &Array2<F>,
    bound: &Bound,
    mask: &Mask,
) -> Array2<F> {
    let normed = |x: &Array2<F>, gain: &Array1<f32>| {
        Array2::from_shape_fn(x.raw_dim(), |(r, c)| {
            let squares = (0..x.ncols()).fold(F::zero(), |sum, c| sum + x[[r, c]] * x[[r, c]]);
            let mean = squares / number(x.ncols() as f64);
            x[[r, c]] / (mean + number(f64::from(EPSILON))).sqrt() * number(f64::from(gain[c]))
        })
    };
    match bound {
        Bound::Norm { q_gain, k_gain } => attend(&normed(q, q_gain), &normed(k, k_gain), v, mask),
        Bound::Cap(cap) => {
            let cap = number::<F>(f64::from(*cap));
            attend_with(q, k, v, mask, |s, _, _| {
                // tanh, by exponentials that cannot overflow
                let e = (-(number::<F>(2.0) * s.abs() / cap)).exp();
                let tanh = (F::one() - e) / (F::one() + e);
                cap * if s < F::zero() { -tanh } else { tanh }
            })
        }
    }
}

/// Causal attention of several heads with linear biases: (h, n, d_v).
pub fn alibi<F: NdFloat>(q: &Array3<F>, k: &Array3<F>, v: &Array3<F>) -> Array3<F> {
    let (h, n, m) = (q.dim().0, q.dim().1, k.dim().1);
    let mut p = 1;
    while 2 * p <= h {
        p *= 2;
    }
    let mut out = Array3::zeros((h, n, v.dim().2));
    for (a, mut out) in out.outer_iter_mut().enumerate() {
        let exponent = if a < p {
            8.0 * (a + 1) as f64 / p as f64
        } else {
            4.0 * (2 * (a - p) + 1) as f64 / p as f64
        };
        let slope = number::<F>(2.0).powf(number(-exponent));
        let [q, k, v] = [q, k, v].map(|x| x.index_axis(Axis(0), a).to_owned());
        out.assign(&attend_with(&q, &k, &v, &Mask::Causal, |s, i, j| {
            s - slope * number((m as i64 - n as i64 + i as i64 - j as i64) as f64)
        }));
    }
    out
}

/// Multi-head attention with an output gate, head by head: n × d_model.
pub fn gated<F: NdFloat>(
    layer: &AttentionLayer,
    w_gate: ArrayView2<f32>,
    x: &Array2<F>,
    memory: &Array2<F>,
    mask: &Mask,
) -> Array2<F> {
    // Without a W_o, what comes out are the heads.
    let width = layer.w_v.ncols();
    let heads = AttentionLayer { w_o: Array2::eye(width), ..layer.clone() };
    let mut heads = multi_head(&heads, x, memory, None, mask);
    let gate = product(x, w_gate);
    for ((i, c), found) in heads.indexed_iter_mut() {
        *found /= F::one() + (-gate[[i, c]]).exp();
    }
    product(&heads, layer.w_o.view())
}
