//! What an engine needs of a model, and the course's own as one.

use crate::{
    functions::Functions,
    given::{Pool, Table},
};
use attn_lm::{
    Attention, AttentionWeights, CONTEXT, Grouped, HEAD, HEADS, LAYERS, LanguageModel, ROPE_BASE,
    text::VOCABULARY,
};
use ch04_multi_head::{
    given::{Layout, Rotary},
    merge_heads, rope, split_heads,
};
use ndarray::{Array2, ArrayView2, Axis, s};
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
    /// each of them: one row per token, in the order of the spans.
    fn logits(&self, spans: &[Span], pool: &mut Pool, by: &Functions) -> Array2<f32>;
}

/// One of the course's small language models, with multi-head attention.
#[derive(Clone, Debug)]
pub struct Lm {
    model: Arc<LanguageModel>,
    layers: Vec<Grouped>,
}

impl Lm {
    /// The model that was trained with eight heads.
    pub fn trained() -> Self {
        Lm::new(Arc::new(LanguageModel::trained(attn_lm::Model::Mha)))
    }

    /// A model with multi-head attention.
    ///
    /// # Panics
    /// If its heads share keys, or are latent.
    #[track_caller]
    pub fn new(model: Arc<LanguageModel>) -> Self {
        let grouped = model.attention.iter().map(|weights| match weights {
            AttentionWeights::Grouped(weights) if weights.heads == weights.kv_heads => {
                weights.clone()
            }
            _ => panic!("the engine runs models whose heads have keys of their own"),
        });
        let layers = grouped.collect();
        Lm { model, layers }
    }
}

impl Decoder for Lm {
    fn pages(&self) -> (usize, usize, usize) {
        (LAYERS * HEADS, HEAD, HEAD)
    }

    fn context(&self) -> usize {
        CONTEXT
    }

    fn vocabulary(&self) -> usize {
        VOCABULARY
    }

    fn logits(&self, spans: &[Span], pool: &mut Pool, by: &Functions) -> Array2<f32> {
        let tokens: Vec<usize> =
            spans.iter().flat_map(|span| span.tokens.iter().copied()).collect();
        let mut attention = Paged { layers: &self.layers, spans, pool, by };
        let Ok(logits) = self.model.logits(&tokens, &mut attention);
        logits
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
        let [q, k, v] = [&weights.w_q, &weights.w_k, &weights.w_v].map(|w| x.dot(w));
        let heads = layer * weights.heads..(layer + 1) * weights.heads;
        let mut found = Array2::zeros(q.dim());
        let mut row = 0;
        for span in self.spans {
            let rows = s![row..row + span.tokens.len(), ..];
            row += span.tokens.len();
            let rotary = Rotary { base: ROPE_BASE, layout: Layout::Interleaved };
            let [mut q, mut k, v] = [&q, &k, &v].map(|x| split_heads(x.slice(rows), weights.heads));
            for heads in [&mut q, &mut k] {
                for mut head in heads.outer_iter_mut() {
                    let turned = rope(head.view(), span.start, rotary);
                    head.assign(&turned);
                }
            }
            let size = self.pool.blocks.size;
            for i in 0..span.tokens.len() {
                let slot = (self.by.slot)(&span.table, size, span.start + i);
                let Some(slot) = slot else { continue };
                let place = s![slot.block, heads.clone(), slot.offset, ..];
                self.pool.keys.slice_mut(place).assign(&k.index_axis(Axis(1), i));
                self.pool.values.slice_mut(place).assign(&v.index_axis(Axis(1), i));
            }
            let of_the_layer = s![.., heads.clone(), .., ..];
            let (keys, values) =
                (self.pool.keys.slice(of_the_layer), self.pool.values.slice(of_the_layer));
            let out = (self.by.paged_attention)(q.view(), keys, values, &span.table);
            found.slice_mut(rows).assign(&merge_heads(out.view()));
        }
        Ok(found.dot(&weights.w_o))
    }
}
