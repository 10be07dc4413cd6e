//! Attention written once more as plain loops over any float. In f64 it is the judges' oracle; in
//! f32 it is the sequential order of summation that the tolerance is measured with. It shares no
//! code with any chapter's reference.
//!
//! ```
//! use attn_core::Mask;
//! use ndarray::array;
//! // One query and two keys, with scores 0 and ln 3: weights 1/4 and 3/4.
//! let (q, k, v) = (array![[1.0_f32]], array![[0.0], [3.0_f32.ln()]], array![[0.0], [4.0]]);
//! let exact = attn_oracle::attention::<f64>(q.view(), k.view(), v.view(), &Mask::None);
//! assert!((exact.out[[0, 0]] - 3.0).abs() < 1e-6);
//! ```

use attn_core::Mask;
use ndarray::{Array1, Array2, ArrayView2, NdFloat};

/// What attention gives.
#[derive(Clone, Debug)]
pub struct Output<F> {
    /// n×d_v.
    pub out: Array2<F>,
    /// The log-sum-exp of each row of scores, n.
    pub lse: Array1<F>,
}

/// The gradients of attention's inputs.
#[derive(Clone, Debug)]
pub struct Gradients<F> {
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
pub fn softmax<F: NdFloat>(row: &[F]) -> (F, Vec<F>) {
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

/// The scores `q kᵀ / √d`, one product at a time, with −∞ where the mask forbids: n×m.
pub fn scores<F: NdFloat>(q: ArrayView2<f32>, k: ArrayView2<f32>, mask: &Mask) -> Array2<F> {
    let (n, m) = (q.nrows(), k.nrows());
    let (q, k) = (to::<F>(q), to::<F>(k));
    let root_d = F::from(q.ncols()).expect("a size").sqrt();
    let mut scores = Array2::from_elem((n, m), F::neg_infinity());
    for i in 0..n {
        for j in 0..m {
            if may_attend(mask, (i, n), (j, m)) {
                let mut product = F::zero();
                for c in 0..q.ncols() {
                    product += q[[i, c]] * k[[j, c]];
                }
                scores[[i, j]] = product / root_d;
            }
        }
    }
    scores
}

/// The weights of attention, n×m.
pub fn weights<F: NdFloat>(q: ArrayView2<f32>, k: ArrayView2<f32>, mask: &Mask) -> Array2<F> {
    let mut weights = scores(q, k, mask);
    for mut row in weights.rows_mut() {
        let (_, softmax) = softmax(&row.to_vec());
        row.assign(&Array1::from(softmax));
    }
    weights
}

/// Attention, score by score.
pub fn attention<F: NdFloat>(
    q: ArrayView2<f32>,
    k: ArrayView2<f32>,
    v: ArrayView2<f32>,
    mask: &Mask,
) -> Output<F> {
    let scores = scores::<F>(q, k, mask);
    let v = to::<F>(v);
    let mut result =
        Output { out: Array2::zeros((q.nrows(), v.ncols())), lse: Array1::zeros(q.nrows()) };
    for (i, row) in scores.rows().into_iter().enumerate() {
        let (lse, weights) = softmax(&row.to_vec());
        result.lse[i] = lse;
        for (j, &weight) in weights.iter().enumerate() {
            for c in 0..v.ncols() {
                result.out[[i, c]] += weight * v[[j, c]];
            }
        }
    }
    result
}

/// The gradient of a row-wise softmax through its whole Jacobian, `∂w_l/∂s_j = w_l (δ_lj − w_j)`, and
/// of the log-sum-exp of each row, `∂lse/∂s_j = w_j`.
pub fn softmax_backward<F: NdFloat>(
    weights: &Array2<F>,
    d_weights: &Array2<F>,
    d_lse: &Array1<F>,
) -> Array2<F> {
    let mut d_scores = Array2::zeros(weights.raw_dim());
    for ((i, j), d_score) in d_scores.indexed_iter_mut() {
        *d_score = d_lse[i] * weights[[i, j]];
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
) -> Gradients<F> {
    let factors = Array2::from_elem((q.nrows(), k.nrows()), F::one());
    attention_backward_with(q, k, v, mask, &factors, d_out)
}

/// The factor by which each weight is multiplied between the softmax and the values: 1/(1 − p) where
/// it is kept, 0 where it is dropped.
fn dropout_factors<F: NdFloat>(kept: ArrayView2<bool>, p: f32) -> Array2<F> {
    let p = F::from(p).expect("f32 fits every float");
    kept.mapv(|kept| if kept { F::one() / (F::one() - p) } else { F::zero() })
}

/// Attention with dropout on its weights, score by score. The log-sum-exp is that of all scores.
pub fn attention_dropout<F: NdFloat>(
    q: ArrayView2<f32>,
    k: ArrayView2<f32>,
    v: ArrayView2<f32>,
    mask: &Mask,
    kept: ArrayView2<bool>,
    p: f32,
) -> Output<F> {
    let (scores, factors) = (scores::<F>(q, k, mask), dropout_factors::<F>(kept, p));
    let v = to::<F>(v);
    let mut result =
        Output { out: Array2::zeros((q.nrows(), v.ncols())), lse: Array1::zeros(q.nrows()) };
    for (i, row) in scores.rows().into_iter().enumerate() {
        let (lse, weights) = softmax(&row.to_vec());
        result.lse[i] = lse;
        for (j, &weight) in weights.iter().enumerate() {
            for c in 0..v.ncols() {
                result.out[[i, c]] += weight * factors[[i, j]] * v[[j, c]];
            }
        }
    }
    result
}

/// The gradients of attention with dropout on its weights, product by product.
pub fn attention_dropout_backward<F: NdFloat>(
    q: ArrayView2<f32>,
    k: ArrayView2<f32>,
    v: ArrayView2<f32>,
    mask: &Mask,
    kept: ArrayView2<bool>,
    p: f32,
    d_out: ArrayView2<f32>,
) -> Gradients<F> {
    attention_backward_with(q, k, v, mask, &dropout_factors(kept, p), d_out)
}

/// The gradients of attention whose weights are multiplied by constant factors after the softmax.
fn attention_backward_with<F: NdFloat>(
    q: ArrayView2<f32>,
    k: ArrayView2<f32>,
    v: ArrayView2<f32>,
    mask: &Mask,
    factors: &Array2<F>,
    d_out: ArrayView2<f32>,
) -> Gradients<F> {
    let weights = weights::<F>(q, k, mask);
    let (q, k, v, d_out) = (to::<F>(q), to::<F>(k), to::<F>(v), to::<F>(d_out));
    let root_d = F::from(q.ncols()).expect("a size").sqrt();
    let mut d_weights = Array2::zeros(weights.raw_dim());
    let mut dv = Array2::zeros(v.raw_dim());
    for ((i, j), &weight) in weights.indexed_iter() {
        for c in 0..v.ncols() {
            d_weights[[i, j]] += factors[[i, j]] * d_out[[i, c]] * v[[j, c]];
            dv[[j, c]] += factors[[i, j]] * weight * d_out[[i, c]];
        }
    }
    let d_scores = softmax_backward(&weights, &d_weights, &Array1::zeros(weights.nrows()));
    let (mut dq, mut dk) = (Array2::zeros(q.raw_dim()), Array2::zeros(k.raw_dim()));
    for ((i, j), &d_score) in d_scores.indexed_iter() {
        for c in 0..q.ncols() {
            dq[[i, c]] += d_score * k[[j, c]] / root_d;
            dk[[j, c]] += d_score * q[[i, c]] / root_d;
        }
    }
    Gradients { dq, dk, dv }
}

/// The product `a b`, entry by entry; `b` in the float of `a`.
pub fn product<F: NdFloat>(a: &Array2<F>, b: ArrayView2<f32>) -> Array2<F> {
    let b = to::<F>(b);
    let mut out = Array2::zeros((a.nrows(), b.ncols()));
    for ((i, j), entry) in out.indexed_iter_mut() {
        for l in 0..a.ncols() {
            *entry += a[[i, l]] * b[[l, j]];
        }
    }
    out
}
