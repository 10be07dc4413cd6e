//! The chapter once more as plain loops over any float: in f64 it is the judges' oracle, in f32 the
//! sequential order of summation that the tolerance is measured with. It shares no code with the
//! reference.

use crate::given::{Additive, Concat, Pointer};
use attn_oracle::softmax;
use ndarray::{Array2, ArrayView1, ArrayView2, NdFloat};

/// `x` in another width of float.
fn to<F: NdFloat>(x: f32) -> F {
    F::from(x).expect("f32 fits every float")
}

fn row<F: NdFloat>(x: ArrayView1<f32>) -> Vec<F> {
    x.iter().map(|&x| to(x)).collect()
}

/// Entry `c` of `x w`.
fn product<F: NdFloat>(x: &[F], w: ArrayView2<f32>, c: usize) -> F {
    let mut sum = F::zero();
    for (r, &x) in x.iter().enumerate() {
        sum += x * to(w[[r, c]]);
    }
    sum
}

/// A score for each pair of a query and a key.
fn pairs<F: NdFloat>(
    q: ArrayView2<f32>,
    k: ArrayView2<f32>,
    score: impl Fn(&[F], &[F]) -> F,
) -> Array2<F> {
    Array2::from_shape_fn((q.nrows(), k.nrows()), |(i, j)| {
        score(&row(q.row(i)), &row(k.row(j)))
    })
}

/// Additive scores, n×m.
pub fn additive_scores<F: NdFloat>(
    additive: &Additive,
    q: ArrayView2<f32>,
    k: ArrayView2<f32>,
) -> Array2<F> {
    pairs(q, k, |q: &[F], k: &[F]| {
        let mut score = F::zero();
        for (c, &v) in additive.v.iter().enumerate() {
            let (from_q, from_k) = (additive.w_q.view(), additive.w_k.view());
            let sum = product(q, from_q, c) + product(k, from_k, c);
            score += to::<F>(v) * sum.tanh();
        }
        score
    })
}

/// General scores, n×m.
pub fn general_scores<F: NdFloat>(
    w: ArrayView2<f32>,
    q: ArrayView2<f32>,
    k: ArrayView2<f32>,
) -> Array2<F> {
    pairs(q, k, |q: &[F], k: &[F]| {
        let mut score = F::zero();
        for (c, &k) in k.iter().enumerate() {
            score += product(q, w, c) * k;
        }
        score
    })
}

/// Concat scores, n×m.
pub fn concat_scores<F: NdFloat>(
    concat: &Concat,
    q: ArrayView2<f32>,
    k: ArrayView2<f32>,
) -> Array2<F> {
    pairs(q, k, |q: &[F], k: &[F]| {
        let both = [q, k].concat();
        let mut score = F::zero();
        for (c, &v) in concat.v.iter().enumerate() {
            score += to::<F>(v) * product(&both, concat.w.view(), c).tanh();
        }
        score
    })
}

/// Location weights, n×m.
pub fn location_weights<F: NdFloat>(w: ArrayView2<f32>, q: ArrayView2<f32>, m: usize) -> Array2<F> {
    let mut weights = Array2::zeros((q.nrows(), m));
    for (i, q) in q.rows().into_iter().enumerate() {
        let q = row::<F>(q);
        let scores: Vec<F> = (0..m).map(|j| product(&q, w, j)).collect();
        for (j, weight) in softmax(&scores).1.into_iter().enumerate() {
            weights[[i, j]] = weight;
        }
    }
    weights
}

/// The position that a query points at, among `m` keys.
pub fn position<F: NdFloat>(pointer: &Pointer, q: ArrayView1<f32>, m: usize) -> F {
    let q = row::<F>(q);
    let mut sum = F::zero();
    for (c, &v) in pointer.v_p.iter().enumerate() {
        sum += to::<F>(v) * product(&q, pointer.w_p.view(), c).tanh();
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
    let number = |x: usize| F::from(x).expect("a size");
    let variance = number(half) * number(half) / number(4);
    let mut weights = Array2::zeros(scores.raw_dim());
    for (i, q) in q.rows().into_iter().enumerate() {
        let p = position::<F>(pointer, q, m);
        let off = |j: usize| number(j) - p;
        let inside: Vec<usize> = (0..m).filter(|&j| off(j).abs() <= number(half)).collect();
        let window: Vec<F> = inside.iter().map(|&j| to(scores[[i, j]])).collect();
        for (&j, align) in inside.iter().zip(softmax(&window).1) {
            weights[[i, j]] = align * (-(off(j) * off(j)) / (variance + variance)).exp();
        }
    }
    weights
}
