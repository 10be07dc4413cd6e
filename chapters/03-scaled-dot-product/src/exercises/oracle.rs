//! Attention written once more as plain loops over any float: in f64 it is the judges' oracle, in
//! f32 the sequential order of summation that the tolerance is measured with. It shares no code
//! with the reference.

use attn_core::Mask;
use ndarray::{Array1, Array2, ArrayView2, NdFloat};

/// The whole of attention, forward.
pub struct Forward<F> {
    /// n×m.
    pub weights: Array2<F>,
    /// n×d_v.
    pub out: Array2<F>,
    /// n.
    pub lse: Array1<F>,
}

/// The gradients of attention.
pub struct Backward<F> {
    /// n×d.
    pub dq: Array2<F>,
    /// m×d.
    pub dk: Array2<F>,
    /// m×d_v.
    pub dv: Array2<F>,
}

/// `x` in another width of float.
pub fn to<F: NdFloat>(x: ArrayView2<f32>) -> Array2<F> {
    x.mapv(|x| F::from(x).expect("f32 fits every float"))
}

/// Whether query `i` of `n` may attend to key `j` of `m`.
pub fn may_attend(mask: &Mask, (i, n): (usize, usize), (j, m): (usize, usize)) -> bool {
    let causal = j as i64 <= m as i64 - n as i64 + i as i64;
    match mask {
        Mask::None => true,
        Mask::Causal => causal,
        Mask::Prefix(p) => j < *p || causal,
        Mask::Padding(keys) => keys[j],
        Mask::Dense(table) => table[[i, j]],
        Mask::All(masks) => masks.iter().all(|mask| may_attend(mask, (i, n), (j, m))),
    }
}

/// The log-sum-exp of a row and its softmax; −∞ and zeros when every score is −∞.
fn softmax<F: NdFloat>(row: &[F]) -> (F, Vec<F>) {
    let mut top = F::neg_infinity();
    for &s in row {
        if s > top {
            top = s;
        }
    }
    if top == F::neg_infinity() {
        return (top, vec![F::zero(); row.len()]);
    }
    let mut sum = F::zero();
    for &s in row {
        sum += (s - top).exp();
    }
    let weights = row.iter().map(|&s| (s - top).exp() / sum).collect();
    (top + sum.ln(), weights)
}

/// Softmax of each row, n×m.
pub fn softmax_rows<F: NdFloat>(x: ArrayView2<f32>) -> Array2<F> {
    let mut weights = to(x);
    for mut row in weights.rows_mut() {
        let (_, weights) = softmax(&row.to_vec());
        row.assign(&Array1::from(weights));
    }
    weights
}

/// Attention, score by score.
pub fn attention<F: NdFloat>(
    q: ArrayView2<f32>,
    k: ArrayView2<f32>,
    v: ArrayView2<f32>,
    mask: &Mask,
) -> Forward<F> {
    let (n, m, d_v) = (q.nrows(), k.nrows(), v.ncols());
    let (q, k, v) = (to::<F>(q), to::<F>(k), to::<F>(v));
    let root_d = F::from(q.ncols()).expect("a size").sqrt();
    let mut result = Forward {
        weights: Array2::zeros((n, m)),
        out: Array2::zeros((n, d_v)),
        lse: Array1::zeros(n),
    };
    for i in 0..n {
        let mut scores = vec![F::neg_infinity(); m];
        for j in 0..m {
            if may_attend(mask, (i, n), (j, m)) {
                let mut product = F::zero();
                for c in 0..q.ncols() {
                    product += q[[i, c]] * k[[j, c]];
                }
                scores[j] = product / root_d;
            }
        }
        let (lse, weights) = softmax(&scores);
        result.lse[i] = lse;
        for j in 0..m {
            result.weights[[i, j]] = weights[j];
            for c in 0..d_v {
                result.out[[i, c]] += weights[j] * v[[j, c]];
            }
        }
    }
    result
}

/// The gradient of a row-wise softmax through its whole Jacobian: `∂w_l/∂s_j = w_l (δ_lj − w_j)`.
pub fn softmax_backward<F: NdFloat>(weights: &Array2<F>, d_weights: &Array2<F>) -> Array2<F> {
    let mut d_scores = Array2::zeros(weights.raw_dim());
    for ((i, j), d_score) in d_scores.indexed_iter_mut() {
        for l in 0..weights.ncols() {
            let delta = if l == j { F::one() } else { F::zero() };
            *d_score += d_weights[[i, l]] * weights[[i, l]] * (delta - weights[[i, j]]);
        }
    }
    d_scores
}

/// The gradients of attention, product by product.
pub fn attention_backward<F: NdFloat>(
    q: ArrayView2<f32>,
    k: ArrayView2<f32>,
    v: ArrayView2<f32>,
    mask: &Mask,
    d_out: ArrayView2<f32>,
) -> Backward<F> {
    let weights = attention::<F>(q, k, v, mask).weights;
    let (q, k, v, d_out) = (to::<F>(q), to::<F>(k), to::<F>(v), to::<F>(d_out));
    let root_d = F::from(q.ncols()).expect("a size").sqrt();
    let mut d_weights = Array2::zeros(weights.raw_dim());
    let mut dv = Array2::zeros(v.raw_dim());
    for ((i, j), &weight) in weights.indexed_iter() {
        for c in 0..v.ncols() {
            d_weights[[i, j]] += d_out[[i, c]] * v[[j, c]];
            dv[[j, c]] += weight * d_out[[i, c]];
        }
    }
    let d_scores = softmax_backward(&weights, &d_weights);
    let (mut dq, mut dk) = (Array2::zeros(q.raw_dim()), Array2::zeros(k.raw_dim()));
    for ((i, j), &d_score) in d_scores.indexed_iter() {
        for c in 0..q.ncols() {
            dq[[i, c]] += d_score * k[[j, c]] / root_d;
            dk[[j, c]] += d_score * q[[i, c]] / root_d;
        }
    }
    Backward { dq, dk, dv }
}
