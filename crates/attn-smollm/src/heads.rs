//! What stands between the projections and the mixing of the heads: a parameter again.

use crate::{AttentionWeights, Sizes, SmolLm};
use attn_lm::{Attention, Linear};
use ch04_multi_head::given::Layout;
use ndarray::{Array2, Array3, ArrayView2, ArrayView3, Axis, s};
use rayon::prelude::*;

/// Attention of queries to keys and values that somebody else has made and turned, and the cache.
pub trait Heads {
    /// Why it cannot attend; a full cache, say.
    type Error;

    /// The heads of the new tokens of a layer, (h, n, d_h), and keeps their keys and values.
    ///
    /// `q` is (h, n, d_h), `k` and `v` are (h_kv, n, d_h).
    ///
    /// # Errors
    /// When it cannot take the tokens.
    fn attend(
        &mut self,
        layer: usize,
        q: ArrayView3<f32>,
        k: ArrayView3<f32>,
        v: ArrayView3<f32>,
    ) -> Result<Array3<f32>, Self::Error>;

    /// How many tokens of a layer are kept: the position of the next one.
    fn kept(&self, layer: usize) -> usize;
}

/// The attention of all layers: projections and positions here, the rest by [`Heads`].
pub struct Projected<'a, H> {
    layers: &'a [AttentionWeights],
    heads: usize,
    kv_heads: usize,
    turns: Turns,
    /// The rest.
    pub inner: H,
}

impl<'a, H: Heads> Projected<'a, H> {
    /// Of a model whose file has queries and keys in the interleaved layout, as this one's has.
    pub fn new(model: &'a SmolLm, inner: H) -> Self {
        Projected::with_layout(model, Layout::Interleaved, inner)
    }

    /// With the layout of the rotations said; only one is right for a model.
    pub fn with_layout(model: &'a SmolLm, layout: Layout, inner: H) -> Self {
        let (sizes, layers) = (model.sizes, model.attention.as_slice());
        let turns = Turns::new(sizes, layout);
        Projected { layers, heads: sizes.heads, kv_heads: sizes.kv_heads, turns, inner }
    }
}

impl<H: Heads> Attention for Projected<'_, H> {
    type Error = H::Error;

    fn attend(&mut self, layer: usize, x: ArrayView2<f32>) -> Result<Array2<f32>, H::Error> {
        let (weights, start) = (&self.layers[layer], self.inner.kept(layer));
        let mut q = split(weights.query.apply(x), self.heads);
        let mut k = split(weights.key.apply(x), self.kv_heads);
        let v = split(weights.value.apply(x), self.kv_heads);
        for turned in [&mut q, &mut k] {
            self.turns.turn(turned, start);
        }
        let out = self.inner.attend(layer, q.view(), k.view(), v.view())?;
        let (h, n, d) = out.dim();
        let merged = out.permuted_axes([1, 0, 2]).as_standard_layout().into_owned();
        let merged = merged.into_shape_with_order((n, h * d)).expect("as many numbers");
        Ok(weights.out.apply(merged.view()))
    }
}

/// Rows of h·d numbers as heads, n × h·d in, (h, n, d) out.
fn split(x: Array2<f32>, h: usize) -> Array3<f32> {
    let (n, width) = x.dim();
    let heads = x.into_shape_with_order((n, h, width / h)).expect("as many numbers");
    heads.permuted_axes([1, 0, 2]).as_standard_layout().into_owned()
}

/// Rotations by position (RoPE), whose sines and cosines are computed once.
#[derive(Clone, Debug)]
pub struct Turns {
    base: f32,
    layout: Layout,
    width: usize,
    /// Sine and cosine of each pair at each position so far.
    table: Vec<(f32, f32)>,
}

impl Turns {
    /// Those of a model of these sizes. This one's file has the interleaved layout.
    pub fn new(sizes: Sizes, layout: Layout) -> Self {
        Turns { base: sizes.base, layout, width: sizes.head, table: Vec::new() }
    }

    /// Turns heads, (h, n, d_h), whose rows stand at positions `start` and after.
    pub fn turn(&mut self, heads: &mut Array3<f32>, start: usize) {
        let (d, half) = (self.width, self.width / 2);
        for at in self.table.len()..(start + heads.dim().1) * half {
            let frequency = f64::from(self.base).powf(-2.0 * (at % half) as f64 / d as f64);
            let (sin, cos) = ((at / half) as f64 * frequency).sin_cos();
            self.table.push((sin as f32, cos as f32));
        }
        for mut head in heads.outer_iter_mut() {
            for (row, mut x) in head.rows_mut().into_iter().enumerate() {
                let turns = &self.table[(start + row) * half..][..half];
                for (i, (sin, cos)) in turns.iter().enumerate() {
                    let (first, second) = match self.layout {
                        Layout::Interleaved => (2 * i, 2 * i + 1),
                        Layout::Half => (i, i + half),
                    };
                    let (a, b) = (x[first], x[second]);
                    x[first] = a * cos - b * sin;
                    x[second] = a * sin + b * cos;
                }
            }
        }
    }
}

/// Grouped-query attention with a cache, plain: what the others are compared with.
#[derive(Clone, Debug)]
pub struct Plain {
    /// Of each layer and each head of keys and values, both as rows of d_h numbers, one after another.
    kept: Vec<Vec<[Vec<f32>; 2]>>,
    width: usize,
}

impl Plain {
    /// Nothing is kept yet.
    pub fn new(model: &SmolLm) -> Self {
        let layer = vec![[Vec::new(), Vec::new()]; model.sizes.kv_heads];
        Plain { kept: vec![layer; model.sizes.layers], width: model.sizes.head }
    }

    /// Forgets all tokens but the first `tokens`.
    pub fn cut(&mut self, tokens: usize) {
        for rows in self.kept.iter_mut().flatten().flatten() {
            rows.truncate(tokens * self.width);
        }
    }

    /// How many numbers are kept.
    pub fn numbers(&self) -> usize {
        self.kept.iter().flatten().flatten().map(Vec::len).sum()
    }
}

impl Heads for Plain {
    type Error = std::convert::Infallible;

    fn attend(
        &mut self,
        layer: usize,
        q: ArrayView3<f32>,
        k: ArrayView3<f32>,
        v: ArrayView3<f32>,
    ) -> Result<Array3<f32>, Self::Error> {
        let kept = &mut self.kept[layer];
        for (kept, new) in kept.iter_mut().zip(k.outer_iter().zip(v.outer_iter())) {
            kept[0].extend(new.0);
            kept[1].extend(new.1);
        }
        let ((h, n, d), group) = (q.dim(), q.dim().0 / kept.len());
        let m = kept[0][0].len() / d;
        let head = |i: usize| {
            let [keys, values] = &kept[i / group];
            let view = |rows| ArrayView2::from_shape((m, d), rows).expect("whole rows");
            let q = q.index_axis(Axis(0), i);
            let mut weights = q.dot(&view(keys).t()); // n×m
            for (row, mut weights) in weights.rows_mut().into_iter().enumerate() {
                let (mut seen, mut unseen) =
                    weights.multi_slice_mut((s![..m - n + row + 1], s![m - n + row + 1..]));
                let max = seen.fold(f32::NEG_INFINITY, |max, &score| max.max(score));
                let scale = 1.0 / (d as f32).sqrt();
                seen.mapv_inplace(|score| ((score - max) * scale).exp());
                let sum = seen.sum();
                seen /= sum;
                unseen.fill(0.0);
            }
            weights.dot(&view(values))
        };
        // A thread costs more than a single row.
        let heads: Vec<Array2<f32>> = match n {
            1 => (0..h).map(head).collect(),
            _ => (0..h).into_par_iter().map(head).collect(),
        };
        let mut out = Array3::zeros((h, n, d));
        for (mut out, head) in out.outer_iter_mut().zip(&heads) {
            out.assign(head);
        }
        Ok(out)
    }

    fn kept(&self, layer: usize) -> usize {
        self.kept[layer][0][0].len() / self.width
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ch04_multi_head::{given::Rotary, rope, split_heads};

    /// The table is computed in f64, chapter 4's angles in f32.
    #[test]
    fn heads_and_turns_are_chapter_4s() {
        let x = Array2::from_shape_fn((5, 24), |(i, j)| ((5 * i + 3 * j) as f32).cos());
        for layout in [Layout::Interleaved, Layout::Half] {
            let mut turns = Turns { base: 100.0, layout, width: 8, table: Vec::new() };
            for start in [0, 7, 3] {
                let mut got = split(x.clone(), 3);
                assert_eq!(got, split_heads(x.view(), 3));
                turns.turn(&mut got, start);
                for (got, head) in got.outer_iter().zip(split_heads(x.view(), 3).outer_iter()) {
                    let want = rope(head, start, Rotary { base: 100.0, layout });
                    let apart = (&got - &want).fold(0.0_f32, |most, e| most.max(e.abs()));
                    assert!(apart < 1e-5, "{layout:?} from {start}: {apart}");
                }
            }
        }
    }
}
