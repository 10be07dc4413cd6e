//! Chapter 4 · Multi-head, self, cross, and positions: your answers.
//!
//! Replace each `todo!`, save, and run `cargo attn check 4`. Stuck? `cargo attn hint 4.1`.
//! Add helpers and imports as you like; keep the headings and the first line of each function.
#![allow(unused)] // what is imported below waits to be used

use attn_core::{Mask, shape::expect_equal};
use ch03_scaled_dot_product::{allowed, attention, masked_scores, softmax_rows};
use ch04_multi_head::given::*;
use ndarray::{Array1, Array2, Array3, ArrayView1, ArrayView2, ArrayView3, Axis, Zip, concatenate, s, stack};

// ━━ 4.1 Split a sequence into heads · 10 points · about 15 minutes ━━

/// Deals the columns of a sequence out to `h` heads: each head gets every token, and of each token
/// its own d = width / h columns, which lie side by side.
///
/// Shapes: n × h·d in, (h, n, d) out. Copies n·h·d numbers, computes nothing.
///
/// ```
/// use ch04_multi_head::split_heads;
/// use ndarray::array;
/// // Two tokens of width 2, dealt out to two heads of width 1.
/// let heads = split_heads(array![[1.0, 2.0], [3.0, 4.0]].view(), 2);
/// assert_eq!(heads, array![[[1.0], [3.0]], [[2.0], [4.0]]]);
/// ```
#[track_caller]
pub fn split_heads(x: ArrayView2<f32>, h: usize) -> Array3<f32> {
    expect_heads("width", x.ncols(), h);
    todo!("4.1: give every head its columns of every token")
}

// ━━ 4.2 Put the heads side by side · 10 points · about 10 minutes ━━

/// Puts the heads of each token side by side again, the inverse of [`split_heads`].
///
/// Shapes: (h, n, d) in, n × h·d out.
///
/// ```
/// use ch04_multi_head::merge_heads;
/// use ndarray::array;
/// let merged = merge_heads(array![[[1.0], [3.0]], [[2.0], [4.0]]].view());
/// assert_eq!(merged, array![[1.0, 2.0], [3.0, 4.0]]);
/// ```
pub fn merge_heads(x: ArrayView3<f32>) -> Array2<f32> {
    todo!("4.2: put the heads of every token side by side")
}

// ━━ 4.3 Multi-head attention · 20 points · about 35 minutes ━━

/// Multi-head attention from `x` to `memory`: every head attends with queries, keys and values of
/// its own, and `W_o` mixes what they found, side by side.
///
/// Shapes: `x` n × d_model, `memory` m × d_memory; out n × d_model. With `memory = x` it is
/// self-attention, otherwise cross-attention. All heads obey the same mask, n×m.
///
/// Source: Vaswani et al., arXiv:1706.03762, §3.2.2.
///
/// ```
/// use attn_core::Mask;
/// use ch04_multi_head::{AttentionLayer, multi_head_attention};
/// use ndarray::{Array2, array};
/// // Queries of zero look at all keys alike: two heads of width 1 find the means of the memory.
/// let (zero, same) = (Array2::zeros((2, 2)), Array2::eye(2));
/// let layer = AttentionLayer { w_q: zero, w_k: same.clone(), w_v: same.clone(), w_o: same, h: 2 };
/// let memory = array![[1.0, 2.0], [3.0, 6.0]];
/// let out = multi_head_attention(&layer, array![[7.0, 8.0]].view(), memory.view(), &Mask::None);
/// assert_eq!(out, array![[2.0, 4.0]]);
/// ```
#[track_caller]
pub fn multi_head_attention(
    layer: &AttentionLayer,
    x: ArrayView2<f32>,
    memory: ArrayView2<f32>,
    mask: &Mask,
) -> Array2<f32> {
    expect_fit(layer, x, memory, mask);
    todo!("4.3: project, split, attend in every head, merge, mix")
}

// ━━ 4.4 Positions as rotations · 20 points · about 35 minutes ━━

/// Rotary position embedding: row `r` of `x` stands at position `start + r`, and each pair of its
/// numbers is turned, as a point in the plane, by an angle that grows with the position. Pair 0 turns
/// by one radian per position, the others slower and slower; the layout says which two numbers form
/// a pair.
///
/// Shapes: n×d in and out, d even. The dot product of two rows then depends on the
/// difference of their positions alone. Costs 3·n·d FLOPs and n·d/2 sines and cosines.
///
/// Source: Su et al., arXiv:2104.09864, §3.4.2, Equation 34.
///
/// ```
/// use ch04_multi_head::{Layout, Rotary, rope};
/// use ndarray::array;
/// // At position 0 nothing turns; the pair of the next row turns by one radian.
/// let rotary = Rotary { base: 100.0, layout: Layout::Half };
/// let turned = rope(array![[3.0, 4.0], [1.0, 0.0]].view(), 0, rotary);
/// assert_eq!(turned, array![[3.0, 4.0], [1.0_f32.cos(), 1.0_f32.sin()]]);
/// ```
#[track_caller]
pub fn rope(x: ArrayView2<f32>, start: usize, rotary: Rotary) -> Array2<f32> {
    expect_pairs(x.ncols());
    todo!("4.4: turn every pair of every row by its angle")
}

// ━━ 4.5 Self-attention that knows about order · 15 points · about 20 minutes ━━

/// Multi-head self-attention that knows about order: in every head, the score of two tokens depends
/// on the tokens and on how far apart they stand, and on nothing else about their positions. What is
/// fetched from a token does not depend on its position.
///
/// Shapes: `x` n × d_model, out n × d_model. Row i of `x` stands at position i; each head has all the
/// speeds of `rotary`, in its own d columns.
///
/// Source: Su et al., arXiv:2104.09864, §3.2.2 and §3.4.2.
///
/// ```
/// use attn_core::Mask;
/// use ch04_multi_head::{AttentionLayer, Layout, Rotary, rotary_self_attention};
/// use ndarray::{Array2, array};
/// // Where every token has the same value, it comes back whatever the positions are.
/// let same = Array2::eye(2);
/// let layer = AttentionLayer { w_q: same.clone(), w_k: same.clone(), w_v: same.clone(), w_o: same, h: 1 };
/// let (x, rotary) = (array![[1.0, 2.0], [1.0, 2.0]], Rotary { base: 100.0, layout: Layout::Half });
/// assert_eq!(rotary_self_attention(&layer, x.view(), rotary, &Mask::Causal).row(0), x.row(0));
/// ```
#[track_caller]
pub fn rotary_self_attention(
    layer: &AttentionLayer,
    x: ArrayView2<f32>,
    rotary: Rotary,
    mask: &Mask,
) -> Array2<f32> {
    expect_fit(layer, x, x, mask);
    todo!("4.5: multi-head self-attention whose scores depend on the distance")
}

// ━━ 4.6 Layer normalisation · 10 points · about 15 minutes ━━

/// Layer normalisation: each row is moved to mean 0 and scaled to variance 1, then every column
/// is multiplied by its gain, and its bias is added.
///
/// Shapes: n × d_model in and out. Mean and variance are those of one row; [`EPSILON`] keeps a
/// constant row finite.
///
/// Source: Ba, Kiros, Hinton, arXiv:1607.06450, §3, Equation 3.
///
/// ```
/// use ch04_multi_head::{LayerNorm, layer_norm};
/// use ndarray::{array, Array1};
/// // A constant row has nothing to scale: what is left is the bias.
/// let norm = LayerNorm { gain: Array1::ones(3), bias: array![1.0, 2.0, 3.0] };
/// assert_eq!(layer_norm(array![[5.0, 5.0, 5.0]].view(), &norm), array![[1.0, 2.0, 3.0]]);
/// ```
#[track_caller]
pub fn layer_norm(x: ArrayView2<f32>, norm: &LayerNorm) -> Array2<f32> {
    expect_equal(("gain length", norm.gain.len()), ("x width", x.ncols()));
    expect_equal(("bias length", norm.bias.len()), ("x width", x.ncols()));
    todo!("4.6: normalise each row, then apply gain and bias to its columns")
}

// ━━ 4.7 The block of a decoder · 15 points · about 25 minutes ━━

/// One block of a decoder: self-attention with positions, cross-attention to the memory without,
/// and the feed-forward network, one after the other, each behind its norm and beside a residual.
///
/// Shapes: `x` n × d_model, `memory` m × d_memory, out n × d_model. Row i of the result depends on
/// the rows up to i of `x`, and on the rows of the memory that row i of `memory_mask`, n×m, allows.
/// The memory has been normalised by the encoder.
///
/// Source: Vaswani et al., arXiv:1706.03762, §3.1; the norm stands before each part, as in Xiong et
/// al., arXiv:2002.04745, Figure 1(b).
///
/// ```
/// use attn_core::Mask;
/// use ch04_multi_head::{AttentionLayer, DecoderBlock, FeedForward, LayerNorm, Layout, Rotary, decoder_block};
/// use ndarray::{Array1, Array2, array};
/// // Parts whose weights are all zero add nothing: x comes out as it went in.
/// let w = || Array2::zeros((2, 2));
/// let layer = || AttentionLayer { w_q: w(), w_k: w(), w_v: w(), w_o: w(), h: 1 };
/// let norm = || LayerNorm { gain: Array1::ones(2), bias: Array1::zeros(2) };
/// let block = DecoderBlock {
///     norm_1: norm(),
///     self_attention: layer(),
///     rotary: Rotary { base: 100.0, layout: Layout::Half },
///     norm_2: norm(),
///     cross_attention: layer(),
///     norm_3: norm(),
///     feed_forward: FeedForward { w_1: w(), b_1: Array1::zeros(2), w_2: w(), b_2: Array1::zeros(2) },
/// };
/// let x = array![[1.0, 2.0], [3.0, 4.0]];
/// assert_eq!(decoder_block(&block, x.view(), Array2::ones((5, 2)).view(), &Mask::None), x);
/// ```
#[track_caller]
pub fn decoder_block(
    block: &DecoderBlock,
    x: ArrayView2<f32>,
    memory: ArrayView2<f32>,
    memory_mask: &Mask,
) -> Array2<f32> {
    expect_fit(&block.cross_attention, x, memory, memory_mask);
    todo!("4.7: the three parts, each on what the one before has left")
}

// ━━ 4.8 One new token · 20 points · about 30 minutes ━━

/// One step of decoding: causal self-attention with positions, for a single new token, where the
/// keys and values of the tokens before it were kept.
///
/// Shapes: `x` d_model, the new token alone; `kept` holds m places for each of h heads. The new token
/// stands at position `start`, which need not be m: some places may be padding, and old tokens may
/// have been dropped. It sees itself and everything that is kept, except for the padding.
///
/// Costs one row of the projections, and h·2·(m + 1)·(d + d_v) FLOPs for the attention: n times less
/// than a pass over all n = m + 1 tokens.
///
/// ```
/// use ch04_multi_head::{AttentionLayer, Kept, Layout, Rotary, decode_step};
/// use ndarray::{Array2, Array3, array};
/// // Nothing is kept yet: the token sees itself alone, and finds its own value.
/// let same = Array2::eye(2);
/// let layer = AttentionLayer { w_q: same.clone(), w_k: same.clone(), w_v: same.clone(), w_o: same, h: 1 };
/// let nothing = Array3::zeros((1, 0, 2));
/// let kept = Kept { keys: nothing.clone(), values: nothing, padding: 0 };
/// let rotary = Rotary { base: 100.0, layout: Layout::Half };
/// let step = decode_step(&layer, array![1.0, 2.0].view(), &kept, 0, rotary);
/// assert_eq!(step.out, array![1.0, 2.0]);
/// ```
#[track_caller]
pub fn decode_step(
    layer: &AttentionLayer,
    x: ArrayView1<f32>,
    kept: &Kept,
    start: usize,
    rotary: Rotary,
) -> Decoded {
    expect_kept(layer, x, kept);
    todo!("4.8: the new token's query, key and value; then attention over all that is kept and itself")
}

// ━━ 4.9 Scores that cannot grow · 15 points · about 25 minutes ━━

/// Attention of one head whose scores cannot grow without limit.
///
/// * [`Bound::Norm`] divides every query and every key by the root of the mean of its squares, with
///   [`EPSILON`] added to the mean, and multiplies column by column with the gains. No mean is
///   subtracted. Attention follows as ever.
/// * [`Bound::Cap`] squeezes every score, divided by √d, between −cap and cap. What the mask hides
///   weighs nothing, as ever.
///
/// Shapes: `q` n×d, `k` m×d, `v` m×d_v, out n×d_v. Costs 4·(n + m)·d FLOPs more than attention, or
/// n·m hyperbolic tangents.
///
/// Source: Henry et al., arXiv:2010.04245, for normalised queries and keys; Gemma Team,
/// arXiv:2408.00118, §2, for the cap.
///
/// ```
/// use attn_core::Mask;
/// use ch04_multi_head::{Bound, bounded_attention};
/// use ndarray::array;
/// // Scores of 100 and 50 would leave nothing for the second key. Capped at 1, they are alike.
/// let (q, k, v) = (array![[1.0]], array![[100.0], [50.0]], array![[1.0], [3.0]]);
/// let out = bounded_attention(q.view(), k.view(), v.view(), &Bound::Cap(1.0), &Mask::None);
/// assert_eq!(out, array![[2.0]]);
/// ```
#[track_caller]
pub fn bounded_attention(
    q: ArrayView2<f32>,
    k: ArrayView2<f32>,
    v: ArrayView2<f32>,
    bound: &Bound,
    mask: &Mask,
) -> Array2<f32> {
    expect_bounded(q, k, v, bound, mask);
    todo!("4.9: attention whose scores are bounded in one of two ways")
}

// ━━ 4.10 Distance as a bias · 15 points · about 25 minutes ━━

/// Causal attention of several heads that tells the order by a *linear bias* (ALiBi): from the score
/// of each key, after the division by √d, its distance to the query is subtracted, times the slope
/// of the head.
///
/// Heads are counted from 0. With p the largest power of two that is at most h, head a < p has the
/// slope 2^(−8(a + 1)/p). The others, a ≥ p, have the first, the third, the fifth … of the slopes
/// that 2p heads would have.
///
/// Shapes: `q` (h, n, d), `k` (h, m, d), `v` (h, m, d_v), out (h, n, d_v). The last query stands at
/// the last key. A query that sees nothing gives zeros. Costs n·m multiplications and subtractions
/// per head more than attention.
///
/// Source: Press, Smith, Lewis, arXiv:2108.12409, §3; the rule for other numbers of heads is from
/// the authors' code.
///
/// ```
/// use ch04_multi_head::alibi_attention;
/// use ndarray::{Array3, array};
/// // Queries of zero: what is left is the bias. The nearer of two keys has the larger weight.
/// let out = alibi_attention(
///     Array3::zeros((1, 1, 2)).view(),
///     Array3::zeros((1, 2, 2)).view(),
///     array![[[0.0], [1.0]]].view(),
/// );
/// assert!(out[[0, 0, 0]] > 0.5);
/// ```
#[track_caller]
pub fn alibi_attention(q: ArrayView3<f32>, k: ArrayView3<f32>, v: ArrayView3<f32>) -> Array3<f32> {
    expect_all_heads(q, k, v);
    todo!("4.10: a slope for every head, and a bias for every pair of query and key")
}

// ━━ 4.11 A gate for what was found · 10 points · about 15 minutes ━━

/// Multi-head attention with an *output gate*: each number that the heads found is multiplied by a
/// number between 0 and 1, which the asking token computes, before `W_o` mixes the heads.
///
/// Shapes: `x` n × d_model, `memory` m × d_memory, `w_gate` d_model × h·d_v, out n × d_model. Costs
/// 2·n·d_model·h·d_v FLOPs and n·h·d_v exponentials more than the layer without.
///
/// Source: Qiu et al., arXiv:2505.06708, §2.2: a gate for each number, after attention.
///
/// ```
/// use attn_core::Mask;
/// use ch04_multi_head::{AttentionLayer, gated_attention};
/// use ndarray::{Array2, array};
/// // A gate whose matrix is zero is half open everywhere.
/// let (zero, same) = (Array2::zeros((2, 2)), Array2::eye(2));
/// let layer = AttentionLayer { w_q: zero.clone(), w_k: same.clone(), w_v: same.clone(), w_o: same, h: 2 };
/// let (x, memory) = (array![[7.0, 8.0]], array![[1.0, 2.0], [3.0, 6.0]]);
/// let out = gated_attention(&layer, zero.view(), x.view(), memory.view(), &Mask::None);
/// assert_eq!(out, array![[1.0, 2.0]]); // half of (2, 4), the mean of the memory
/// ```
#[track_caller]
pub fn gated_attention(
    layer: &AttentionLayer,
    w_gate: ArrayView2<f32>,
    x: ArrayView2<f32>,
    memory: ArrayView2<f32>,
    mask: &Mask,
) -> Array2<f32> {
    expect_fit(layer, x, memory, mask);
    expect_equal(("rows of w_gate", w_gate.nrows()), ("x width", x.ncols()));
    expect_equal(("width of w_gate", w_gate.ncols()), ("width of w_v", layer.w_v.ncols()));
    todo!("4.11: multi-head attention, with a gate between the heads and W_o")
}
