//! What an engine needs of a model, and the course's own as one.

use crate::{
    functions::Functions,
    given::{Pool, Table},
};
use attn_lm::{
    Attention, AttentionWeights, Grouped, HEAD, LanguageModel, Model, ROPE_BASE, Weights,
};
use ch04_multi_head::{
    given::{Layout, Rotary},
    merge_heads, rope, split_heads,
};
use ndarray::{Array2, Array3, ArrayView2, Axis, s};
use std::{convert::Infallible, sync::Arc};

/// Some new tokens of one text: they stand at the positions `start..table.tokens`, and their places in the
/// pool are free to be written.
#[derive(Clone, Debug)]
pub struct Span {
    /// Where the text lies, the new tokens included.
    pub table: Table,
    /// The position of the first new token.
    pub start: usize,
    /// The new tokens.
    pub tokens: Vec<usize>,
}

/// A model that keeps what it knows of earlier tokens in a pool.
pub trait Decoder {
    /// Heads of keys, of all layers together, and the widths of a key and of a value.
    fn pages(&self) -> (usize, usize, usize);

    /// The longest text that it can read.
    fn context(&self) -> usize;

    /// Tokens are below this number.
    fn vocabulary(&self) -> usize;

    /// Reads the new tokens of several texts at once, keeps them in the pool, and gives the logits after
    /// the last token of each: one row per span, in their order.
    fn logits(&self, spans: &[Span], pool: &mut Pool, by: &Functions) -> Array2<f32>;
}

/// The rows of all tokens that some spans have, one after the other.
pub fn tokens_of(spans: &[Span]) -> Vec<usize> {
    spans.iter().flat_map(|span| span.tokens.iter().copied()).collect()
}

/// Where each span's last row is among the rows of all.
pub fn last_rows(spans: &[Span]) -> Vec<usize> {
    let mut end = 0;
    let ends = spans.iter().map(|span| {
        end += span.tokens.len();
        end - 1
    });
    ends.collect()
}

/// The heads of a layer.
#[derive(Clone, Copy, Debug)]
pub struct LayerHeads {
    /// The layer's number, which says where its heads lie in the pool.
    pub layer: usize,
    /// Query heads.
    pub heads: usize,
    /// Heads of keys and values; each serves `heads / kv_heads` neighbouring query heads.
    pub kv_heads: usize,
}

/// The attention of a layer for several texts: keeps the keys and values of the new tokens in their slots,
/// and lets each text attend to its own tokens, through its table. `turn` rotates heads whose first row
/// stands at the given position.
///
/// Shapes: queries n × h·d, keys and values n × h_kv·d, with a row for each token of the spans; the result
/// is n × h·d. Where query heads share keys, [`paged_attention`](crate::paged_attention) is called once
/// for the first query head of all groups, once for the second, and so on.
pub fn attend(
    spans: &[Span],
    [q, k, v]: [Array2<f32>; 3],
    LayerHeads { layer, heads, kv_heads }: LayerHeads,
    turn: &mut dyn FnMut(&mut Array3<f32>, usize),
    (pool, by): (&mut Pool, &Functions),
) -> Array2<f32> {
    let (pages, group) = (layer * kv_heads..(layer + 1) * kv_heads, heads / kv_heads);
    let mut found = Array2::zeros(q.dim());
    let mut row = 0;
    for span in spans {
        let rows = s![row..row + span.tokens.len(), ..];
        row += span.tokens.len();
        let mut q = split_heads(q.slice(rows), heads);
        let [mut k, v] = [&k, &v].map(|x| split_heads(x.slice(rows), kv_heads));
        turn(&mut q, span.start);
        turn(&mut k, span.start);
        let size = pool.blocks.size;
        for i in 0..span.tokens.len() {
            let slot = (by.slot)(&span.table, size, span.start + i);
            let Some(slot) = slot else { continue };
            let place = s![slot.block, pages.clone(), slot.offset, ..];
            pool.keys.slice_mut(place).assign(&k.index_axis(Axis(1), i));
            pool.values.slice_mut(place).assign(&v.index_axis(Axis(1), i));
        }
        let of_the_layer = s![.., pages.clone(), .., ..];
        let (keys, values) = (pool.keys.slice(of_the_layer), pool.values.slice(of_the_layer));
        let mut out = Array3::zeros((heads, span.tokens.len(), values.dim().3));
        for first in 0..group {
            let of_each_group = s![first..; group, .., ..];
            let q = q.slice(of_each_group);
            let heads = (by.paged_attention)(q, keys, values, &span.table);
            out.slice_mut(of_each_group).assign(&heads);
        }
        found.slice_mut(rows).assign(&merge_heads(out.view()));
    }
    found
}

/// One of the course's small language models, unless its keys are latent.
#[derive(Clone, Debug)]
pub struct Lm {
    which: Model,
    model: Arc<LanguageModel>,
    layers: Vec<Grouped>,
}

impl Lm {
    /// The model that was trained with eight heads.
    pub fn trained() -> Self {
        Lm::new(&Weights::trained(Model::Mha))
    }

    /// The model of these weights.
    ///
    /// # Panics
    /// If its keys and values are made of a latent.
    #[track_caller]
    pub fn new(weights: &Weights) -> Self {
        let model = LanguageModel::new(weights);
        let grouped = model.attention.iter().map(|weights| match weights {
            AttentionWeights::Grouped(weights) => weights.clone(),
            AttentionWeights::Latent(_) => panic!("the engine keeps keys and values, no latents"),
        });
        let layers = grouped.collect();
        Lm { which: weights.model(), model: Arc::new(model), layers }
    }
}

impl Decoder for Lm {
    fn pages(&self) -> (usize, usize, usize) {
        (self.which.layers() * self.which.kv_heads(), HEAD, HEAD)
    }

    fn context(&self) -> usize {
        self.which.context()
    }

    fn vocabulary(&self) -> usize {
        self.which.alphabet().len()
    }

    fn logits(&self, spans: &[Span], pool: &mut Pool, by: &Functions) -> Array2<f32> {
        let mut attention = Paged { layers: &self.layers, spans, pool, by };
        let Ok(logits) = self.model.logits(&tokens_of(spans), &mut attention);
        logits.select(Axis(0), &last_rows(spans))
    }
}

/// The model's attention: each text to its own tokens, through its table.
struct Paged<'a> {
    layers: &'a [Grouped],
    spans: &'a [Span],
    pool: &'a mut Pool,
    by: &'a Functions,
}

impl Attention for Paged<'_> {
    type Error = Infallible;

    fn attend(&mut self, layer: usize, x: ArrayView2<f32>) -> Result<Array2<f32>, Infallible> {
        let weights = &self.layers[layer];
        // The weights are read here, once for the rows of all texts.
        let projected = [&weights.w_q, &weights.w_k, &weights.w_v].map(|w| x.dot(w));
        let heads = LayerHeads { layer, heads: weights.heads, kv_heads: weights.kv_heads };
        let rotary = Rotary { base: ROPE_BASE, layout: Layout::Interleaved };
        let mut turn = |heads: &mut Array3<f32>, start: usize| {
            for mut head in heads.outer_iter_mut() {
                let turned = rope(head.view(), start, rotary);
                head.assign(&turned);
            }
        };
        let found = attend(self.spans, projected, heads, &mut turn, (self.pool, self.by));
        Ok(found.dot(&weights.w_o))
    }
}
