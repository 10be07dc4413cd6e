//! The chapter once more as plain loops over any float: in f64 it is the judges' oracle, in f32 the
//! sequential order of summation that the tolerance is measured with. It shares no code with the
//! reference.

use crate::given::{Additive, Concat, Pointer};
use attn_oracle::{product, softmax, to};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, NdFloat};

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

/// The gradients of the weights of an additive score, pair by pair and number by number: with
/// respect to `w_q`, `w_k` and `v`.
pub fn additive_backward<F: NdFloat>(
    additive: &Additive,
    q: ArrayView2<f32>,
    k: ArrayView2<f32>,
    d_scores: ArrayView2<f32>,
) -> (Array2<F>, Array2<F>, Array1<F>) {
    let from_q = product::<F>(&to(q), additive.w_q.view());
    let from_k = product::<F>(&to(k), additive.w_k.view());
    let mut dw_q = Array2::zeros(additive.w_q.raw_dim());
    let mut dw_k = Array2::zeros(additive.w_k.raw_dim());
    let mut dv = Array1::zeros(additive.v.len());
    for ((i, j), &d_score) in d_scores.indexed_iter() {
        for (c, &v) in additive.v.iter().enumerate() {
            let hidden = (from_q[[i, c]] + from_k[[j, c]]).tanh();
            let d_sum =
                number::<F>(d_score) * number(v) * (F::one() - hidden) * (F::one() + hidden);
            dv[c] += number::<F>(d_score) * hidden;
            for (r, &x) in q.row(i).iter().enumerate() {
                dw_q[[r, c]] += number::<F>(x) * d_sum;
            }
            for (r, &x) in k.row(j).iter().enumerate() {
                dw_k[[r, c]] += number::<F>(x) * d_sum;
            }
        }
    }
    (dw_q, dw_k, dv)
}

/// Cosine scores, n×m: each product divided by both lengths, 0 where a length is 0.
pub fn cosine_scores<F: NdFloat>(beta: f32, q: ArrayView2<f32>, k: ArrayView2<f32>) -> Array2<F> {
    let (q, k) = (to::<F>(q), to::<F>(k));
    let mut scores = Array2::zeros((q.nrows(), k.nrows()));
    for ((i, j), score) in scores.indexed_iter_mut() {
        let [mut product, mut q_squares, mut k_squares] = [F::zero(); 3];
        for (&x, &y) in q.row(i).iter().zip(k.row(j)) {
            product += x * y;
            q_squares += x * x;
            k_squares += y * y;
        }
        if q_squares > F::zero() && k_squares > F::zero() {
            *score = number::<F>(beta) * (product / q_squares.sqrt() / k_squares.sqrt());
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
