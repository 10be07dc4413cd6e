//! Chapter 4 · Multi-head, self, cross, and positions: your answers.
//!
//! Replace each `todo!`, save, and run `cargo attn check 4`. Stuck? `cargo attn hint 4.1`.
//! Add helpers and imports as you like; keep the headings and the first line of each function.
#![allow(unused)] // what is imported below waits to be used

use attn_core::{Mask, shape::expect_equal};
use ch03_scaled_dot_product::attention;
use ch04_multi_head::given::*;
use ndarray::{Array1, Array2, Array3, ArrayView2, ArrayView3, Axis, concatenate, s, stack};

// ━━ 4.1 Split a sequence into heads · 10 points · about 15 minutes ━━

/// Deals the columns of a sequence out to `h` heads: `result[head,i,c] = x[i, head·d + c]`, where
/// d = width / h.
///
/// Shapes: n × h·d in, (h, n, d) out. Each head gets every token, and d consecutive columns of it.
/// Copies n·h·d numbers, computes nothing.
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

/// Puts the heads of each token side by side again: `result[i, head·d + c] = x[head,i,c]`. The
/// inverse of [`split_heads`].
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
/// its own, `head_i = attention(x W_q[i], memory W_k[i], memory W_v[i])`, and `W_o` mixes what they
/// found: `out = [head_1 … head_h] W_o`.
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

/// Rotary position embedding: row `r` of `x` stands at position `p = start + r`, and each pair of
/// its numbers is turned by an angle that grows with the position. Pair `i` of d/2 turns by
/// `p · base^(−2i/d)`:
///
/// `(a, b) ↦ (a cos − b sin, a sin + b cos)`.
///
/// Which two numbers form pair `i` is the layout's: 2i and 2i + 1 (interleaved), or i and i + d/2
/// (half). Shapes: n×d in and out, d even. The dot product of two rows then depends on the
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

/// Multi-head self-attention that knows about order: in every head, the queries and the keys are
/// turned by their positions before they are compared. The values are not turned.
///
/// Shapes: `x` n × d_model, out n × d_model. Row i of `x` stands at position i; each head is turned
/// by itself, with the pairs of its own d columns.
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
    todo!("4.5: as multi-head attention, with the queries and keys of every head turned")
}

// ━━ 4.6 Layer normalisation · 10 points · about 15 minutes ━━

/// Layer normalisation: each row is moved to mean 0 and scaled to variance 1, then every column
/// gets its own gain and bias: `y = (x − mean) / √(variance + ε) · gain + bias`.
///
/// Shapes: n × d_model in and out. Mean and variance are those of one row; the variance is the mean
/// of the squares (divided by d_model, not d_model − 1), and ε = 1e-5 keeps a constant row finite.
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

/// One block of a decoder: causal self-attention with rotated positions, then cross-attention to
/// the memory (without positions), then the feed-forward network. Each is added to `x`, and each
/// sees `x` normalised; the memory is used as it is.
///
/// Shapes: `x` n × d_model, `memory` m × d_memory, out n × d_model. `memory_mask` says which rows
/// of the memory the cross-attention may see, n×m.
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
    todo!("4.7: three times: normalise, transform, add")
}
