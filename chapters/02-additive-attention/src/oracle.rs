//! The chapter once more as plain loops over any float: in f64 it is the judges' oracle, in f32 the
//! sequential order of summation that the tolerance is measured with. It shares no code with the
//! reference.

use crate::given::{Additive, Concat, Pointer};
use attn_oracle::{product, softmax, to};
use ndarray::{Array2, ArrayView1, ArrayView2, Axis, NdFloat};

fn number<F: NdFloat>(x: f32) -> F {
    F::from(x).expect("f32 fits every float")
}

/// Additive scores, n×m.
pub fn additive_scores<F: NdFloat>(
    additive: &Additive,
    q: ArrayView2<f32>,
    k: ArrayView2<f32>,
) -> Array2<F> {
    let from_q = product::<F>(&to(q), additive.w_q.view());
    let from_k = product::<F>(&to(k), additive.w_k.view());
    let mut scores = Array2::zeros((q.nrows(), k.nrows()));
    for ((i, j), score) in scores.indexed_iter_mut() {
        for (c, &v) in additive.v.iter().enumerate() {
            *score += number::<F>(v) * (from_q[[i, c]] + from_k[[j, c]]).tanh();
        }
    }
    scores
}

/// General scores, n×m.
pub fn general_scores<F: NdFloat>(
    w: ArrayView2<f32>,
    q: ArrayView2<f32>,
    k: ArrayView2<f32>,
) -> Array2<F> {
    product(&product::<F>(&to(q), w), k.t())
}

/// Concat scores, n×m.
pub fn concat_scores<F: NdFloat>(
    concat: &Concat,
    q: ArrayView2<f32>,
    k: ArrayView2<f32>,
) -> Array2<F> {
    let mut scores = Array2::zeros((q.nrows(), k.nrows()));
    for ((i, j), score) in scores.indexed_iter_mut() {
        let both: Vec<F> = q.row(i).iter().chain(k.row(j)).map(|&x| number(x)).collect();
        for (c, &v) in concat.v.iter().enumerate() {
            let mut sum = F::zero();
            for (r, &x) in both.iter().enumerate() {
                sum += x * number(concat.w[[r, c]]);
            }
            *score += number::<F>(v) * sum.tanh();
        }
    }
    scores
}

/// Location weights, n×m.
pub fn location_weights<F: NdFloat>(w: ArrayView2<f32>, q: ArrayView2<f32>, m: usize) -> Array2<F> {
    let scores = product::<F>(&to(q), w);
    let mut weights = Array2::zeros((q.nrows(), m));
    for (i, row) in scores.rows().into_iter().enumerate() {
        for (j, weight) in softmax(&row.to_vec()[..m]).1.into_iter().enumerate() {
            weights[[i, j]] = weight;
        }
    }
    weights
}

/// The position that a query points at, among `m` keys.
pub fn position<F: NdFloat>(pointer: &Pointer, q: ArrayView1<f32>, m: usize) -> F {
    let hidden = product::<F>(&to(q.insert_axis(Axis(0))), pointer.w_p.view());
    let mut sum = F::zero();
    for (&x, &v) in hidden.iter().zip(&pointer.v_p) {
        sum += number::<F>(v) * x.tanh();
    }
    F::from(m).expect("a size") / (F::one() + (-sum).exp())
}

/// Local weights with a predicted position, n×m.
pub fn local_weights<F: NdFloat>(
    pointer: &Pointer,
    q: ArrayView2<f32>,
    scores: ArrayView2<f32>,
    half: usize,
) -> Array2<F> {
    let m = scores.ncols();
    let size = |x: usize| F::from(x).expect("a size");
    let variance = size(half) * size(half) / size(4);
    let mut weights = Array2::zeros(scores.raw_dim());
    for (i, q) in q.rows().into_iter().enumerate() {
        let p = position::<F>(pointer, q, m);
        let off = |j: usize| size(j) - p;
        let inside: Vec<usize> = (0..m).filter(|&j| off(j).abs() <= size(half)).collect();
        let window: Vec<F> = inside.iter().map(|&j| number(scores[[i, j]])).collect();
        for (&j, align) in inside.iter().zip(softmax(&window).1) {
            weights[[i, j]] = align * (-(off(j) * off(j)) / (variance + variance)).exp();
        }
    }
    weights
}
