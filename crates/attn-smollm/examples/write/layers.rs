//! The model's layers as chapter 5 has them: every query head with keys and values of its own.

use super::functions::FUNCTIONS;
use attn_core::Mask;
use attn_lm::Attention;
use attn_smollm::{Matrix, Sizes, SmolLm};
use ch04_multi_head::rotary_self_attention;
use ch05_kv_cache::given::{AttentionLayer, CacheError, KvCache, Layout, Rotary};
use ndarray::{Array2, ArrayView2};
use std::convert::Infallible;

/// How the file's queries and keys turn.
fn rotary(base: f32) -> Rotary {
    Rotary { base, layout: Layout::Interleaved }
}

/// The layers with a copy of the shared keys and values for each head.
pub fn layers(model: &SmolLm) -> Vec<AttentionLayer> {
    let Sizes { heads, kv_heads, head, width, .. } = model.sizes;
    // Stored as outputs × inputs; here states are rows.
    let turned = |w: &Matrix| w.0.t().as_standard_layout().into_owned();
    let copied = |w: &Matrix| {
        Array2::from_shape_fn((width, heads * head), |(input, column)| {
            let shared = column / head / (heads / kv_heads);
            w.0[[shared * head + column % head, input]]
        })
    };
    let layers = model.attention.iter().map(|weights| AttentionLayer {
        w_q: turned(&weights.query),
        w_k: copied(&weights.key),
        w_v: copied(&weights.value),
        w_o: turned(&weights.out),
        h: heads,
    });
    layers.collect()
}

/// Attention with a cache for each layer, which task 4's function fills and reads.
pub struct Cached<'a> {
    layers: &'a [AttentionLayer],
    caches: Vec<KvCache>,
    rotary: Rotary,
}

impl<'a> Cached<'a> {
    /// Empty caches for so many tokens.
    pub fn new(layers: &'a [AttentionLayer], capacity: usize, sizes: Sizes) -> Self {
        let of = |layer: &AttentionLayer| KvCache::new(layer.h, capacity, sizes.head, sizes.head);
        let caches = layers.iter().map(of).collect();
        Cached { layers, caches, rotary: rotary(sizes.base) }
    }

    /// How many tokens each cache holds.
    pub fn held(&self) -> usize {
        self.caches.first().map_or(0, |cache| cache.len)
    }
}

impl Attention for Cached<'_> {
    type Error = CacheError;

    fn attend(&mut self, layer: usize, x: ArrayView2<f32>) -> Result<Array2<f32>, CacheError> {
        (FUNCTIONS.cached_layer)(&self.layers[layer], &mut self.caches[layer], x, self.rotary)
    }
}

/// Attention among the tokens of one call, which have to be all there are: chapter 4's.
pub struct Whole<'a> {
    layers: &'a [AttentionLayer],
    rotary: Rotary,
}

impl<'a> Whole<'a> {
    /// Keeps nothing.
    pub fn new(layers: &'a [AttentionLayer], base: f32) -> Self {
        Whole { layers, rotary: rotary(base) }
    }
}

impl Attention for Whole<'_> {
    type Error = Infallible;

    fn attend(&mut self, layer: usize, x: ArrayView2<f32>) -> Result<Array2<f32>, Infallible> {
        Ok(rotary_self_attention(&self.layers[layer], x, self.rotary, &Mask::Causal))
    }
}
