//! The model's attention by the functions of chapters 4 to 6, the reference's or a learner's.

use crate::{Comparison, SmolLm};
use attn_core::Mask;
use attn_lm::{Attention, Linear};
use ch04_multi_head::{
    functions::Functions as Ch04,
    given::{Layout, Rotary},
    merge_heads, rope, split_heads,
};
use ch05_kv_cache::{
    functions::Functions as Ch05,
    given::{CacheError, KvCache},
};
use ch06_mqa_gqa::{functions::Functions as Ch06, given::Cache, grouped_attention, grouped_decode};
use ndarray::{Array2, Array3, ArrayView2, Axis, s};

/// The functions of three chapters.
#[derive(Clone, Copy, Debug)]
pub struct Chapters {
    /// Chapter 4's: heads and rotations.
    pub ch04: Ch04,
    /// Chapter 5's: the cache.
    pub ch05: Ch05,
    /// Chapter 6's: grouped attention.
    pub ch06: Ch06,
}

impl Chapters {
    /// The reference's.
    pub const REFERENCE: Chapters = Chapters {
        ch04: ch04_multi_head::functions::REFERENCE,
        ch05: ch05_kv_cache::functions::REFERENCE,
        ch06: ch06_mqa_gqa::functions::REFERENCE,
    };
}

/// The attention of all layers, with their caches, by the chapters' functions.
pub struct ByChapters<'a> {
    model: &'a SmolLm,
    chapters: Chapters,
    rotary: Rotary,
    caches: Vec<KvCache>,
    /// Compares what the first layer gets; the others call the same functions.
    pub comparison: Comparison,
}

impl<'a> ByChapters<'a> {
    /// Empty caches with room for the model's whole context. Memory is taken as they fill.
    pub fn new(model: &'a SmolLm, chapters: Chapters) -> Self {
        let sizes = model.sizes;
        let cache = || KvCache::new(sizes.kv_heads, sizes.context, sizes.head, sizes.head);
        let caches = (0..sizes.layers).map(|_| cache()).collect();
        let rotary = Rotary { base: sizes.base, layout: Layout::Interleaved };
        ByChapters { model, chapters, rotary, caches, comparison: Comparison::default() }
    }

    /// Empties the caches.
    pub fn forget(&mut self) {
        for cache in &mut self.caches {
            cache.len = 0;
        }
    }

    /// Rows of a projection as heads.
    fn split(&mut self, rows: Array2<f32>, heads: usize) -> Array3<f32> {
        let split = (self.chapters.ch04.split_heads)(rows.view(), heads);
        let want = || split_heads(rows.view(), heads);
        self.comparison.expect(("4.1", "split_heads"), split.view(), want);
        split
    }

    /// Turns the rows of each head by their positions.
    fn turn(&mut self, mut heads: Array3<f32>, start: usize) -> Array3<f32> {
        let rotary = self.rotary;
        for mut head in heads.outer_iter_mut() {
            let turned = (self.chapters.ch04.rope)(head.view(), start, rotary);
            let want = || rope(head.view(), start, rotary);
            self.comparison.expect(("4.4", "rope"), turned.view(), want);
            head.assign(&turned);
        }
        heads
    }
}

impl Attention for ByChapters<'_> {
    type Error = CacheError;

    fn attend(&mut self, layer: usize, x: ArrayView2<f32>) -> Result<Array2<f32>, CacheError> {
        let (weights, sizes) = (&self.model.attention[layer], self.model.sizes);
        let Chapters { ch04, ch05, ch06 } = self.chapters;
        let start = self.caches[layer].len;
        self.comparison.on = layer == 0;
        let q = self.split(weights.query.apply(x), sizes.heads);
        let k = self.split(weights.key.apply(x), sizes.kv_heads);
        let v = self.split(weights.value.apply(x), sizes.kv_heads);
        let (q, k) = (self.turn(q, start), self.turn(k, start));
        let cache = &mut self.caches[layer];
        (ch05.append)(cache, k.view(), v.view(), start)?;
        let (keys, values) = (cache.keys.view(), cache.values.view());
        for (kept, new) in [(keys, &k), (values, &v)] {
            let kept = kept.slice_move(s![.., start.min(cache.len)..cache.len, ..]);
            self.comparison.expect(("5.2", "append"), kept, || new.clone());
        }
        let held = s![.., ..cache.len, ..];
        let (keys, values) = (keys.slice_move(held), values.slice_move(held));
        let out = if q.dim().1 == 1 {
            let (q, cache) =
                (q.index_axis(Axis(1), 0), Cache::new(keys.to_owned(), values.to_owned()));
            let out = (ch06.grouped_decode)(q, &cache);
            let want = || grouped_decode(q, &cache);
            self.comparison.expect(("6.3", "grouped_decode"), out.view(), want);
            out.insert_axis(Axis(1))
        } else {
            let out = (ch06.grouped_attention)(q.view(), keys, values, &Mask::Causal);
            let want = || grouped_attention(q.view(), keys, values, &Mask::Causal);
            self.comparison.expect(("6.2", "grouped_attention"), out.view(), want);
            out
        };
        let merged = (ch04.merge_heads)(out.view());
        let want = || merge_heads(out.view());
        self.comparison.expect(("4.2", "merge_heads"), merged.view(), want);
        Ok(weights.out.apply(merged.view()))
    }
}
