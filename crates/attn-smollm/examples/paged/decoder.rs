//! SmolLM2 as chapter 10's engine needs it: the rows of all texts go through the weights together, and
//! each text attends through its table.

use attn_lm::{Attention, Linear};
use attn_smollm::{SmolLm, Turns};
use ch04_multi_head::given::Layout;
use ch10_paged::{
    engine::{Decoder, LayerHeads, Span, attend, last_rows, tokens_of},
    functions::Functions,
    given::Pool,
};
use ndarray::{Array2, Array3, ArrayView2, Axis};
use std::{cell::RefCell, convert::Infallible, sync::Arc};

/// The model; copies share its weights.
#[derive(Clone)]
pub struct Paged {
    model: Arc<SmolLm>,
    turns: RefCell<Turns>,
}

impl Paged {
    /// For an engine.
    pub fn new(model: Arc<SmolLm>) -> Self {
        let turns = RefCell::new(Turns::new(model.sizes, Layout::Interleaved));
        Paged { model, turns }
    }
}

impl Decoder for Paged {
    fn pages(&self) -> (usize, usize, usize) {
        let sizes = self.model.sizes;
        (sizes.layers * sizes.kv_heads, sizes.head, sizes.head)
    }

    fn context(&self) -> usize {
        self.model.sizes.context
    }

    fn vocabulary(&self) -> usize {
        self.model.sizes.vocabulary
    }

    fn logits(&self, spans: &[Span], pool: &mut Pool, by: &Functions) -> Array2<f32> {
        let turns = &mut *self.turns.borrow_mut();
        let mut attention = Through { model: &self.model, turns, spans, pool, by };
        let Ok(states) = self.model.decoder.states(&tokens_of(spans), &mut attention);
        // A row of logits is as wide as the vocabulary: only those that say what comes next are made.
        self.model.decoder.readout.apply(states.select(Axis(0), &last_rows(spans)).view())
    }
}

/// Attention through the tables of some texts.
struct Through<'a> {
    model: &'a SmolLm,
    turns: &'a mut Turns,
    spans: &'a [Span],
    pool: &'a mut Pool,
    by: &'a Functions,
}

impl Attention for Through<'_> {
    type Error = Infallible;

    fn attend(&mut self, layer: usize, x: ArrayView2<f32>) -> Result<Array2<f32>, Infallible> {
        let (weights, sizes) = (&self.model.attention[layer], self.model.sizes);
        let projected = [&weights.query, &weights.key, &weights.value].map(|w| w.apply(x));
        let heads = LayerHeads { layer, heads: sizes.heads, kv_heads: sizes.kv_heads };
        let mut turn = |heads: &mut Array3<f32>, start| self.turns.turn(heads, start);
        let found = attend(self.spans, projected, heads, &mut turn, (self.pool, self.by));
        Ok(weights.out.apply(found.view()))
    }
}
