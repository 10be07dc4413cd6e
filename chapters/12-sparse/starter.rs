//! Chapter 12 · Sparse attention, and mixing: your answers.
//!
//! Replace each `todo!`, save, and run `cargo attn check 12`. Stuck? `cargo attn hint 12.1`.
//! Add helpers and imports as you like; keep the headings and the first line of each function.
#![allow(unused)] // what is imported below waits to be used

use attn_core::shape::expect_equal;
use ch08_flash_cpu::{given::{expect_block, expect_shapes, weigh}, push};
use ch12_sparse::{given::*, window_row as window_keys};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, ArrayView3, Axis, s};

// ━━ 12.1 A window, with gaps · 10 points · about 15 minutes ━━

/// The keys that token `i` of `n` sees through a window, in ascending order. The window counts all keys,
/// the token itself included: a causal one has the token and those before it, any other one as many on
/// either side. Two neighbours are `dilation` tokens apart. What lies outside the text is left out.
///
/// Costs at most `window` steps. (Beltagy et al., [arXiv:2004.05150](https://arxiv.org/abs/2004.05150), §3.1.)
///
/// # Panics
/// Unless `i < n`, `window` and `dilation` are at least 1, and a window that is not causal is odd.
///
/// ```
/// use ch12_sparse::window_row;
/// assert_eq!(window_row(5, 9, 3, 1, true), [3, 4, 5]);
/// assert_eq!(window_row(5, 9, 3, 1, false), [4, 5, 6]);
/// assert_eq!(window_row(5, 9, 3, 2, true), [1, 3, 5]);
/// ```
#[track_caller]
pub fn window_row(i: usize, n: usize, window: usize, dilation: usize, causal: bool) -> Vec<usize> {
    expect_window((i, n), window, dilation, causal);
    todo!("12.1: the keys of the window that are in the text, every `dilation`-th")
}

// ━━ 12.2 Global and random keys · 15 points · about 20 minutes ━━

/// The keys that token `i` of `n` sees, in ascending order, each once: those of its window, the global
/// tokens, those that were drawn for it; all of them if it is global itself. Where the pattern is causal,
/// none of them lies behind the token.
///
/// Costs the length of the row, and its sorting. (Beltagy et al.,
/// [arXiv:2004.05150](https://arxiv.org/abs/2004.05150), §3.1; Zaheer et al.,
/// [arXiv:2007.14062](https://arxiv.org/abs/2007.14062), §2.)
///
/// # Panics
/// As [`window_row`], and if a global token or a drawn key is not below `n`.
///
/// ```
/// use ch12_sparse::{given::Pattern, pattern_row};
/// let pattern = Pattern { globals: vec![0], ..Pattern::window(2) };
/// assert_eq!(pattern_row(&pattern, 5, 9), [0, 4, 5]);
/// ```
#[track_caller]
pub fn pattern_row(pattern: &Pattern, i: usize, n: usize) -> Vec<usize> {
    let Pattern { window, dilation, causal, .. } = *pattern;
    expect_window((i, n), window, dilation, causal);
    let named = || pattern.globals.iter().chain(pattern.random.iter().flatten());
    assert!(named().all(|&j| j < n), "a key of {:?} is not below {n}", pattern);
    todo!("12.2: join the parts, and keep what may be seen")
}

// ━━ 12.3 What reaches what · 10 points · about 20 minutes ━━

/// From which tokens something can get to which, after so many layers: entry (i, j) says whether the
/// state of token i depends on what token j was at the start. In a layer, a token takes from all that it
/// sees; and it keeps its own state, since what attention gives is added to it.
///
/// Shapes: `sees` n×n, true where query i sees key j; n×n out. Costs at most layers·n³ steps.
///
/// ```
/// use ch12_sparse::reach;
/// use ndarray::array;
/// // Each token sees the one before it.
/// let sees = array![[false, false, false], [true, false, false], [false, true, false]];
/// assert_eq!(reach(sees.view(), 1).row(2), array![false, true, true]);
/// assert_eq!(reach(sees.view(), 2).row(2), array![true, true, true]);
/// ```
#[track_caller]
pub fn reach(sees: ArrayView2<bool>, layers: usize) -> Array2<bool> {
    expect_equal(("keys", sees.ncols()), ("queries", sees.nrows()));
    todo!("12.3: layer by layer, join what those had that a token sees")
}

// ━━ 12.4 Only what is allowed · 15 points · about 20 minutes ━━

/// Attention that computes what a pattern allows, and nothing else. `rows[i]` are the keys that query i
/// sees; the softmax runs over these. Every product of a query and a key is computed by `work`, which
/// counts it.
///
/// Shapes: q n×d, k m×d, v m×d_v, out n×d_v. A query that sees nothing gets zeros. Costs 2·Σ(d + d_v)
/// FLOPs over the lengths of the rows.
///
/// ```
/// use ch12_sparse::{given::Work, sparse_attention};
/// use ndarray::array;
/// let mut work = Work::default();
/// let same = array![[1.0], [1.0], [1.0]];
/// let rows = [vec![0], vec![0, 1], vec![0, 2]];
/// let out = sparse_attention(same.view(), same.view(), array![[2.0], [4.0], [8.0]].view(), &rows, &mut work);
/// assert_eq!(out, array![[2.0], [3.0], [5.0]]); // equal scores: means of the values
/// assert_eq!(work.products, 5);
/// ```
#[track_caller]
pub fn sparse_attention(
    q: ArrayView2<f64>,
    k: ArrayView2<f64>,
    v: ArrayView2<f64>,
    rows: &[Vec<usize>],
    work: &mut Work,
) -> Array2<f64> {
    expect_keys(q, k, v);
    expect_equal(("rows", rows.len()), ("queries", q.nrows()));
    todo!("12.4: for each query, a softmax over the keys of its row")
}

// ━━ 12.5 Visits instead of keys · 20 points · about 35 minutes ━━

/// Attention on the tiles of chapter 8, where a query tile visits the key tiles of its list alone.
/// `visits[t]` is the list of query tile t. A tile of queries is loaded once, a tile of keys and one of
/// values for each visit; each output tile is stored once.
///
/// Shapes: q n×d, k m×d, v m×d_v; `out` n×d_v, `lse` n; ⌈n / block.q⌉ lists. A query that sees nothing
/// gives zeros and −∞. Costs 2·(d + d_v) FLOPs for each pair in a visited tile, seen or not.
///
/// ```
/// use ch12_sparse::{block_sparse, given::{Block, Traffic, Visit}};
/// use ndarray::array;
/// let (q, k, v) = (array![[1.0], [1.0]], array![[0.5], [0.5]], array![[1.0], [4.0]]);
/// let visits = [vec![Visit { tile: 0, open: None }], vec![Visit { tile: 1, open: None }]];
/// let mut traffic = Traffic::default();
/// let result = block_sparse(q.view(), k.view(), v.view(), &visits, Block { q: 1, k: 1 }, &mut traffic);
/// assert_eq!(result.out, array![[1.0], [4.0]]);
/// assert_eq!(traffic.tiles, 6); // two of queries, two of keys and two of values
/// ```
#[track_caller]
pub fn block_sparse(
    q: ArrayView2<f32>,
    k: ArrayView2<f32>,
    v: ArrayView2<f32>,
    visits: &[Vec<Visit>],
    block: Block,
    traffic: &mut Traffic,
) -> Output {
    expect_shapes(q, k, v);
    expect_block(block);
    expect_equal(("lists of visits", visits.len()), ("query tiles", q.nrows().div_ceil(block.q)));
    todo!("12.5: chapter 8's loop, over the visits of a query tile in the place of all key tiles")
}

// ━━ 12.6 A stream without end · 20 points · about 30 minutes ━━

/// One token of a stream that may never end: it joins the cache, the oldest token that is no sink leaves
/// it if there are more than `sinks + window`, and the query attends to what is left. Positions count
/// *within the cache*: its first token has 0, its last one, the token itself, the highest. Keys are kept as
/// they came, and turned by [`rotate`] each time they are read. Scores are divided by √d.
///
/// Shapes: q and k d, not turned yet; v and out d_v. Costs O((sinks + window)·(d + d_v)), however long the
/// stream. (Xiao et al., [arXiv:2309.17453](https://arxiv.org/abs/2309.17453), §3.2.)
///
/// ```
/// use ch12_sparse::{given::Stream, stream_step};
/// use ndarray::array;
/// let mut cache = Stream::new(1, 1);
/// let zero = array![0.0, 0.0];
/// for (value, expected) in [(2.0, 2.0), (4.0, 3.0), (8.0, 5.0)] {
///     let out = stream_step(&mut cache, zero.view(), zero.view(), array![value].view());
///     assert_eq!(out, array![expected]); // the mean of the first value and the newest
/// }
/// ```
#[track_caller]
pub fn stream_step(
    cache: &mut Stream,
    q: ArrayView1<f64>,
    k: ArrayView1<f64>,
    v: ArrayView1<f64>,
) -> Array1<f64> {
    assert!(cache.window > 0, "a window of 0 tokens does not hold the token itself");
    expect_equal(("key width", k.len()), ("query width", q.len()));
    todo!("12.6: take the token in, evict one if there are too many, and attend with positions in the cache")
}

// ━━ 12.7 Spans in the place of tokens · 20 points · about 25 minutes ━━

/// Causal attention to spans in the place of tokens: span b has the tokens from b·stride on, `length` of
/// them, and its key and value are the means of theirs. A query sees a span if it sees all of its tokens,
/// so none that has not ended yet.
///
/// Shapes: q and k n×d, v n×d_v; `out` n×d_v, `weights` n×[`spans`]. A query that sees no span gets zeros.
/// Scores are divided by √d. Costs about 2·n²·(d + d_v)/(2·stride) FLOPs. (The first branch of Yuan et
/// al., [arXiv:2502.11089](https://arxiv.org/abs/2502.11089), Eq 7, where a learned function stands for the mean.)
///
/// # Panics
/// If `length` or `stride` is 0, or sizes do not fit.
///
/// ```
/// use ch12_sparse::compressed_attention;
/// use ndarray::{Array2, array};
/// let (zero, v) = (Array2::zeros((4, 1)), array![[2.0], [4.0], [8.0], [16.0]]);
/// let found = compressed_attention(zero.view(), zero.view(), v.view(), 2, 2);
/// assert_eq!(found.out, array![[0.0], [3.0], [3.0], [7.5]]); // spans of the values 3 and 12
/// ```
#[track_caller]
pub fn compressed_attention(
    q: ArrayView2<f64>,
    k: ArrayView2<f64>,
    v: ArrayView2<f64>,
    length: usize,
    stride: usize,
) -> Compressed {
    expect_tokens(q, k, v);
    assert!(length > 0 && stride > 0, "spans of {length} tokens, every {stride}");
    todo!("12.7: the spans' means, and a softmax over those that have ended")
}

// ━━ 12.8 From spans to blocks · 10 points · about 20 minutes ━━

/// How important each block of `block` tokens is to each query, from the query's weights for the spans of
/// [`compressed_attention`](crate::compressed_attention). Each span gives its weight to the blocks that it
/// overlaps: once for every `stride` tokens that they share.
///
/// Shapes: `weights` n×spans, for the n tokens themselves; n×⌈n/block⌉ out. Costs the product of these sizes at
/// most. (Yuan et al., [arXiv:2502.11089](https://arxiv.org/abs/2502.11089), Eq 9 by its meaning; the index as
/// printed there would be negative for the first block.)
///
/// # Panics
/// Unless `stride` divides `length` and `block`.
///
/// ```
/// use ch12_sparse::block_importance;
/// use ndarray::array;
/// // Six tokens; spans 0–3 and 2–5; blocks 0–3 and 4–5. The second span shares two tokens with each.
/// let weights = ndarray::Array2::from_shape_fn((6, 2), |(_, b)| [0.25, 0.75][b]);
/// let found = block_importance(weights.view(), 4, 2, 4);
/// assert_eq!(found.row(0), array![2.0 * 0.25 + 0.75, 0.75]);
/// ```
#[track_caller]
pub fn block_importance(
    weights: ArrayView2<f64>,
    length: usize,
    stride: usize,
    block: usize,
) -> Array2<f64> {
    assert!(stride > 0 && length > 0 && block > 0, "spans or blocks of no tokens");
    assert!(
        length.is_multiple_of(stride) && block.is_multiple_of(stride),
        "{stride} does not divide {length} and {block}"
    );
    todo!("12.8: add each span's weight to the blocks that it overlaps")
}

// ━━ 12.9 Which blocks to read · 15 points · about 20 minutes ━━

/// Which blocks of `block` tokens the query of token `t` attends to, in ascending order: the first one,
/// its own and the one before its own; then the most important of the others before it, until there are
/// `count` in all. Of two that are equally important, the earlier one.
///
/// Shapes: `importance` has a number for each block. Costs a sort of the blocks. (Yuan et al.,
/// [arXiv:2502.11089](https://arxiv.org/abs/2502.11089), Eqs 11 and 12 and §4.1.)
///
/// # Panics
/// If `count` is below 3, `block` is 0, or `t` lies in no block.
///
/// ```
/// use ch12_sparse::select_blocks;
/// use ndarray::array;
/// let importance = array![0.0, 0.2, 0.5, 0.1, 0.0, 0.9];
/// assert_eq!(select_blocks(importance.view(), 19, 4, 4), [0, 2, 3, 4]); // 19 is in block 4
/// ```
#[track_caller]
pub fn select_blocks(
    importance: ArrayView1<f64>,
    t: usize,
    block: usize,
    count: usize,
) -> Vec<usize> {
    assert!(count >= 3, "{count} blocks; three are always chosen");
    assert!(block > 0 && t / block < importance.len(), "token {t} is in no block");
    todo!("12.9: those that are always chosen, then the most important of the rest")
}

// ━━ 12.10 A small attention that chooses · 10 points · about 15 minutes ━━

/// The scores of DeepSeek's lightning indexer: how much query t wants key s, by small heads of its own.
/// `score[t, s] = Σ_j w[t, j] · max(0, q[j, t] · k[s])` for s ≤ t, and −∞ behind the query. The key is the
/// same for all heads.
///
/// Shapes: q h×n×d, k n×d, w n×h; n×n out. Costs n²·h·(d + 1) FLOPs (half of 2·n²·h·(d + 1), since it is causal). (DeepSeek-AI,
/// [arXiv:2512.02556](https://arxiv.org/abs/2512.02556), Eq 1.)
///
/// ```
/// use ch12_sparse::index_scores;
/// use ndarray::array;
/// let q = array![[[1.0], [2.0]], [[1.0], [-1.0]]]; // two heads, two tokens
/// let scores = index_scores(q.view(), array![[3.0], [1.0]].view(), array![[1.0, 1.0], [0.5, 9.0]].view());
/// assert_eq!(scores, array![[6.0, f64::NEG_INFINITY], [3.0, 1.0]]);
/// ```
#[track_caller]
pub fn index_scores(q: ArrayView3<f64>, k: ArrayView2<f64>, w: ArrayView2<f64>) -> Array2<f64> {
    let (h, n, d) = q.dim();
    expect_equal(("keys", k.nrows()), ("queries", n));
    expect_equal(("key width", k.ncols()), ("query width", d));
    expect_equal(("rows of weights", w.nrows()), ("queries", n));
    expect_equal(("weights", w.ncols()), ("heads", h));
    todo!("12.10: head by head, what is positive of q·k, times the query's weight for the head")
}

// ━━ 12.11 Attention to the chosen few · 15 points · about 25 minutes ━━

/// Attention of each query to the `keep` keys with the highest scores of an indexer, as if there were no
/// others. A key with the score −∞ is never taken, even if fewer than `keep` are left; of two equal ones
/// the earlier is taken. The indexer's scores choose; the weights come from q and k, with scores divided
/// by √d.
///
/// Shapes: q n×d, k m×d, v m×d_v, `index` n×m; out n×d_v. A query that has no key gets zeros. Costs
/// 2·n·keep·(d + d_v) FLOPs and a selection among m for each query. (DeepSeek-AI,
/// [arXiv:2512.02556](https://arxiv.org/abs/2512.02556), Eq 2.)
///
/// ```
/// use ch12_sparse::top_k_attention;
/// use ndarray::array;
/// let (q, k, v) = (array![[0.0]], array![[1.0], [2.0], [3.0]], array![[2.0], [4.0], [8.0]]);
/// let out = top_k_attention(q.view(), k.view(), v.view(), array![[0.3, 0.1, 0.2]].view(), 2);
/// assert_eq!(out, array![[5.0]]); // keys 0 and 2, with equal scores of their own
/// ```
#[track_caller]
pub fn top_k_attention(
    q: ArrayView2<f64>,
    k: ArrayView2<f64>,
    v: ArrayView2<f64>,
    index: ArrayView2<f64>,
    keep: usize,
) -> Array2<f64> {
    expect_keys(q, k, v);
    expect_equal(("rows of the index", index.nrows()), ("queries", q.nrows()));
    expect_equal(("columns of the index", index.ncols()), ("keys", k.nrows()));
    todo!("12.11: choose by the index, then attend to those that were chosen")
}

// ━━ 12.12 A vote of means · 15 points · about 20 minutes ━━

/// Which blocks of `block` tokens each token attends to, as in Mixture of Block Attention: its own block
/// always, and of the blocks before it those whose mean key has the largest product with its query, until
/// there are `count` in all. Of two equal ones, the earlier. The last block may be shorter.
///
/// Shapes: q and k n×d; n×⌈n/block⌉ out, true where the block was chosen. Costs 2·n·⌈n/block⌉·d FLOPs. (Lu
/// et al., [arXiv:2502.13189](https://arxiv.org/abs/2502.13189), §2.2.)
///
/// # Panics
/// If `block` or `count` is 0.
///
/// ```
/// use ch12_sparse::moba_blocks;
/// use ndarray::array;
/// let (q, k) = (array![[1.0], [1.0], [1.0]], array![[3.0], [5.0], [9.0]]);
/// let chosen = moba_blocks(q.view(), k.view(), 1, 2);
/// assert_eq!(chosen.row(2), array![false, true, true]); // of 0 and 1, key 1 has the larger product
/// ```
#[track_caller]
pub fn moba_blocks(
    q: ArrayView2<f64>,
    k: ArrayView2<f64>,
    block: usize,
    count: usize,
) -> Array2<bool> {
    expect_equal(("keys", k.nrows()), ("queries", q.nrows()));
    expect_equal(("key width", k.ncols()), ("query width", q.ncols()));
    assert!(block > 0 && count > 0, "{count} blocks of {block} tokens");
    todo!("12.12: the block of the token itself, and the best of those that are over")
}

// ━━ 12.13 A part comes round · 15 points · about 20 minutes ━━

/// What a device does with a part of the keys and values that has come round to it: it brings the state of
/// each of its queries up to date. Query r stands at position `q_start + r` of the text, key c at
/// `k_start + c`; causal, a query sees the keys up to its own position.
///
/// Shapes: `states` n of width d_v, q n×d, k m×d, v m×d_v. Scores are divided by √d. Costs 2·n·m·(d + d_v)
/// FLOPs, and no more memory. The parts may come in any order. (Liu et al.,
/// [arXiv:2310.01889](https://arxiv.org/abs/2310.01889), §3.)
///
/// ```
/// use ch12_sparse::{given::State, ring_hop};
/// use ndarray::array;
/// let mut states = [State::empty(1)];
/// let (zero, later) = (array![[0.0]], array![[9.0]]);
/// ring_hop(&mut states, zero.view(), 1, zero.view(), array![[2.0]].view(), 0, true);
/// ring_hop(&mut states, zero.view(), 1, zero.view(), later.view(), 2, true); // not seen
/// assert_eq!(states[0].finish().0, array![2.0]);
/// ```
#[track_caller]
pub fn ring_hop(
    states: &mut [State],
    q: ArrayView2<f32>,
    q_start: usize,
    k: ArrayView2<f32>,
    v: ArrayView2<f32>,
    k_start: usize,
    causal: bool,
) {
    expect_shapes(q, k, v);
    expect_equal(("states", states.len()), ("queries", q.nrows()));
    todo!("12.13: every query of the device takes in the keys of the part that it sees")
}

// ━━ 12.14 The cache of a mixture · 5 points · about 10 minutes ━━

/// The bytes of the caches of a model some of whose layers see everything and the others a window: of
/// every `every` layers the last one is full, so that layers `every − 1`, `2·every − 1`, … (counted from
/// 0) keep all `tokens` and the others the last `window` of them. A token takes `bytes` in each layer.
///
/// ```
/// use ch12_sparse::mixed_cache_bytes;
/// // Six layers, of which the last is full: five windows of 10, and 100 tokens.
/// assert_eq!(mixed_cache_bytes(6, 6, 10, 100, 2), 2 * (5 * 10 + 100));
/// ```
///
/// # Panics
/// If `every` is 0.
#[track_caller]
pub fn mixed_cache_bytes(layers: u64, every: u64, window: u64, tokens: u64, bytes: u64) -> u64 {
    assert!(every > 0, "of every 0 layers one is full");
    todo!("12.14: the full layers hold the text, the others no more than the window")
}
