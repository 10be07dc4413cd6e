//! Chapter 8 · FlashAttention on the CPU: your answers.
//!
//! Replace each `todo!`, save, and run `cargo attn check 8`. Stuck? `cargo attn hint 8.1`.
//! Add helpers and imports as you like; keep the headings and the first line of each function.
#![allow(unused)] // what is imported below waits to be used

use attn_core::shape::expect_equal;
use ch08_flash_cpu::given::*;
use ndarray::{Array1, Array2, Array3, ArrayView1, ArrayView2, ArrayView3, Axis, s};

// ━━ 8.1 One state from two · 10 points · about 20 minutes ━━

/// Joins what is known of one query after two sets of keys into what is known after both. The maximum
/// is the larger of the two; sums and outputs are brought to it before they are added.
///
/// The empty state (−∞, 0, 0) on either side changes nothing, two empty states give an empty one.
/// Both states have the same d_v. Costs 2·d_v multiplications and two exponentials. (Milakov and
/// Gimelshein, §3.1, Eq. 4, for the maximum and the sum; the output goes with the sum.)
///
/// ```
/// use ch08_flash_cpu::{given::State, merge};
/// let key = State::of_key(0.5, ndarray::array![3.0].view());
/// assert_eq!(merge(&State::empty(1), &key), key); // nothing changes nothing
/// ```
pub fn merge(a: &State, b: &State) -> State {
    todo!("8.1: one state from two: take both to the larger maximum, then add")
}

// ━━ 8.2 Attention in a single pass · 15 points · about 25 minutes ━━

/// Attention of one head in a single pass over the keys: for each query, the keys go by one after
/// the other, and only their [`State`] stays.
///
/// Shapes: `q` n×d, `k` m×d, `v` m×d_v; `out` n×d_v, `lse` n. Causal is aligned bottom-right. A
/// query that sees nothing gives zeros and −∞. Costs 2·n·m·(d + d_v) FLOPs, and beside the results
/// only as much memory as a few rows: never a row of m scores, and no n×m table.
///
/// ```
/// use ndarray::array;
/// let (q, k, v) = (array![[1.0]], array![[0.5], [0.5]], array![[1.0], [4.0]]);
/// let result = ch08_flash_cpu::online(q.view(), k.view(), v.view(), false);
/// assert_eq!(result.out, array![[2.5]]); // two equal scores: the mean of the values
/// ```
#[track_caller]
pub fn online(q: ArrayView2<f32>, k: ArrayView2<f32>, v: ArrayView2<f32>, causal: bool) -> Output {
    expect_shapes(q, k, v);
    todo!("8.2: for each query, let the keys pass by and keep a state")
}

// ━━ 8.3 Attention tile by tile · 25 points · about 50 minutes ━━

/// Attention of one head, tile by tile: the forward pass of FlashAttention.
///
/// Each tile of `block.q` queries is loaded once. For it, tiles of `block.k` keys and values are
/// loaded in order, as far as its last query sees; for each, the scores are computed, and the rows'
/// states are brought up to date. Then the tile of the output is stored once. Tiles at the ends may
/// have fewer rows; a key tile that the mask hides in part is loaded whole.
///
/// Shapes: `q` n×d, `k` m×d, `v` m×d_v; `out` n×d_v, `lse` n. Causal is aligned bottom-right. A
/// query that sees nothing gives zeros and −∞. Costs 2·n·m·(d + d_v) FLOPs, half of it if causal and
/// n = m, and beside the results only as much memory as a few tiles. (Dao, FlashAttention-2,
/// Algorithm 1.)
///
/// ```
/// use ch08_flash_cpu::{flash_forward, given::{Block, Traffic}};
/// use ndarray::array;
/// let (q, k, v) = (array![[1.0]], array![[0.5], [0.5]], array![[1.0], [4.0]]);
/// let mut traffic = Traffic::default();
/// let result = flash_forward(q.view(), k.view(), v.view(), false, Block { q: 1, k: 1 }, &mut traffic);
/// assert_eq!(result.out, array![[2.5]]); // two equal scores: the mean of the values
/// assert_eq!(traffic.tiles, 5); // one of queries, two of keys and two of values
/// ```
#[track_caller]
pub fn flash_forward(
    q: ArrayView2<f32>,
    k: ArrayView2<f32>,
    v: ArrayView2<f32>,
    causal: bool,
    block: Block,
    traffic: &mut Traffic,
) -> Output {
    expect_shapes(q, k, v);
    expect_block(block);
    todo!("8.3: for each query tile, let the key tiles pass by and keep a state a row")
}

// ━━ 8.4 Heads that share keys · 5 points · about 10 minutes ━━

/// [`flash_forward`] for every head, where groups of query heads share a key and value head:
/// grouped-query attention. Query heads `0 … h/h_kv − 1` read key head 0, the next `h/h_kv` key
/// head 1, and so on.
///
/// Shapes: `q` h×n×d, `k` h_kv×m×d, `v` h_kv×m×d_v; `out` h×n×d_v, `lse` h×n. With h_kv = h each
/// head has its own keys, with h_kv = 1 all share them. No key or value is copied to repeat it.
///
/// ```
/// use ch08_flash_cpu::{flash_heads, given::{Block, Traffic}};
/// use ndarray::Array3;
/// let (q, k, v) = (Array3::ones((6, 4, 8)), Array3::ones((2, 5, 8)), Array3::ones((2, 5, 3)));
/// let block = Block { q: 2, k: 2 };
/// let result = flash_heads(q.view(), k.view(), v.view(), true, block, &mut Traffic::default());
/// assert_eq!((result.out.dim(), result.lse.dim()), ((6, 4, 3), (6, 4)));
/// ```
#[track_caller]
pub fn flash_heads(
    q: ArrayView3<f32>,
    k: ArrayView3<f32>,
    v: ArrayView3<f32>,
    causal: bool,
    block: Block,
    traffic: &mut Traffic,
) -> HeadsOutput {
    expect_heads(q, k, v);
    expect_block(block);
    todo!("8.4: every query head with the keys and values of its group")
}

// ━━ 8.5 Back, with the weights computed again · 20 points · about 50 minutes ━━

/// The gradients of attention, tile by tile, with the weights computed again: the backward pass of
/// FlashAttention.
///
/// As on the way forward, queries are outside: each tile of `block.q` rows of `q`, `out` and `d_out`
/// is loaded once. For it, tiles of `block.k` keys and values are loaded in order, as far as its
/// last query sees, and the weights of each pair of tiles are made again from `forward.lse`. The
/// shares of `dk` and `dv` are added in slow memory; a tile of `dq` is stored once, when it is
/// complete.
///
/// Shapes: `q` n×d, `k` m×d, `v` m×d_v, `d_out` n×d_v; `forward` is what the forward pass gave;
/// each gradient in the shape of its input. A query that saw nothing has no gradient. Costs five
/// products where the forward pass has two, and beside the results only as much memory as a few
/// tiles. (Dao, FlashAttention-2, Algorithm 2, which has the keys outside.)
///
/// ```
/// use ch08_flash_cpu::{flash_backward, given::{Block, Output, Traffic}};
/// use ndarray::array;
/// let (one, block) = (array![[1.0]], Block { q: 1, k: 1 });
/// let (x, forward) = (one.view(), Output { out: array![[1.0]], lse: array![1.0] });
/// let gradients = flash_backward(x, x, x, false, &forward, x, block, &mut Traffic::default());
/// assert_eq!(gradients.dq, array![[0.0]]); // a single key has all the weight, whatever its score
/// assert_eq!(gradients.dv, array![[1.0]]);
/// ```
#[track_caller]
#[allow(clippy::too_many_arguments)] // four tensors, what the forward pass gave, and how
pub fn flash_backward(
    q: ArrayView2<f32>,
    k: ArrayView2<f32>,
    v: ArrayView2<f32>,
    causal: bool,
    forward: &Output,
    d_out: ArrayView2<f32>,
    block: Block,
    traffic: &mut Traffic,
) -> Gradients {
    expect_shapes(q, k, v);
    expect_forward((q.nrows(), v.ncols()), forward.out.dim(), forward.lse.len(), d_out.dim());
    expect_block(block);
    todo!("8.5: the weights again from lse, tile by tile, and the gradients that they add")
}

// ━━ 8.6 Decoding in parts · 10 points · about 20 minutes ━━

/// Attention of a single query to a long cache, in parts that could run side by side:
/// flash-decoding.
///
/// Part `p` of `parts` has the keys `p·m/parts … (p+1)·m/parts − 1`, rounded down; a part may be
/// empty. Each part's state is computed by itself, and they are merged at the end.
///
/// Shapes: `q` d, `k` m×d, `v` m×d_v. The newest query sees all keys, so there is no mask. Costs
/// 2·m·(d + d_v) FLOPs and `parts − 1` merges.
///
/// ```
/// use ndarray::array;
/// let (q, k, v) = (array![1.0], array![[0.5], [0.5]], array![[1.0], [4.0]]);
/// let split = ch08_flash_cpu::split_kv(q.view(), k.view(), v.view(), 2);
/// assert_eq!(split.parts[1].finish().0, array![4.0]); // the second key alone
/// assert_eq!(split.out, array![2.5]);
/// ```
#[track_caller]
pub fn split_kv(q: ArrayView1<f32>, k: ArrayView2<f32>, v: ArrayView2<f32>, parts: usize) -> Split {
    assert!(!q.is_empty(), "query width is 0, so 1/√d means nothing");
    expect_equal(("key width", k.ncols()), ("query width", q.len()));
    expect_equal(("value count", v.nrows()), ("key count", k.nrows()));
    assert!(parts > 0, "parts is 0: the keys have to be somewhere");
    todo!("8.6: the state of each part by itself, then all of them merged")
}

// ━━ 8.7 Sequences of different lengths · 15 points · about 25 minutes ━━

/// Attention within each of several sequences of different lengths that stand one after the other,
/// without padding.
///
/// Sequence `b` has the queries `q_starts[b] … q_starts[b+1] − 1` and the keys `k_starts[b] …
/// k_starts[b+1] − 1`; no query sees a key of another sequence, and causal is aligned bottom-right
/// in each. A sequence may have no queries, or no keys.
///
/// Shapes, with n and m summed over the sequences: `q` n×d, `k` m×d, `v` m×d_v; `out` n×d_v, `lse`
/// n. Costs what the sequences cost by themselves: nothing is computed for pairs of different
/// sequences.
///
/// ```
/// use ch08_flash_cpu::{given::{Block, Traffic}, varlen};
/// use ndarray::array;
/// let (x, v) = (array![[1.0], [1.0]], array![[1.0], [4.0]]);
/// let (block, traffic) = (Block { q: 4, k: 4 }, &mut Traffic::default());
/// let result = varlen(x.view(), x.view(), v.view(), &[0, 1, 2], &[0, 1, 2], false, block, traffic);
/// assert_eq!(result.out, v); // two sequences of one token, each of which sees only itself
/// ```
#[track_caller]
#[allow(clippy::too_many_arguments)] // three tensors, two lists of starts, and how
pub fn varlen(
    q: ArrayView2<f32>,
    k: ArrayView2<f32>,
    v: ArrayView2<f32>,
    q_starts: &[usize],
    k_starts: &[usize],
    causal: bool,
    block: Block,
    traffic: &mut Traffic,
) -> Output {
    expect_shapes(q, k, v);
    expect_block(block);
    expect_starts("query", q_starts, q.nrows());
    expect_starts("key", k_starts, k.nrows());
    expect_equal(("key starts", k_starts.len()), ("query starts", q_starts.len()));
    todo!("8.7: each sequence by itself, out of the whole and back into it")
}

// ━━ 8.8 Keys that arrive one at a time · 5 points · about 10 minutes ━━

/// Takes in one more key: `state` becomes the state over the keys so far and this one, as if all of
/// them had been there from the start. Neither the keys nor their number are kept.
///
/// After each call `row_max` is the largest score so far, and `row_sum` and `out` belong to it, as
/// [`State`] says. A score of −∞ changes nothing, not even the empty state. Scores are never +∞ or
/// NaN.
///
/// Shapes: `value` and `state.out` d_v. Costs two exponentials and 2·d_v multiplications. (Milakov
/// and Gimelshein, Algorithm 3, for the maximum and the sum.)
///
/// ```
/// use ch08_flash_cpu::{given::State, push};
/// use ndarray::array;
/// let mut state = State::empty(1);
/// push(&mut state, 0.0, array![1.0].view());
/// push(&mut state, 0.0, array![4.0].view());
/// assert_eq!(state.finish().0, array![2.5]); // two equal scores: the mean of the values
/// ```
#[track_caller]
pub fn push(state: &mut State, score: f32, value: ArrayView1<f32>) {
    expect_equal(("value width", value.len()), ("output width", state.out.len()));
    todo!("8.8: bring the state to the new maximum where it grows, then add the key")
}

// ━━ 8.9 A sink for what no key deserves · 10 points · about 20 minutes ━━

/// Attention of one head with a *sink*: a number that joins each query's scores, takes its share of
/// the softmax, and has no value to give. Scores are divided by √d, the sink is taken as it is. The
/// weights of the keys sum to less than one.
///
/// Shapes: `q` n×d, `k` m×d, `v` m×d_v; `out` n×d_v, `lse` n, in which the sink counts. Causal is
/// aligned bottom-right. A query that sees no key gives zeros, and its log-sum-exp is the sink. A sink
/// of −∞ is none. Costs one exponential per query more than
/// attention without.
///
/// Source: the reference implementation of gpt-oss (OpenAI, 2025), which has a learned sink for each
/// head; a sink of 0 is Miller's “softmax₁”.
///
/// ```
/// use ndarray::array;
/// // A key with the score 0 and a sink of 0 share evenly.
/// let (q, k, v) = (array![[1.0]], array![[0.0]], array![[4.0]]);
/// let result = ch08_flash_cpu::sink_attention(q.view(), k.view(), v.view(), false, 0.0);
/// assert_eq!(result.out, array![[2.0]]);
/// ```
#[track_caller]
pub fn sink_attention(
    q: ArrayView2<f32>,
    k: ArrayView2<f32>,
    v: ArrayView2<f32>,
    causal: bool,
    sink: f32,
) -> Output {
    expect_shapes(q, k, v);
    todo!("8.9: attention in a single pass, with a sink")
}

// ━━ 8.10 The gradient of the sink · 5 points · about 10 minutes ━━

/// The gradient of the loss with respect to the sink of [`sink_attention`], from what that gave and
/// from the gradient with respect to its output. Queries, keys and values are not needed. A sink of
/// −∞ has the gradient 0.
///
/// Shapes: `forward` and `d_out` as they were on the way forward, n×d_v. Costs n exponentials and
/// 2·n·d_v FLOPs.
///
/// ```
/// use ch08_flash_cpu::{sink_attention, sink_gradient};
/// use ndarray::array;
/// // out = 4 · 1 / (1 + e^sink): at 0, its slope is −1.
/// let (q, k, v) = (array![[1.0]], array![[0.0]], array![[4.0]]);
/// let forward = sink_attention(q.view(), k.view(), v.view(), false, 0.0);
/// let d_sink = sink_gradient(&forward, array![[1.0]].view(), 0.0);
/// assert!((d_sink + 1.0).abs() < 1e-6);
/// ```
#[track_caller]
pub fn sink_gradient(forward: &Output, d_out: ArrayView2<f32>, sink: f32) -> f32 {
    expect_equal(("gradient rows", d_out.nrows()), ("output rows", forward.out.nrows()));
    expect_equal(("gradient width", d_out.ncols()), ("output width", forward.out.ncols()));
    todo!("8.10: how much of each row's gradient the sink has taken")
}
