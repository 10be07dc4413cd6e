//! The members of the family by name: where their gates and βs come from.

use crate::recurrence::{Forget, Read, Recurrence, Write};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis};

/// RetNet: γ = 1 − 2^(−5−head), a rate that is fixed for each head. (Sun et al.,
/// [arXiv:2307.08621](https://arxiv.org/abs/2307.08621), §2.2.)
///
/// ```
/// use ch11_linear::mechanisms::retnet_gamma;
/// assert_eq!((retnet_gamma(0), retnet_gamma(1)), (1.0 - 1.0 / 32.0, 1.0 - 1.0 / 64.0));
/// ```
pub fn retnet_gamma(head: i32) -> f64 {
    1.0 - 2.0_f64.powi(-5 - head)
}

/// RetNet's recurrence for one head.
///
/// ```
/// use ch11_linear::mechanisms::retnet;
/// use ndarray::array;
/// let (one, mut state) = (array![[1.0]], array![[32.0]]);
/// let rows = retnet(0).recurrent(&mut state, one.view(), one.view(), one.view()).unwrap();
/// assert!((rows[[0, 0]] - 32.0_f64).abs() < 1e-12); // 31/32 of 32, and 1
/// ```
pub fn retnet(head: i32) -> Recurrence<f64> {
    Recurrence { forget: Forget::Constant(retnet_gamma(head).ln()), ..Recurrence::plain() }
}

/// The log-decay of Lightning Attention: −(8/heads)·(1 − layer/layers)·head, so that the first layers
/// forget the fastest. As flash-linear-attention's code has it.
///
/// ```
/// use ch11_linear::mechanisms::lightning_log_decay;
/// assert_eq!(lightning_log_decay((0, 24), (4, 8)), -4.0);
/// assert_eq!(lightning_log_decay((12, 24), (4, 8)), -2.0);
/// assert_eq!(lightning_log_decay((0, 24), (0, 8)), 0.0); // head 0 forgets nothing
/// ```
pub fn lightning_log_decay((layer, layers): (usize, usize), (head, heads): (usize, usize)) -> f64 {
    // Adding 0 makes −0 a 0.
    -(8.0 / heads as f64) * (1.0 - layer as f64 / layers as f64) * head as f64 + 0.0
}

/// Lightning Attention's recurrence for one head: RetNet's, with other rates, always computed in chunks.
/// (Qin et al., [arXiv:2401.04658](https://arxiv.org/abs/2401.04658).)
///
/// ```
/// use ch11_linear::{Forget, mechanisms::lightning};
/// assert_eq!(lightning((0, 2), (1, 8)).forget, Forget::Constant(-1.0));
/// ```
pub fn lightning(layer: (usize, usize), head: (usize, usize)) -> Recurrence<f64> {
    Recurrence { forget: Forget::Constant(lightning_log_decay(layer, head)), ..Recurrence::plain() }
}

/// ln σ(x), without overflow on either side.
///
/// ```
/// use ch11_linear::mechanisms::log_sigmoid;
/// assert_eq!(log_sigmoid(0.0), 0.5_f64.ln());
/// assert_eq!(log_sigmoid(-1000.0), -1000.0);
/// ```
pub fn log_sigmoid(x: f64) -> f64 {
    x.min(0.0) - (-x.abs()).exp().ln_1p()
}

/// ln(1 + eˣ), without overflow.
///
/// ```
/// use ch11_linear::mechanisms::softplus;
/// assert_eq!((softplus(0.0), softplus(1000.0)), (2.0_f64.ln(), 1000.0));
/// ```
pub fn softplus(x: f64) -> f64 {
    -log_sigmoid(-x)
}

/// Gated linear attention: a gate per token and channel, computed from the token. The log-gate is ln
/// σ(x) / 16, so that a gate begins near 1. (Yang et al.,
/// [arXiv:2312.06635](https://arxiv.org/abs/2312.06635), §4; `x` is a product of the token with a matrix
/// of rank 16.)
///
/// ```
/// use ch11_linear::{Forget, mechanisms::gla};
/// use ndarray::array;
/// // A gate of (1/2)^(1/16), near 1.
/// let gate = 0.5_f64.ln() / 16.0;
/// assert_eq!(gla(array![[0.0]].view()).forget, Forget::Channels(array![[gate]]));
/// ```
pub fn gla(x: ArrayView2<f64>) -> Recurrence<f64> {
    let gates = x.mapv(|x| log_sigmoid(x) / 16.0);
    Recurrence { forget: Forget::Channels(gates), ..Recurrence::plain() }
}

/// Mamba-2, also called SSD: one gate per token, exp(−e^a Δ_t), where Δ_t = softplus of a number
/// computed from the token. Its keys are B_t, its queries C_t, and its values Δ_t x_t. (Dao and Gu,
/// [arXiv:2405.21060](https://arxiv.org/abs/2405.21060), §5.)
///
/// ```
/// use ch11_linear::{Forget, mechanisms::mamba2};
/// use ndarray::array;
/// assert_eq!(mamba2(0.0, array![2.0].view()).forget, Forget::Tokens(array![-2.0]));
/// ```
pub fn mamba2(a: f64, steps: ArrayView1<f64>) -> Recurrence<f64> {
    let gates = steps.mapv(|step| -a.exp() * step);
    Recurrence { forget: Forget::Tokens(gates), ..Recurrence::plain() }
}

/// RWKV-6: gates per token and channel, exp(−e^w), and a query that reads before the token is written,
/// with a bonus. (Peng et al., [arXiv:2404.05892](https://arxiv.org/abs/2404.05892).)
///
/// ```
/// use ch11_linear::{Forget, mechanisms::rwkv6};
/// use ndarray::array;
/// let rwkv = rwkv6(array![[0.0]].view(), array![2.0].view());
/// assert_eq!(rwkv.forget, Forget::Channels(array![[-1.0]]));
/// ```
pub fn rwkv6(w: ArrayView2<f64>, bonus: ArrayView1<f64>) -> Recurrence<f64> {
    Recurrence {
        forget: Forget::Channels(w.mapv(|w| -w.exp())),
        write: Write::Add,
        read: Read::Before(bonus.to_owned()),
    }
}

/// DeltaNet: A = I − β k kᵀ. (Yang et al., [arXiv:2406.06484](https://arxiv.org/abs/2406.06484).)
///
/// ```
/// use ch11_linear::mechanisms::delta;
/// use ndarray::array;
/// let (keys, values) = (array![[1.0], [1.0]], array![[5.0], [7.0]]);
/// let mut state = array![[0.0]];
/// let rows = delta(array![1.0, 1.0].view())
///     .chunkwise(&mut state, keys.view(), keys.view(), values.view(), 2)
///     .unwrap();
/// assert_eq!(rows, values); // each replaces what was there
/// ```
pub fn delta(beta: ArrayView1<f64>) -> Recurrence<f64> {
    Recurrence { write: Write::Replace(beta.to_owned()), ..Recurrence::plain() }
}

/// The gated delta rule: A = α (I − β k kᵀ), with one gate per token. (Yang et al.,
/// [arXiv:2412.06464](https://arxiv.org/abs/2412.06464), Eq 10.)
///
/// ```
/// use ch11_linear::mechanisms::gated_delta;
/// use ndarray::array;
/// let (one, zero, mut state) = (array![[1.0]], array![[0.0]], array![[8.0]]);
/// let half = gated_delta(array![0.5_f64.ln()].view(), array![0.0].view());
/// assert_eq!(half.recurrent(&mut state, one.view(), one.view(), zero.view()), Ok(array![[4.0]]));
/// ```
pub fn gated_delta(log_gates: ArrayView1<f64>, beta: ArrayView1<f64>) -> Recurrence<f64> {
    Recurrence { forget: Forget::Tokens(log_gates.to_owned()), ..delta(beta) }
}

/// Kimi Delta Attention: A = (I − β k kᵀ) Diag(α), with one gate per token and channel. (Kimi Team,
/// [arXiv:2510.26692](https://arxiv.org/abs/2510.26692), Eq 1.)
///
/// ```
/// use ch11_linear::mechanisms::kda;
/// use ndarray::array;
/// let (one, value, mut state) = (array![[1.0]], array![[2.0]], array![[8.0]]);
/// let kda = kda(array![[0.25_f64.ln()]].view(), array![0.5].view());
/// let rows = kda.recurrent(&mut state, one.view(), one.view(), value.view()).unwrap();
/// assert_eq!(rows, array![[2.0]]); // 8 fades to 2; half of that is erased, and half of 2 is written
/// ```
pub fn kda(log_gates: ArrayView2<f64>, beta: ArrayView1<f64>) -> Recurrence<f64> {
    Recurrence { forget: Forget::Channels(log_gates.to_owned()), ..delta(beta) }
}

/// What stands in the place of z: each row of a head's output is divided by its root mean square. The
/// size of a state that has grown does not reach the next layer. (Qin et al.,
/// [arXiv:2210.10340](https://arxiv.org/abs/2210.10340).)
///
/// ```
/// use ch11_linear::mechanisms::output_norm;
/// use ndarray::array;
/// let rows = array![[3.0, -3.0], [3e9, -3e9], [0.0, 0.0]];
/// assert_eq!(output_norm(rows.view()), array![[1.0, -1.0], [1.0, -1.0], [0.0, 0.0]]);
/// ```
pub fn output_norm(out: ArrayView2<f64>) -> Array2<f64> {
    let mut normed = out.to_owned();
    for mut row in normed.axis_iter_mut(Axis(0)) {
        let size = (row.dot(&row) / row.len() as f64).sqrt();
        if size > 0.0 {
            row /= size;
        }
    }
    normed
}

/// Mamba-1's selective scan: every channel of the input has a state of its own, of as many numbers as B
/// has, and every number of it fades at its own rate: h\[c,s\] ← exp(Δ\[t,c\] a\[c,s\]) h\[c,s\] +
/// Δ\[t,c\] B\[t,s\] x\[t,c\], y\[t,c\] = Σ_s C\[t,s\] h\[c,s\].
///
/// Shapes: x and Δ n × d_v, a d_v × d (negative), B and C n × d, y n × d_v. The fading depends on both
/// sides of the state, so A_t S with a matrix A_t does not cover it, and no chunk form with products of
/// matrices is known; it is computed token by token. (Gu and Dao,
/// [arXiv:2312.00752](https://arxiv.org/abs/2312.00752), Algorithm 2.)
///
/// ```
/// use ch11_linear::mechanisms::selective_scan;
/// use ndarray::array;
/// let half = array![[0.5_f64.ln()]]; // each step halves what is held
/// let ones = array![[1.0], [1.0]];
/// let y = selective_scan(ones.view(), ones.view(), half.view(), ones.view(), ones.view());
/// assert_eq!(y, array![[1.0], [1.5]]);
/// ```
pub fn selective_scan(
    x: ArrayView2<f64>,
    steps: ArrayView2<f64>,
    a: ArrayView2<f64>,
    b: ArrayView2<f64>,
    c: ArrayView2<f64>,
) -> Array2<f64> {
    let (mut held, mut y) = (Array2::<f64>::zeros(a.dim()), Array2::zeros(x.dim()));
    for t in 0..x.nrows() {
        for ((channel, s), held) in held.indexed_iter_mut() {
            let step = steps[[t, channel]];
            *held = (step * a[[channel, s]]).exp() * *held + step * b[[t, s]] * x[[t, channel]];
        }
        y.row_mut(t).assign(&held.dot(&c.row(t)));
    }
    y
}

/// The weights of RWKV's channel mixing.
#[derive(Clone, Debug, PartialEq)]
pub struct ChannelMix {
    /// How much of the token itself goes into the keys, d_model; the rest is the token before it.
    pub mix_k: Array1<f64>,
    /// Likewise for the gate.
    pub mix_r: Array1<f64>,
    /// d_model × d_hidden.
    pub w_k: Array2<f64>,
    /// d_model × d_model.
    pub w_r: Array2<f64>,
    /// d_hidden × d_model.
    pub w_v: Array2<f64>,
}

/// RWKV's channel mixing, which stands where a Transformer has its feed-forward network: σ(r) ∘ (max(k,
/// 0)² W_v), where k and r are products of the token mixed with the one before it. `last` is the token
/// before the first row; afterwards the last row.
///
/// Shapes: x n × d_model. The only thing that it keeps of earlier tokens is one row. (Peng et al.,
/// [arXiv:2305.13048](https://arxiv.org/abs/2305.13048), channel mixing.)
///
/// ```
/// use ch11_linear::mechanisms::{ChannelMix, channel_mix};
/// use ndarray::array;
/// let one = || array![[1.0]];
/// let (mix_k, mix_r) = (array![0.5], array![1.0]);
/// let weights = ChannelMix { mix_k, mix_r, w_k: one(), w_r: array![[0.0]], w_v: one() };
/// // The mean of 0 and 4, squared; σ(0) of that.
/// let out = channel_mix(&weights, &mut array![0.0], array![[4.0]].view());
/// assert_eq!(out, array![[2.0]]);
/// ```
pub fn channel_mix(
    weights: &ChannelMix,
    last: &mut Array1<f64>,
    x: ArrayView2<f64>,
) -> Array2<f64> {
    let mut out = Array2::zeros(x.dim());
    for (row, mut out) in x.rows().into_iter().zip(out.rows_mut()) {
        let mixed = |mix: &Array1<f64>| &row * mix + &*last * &mix.mapv(|share| 1.0 - share);
        let k = mixed(&weights.mix_k).dot(&weights.w_k).mapv(|k| k.max(0.0).powi(2));
        let r = mixed(&weights.mix_r).dot(&weights.w_r).mapv(|r| log_sigmoid(r).exp());
        out.assign(&(r * k.dot(&weights.w_v)));
        last.assign(&row);
    }
    out
}
