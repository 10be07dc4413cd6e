//! What the exercises are given: the weights of the layers, and the checks that they fit together.

use crate::error::{LayerError, divides, expect};
use attn_core::{
    Mask,
    shape::{equal, expect_equal},
};
use ch03_scaled_dot_product::given::{expect_mask, expect_shapes};
use ndarray::{Array1, Array2, Array3, ArrayView1, ArrayView2, ArrayView3, Axis};
use serde::{Deserialize, Serialize};

// ANCHOR: attention_layer
/// The weights of multi-head attention: four matrices and the number of heads.
///
/// Columns `head·d … head·d + d − 1` of `w_q` make the queries of that head; `w_k` and `w_v` are
/// divided in the same way. There are no biases (Vaswani et al., arXiv:1706.03762, §3.2.2).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AttentionLayer {
    /// Makes queries from `x`, d_model × h·d.
    pub w_q: Array2<f32>,
    /// Makes keys from `memory`, d_memory × h·d.
    pub w_k: Array2<f32>,
    /// Makes values from `memory`, d_memory × h·d_v.
    pub w_v: Array2<f32>,
    /// Mixes what the heads found, h·d_v × d_model.
    pub w_o: Array2<f32>,
    /// The number of heads.
    pub h: usize,
}
// ANCHOR_END: attention_layer

impl AttentionLayer {
    /// Puts the matrices together, if they fit.
    ///
    /// ```
    /// use ch04_multi_head::AttentionLayer;
    /// use ndarray::Array2;
    /// let w = |rows, columns| Array2::zeros((rows, columns));
    /// let error = AttentionLayer::new(w(8, 10), w(8, 10), w(8, 12), w(12, 8), 4).unwrap_err();
    /// assert_eq!(error.to_string(), "width of w_q 10 cannot be split into 4 heads");
    /// ```
    ///
    /// # Errors
    /// When a width cannot be split into `h` heads, or two matrices do not fit each other.
    pub fn new(
        w_q: Array2<f32>,
        w_k: Array2<f32>,
        w_v: Array2<f32>,
        w_o: Array2<f32>,
        h: usize,
    ) -> Result<Self, LayerError> {
        divides("width of w_q", w_q.ncols(), h)?;
        divides("width of w_v", w_v.ncols(), h)?;
        equal(("width of w_k", w_k.ncols()), ("width of w_q", w_q.ncols()))?;
        equal(("rows of w_v", w_v.nrows()), ("rows of w_k", w_k.nrows()))?;
        equal(("rows of w_o", w_o.nrows()), ("width of w_v", w_v.ncols()))?;
        Ok(AttentionLayer { w_q, w_k, w_v, w_o, h })
    }

    /// `Ok` if the layer can attend from `x`, n × d_model, to `memory`, m × d_memory.
    ///
    /// # Errors
    /// When a sequence is empty, or has another width than the weights.
    pub fn fits(&self, x: ArrayView2<f32>, memory: ArrayView2<f32>) -> Result<(), LayerError> {
        for (what, sequence) in [("x", x), ("memory", memory)] {
            if sequence.nrows() == 0 {
                return Err(LayerError::Empty(what));
            }
        }
        equal(("x width", x.ncols()), ("rows of w_q", self.w_q.nrows()))?;
        let rows = ("rows of w_k", self.w_k.nrows());
        equal(("memory width", memory.ncols()), rows)?;
        Ok(())
    }
}

// ANCHOR: layout
/// Which two numbers of a vector are turned together by `rope`. Of d numbers, pair `i` of
/// d/2 is
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Layout {
    /// the numbers 2i and 2i + 1: neighbours.
    Interleaved,
    /// the numbers i and i + d/2: one from each half.
    Half,
}

/// How positions turn queries and keys.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rotary {
    /// From each position to the next, the slowest of d/2 pairs turns by base^(2/d − 1) radians,
    /// which is nearly 1/base in a wide head; 10 000 is customary.
    pub base: f32,
    /// Which numbers form a pair.
    pub layout: Layout,
}
// ANCHOR_END: layout

// ANCHOR: kept
/// What a layer has kept of the tokens so far: their keys and values, head by head.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    /// Turned by their positions already, (h, m, d).
    pub keys: Array3<f32>,
    /// (h, m, d_v).
    pub values: Array3<f32>,
    /// How many of the m places, from the left, hold no token.
    pub padding: usize,
}

/// What one step of decoding gives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Decoded {
    /// What the layer gives for the new token, d_model.
    pub out: Array1<f32>,
    /// The new token's key, turned by its position, (h, d).
    pub key: Array2<f32>,
    /// Its value, (h, d_v).
    pub value: Array2<f32>,
}
// ANCHOR_END: kept

// ANCHOR: bound
/// What keeps a head's scores from growing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Bound {
    /// QK-norm: queries and keys are normalised before they are compared, and each column is
    /// multiplied by its gain, d numbers each.
    Norm {
        /// Of the queries.
        q_gain: Array1<f32>,
        /// Of the keys.
        k_gain: Array1<f32>,
    },
    /// Soft-capping: no score is larger than this number, or smaller than minus this number.
    Cap(f32),
}
// ANCHOR_END: bound

// ANCHOR: layer_norm_weights
/// The weights of layer normalisation, one of each per column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LayerNorm {
    /// Multiplies the normalised entries, d_model.
    pub gain: Array1<f32>,
    /// Is added to them, d_model.
    pub bias: Array1<f32>,
}

/// Added to the variance in `layer_norm`.
pub const EPSILON: f32 = 1e-5;
// ANCHOR_END: layer_norm_weights

// ANCHOR: feed_forward
/// The weights of the feed-forward network, which sees one token at a time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FeedForward {
    /// d_model × d_ff.
    pub w_1: Array2<f32>,
    /// d_ff.
    pub b_1: Array1<f32>,
    /// d_ff × d_model.
    pub w_2: Array2<f32>,
    /// d_model.
    pub b_2: Array1<f32>,
}

impl FeedForward {
    /// `max(0, x w_1 + b_1) w_2 + b_2`, row by row (Vaswani et al., §3.3, Equation 2).
    ///
    /// Shapes: n × d_model in and out. Costs 4·n·d_model·d_ff FLOPs.
    pub fn apply(&self, x: ArrayView2<f32>) -> Array2<f32> {
        let inner = (x.dot(&self.w_1) + &self.b_1).mapv(|x| x.max(0.0)); // n×d_ff
        inner.dot(&self.w_2) + &self.b_2
    }
}
// ANCHOR_END: feed_forward

// ANCHOR: decoder_block_weights
/// The weights of one block of a decoder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DecoderBlock {
    /// Before self-attention.
    pub norm_1: LayerNorm,
    /// From each token to itself and those before it.
    pub self_attention: AttentionLayer,
    /// How positions turn the queries and keys of self-attention.
    pub rotary: Rotary,
    /// Before cross-attention; it sees `x`, not the memory.
    pub norm_2: LayerNorm,
    /// From each token to the memory.
    pub cross_attention: AttentionLayer,
    /// Before the feed-forward network.
    pub norm_3: LayerNorm,
    /// The feed-forward network.
    pub feed_forward: FeedForward,
}
// ANCHOR_END: decoder_block_weights

/// Makes sure that a width can be split into `h` heads.
///
/// # Panics
/// Names the width and the number of heads.
#[track_caller]
pub fn expect_heads(what: &'static str, width: usize, h: usize) {
    expect(divides(what, width, h));
}

/// Makes sure that a layer, its two sequences and a mask belong together.
///
/// # Panics
/// Names what does not fit.
#[track_caller]
pub fn expect_fit(
    layer: &AttentionLayer,
    x: ArrayView2<f32>,
    memory: ArrayView2<f32>,
    mask: &Mask,
) {
    expect(layer.fits(x, memory));
    expect_mask(mask, x.nrows(), memory.nrows());
}

/// Makes sure that vectors of width `d` can be turned pair by pair.
///
/// # Panics
/// If `d` is odd.
#[track_caller]
pub fn expect_pairs(d: usize) {
    if !d.is_multiple_of(2) {
        expect(Err(LayerError::OddHead(d)))
    }
}

/// Makes sure that a layer of self-attention, a new token and what is kept belong together.
///
/// # Panics
/// Names what does not fit.
#[track_caller]
pub fn expect_kept(layer: &AttentionLayer, x: ArrayView1<f32>, kept: &Kept) {
    let row = x.insert_axis(Axis(0));
    expect(layer.fits(row, row));
    let ((h, m, d), (h_v, m_v, d_v)) = (kept.keys.dim(), kept.values.dim());
    expect_equal(("kept key heads", h), ("heads", layer.h));
    expect_equal(("kept value heads", h_v), ("heads", layer.h));
    expect_equal(("kept key width", d), ("key width", layer.w_k.ncols() / layer.h));
    expect_equal(("kept value width", d_v), ("value width", layer.w_v.ncols() / layer.h));
    expect_equal(("kept values", m_v), ("kept keys", m));
    assert!(kept.padding <= m, "padding {} is more than the {m} kept keys", kept.padding);
}

/// Makes sure that one head's tensors, a mask and a bound belong together: gains as wide as the
/// queries, a cap that is positive.
///
/// # Panics
/// Says what does not fit.
#[track_caller]
pub fn expect_bounded(
    q: ArrayView2<f32>,
    k: ArrayView2<f32>,
    v: ArrayView2<f32>,
    bound: &Bound,
    mask: &Mask,
) {
    expect_shapes(q, k, v, mask);
    match bound {
        Bound::Norm { q_gain, k_gain } => {
            expect_equal(("q_gain length", q_gain.len()), ("query width", q.ncols()));
            expect_equal(("k_gain length", k_gain.len()), ("query width", q.ncols()));
        }
        Bound::Cap(cap) => assert!(*cap > 0.0, "a cap of {cap} is not positive"),
    }
}

/// Makes sure that the heads of `q` (h, n, d), `k` (h, m, d) and `v` (h, m, d_v) belong together.
///
/// # Panics
/// Names the two sizes that differ.
#[track_caller]
pub fn expect_all_heads(q: ArrayView3<f32>, k: ArrayView3<f32>, v: ArrayView3<f32>) {
    let ((h, _, d), (h_k, m, d_k), (h_v, m_v, _)) = (q.dim(), k.dim(), v.dim());
    expect_equal(("key heads", h_k), ("query heads", h));
    expect_equal(("value heads", h_v), ("query heads", h));
    expect_equal(("key width", d_k), ("query width", d));
    expect_equal(("value count", m_v), ("key count", m));
    assert!(d > 0, "query width is 0, so 1/√d means nothing");
}
