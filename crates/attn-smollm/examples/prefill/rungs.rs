//! The model's attention by a rung of chapter 8's ladder.

use attn_exercise::memory;
use attn_smollm::{Heads, SmolLm};
use ch08_flash_cpu::ladder::Rung;
use ndarray::{Array3, ArrayView3, Axis};
use std::{
    convert::Infallible,
    time::{Duration, Instant},
};

/// Attention among the tokens of one call, which are all there are: nothing is kept.
pub struct Rungs {
    rung: Rung,
    kv_heads: usize,
    /// How long attention took so far, in all layers.
    pub took: Duration,
    /// The most memory that it needed in a layer beside its inputs and results, in bytes.
    pub beside: usize,
}

impl Rungs {
    /// By this rung.
    pub fn new(model: &SmolLm, rung: Rung) -> Self {
        Rungs { rung, kv_heads: model.sizes.kv_heads, took: Duration::ZERO, beside: 0 }
    }
}

impl Heads for Rungs {
    type Error = Infallible;

    fn attend(
        &mut self,
        _: usize,
        q: ArrayView3<f32>,
        k: ArrayView3<f32>,
        v: ArrayView3<f32>,
    ) -> Result<Array3<f32>, Infallible> {
        // The rungs want keys and values of each head's own.
        let h = q.dim().0;
        let shared: Vec<usize> = (0..h).map(|head| head * self.kv_heads / h).collect();
        let (k, v) = (k.select(Axis(0), &shared), v.select(Axis(0), &shared));
        let begun = Instant::now();
        let (output, peak) = memory::peak(|| (self.rung.forward)(q, k.view(), v.view(), true));
        self.took += begun.elapsed();
        let results = 4 * (output.out.len() + output.lse.len());
        self.beside = self.beside.max(peak.saturating_sub(results));
        Ok(output.out)
    }

    fn kept(&self, _: usize) -> usize {
        0
    }
}
