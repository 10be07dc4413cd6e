//! The model's attention by chapter 6's functions.

use attn_core::Mask;
use attn_smollm::{Heads, SmolLm};
use ch06_mqa_gqa::{Cache, functions::Functions};
use ndarray::{Array3, ArrayView3, Axis, concatenate};
use std::convert::Infallible;

/// Attention of all query heads to the heads of keys and values that are kept, of each as many copies as
/// are wanted.
pub struct Shared {
    functions: Functions,
    copies: usize,
    kept: Vec<(Array3<f32>, Array3<f32>)>,
}

impl Shared {
    /// Nothing is kept yet.
    pub fn new(model: &SmolLm, functions: Functions, copies: usize) -> Self {
        let sizes = model.sizes;
        let empty = Array3::zeros((copies * sizes.kv_heads, 0, sizes.head));
        Shared { functions, copies, kept: vec![(empty.clone(), empty); sizes.layers] }
    }

    /// Copies of a head are neighbours, as the query heads of its group are.
    fn copied(&self, x: ArrayView3<f32>) -> Array3<f32> {
        let heads: Vec<usize> = (0..self.copies * x.dim().0).map(|i| i / self.copies).collect();
        x.select(Axis(0), &heads)
    }
}

impl Heads for Shared {
    type Error = Infallible;

    fn attend(
        &mut self,
        layer: usize,
        q: ArrayView3<f32>,
        k: ArrayView3<f32>,
        v: ArrayView3<f32>,
    ) -> Result<Array3<f32>, Infallible> {
        let (k, v) = (self.copied(k), self.copied(v));
        let kept = &mut self.kept[layer];
        kept.0 = concatenate![Axis(1), kept.0, k];
        kept.1 = concatenate![Axis(1), kept.1, v];
        Ok(match q.dim().1 {
            1 => {
                let cache = Cache::new(kept.0.clone(), kept.1.clone());
                let q = q.index_axis_move(Axis(1), 0);
                (self.functions.grouped_decode)(q, &cache).insert_axis(Axis(1))
            }
            _ => {
                let attend = self.functions.grouped_attention;
                attend(q, kept.0.view(), kept.1.view(), &Mask::Causal)
            }
        })
    }

    fn kept(&self, layer: usize) -> usize {
        self.kept[layer].0.dim().1
    }
}
