//! Chapter 11 · Linear attention: your answers.
//!
//! Replace each `todo!`, save, and run `cargo attn check 11`. Stuck? `cargo attn hint 11.1`.
//! Add helpers and imports as you like; keep the headings and the first line of each function.
#![allow(unused)] // what is imported below waits to be used

use attn_core::shape::expect_equal;
use ch11_linear::given::*;
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, s};

// ━━ 11.1 Features in the place of e · 5 points · about 5 minutes ━━

/// The features φ(x) = elu(x) + 1 of every number.
///
/// Shapes: n × d in, n × d out. Costs at most n·d exponentials. (Katharopoulos et al.,
/// [arXiv:2006.16236](https://arxiv.org/abs/2006.16236), Eq 7.)
///
/// ```
/// use ch11_linear::feature_map;
/// use ndarray::array;
/// assert_eq!(feature_map(array![[2.0, 0.0]].view()), array![[3.0, 1.0]]);
/// ```
pub fn feature_map(x: ArrayView2<f64>) -> Array2<f64> {
    todo!("11.1: elu(x) + 1, number by number")
}

// ━━ 11.2 All pairs at once · 10 points · about 15 minutes ━━

/// Causal linear attention in its parallel form: the products of features take the place of softmax's
/// exponentials. Each row is a mean of the values up to its own.
///
/// Shapes: features of queries and keys n × r, never negative; values n × d_v; out n × d_v. A row whose
/// weights sum to 0 is zeros. Costs 2·n²·(r + d_v) FLOPs. (Katharopoulos et al.,
/// [arXiv:2006.16236](https://arxiv.org/abs/2006.16236), Eq 9.)
///
/// ```
/// use ch11_linear::linear_attention;
/// use ndarray::array;
/// let features = array![[1.0], [3.0]]; // of the queries and of the keys
/// let out = linear_attention(features.view(), features.view(), array![[0.0], [4.0]].view());
/// assert_eq!(out, array![[0.0], [3.0]]); // weights 3 and 9 of 12
/// ```
#[track_caller]
pub fn linear_attention(q: ArrayView2<f64>, k: ArrayView2<f64>, v: ArrayView2<f64>) -> Array2<f64> {
    expect_tokens(q, k, v);
    todo!("11.2: weights q kᵀ of the keys so far, divided by their sum")
}

// ━━ 11.3 One token, and no cache · 15 points · about 20 minutes ━━

/// Linear attention in its recurrent form, one token: takes the token into the state, and gives what its
/// query reads there, where it sees itself too.
///
/// Shapes: features `q` and `k` r, `v` d_v, out d_v. A sum of weights of 0 gives zeros. Costs about
/// 4·r·d_v FLOPs, whatever came before. (Katharopoulos et al.,
/// [arXiv:2006.16236](https://arxiv.org/abs/2006.16236), Eqs 16–20.)
///
/// ```
/// use ch11_linear::{given::State, linear_step};
/// use ndarray::array;
/// let mut state = State::empty(1, 1);
/// let mut step = |x: f64, v: f64| {
///     let feature = array![x];
///     linear_step(&mut state, feature.view(), feature.view(), array![v].view())
/// };
/// assert_eq!(step(1.0, 0.0), array![0.0]);
/// assert_eq!(step(3.0, 4.0), array![3.0]); // weights 3 and 9 of 12
/// ```
#[track_caller]
pub fn linear_step(
    state: &mut State,
    q: ArrayView1<f64>,
    k: ArrayView1<f64>,
    v: ArrayView1<f64>,
) -> Array1<f64> {
    expect_token(state.s.dim(), q, k, v);
    todo!("11.3: write the token into S and z, then read with the query")
}

// ━━ 11.4 Chunks, and a decay · 20 points · about 35 minutes ━━

/// The recurrence of RetNet over n tokens, in chunks: between chunks the state is carried on, within a
/// chunk all pairs are computed at once. `state` is S before the first token, and afterwards S after the
/// last one.
///
/// Shapes: q and k n × d, v and out n × d_v, state d × d_v; 0 ≤ γ ≤ 1. The last chunk may be shorter.
/// Costs about n·(2·C·(d + d_v) + 4·d·d_v) FLOPs for chunks of C. (Sun et al.,
/// [arXiv:2307.08621](https://arxiv.org/abs/2307.08621), §2.1, the chunkwise form.)
///
/// # Panics
/// Names sizes that do not fit, and refuses `chunk` 0 and a γ that is not between 0 and 1.
///
/// ```
/// use ch11_linear::chunked;
/// use ndarray::{Array2, array};
/// let ones = Array2::ones((3, 1));
/// let mut state = array![[8.0]];
/// let out = chunked(&mut state, ones.view(), ones.view(), ones.view(), 0.5, 2);
/// assert_eq!(out, array![[5.0], [3.5], [2.75]]); // 8/2 + 1, 5/2 + 1, 3.5/2 + 1
/// assert_eq!(state, array![[2.75]]);
/// ```
#[track_caller]
pub fn chunked(
    state: &mut Array2<f64>,
    q: ArrayView2<f64>,
    k: ArrayView2<f64>,
    v: ArrayView2<f64>,
    gamma: f64,
    chunk: usize,
) -> Array2<f64> {
    expect_tokens(q, k, v);
    expect_state(state.dim(), k.ncols(), v.ncols());
    assert!(chunk > 0, "a chunk of 0 tokens");
    assert!((0.0..=1.0).contains(&gamma), "γ is {gamma}, which is not between 0 and 1");
    todo!("11.4: per chunk: what the state gives, and what the pairs give; then the state after the chunk")
}

// ━━ 11.5 Features that do approximate softmax · 10 points · about 15 minutes ━━

/// Random features whose products estimate softmax's exponentials without bias: φ(q) · φ(k) is
/// e^(q·k/√d) on average over directions drawn from the standard normal distribution.
///
/// Shapes: x n × d, directions r × d, out n × r. The same directions are for queries and for keys. Costs
/// 2·n·r·d FLOPs and n·r exponentials. (Choromanski et al.,
/// [arXiv:2009.14794](https://arxiv.org/abs/2009.14794), Lemma 1.)
///
/// ```
/// use ch11_linear::positive_features;
/// use ndarray::array;
/// let directions = array![[0.0], [0.0]]; // no direction at all
/// let features = positive_features(array![[2.0]].view(), directions.view());
/// assert!((features[[0, 0]] - (-2.0_f64).exp() / 2.0_f64.sqrt()).abs() < 1e-15);
/// ```
#[track_caller]
pub fn positive_features(x: ArrayView2<f64>, directions: ArrayView2<f64>) -> Array2<f64> {
    expect_equal(("width of the directions", directions.ncols()), ("width of x", x.ncols()));
    todo!("11.5: exp(ω · x′ − ‖x′‖²/2) / √r, with x′ = x / d^¼")
}

// ━━ 11.6 Every channel forgets at its own rate · 15 points · about 25 minutes ━━

/// The scores within a chunk where every channel of the state forgets at its own rate: between the
/// writing of token j and the reading of token i, a channel has passed the gates of tokens j + 1 to i.
/// Above the diagonal they are 0.
///
/// Shapes: q, k and log_gates n × d, out n × n. A log-gate is the logarithm of a gate, at most 0; −∞, a
/// gate that lets nothing through, is allowed. Costs about 3·n²·d FLOPs. (Yang et al.,
/// [arXiv:2312.06635](https://arxiv.org/abs/2312.06635), §4.)
///
/// # Panics
/// Names sizes that do not fit.
///
/// ```
/// use ch11_linear::gated_scores;
/// use ndarray::{Array2, array};
/// let ones = Array2::ones((2, 1));
/// let gates = array![[0.0], [-(2.0_f64.ln())]]; // the second token halves what is held
/// let scores = gated_scores(ones.view(), ones.view(), gates.view());
/// assert_eq!(scores, array![[1.0, 0.0], [0.5, 1.0]]);
/// ```
#[track_caller]
pub fn gated_scores(
    q: ArrayView2<f64>,
    k: ArrayView2<f64>,
    log_gates: ArrayView2<f64>,
) -> Array2<f64> {
    expect_tokens(q, k, log_gates);
    expect_equal(("gate width", log_gates.ncols()), ("key width", k.ncols()));
    todo!("11.6: pass every gate between a key and its query, and no other")
}

// ━━ 11.7 Read before you write · 10 points · about 15 minutes ━━

/// One token of RWKV-6. It reads *before* the state forgets and the token is written, and sees itself by
/// a bonus of its own.
///
/// Shapes: q, k, gate and bonus d; v and out d_v; state d × d_v. The gate is between 0 and 1. Costs about
/// 5·d·d_v FLOPs. (Peng et al., [arXiv:2404.05892](https://arxiv.org/abs/2404.05892); the query is called
/// r, the gate w and the bonus u there.)
///
/// ```
/// use ch11_linear::bonus_step;
/// use ndarray::array;
/// let (one, mut state) = (array![1.0], array![[10.0]]);
/// let out = bonus_step(&mut state, one.view(), one.view(), array![4.0].view(), array![0.5].view(), array![2.0].view());
/// assert_eq!((out, state), (array![18.0], array![[9.0]])); // 10 + 2·4, then 10/2 + 4
/// ```
#[track_caller]
pub fn bonus_step(
    state: &mut Array2<f64>,
    q: ArrayView1<f64>,
    k: ArrayView1<f64>,
    v: ArrayView1<f64>,
    gate: ArrayView1<f64>,
    bonus: ArrayView1<f64>,
) -> Array1<f64> {
    expect_token(state.dim(), q, k, v);
    expect_equal(("gate width", gate.len()), ("key width", k.len()));
    expect_equal(("bonus width", bonus.len()), ("key width", k.len()));
    todo!("11.7: read with the bonus, then forget and write")
}

// ━━ 11.8 Replace, do not add · 15 points · about 20 minutes ━━

/// Writes a value by the delta rule: what the state holds under the key is replaced by the value, in part
/// where β < 1.
///
/// Shapes: k d, v d_v, state d × d_v. For a key of length 1 and β = 1, reading with k afterwards gives v.
/// Costs about 4·d·d_v FLOPs. (Schlag et al., [arXiv:2102.11174](https://arxiv.org/abs/2102.11174); Yang
/// et al., [arXiv:2406.06484](https://arxiv.org/abs/2406.06484), §2.2.)
///
/// ```
/// use ch11_linear::delta_step;
/// use ndarray::{Array2, array};
/// let (key, mut state) = (array![1.0, 0.0], Array2::zeros((2, 1)));
/// delta_step(&mut state, key.view(), array![5.0].view(), 1.0);
/// delta_step(&mut state, key.view(), array![7.0].view(), 1.0);
/// assert_eq!(key.dot(&state), array![7.0]); // 7, and not 5 + 7
/// ```
#[track_caller]
pub fn delta_step(state: &mut Array2<f64>, k: ArrayView1<f64>, v: ArrayView1<f64>, beta: f64) {
    expect_state(state.dim(), k.len(), v.len());
    todo!("11.8: add β k times the difference between the value and what the key finds")
}

// ━━ 11.9 Forget, then replace · 15 points · about 20 minutes ━━

/// One token of Kimi Delta Attention: every channel of the state forgets at its own rate, the delta rule
/// writes, and the query reads.
///
/// Shapes: q, k and gate d; v and out d_v; state d × d_v; β and the gate between 0 and 1. With equal
/// gates it is the gated delta rule. Costs about 7·d·d_v FLOPs. (Kimi Team,
/// [arXiv:2510.26692](https://arxiv.org/abs/2510.26692), Eq 1; Yang et al.,
/// [arXiv:2412.06464](https://arxiv.org/abs/2412.06464), Eq 10, for equal gates.)
///
/// ```
/// use ch11_linear::kda_step;
/// use ndarray::array;
/// let (one, mut state) = (array![1.0], array![[8.0]]);
/// let out = kda_step(&mut state, one.view(), one.view(), array![6.0].view(), 0.5, array![0.25].view());
/// assert_eq!(out, array![4.0]); // 8 fades to 2; half of that is erased, and half of 6 is written
/// ```
#[track_caller]
pub fn kda_step(
    state: &mut Array2<f64>,
    q: ArrayView1<f64>,
    k: ArrayView1<f64>,
    v: ArrayView1<f64>,
    beta: f64,
    gate: ArrayView1<f64>,
) -> Array1<f64> {
    expect_token(state.dim(), q, k, v);
    expect_equal(("gate width", gate.len()), ("key width", k.len()));
    todo!("11.9: gates, the delta rule, and the reading, in the formula's order")
}

// ━━ 11.10 A chunk of the delta rule · 20 points · about 35 minutes ━━

/// What the n steps of the delta rule over a chunk come to, as sums: the state after the chunk is
/// S + Kᵀ (U − W S), with S the one before it.
///
/// Shapes: k and W n × d, v and U n × d_v, beta n. Costs about n²·(2·d + d_v) FLOPs. (Yang et al.,
/// [arXiv:2406.06484](https://arxiv.org/abs/2406.06484), §3.)
///
/// ```
/// use ch11_linear::{given::Wy, wy_form};
/// use ndarray::array;
/// let Wy { w, u } = wy_form(array![[1.0], [1.0]].view(), array![[5.0], [7.0]].view(), array![0.5, 1.0].view());
/// assert_eq!((w, u), (array![[0.5], [0.5]], array![[2.5], [4.5]])); // half of 5, then 7 less that
/// ```
#[track_caller]
pub fn wy_form(k: ArrayView2<f64>, v: ArrayView2<f64>, beta: ArrayView1<f64>) -> Wy {
    expect_equal(("values", v.nrows()), ("keys", k.nrows()));
    expect_equal(("βs", beta.len()), ("keys", k.nrows()));
    todo!("11.10: row by row, from what the rows before have become")
}

// ━━ 11.11 The gradients of a chunk · 20 points · about 35 minutes ━━

/// The gradients of one chunk of linear attention without decay, out = q S + (q kᵀ, causal) v and S′ = S
/// + kᵀ v, from the gradients with respect to its output and to the state that it hands on.
///
/// Shapes: state and d_next d × d_v; q and k n × d; v and d_out n × d_v. Costs about twice what the
/// chunk itself costs. (The chain rule; for the chunkwise form, Yang et al.,
/// [arXiv:2312.06635](https://arxiv.org/abs/2312.06635), §4.)
///
/// # Panics
/// Names sizes that do not fit.
///
/// ```
/// use ch11_linear::chunk_backward;
/// use ndarray::array;
/// // One token, one number: out = q (S + k v), S′ = S + k v, and the loss is out.
/// let x = |x: f64| array![[x]];
/// let found = chunk_backward(x(2.0).view(), x(3.0).view(), x(5.0).view(), x(7.0).view(), x(1.0).view(), x(0.0).view());
/// assert_eq!((found.dq, found.dk), (x(37.0), x(21.0))); // S + k v, and q v
/// ```
#[track_caller]
pub fn chunk_backward(
    state: ArrayView2<f64>,
    q: ArrayView2<f64>,
    k: ArrayView2<f64>,
    v: ArrayView2<f64>,
    d_out: ArrayView2<f64>,
    d_next: ArrayView2<f64>,
) -> Gradients {
    expect_tokens(q, k, v);
    expect_state(state.dim(), k.ncols(), v.ncols());
    expect_equal(("gradients of rows", d_out.nrows()), ("rows", v.nrows()));
    expect_equal(("gradient width", d_out.ncols()), ("value width", v.ncols()));
    expect_state(d_next.dim(), k.ncols(), v.ncols());
    todo!("11.11: each input's gradient is a sum over the places where it is used")
}
