//! Chapter 6 · MQA and GQA: your answers.
//!
//! Replace each `todo!`, save, and run `cargo attn check 6`. Stuck? `cargo attn hint 6.1`.
//! Add helpers and imports as you like; keep the headings and the first line of each function.
#![allow(unused)] // what is imported below waits to be used

use attn_core::Mask;
use ch03_scaled_dot_product::{attention, attention_backward, softmax_rows};
use ch06_mqa_gqa::given::*;
use ndarray::{Array2, Array3, ArrayView2, ArrayView3, Axis, s};
use std::ops::Range;

// ━━ 6.1 Who shares with whom · 5 points · about 5 minutes ━━

/// The key/value head that query head `i` of `h` uses: `h / h_kv` neighbouring query heads share one.
///
/// `⌊i · h_kv / h⌋`. With `h_kv = h` each query head has its own (MHA), with `h_kv = 1` all share the only
/// one (MQA). Ainslie et al., arXiv:2305.13245, §2.2 and Figure 2.
///
/// ```
/// use ch06_mqa_gqa::kv_head;
/// let heads: Vec<usize> = (0..8).map(|i| kv_head(i, 8, 2)).collect();
/// assert_eq!(heads, [0, 0, 0, 0, 1, 1, 1, 1]);
/// ```
#[track_caller]
pub fn kv_head(i: usize, h: usize, h_kv: usize) -> usize {
    expect_groups(h, h_kv);
    todo!("6.1: neighbours share")
}

// ━━ 6.2 Grouped-query attention · 15 points · about 20 minutes ━━

/// Attention of `h` query heads to `h_kv` heads of keys and values: head `i` is attention with the keys
/// and values of [`kv_head`]`(i, h, h_kv)`.
///
/// Shapes: `q` (h, n, d), `k` (h_kv, m, d), `v` (h_kv, m, d_v); (h, n, d_v) out. The mask holds for every
/// head. Costs as many FLOPs as with `h` heads of keys and values, 2·h·n·m·(d + d_v), and no copy of any.
/// Ainslie et al., arXiv:2305.13245, §2.2.
///
/// ```
/// use {attn_core::Mask, ch06_mqa_gqa::grouped_attention, ndarray::array};
/// // Two query heads on one head of keys and values, which holds a single key.
/// let (q, k, v) = (array![[[1.0]], [[-1.0]]], array![[[2.0]]], array![[[5.0]]]);
/// let out = grouped_attention(q.view(), k.view(), v.view(), &Mask::None);
/// assert_eq!(out, array![[[5.0]], [[5.0]]]);
/// ```
#[track_caller]
pub fn grouped_attention(
    q: ArrayView3<f32>,
    k: ArrayView3<f32>,
    v: ArrayView3<f32>,
    mask: &Mask,
) -> Array3<f32> {
    expect_grouped(q, k, v, mask);
    todo!("6.2: each query head attends with the keys and values of its group")
}

// ━━ 6.3 Read each key once · 20 points · about 25 minutes ━━

/// The attention of one step of decoding: the queries of a single new token to everything in a cache,
/// reading each key and value once.
///
/// Shapes: `q` h×d, one query per head; the cache holds h_kv heads of m keys and values; h×d_v out.
/// Reads h_kv·m·(d + d_v) numbers of the cache, however many query heads share them. Shazeer,
/// arXiv:1911.02150, §3.1.
///
/// ```
/// use ch06_mqa_gqa::{Cache, grouped_decode};
/// use ndarray::array;
/// // Four query heads on one head of keys and values with a single key: four numbers are read.
/// let cache = Cache::new(array![[[2.0, 0.0]]], array![[[5.0, 6.0]]]);
/// let q = array![[1.0, 0.0], [0.0, 1.0], [2.0, 3.0], [0.0, 0.0]];
/// let out = grouped_decode(q.view(), &cache);
/// assert_eq!(out.row(3), array![5.0, 6.0]);
/// assert_eq!(cache.numbers_read(), 4);
/// ```
#[track_caller]
pub fn grouped_decode(q: ArrayView2<f32>, cache: &Cache) -> Array2<f32> {
    expect_groups(q.nrows(), cache.kv_heads());
    todo!("6.3: the queries of a group are the rows of one matrix, which meets its keys once")
}

// ━━ 6.4 Back to what is shared · 15 points · about 20 minutes ━━

/// The gradients of [`grouped_attention`], from the loss's gradient with respect to its output.
///
/// Shapes: as there, `d_out` (h, n, d_v). What several query heads share has the *sum* of their gradients.
///
/// ```
/// use {attn_core::Mask, ch06_mqa_gqa::grouped_backward, ndarray::array};
/// // One key: its weight is 1 in both heads, so its value gets both gradients.
/// let (q, k, v) = (array![[[1.0]], [[-1.0]]], array![[[2.0]]], array![[[5.0]]]);
/// let d_out = array![[[3.0]], [[4.0]]];
/// let gradients = grouped_backward(q.view(), k.view(), v.view(), &Mask::None, d_out.view());
/// assert_eq!(gradients.dv, array![[[7.0]]]);
/// ```
#[track_caller]
pub fn grouped_backward(
    q: ArrayView3<f32>,
    k: ArrayView3<f32>,
    v: ArrayView3<f32>,
    mask: &Mask,
    d_out: ArrayView3<f32>,
) -> Gradients {
    expect_grouped(q, k, v, mask);
    expect_gradient(d_out, q, v);
    todo!("6.4: each query head's gradients; those of its keys and values are added up")
}

// ━━ 6.5 From many heads to few · 15 points · about 20 minutes ━━

/// The key or value weights of `h_kv` heads from those of `h`: each is the mean of the heads that are to
/// share it.
///
/// Shapes: `w` d_model × h·d, where a head's columns are neighbours; d_model × h_kv·d out. The mean is the
/// one matrix that is closest to all heads of its group (least squares). Ainslie et al., arXiv:2305.13245,
/// §2.1 and Figure 1.
///
/// ```
/// use ch06_mqa_gqa::mean_pool_kv_heads;
/// use ndarray::array;
/// // Four heads of width 1.
/// let w = array![[1.0, 3.0, 10.0, 20.0]];
/// assert_eq!(mean_pool_kv_heads(w.view(), 4, 2), array![[2.0, 15.0]]);
/// ```
#[track_caller]
pub fn mean_pool_kv_heads(w: ArrayView2<f32>, h: usize, h_kv: usize) -> Array2<f32> {
    expect_groups(h, h_kv);
    assert!(w.ncols().is_multiple_of(h), "width of w {} cannot be split into {h} heads", w.ncols());
    todo!("6.5: the mean of each group of neighbouring heads, column by column")
}

// ━━ 6.6 Share the heads out to devices · 10 points · about 15 minutes ━━

/// Which key/value heads each of `ranks` devices has to hold, when each computes `h / ranks` neighbouring
/// query heads.
///
/// With more devices than key/value heads, several hold a copy of the same head.
///
/// ```
/// use ch06_mqa_gqa::shard_kv_heads;
/// assert_eq!(shard_kv_heads(32, 8, 2), [0..4, 4..8]);
/// assert_eq!(shard_kv_heads(8, 2, 4), [0..1, 0..1, 1..2, 1..2]);
/// ```
#[track_caller]
pub fn shard_kv_heads(h: usize, h_kv: usize, ranks: usize) -> Vec<Range<usize>> {
    expect_groups(h, h_kv);
    expect_ranks(h, h_kv, ranks);
    todo!("6.6: those that the device's own query heads use")
}

// ━━ 6.7 Compare at equal size · 10 points · about 15 minutes ━━

/// The inner width of the feed-forward networks with which a Transformer of `h_kv` key/value heads has as
/// many weights as one with `h` of them and width `d_ff`; rounded down.
///
/// Fewer heads of keys and values leave weights over; comparisons at equal size give them to the
/// feed-forward networks (Shazeer, arXiv:1911.02150, §4.1).
///
/// ```
/// use ch06_mqa_gqa::{Transformer, matched_width};
/// // Shazeer's Transformer: six layers of an encoder, six of a decoder with two attentions each.
/// let base = Transformer {
///     d_model: 1024, h: 8, d: 128, attentions: 18, feed_forwards: 12, matrices: 2, d_ff: 4096,
/// };
/// assert_eq!(matched_width(&base, 1), 5440);
/// ```
#[track_caller]
pub fn matched_width(model: &Transformer, h_kv: usize) -> usize {
    expect_groups(model.h, h_kv);
    todo!("6.7: what keys and values no longer need, dealt out to the feed-forward networks")
}
