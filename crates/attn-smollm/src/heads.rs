//! What stands between the projections and the mixing of the heads: a parameter again.

use crate::{AttentionWeights, Sizes, SmolLm};
use attn_lm::{Attention, Linear};
use ch04_multi_head::given::Layout;
use ch08_flash_cpu::ladder::queries_in_lanes;
use ndarray::{Array2, Array3, ArrayView2, ArrayView3, s};

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

/// Grouped-query attention with a cache: what the others are compared with. Several tokens at once are
/// attended to by the last rung of chapter 8, or where the weights are wanted, by a table of them.
#[derive(Clone, Debug)]
pub struct Plain {
    /// Of each layer and each head of keys and values, both as rows of d_h numbers, one after another.
    kept: Vec<Vec<[Vec<f32>; 2]>>,
    width: usize,
    /// The weights of the latest call of each layer, if they are wanted.
    looks: Option<Vec<Array3<f32>>>,
}

impl Plain {
    /// Nothing is kept yet.
    pub fn new(model: &SmolLm) -> Self {
        let layer = vec![[Vec::new(), Vec::new()]; model.sizes.kv_heads];
        let kept = vec![layer; model.sizes.layers];
        Plain { kept, width: model.sizes.head, looks: None }
    }

    /// The same, and it keeps where the heads look.
    pub fn looking(model: &SmolLm) -> Self {
        let looks = Some(vec![Array3::zeros((0, 0, 0)); model.sizes.layers]);
        Plain { looks, ..Plain::new(model) }
    }

    /// The weights of the latest call of each layer, (h, n, m): how much each of n new tokens took from
    /// each of m kept ones. Nothing, unless it is [`looking`](Plain::looking).
    pub fn looks(&self) -> &[Array3<f32>] {
        self.looks.as_deref().unwrap_or_default()
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
        if n > 1 && self.looks.is_none() {
            let shared = |which: usize| {
                let numbers: Vec<f32> =
                    (0..h).flat_map(|i| &kept[i / group][which]).copied().collect();
                Array3::from_shape_vec((h, m, d), numbers).expect("whole rows")
            };
            return Ok(queries_in_lanes(q, shared(0).view(), shared(1).view(), true).out);
        }
        // One row after another: for a single one a product of matrices would be mostly copies.
        let scale = 1.0 / (d as f32).sqrt();
        let (mut out, mut looks) = (Array3::zeros((h, n, d)), Array3::zeros((h, n, m)));
        for (i, row) in (0..h).flat_map(|i| (0..n).map(move |row| (i, row))) {
            let [keys, values] = &kept[i / group];
            let seen = m - n + row + 1;
            let view = |rows| ArrayView2::from_shape((m, d), rows).expect("whole rows");
            let (keys, values) = (view(keys).slice_move(s![..seen, ..]), view(values));
            let mut weights = keys.dot(&q.slice(s![i, row, ..]));
            let max = weights.fold(f32::NEG_INFINITY, |max, &score| max.max(score));
            weights.mapv_inplace(|score| ((score - max) * scale).exp());
            weights /= weights.sum();
            let mut out = out.slice_mut(s![i, row, ..]);
            for (&weight, value) in weights.iter().zip(values.rows()) {
                out.scaled_add(weight, &value);
            }
            looks.slice_mut(s![i, row, ..seen]).assign(&weights);
        }
        if let Some(kept) = &mut self.looks {
            kept[layer] = looks;
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
