//! The model's attention, with a cache and without.

use super::functions::FUNCTIONS;
use attn_core::Mask;
use attn_lm::{Attention, AttentionWeights, HEAD, HEADS, LanguageModel, ROPE_BASE, WIDTH};
use ch04_multi_head::rotary_self_attention;
use ch05_kv_cache::given::{AttentionLayer, CacheError, KvCache, Layout, Model, Rotary};
use ndarray::{Array2, ArrayView2};
use std::convert::Infallible;

/// How the model's positions turn.
const ROTARY: Rotary = Rotary { base: ROPE_BASE, layout: Layout::Interleaved };

/// The layers of multi-head attention.
pub fn layers(model: &LanguageModel) -> Vec<AttentionLayer> {
    let layers = model.attention.iter().filter_map(|weights| match weights {
        AttentionWeights::Grouped(weights) => Some(AttentionLayer {
            w_q: weights.w_q.clone(),
            w_k: weights.w_k.clone(),
            w_v: weights.w_v.clone(),
            w_o: weights.w_o.clone(),
            h: weights.heads,
        }),
        AttentionWeights::Latent(_) => None,
    });
    layers.collect()
}

/// What chapter 5 counts of a model with so many layers: `parameters` weights of 32 bits.
pub fn sizes(layers: usize, parameters: u64) -> Model {
    let [layers, d_model, heads, head_dim] = [layers, WIDTH, HEADS, HEAD].map(|size| size as u64);
    Model { layers, d_model, heads, kv_heads: heads, head_dim, parameters, number_bytes: 4 }
}

/// Attention with a cache for each layer, which task 4's function fills and reads.
pub struct Cached<'a> {
    layers: &'a [AttentionLayer],
    pub caches: Vec<KvCache>,
}

impl<'a> Cached<'a> {
    /// Empty caches for so many tokens.
    pub fn new(layers: &'a [AttentionLayer], capacity: usize) -> Self {
        let of = |layer: &AttentionLayer| KvCache::new(layer.h, capacity, HEAD, HEAD);
        Cached { layers, caches: layers.iter().map(of).collect() }
    }
}

impl Attention for Cached<'_> {
    type Error = CacheError;

    fn attend(&mut self, layer: usize, x: ArrayView2<f32>) -> Result<Array2<f32>, CacheError> {
        (FUNCTIONS.cached_layer)(&self.layers[layer], &mut self.caches[layer], x, ROTARY)
    }
}

/// Attention among the tokens of one call, which have to be all there are.
pub struct Whole<'a>(pub &'a [AttentionLayer]);

impl Attention for Whole<'_> {
    type Error = Infallible;

    fn attend(&mut self, layer: usize, x: ArrayView2<f32>) -> Result<Array2<f32>, Infallible> {
        Ok(rotary_self_attention(&self.0[layer], x, ROTARY, &Mask::Causal))
    }
}
