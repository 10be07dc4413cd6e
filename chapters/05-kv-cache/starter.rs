//! Chapter 5 · KV cache: your answers.
//!
//! Replace each `todo!`, save, and run `cargo attn check 5`. Stuck? `cargo attn hint 5.1`.
//! Add helpers and imports as you like; keep the headings and the first line of each function.
#![allow(unused)] // what is imported below waits to be used

use attn_core::Mask;
use ch03_scaled_dot_product::attention;
use ch04_multi_head::{attend_heads, merge_heads, rope, split_heads};
use ch05_kv_cache::given::*;
use ndarray::{Array1, Array2, Array3, ArrayView1, ArrayView2, ArrayView3, Axis, concatenate, s};

// ━━ 5.1 The bytes of a cache · 5 points · about 10 minutes ━━

/// How many bytes the caches of all layers take: a key and a value for each token, in each layer and
/// each head of keys and values.
///
/// `tokens` is the length of one text, `batch` how many texts of that length are held at once. What
/// queries, scores and outputs take is gone after each step, and does not count.
///
/// ```
/// use ch05_kv_cache::{cache_bytes, given::Model};
/// // One layer with one head of width 1, in single bytes: a key and a value for each of 10 tokens.
/// let model = Model {
///     layers: 1, d_model: 4, heads: 4, kv_heads: 1, head_dim: 1, parameters: 99, number_bytes: 1,
/// };
/// assert_eq!(cache_bytes(&model, 10, 1), 20);
/// ```
pub fn cache_bytes(model: &Model, tokens: u64, batch: u64) -> u64 {
    todo!("5.1: two rows for each token, layer and head of keys and values, in bytes")
}

// ━━ 5.2 A cache that never moves · 15 points · about 25 minutes ━━

/// Puts the keys and values of a chunk of tokens behind those that a cache holds. `start` is the
/// position of the chunk's first token.
///
/// Shapes: `keys` (h, n, d), `values` (h, n, d_v). Nothing that is held is moved or copied, and the
/// cache's two arrays stay the same ones: it costs h·n·(d + d_v) numbers, however much is held.
///
/// # Errors
/// In this order: [`CacheError::Shape`] for other heads or widths; [`CacheError::Position`] if the
/// chunk does not start where the cache ends; [`CacheError::Full`] if not all of it fits. The cache
/// is then as it was before.
///
/// ```
/// use ch05_kv_cache::{append, given::KvCache};
/// use ndarray::Array3;
/// let mut cache = KvCache::new(1, 4, 2, 2);
/// let chunk = Array3::ones((1, 3, 2)); // three tokens
/// append(&mut cache, chunk.view(), chunk.view(), 0).unwrap();
/// assert_eq!((cache.len, cache.keys[[0, 2, 0]], cache.keys[[0, 3, 0]]), (3, 1.0, 0.0));
/// let error = append(&mut cache, chunk.view(), chunk.view(), 3).unwrap_err();
/// assert_eq!(error.to_string(), "6 tokens need 6 places, the cache has 4");
/// ```
pub fn append(
    cache: &mut KvCache,
    keys: ArrayView3<f32>,
    values: ArrayView3<f32>,
    start: usize,
) -> Result<(), CacheError> {
    cache.fits(keys, values)?;
    todo!("5.2: refuse a gap and what does not fit, then write the new places alone")
}

// ━━ 5.3 Attention to a cache · 15 points · about 25 minutes ━━

/// Causal attention of a chunk's queries to everything that a cache holds, in every head. The queries
/// are those of the last n tokens in the cache.
///
/// Shapes: `q` (h, n, d), turned already; m = `cache.len` keys and values, n ≤ m; out (h, n, d_v).
/// With n = m it reads a whole prompt, with n = 1 it is a step of decoding. Costs at most
/// h·2·n·m·(d + d_v) FLOPs.
///
/// ```
/// use ch05_kv_cache::{cached_attention, given::KvCache};
/// use ndarray::{Array3, array};
/// // Two tokens with equal keys; the second sees both values, the first its own alone.
/// let mut cache = KvCache::new(1, 8, 1, 1);
/// cache.values[[0, 0, 0]] = 2.0;
/// cache.values[[0, 1, 0]] = 4.0;
/// cache.len = 2;
/// let step = cached_attention(Array3::ones((1, 1, 1)).view(), &cache); // the second token alone
/// assert_eq!(step, array![[[3.0]]]);
/// let both = cached_attention(Array3::ones((1, 2, 1)).view(), &cache);
/// assert_eq!(both, array![[[2.0], [3.0]]]);
/// ```
#[track_caller]
pub fn cached_attention(q: ArrayView3<f32>, cache: &KvCache) -> Array3<f32> {
    expect_chunk(q, cache);
    todo!("5.3: in every head, attend to the places in use, as far as each query may see")
}

// ━━ 5.4 A layer with a cache · 20 points · about 30 minutes ━━

/// A layer of causal self-attention with positions, for a chunk of new tokens; the tokens before them
/// are in the cache, and afterwards the new ones are too. However a text is cut into chunks, its rows
/// come out as those of a pass over the whole text.
///
/// Shapes: `x` n × d_model, the new tokens alone; out n × d_model. They stand at the positions behind
/// those that the cache holds. Costs n rows of the four projections, whatever came before, and the
/// attention of n queries to all keys so far.
///
/// # Errors
/// [`CacheError::Full`] if the chunk does not fit into the cache, which is then as it was before.
///
/// ```
/// use ch05_kv_cache::{cached_layer, given::{AttentionLayer, KvCache, Layout, Rotary}};
/// use ndarray::{Array2, array, s};
/// let same = Array2::eye(2);
/// let layer = AttentionLayer { w_q: same.clone(), w_k: same.clone(), w_v: same.clone(), w_o: same, h: 1 };
/// let rotary = Rotary { base: 100.0, layout: Layout::Half };
/// let x = array![[1.0, 2.0], [3.0, 1.0]];
/// let mut cache = KvCache::new(1, 2, 2, 2);
/// let first = cached_layer(&layer, &mut cache, x.slice(s![..1, ..]), rotary).unwrap();
/// assert_eq!(first, array![[1.0, 2.0]]); // the first token sees itself alone
/// cached_layer(&layer, &mut cache, x.slice(s![1.., ..]), rotary).unwrap();
/// assert_eq!(cache.len, 2);
/// ```
pub fn cached_layer(
    layer: &AttentionLayer,
    cache: &mut KvCache,
    x: ArrayView2<f32>,
    rotary: Rotary,
) -> Result<Array2<f32>, CacheError> {
    expect_layer(layer, cache, x);
    todo!("5.4: project and turn the new tokens, keep them, then attend to all that is kept")
}

// ━━ 5.5 Write with a cache · 15 points · about 25 minutes ━━

/// Greedy decoding with a cache: the model reads the prompt, writes the token that it thinks most
/// likely, reads that, and goes on, until it writes `stop`, or the prompt and what was written are
/// `context` tokens together.
///
/// `step(tokens, start)` runs the model on some new tokens, the first of which stands at position
/// `start`. It keeps their keys and values, and gives one row of logits for each of them: row i says
/// what may come after token i. Every token is fed once, in order, and only if a row is needed
/// that has seen it. Of equally large logits the first counts.
///
/// The result is what was written, without the prompt and without `stop`.
///
/// # Errors
/// When the prompt is empty, or longer than the context.
///
/// ```
/// use ch05_kv_cache::generate;
/// use ndarray::Array2;
/// // A model of five tokens that counts: after a token it thinks the next number most likely.
/// let mut counts = |tokens: &[usize], _start: usize| {
///     Array2::from_shape_fn((tokens.len(), 5), |(i, token)| f32::from(token == tokens[i] + 1))
/// };
/// assert_eq!(generate(&mut counts, &[0, 1], 4, 10).unwrap(), [2, 3]);
/// assert_eq!(generate(&mut counts, &[0, 1], 4, 3).unwrap(), [2]); // the context is full
/// ```
pub fn generate(
    step: &mut dyn FnMut(&[usize], usize) -> Array2<f32>,
    prompt: &[usize],
    stop: usize,
    context: usize,
) -> Result<Vec<usize>, PromptError> {
    check_prompt(prompt, context)?;
    todo!("5.5: the prompt in one piece, then each token that was written; the last row decides")
}

// ━━ 5.6 A ring for a window · 20 points · about 30 minutes ━━

/// Attention with a window: each token of a chunk sees itself and the w − 1 tokens before it, where w
/// is the ring's window. The ring holds what was there before the chunk, and afterwards the last w
/// tokens.
///
/// Shapes: `q` and `k` (h, n, d), turned already; `v` (h, n, d_v); out (h, n, d_v). The key of the
/// token at position p lies in slot p mod w, and nothing is ever moved. The memory is that of w
/// tokens, however long the text; n may be larger than w.
///
/// ```
/// use ch05_kv_cache::{given::RingCache, window_attention};
/// use ndarray::{Array3, array};
/// // A window of two. All keys are equal, so what a token finds is the mean of the last two values.
/// let mut ring = RingCache::new(1, 2, 1, 1);
/// let same = Array3::ones((1, 3, 1));
/// let v = array![[[2.0], [4.0], [8.0]]];
/// let out = window_attention(&mut ring, same.view(), same.view(), v.view());
/// assert_eq!(out, array![[[2.0], [3.0], [6.0]]]);
/// assert_eq!(ring.values, array![[[8.0], [4.0]]]); // the third token took the first one's slot
/// ```
#[track_caller]
pub fn window_attention(
    ring: &mut RingCache,
    q: ArrayView3<f32>,
    k: ArrayView3<f32>,
    v: ArrayView3<f32>,
) -> Array3<f32> {
    expect_ring(ring, q, k, v);
    todo!("5.6: token by token: put it into its slot, then attend to the slots in use")
}

// ━━ 5.7 The cache of cross-attention · 10 points · about 15 minutes ━━

/// Cross-attention with a cache: the rows `x` of new tokens look at a memory that is the same in
/// every step. The first call fills `kept`, later ones find the memory's keys and values there.
///
/// Shapes: `x` n × d_model, the new tokens alone; `memory` m × d_memory; out n × d_model. Every token
/// sees all of the memory. Over T tokens in any number of calls, T rows go through W_q and W_o, and m
/// rows, once, through W_k and W_v.
///
/// ```
/// use ch05_kv_cache::{cross_attention, given::{AttentionLayer, Projections}};
/// use ndarray::{Array2, array};
/// // Queries of zero look at all keys alike: what is found is the mean of the memory.
/// let (zero, same) = (Array2::zeros((1, 1)), Array2::eye(1));
/// let layer = AttentionLayer { w_q: zero, w_k: same.clone(), w_v: same.clone(), w_o: same, h: 1 };
/// let (mut layer, mut kept) = (Projections::new(layer), None);
/// let memory = array![[1.0], [3.0]];
/// for token in [5.0, 6.0, 7.0] {
///     let out = cross_attention(&mut layer, &mut kept, array![[token]].view(), memory.view());
///     assert_eq!(out, array![[2.0]]);
/// }
/// assert_eq!((layer.rows.queries, layer.rows.keys), (3, 2));
/// ```
pub fn cross_attention(
    layer: &mut Projections,
    kept: &mut Option<MemoryKv>,
    x: ArrayView2<f32>,
    memory: ArrayView2<f32>,
) -> Array2<f32> {
    todo!("5.7: the memory's keys and values once, then attention to them in every call")
}

// ━━ 5.8 The largest batch · 5 points · about 10 minutes ━━

/// How many texts of `tokens` tokens can be written at once by a model in `memory` bytes: as many as
/// have room for their caches beside the weights. 0 if not even the weights fit.
///
/// ```
/// use ch05_kv_cache::{given::Model, largest_batch};
/// // 100 bytes of weights, and 2 bytes of cache for each token.
/// let model = Model {
///     layers: 1, d_model: 1, heads: 1, kv_heads: 1, head_dim: 1, parameters: 100, number_bytes: 1,
/// };
/// assert_eq!(largest_batch(&model, 150, 10), 2); // 50 bytes are left, a text takes 20
/// assert_eq!(largest_batch(&model, 99, 10), 0);
/// ```
#[track_caller]
pub fn largest_batch(model: &Model, memory: u64, tokens: u64) -> u64 {
    assert!(tokens > 0, "a text of 0 tokens takes no memory, and any number of them fits");
    todo!("5.8: what is left beside the weights, divided by what one text takes")
}

// ━━ 5.9 What a step has to read and to compute · 10 points · about 20 minutes ━━

/// What one step of decoding costs at least, in which each of `batch` texts gets one more token. Each
/// of them has `tokens` tokens in the cache, the new one included.
///
/// The weights are read once for all texts, and each text's cache once. What is computed are the
/// products with the weights, and in each head those with the keys and the values. Reading and
/// computing go on at the same time. (Williams et al., “Roofline”, Communications of the ACM 52(4),
/// 2009.)
///
/// ```
/// use ch05_kv_cache::{decode_cost, given::{Machine, Model}};
/// let model = Model {
///     layers: 1, d_model: 1, heads: 1, kv_heads: 1, head_dim: 1, parameters: 100, number_bytes: 1,
/// };
/// let machine = Machine { bandwidth: 10.0, peak: 1000.0 };
/// let cost = decode_cost(&model, machine, 10, 1);
/// assert_eq!((cost.bytes, cost.flop, cost.seconds), (120, 240, 12.0)); // reading takes longer
/// ```
pub fn decode_cost(model: &Model, machine: Machine, tokens: u64, batch: u64) -> Cost {
    todo!("5.9: the bytes, the FLOPs, and the longer of the two times")
}

// ━━ 5.10 Take tokens back · 5 points · about 10 minutes ━━

/// Takes the last `count` tokens out of a cache, as if they had never been appended. The next chunk
/// starts at the position of the first of them.
///
/// Copies and clears nothing: what lies beyond `len` means nothing, and is written over in time.
///
/// # Errors
/// [`CacheError::Rewind`] if the cache holds fewer tokens; it is then as it was before.
///
/// ```
/// use ch05_kv_cache::{given::KvCache, rewind};
/// let mut cache = KvCache { len: 5, ..KvCache::new(1, 8, 2, 2) };
/// rewind(&mut cache, 2).unwrap();
/// assert_eq!(cache.len, 3);
/// let error = rewind(&mut cache, 4).unwrap_err();
/// assert_eq!(error.to_string(), "4 tokens are to be taken back, the cache holds 3");
/// ```
pub fn rewind(cache: &mut KvCache, count: usize) -> Result<(), CacheError> {
    todo!("5.10: fewer tokens are held, if there are so many")
}
