//! What the exercises are given: the types that they take and return, and the errors that name both
//! sizes.

use attn_core::shape::{ShapeError, equal, expect_equal};
use ch04_multi_head::{merge_heads, split_heads};
use ndarray::{Array2, Array3, ArrayView2, ArrayView3};
use serde::{Deserialize, Serialize};
use std::fmt;

pub use ch04_multi_head::given::{AttentionLayer, Layout, Rotary};

// ANCHOR: model
/// What a model's configuration says of its attention, and how large the model is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Model {
    /// Blocks, each with one layer of self-attention.
    pub layers: u64,
    /// The width of a token's row between the blocks.
    pub d_model: u64,
    /// Heads of queries, h.
    pub heads: u64,
    /// Heads of keys and values, h_kv. In this chapter's own layers as many as `heads`; chapter 6 is
    /// about models that have fewer.
    pub kv_heads: u64,
    /// The width of a head's queries, keys and values, d.
    pub head_dim: u64,
    /// All weights of the model.
    pub parameters: u64,
    /// The size of one number, of a weight as of a key: 2 for 16 bits, 4 for f32.
    pub number_bytes: u64,
}
// ANCHOR_END: model

// ANCHOR: machine
/// Two numbers about a machine, both from its data sheet.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// How many bytes it can read from its memory in a second.
    pub bandwidth: f64,
    /// How many floating-point operations it can do in a second.
    pub peak: f64,
}

/// What a step costs on a machine.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cost {
    /// What has to be read from memory.
    pub bytes: u64,
    /// Floating-point operations.
    pub flop: u64,
    /// No machine with these two numbers can do it faster.
    pub seconds: f64,
}
// ANCHOR_END: machine

// ANCHOR: cache
/// The keys and values of one layer, in arrays that are as large from the start as they will ever be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KvCache {
    /// (h, capacity, d). Place j holds the key of token j, turned by its position already.
    pub keys: Array3<f32>,
    /// (h, capacity, d_v).
    pub values: Array3<f32>,
    /// How many tokens are held. What lies in places `len` and beyond means nothing.
    pub len: usize,
}

impl KvCache {
    /// An empty cache of `h` heads for `capacity` tokens.
    pub fn new(h: usize, capacity: usize, d: usize, d_v: usize) -> Self {
        let keys = Array3::zeros((h, capacity, d));
        KvCache { keys, values: Array3::zeros((h, capacity, d_v)), len: 0 }
    }

    /// How many tokens fit.
    pub fn capacity(&self) -> usize {
        self.keys.dim().1
    }

    /// `Ok` if keys (h, n, d) and values (h, n, d_v) have the heads and widths of this cache, and
    /// there are as many of one as of the other.
    ///
    /// # Errors
    /// [`CacheError::Shape`] with the two sizes that differ.
    pub fn fits(&self, keys: ArrayView3<f32>, values: ArrayView3<f32>) -> Result<(), CacheError> {
        let ((h, _, d), (_, _, d_v)) = (self.keys.dim(), self.values.dim());
        let ((h_k, n, d_new), (h_new, n_v, d_v_new)) = (keys.dim(), values.dim());
        equal(("key heads", h_k), ("heads of the cache", h))?;
        equal(("value heads", h_new), ("heads of the cache", h))?;
        equal(("key width", d_new), ("key width of the cache", d))?;
        equal(("value width", d_v_new), ("value width of the cache", d_v))?;
        equal(("values", n_v), ("keys", n))?;
        Ok(())
    }
}
// ANCHOR_END: cache

// ANCHOR: cache_error
/// Why a cache refuses what it is asked for. It is then as it was before.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CacheError {
    /// Another number of heads, or another width.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// The chunk does not begin where the cache ends.
    #[error("the chunk starts at position {start}, the cache holds {len} tokens")]
    Position {
        /// Where it starts.
        start: usize,
        /// Where it would have to.
        len: usize,
    },
    /// More tokens than there are places.
    #[error("{needed} tokens need {needed} places, the cache has {capacity}")]
    Full {
        /// All tokens, those that are held and the new ones.
        needed: usize,
        /// Places.
        capacity: usize,
    },
    /// More tokens are to be taken back than there are.
    #[error("{count} tokens are to be taken back, the cache holds {len}")]
    Rewind {
        /// How many.
        count: usize,
        /// How many there are.
        len: usize,
    },
}
// ANCHOR_END: cache_error

// ANCHOR: prompt
/// Why a model cannot go on from a prompt.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PromptError {
    /// There is no last token whose row could say what comes next.
    #[error("the prompt is empty, it needs at least one token")]
    Empty,
    /// Longer than what the model can look back on.
    #[error("the prompt has {tokens} tokens, the context only {context}")]
    TooLong {
        /// Tokens of the prompt.
        tokens: usize,
        /// Tokens that fit.
        context: usize,
    },
}

/// `Ok` if a model with this context can read the prompt.
///
/// # Errors
/// When the prompt is empty, or longer than the context.
pub fn check_prompt(prompt: &[usize], context: usize) -> Result<(), PromptError> {
    match prompt.len() {
        0 => Err(PromptError::Empty),
        tokens if tokens > context => Err(PromptError::TooLong { tokens, context }),
        _ => Ok(()),
    }
}
// ANCHOR_END: prompt

// ANCHOR: ring
/// The keys and values of one layer with a window: those of the last `window` tokens, in a ring.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RingCache {
    /// (h, window, d). Slot s holds the key of the latest token whose position leaves the remainder s
    /// when it is divided by `window`.
    pub keys: Array3<f32>,
    /// (h, window, d_v).
    pub values: Array3<f32>,
    /// How many tokens there were so far, not only those that are still held.
    pub tokens: usize,
}

impl RingCache {
    /// An empty ring of `h` heads for the last `window` tokens.
    ///
    /// # Panics
    /// If `window` is 0: a token has to see itself.
    #[track_caller]
    pub fn new(h: usize, window: usize, d: usize, d_v: usize) -> Self {
        assert!(window > 0, "window is 0, but a token has to see itself");
        let keys = Array3::zeros((h, window, d));
        RingCache { keys, values: Array3::zeros((h, window, d_v)), tokens: 0 }
    }

    /// How many tokens a token sees, itself included.
    pub fn window(&self) -> usize {
        self.keys.dim().1
    }
}
// ANCHOR_END: ring

// ANCHOR: projections
/// A layer of cross-attention that counts the rows that it projects.
#[derive(Clone, Debug)]
pub struct Projections {
    layer: AttentionLayer,
    /// What was projected so far.
    pub rows: Rows,
}

/// Rows that were multiplied with each matrix of a layer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rows {
    /// With W_q.
    pub queries: usize,
    /// With W_k.
    pub keys: usize,
    /// With W_v.
    pub values: usize,
    /// With W_o.
    pub outputs: usize,
}

impl Projections {
    /// Counts from 0 on.
    pub fn new(layer: AttentionLayer) -> Self {
        Projections { layer, rows: Rows::default() }
    }

    /// `x · W_q`, split into heads: n × d_model in, (h, n, d) out.
    pub fn queries(&mut self, x: ArrayView2<f32>) -> Array3<f32> {
        self.rows.queries += x.nrows();
        split_heads(x.dot(&self.layer.w_q).view(), self.layer.h)
    }

    /// `memory · W_k`, split into heads: m × d_memory in, (h, m, d) out.
    pub fn keys(&mut self, memory: ArrayView2<f32>) -> Array3<f32> {
        self.rows.keys += memory.nrows();
        split_heads(memory.dot(&self.layer.w_k).view(), self.layer.h)
    }

    /// `memory · W_v`, split into heads: m × d_memory in, (h, m, d_v) out.
    pub fn values(&mut self, memory: ArrayView2<f32>) -> Array3<f32> {
        self.rows.values += memory.nrows();
        split_heads(memory.dot(&self.layer.w_v).view(), self.layer.h)
    }

    /// The heads merged and multiplied with W_o: (h, n, d_v) in, n × d_model out.
    pub fn outputs(&mut self, heads: ArrayView3<f32>) -> Array2<f32> {
        self.rows.outputs += heads.dim().1;
        merge_heads(heads).dot(&self.layer.w_o)
    }
}

/// The keys and values of a memory, head by head.
#[derive(Clone, Debug, PartialEq)]
pub struct MemoryKv {
    /// (h, m, d).
    pub keys: Array3<f32>,
    /// (h, m, d_v).
    pub values: Array3<f32>,
}
// ANCHOR_END: projections

/// `3 rows through W_q, 5 through W_k, 5 through W_v, 3 through W_o`
impl fmt::Display for Rows {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Rows { queries, keys, values, outputs } = self;
        write!(
            f,
            "{queries} rows through W_q, {keys} through W_k, {values} through W_v, {outputs} through W_o"
        )
    }
}

/// Makes sure that queries (h, n, d) belong to a cache, whose last n tokens they are.
///
/// # Panics
/// Names the two sizes that do not fit.
#[track_caller]
pub fn expect_chunk(q: ArrayView3<f32>, cache: &KvCache) {
    let ((h, n, d), (h_kv, capacity, d_k)) = (q.dim(), cache.keys.dim());
    expect_equal(("query heads", h), ("heads of the cache", h_kv));
    expect_equal(("query width", d), ("key width of the cache", d_k));
    assert!(n <= cache.len, "{n} queries are more than the {} tokens of the cache", cache.len);
    assert!(cache.len <= capacity, "{} tokens are more than {capacity} places", cache.len);
}

/// Makes sure that the queries, keys and values of a chunk belong together, and to a ring.
///
/// # Panics
/// Names the two sizes that do not fit.
#[track_caller]
pub fn expect_ring(ring: &RingCache, q: ArrayView3<f32>, k: ArrayView3<f32>, v: ArrayView3<f32>) {
    let ((h, _, d), (_, _, d_v)) = (ring.keys.dim(), ring.values.dim());
    for (what, size) in
        [("query heads", q.dim().0), ("key heads", k.dim().0), ("value heads", v.dim().0)]
    {
        expect_equal((what, size), ("heads of the ring", h));
    }
    expect_equal(("query width", q.dim().2), ("key width of the ring", d));
    expect_equal(("key width", k.dim().2), ("key width of the ring", d));
    expect_equal(("value width", v.dim().2), ("value width of the ring", d_v));
    expect_equal(("keys", k.dim().1), ("queries", q.dim().1));
    expect_equal(("values", v.dim().1), ("queries", q.dim().1));
}

/// Makes sure that a layer can be used with a cache on rows of this width.
///
/// # Panics
/// Names the two sizes that do not fit.
#[track_caller]
pub fn expect_layer(layer: &AttentionLayer, cache: &KvCache, x: ArrayView2<f32>) {
    expect_equal(("x width", x.ncols()), ("rows of w_q", layer.w_q.nrows()));
    expect_equal(("x width", x.ncols()), ("rows of w_k", layer.w_k.nrows()));
    expect_equal(("heads of the layer", layer.h), ("heads of the cache", cache.keys.dim().0));
    let (d, d_v) = (layer.w_k.ncols() / layer.h, layer.w_v.ncols() / layer.h);
    expect_equal(("key width", d), ("key width of the cache", cache.keys.dim().2));
    expect_equal(("value width", d_v), ("value width of the cache", cache.values.dim().2));
}
