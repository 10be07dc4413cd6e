//! The model's attention by chapter 7's functions, in f64.

use attn_smollm::{Heads, SmolLm};
use ch07_mla::{
    functions::Functions,
    given::{Form, Latents, Queries, Up},
};
use ndarray::{Array2, Array3, ArrayView3};
use std::convert::Infallible;

/// Latents in the place of keys and values. A latent depends on its own token alone, so it is made
/// when the token comes, and kept.
pub struct AsLatent {
    functions: Functions,
    form: Form,
    heads: usize,
    layers: Vec<Option<(Latents, Up)>>,
}

impl AsLatent {
    /// Nothing is kept yet.
    pub fn new(model: &SmolLm, functions: Functions, form: Form) -> Self {
        let sizes = model.sizes;
        AsLatent { functions, form, heads: sizes.heads, layers: vec![None; sizes.layers] }
    }

    /// How many numbers are kept.
    pub fn numbers(&self) -> usize {
        self.layers.iter().flatten().map(|(latents, _)| latents.numbers()).sum()
    }
}

impl Heads for AsLatent {
    type Error = Infallible;

    fn attend(
        &mut self,
        layer: usize,
        q: ArrayView3<f32>,
        k: ArrayView3<f32>,
        v: ArrayView3<f32>,
    ) -> Result<Array3<f32>, Infallible> {
        let wide = |x: ArrayView3<f32>| x.mapv(f64::from);
        // The keys are turned already, so there is no rotary part.
        let made = (self.functions.gqa_as_mla)(wide(k).view(), wide(v).view(), self.heads);
        let new = Latents { k_r: Array2::zeros((made.c.nrows(), 0)), c: made.c };
        let (kept, up) = match &mut self.layers[layer] {
            Some((kept, up)) => {
                kept.append(&new);
                (&*kept, &*up)
            }
            none => {
                let (kept, up) = none.insert((new, made.up));
                (&*kept, &*up)
            }
        };
        let (h, n, _) = q.dim();
        let queries = Queries { content: wide(q), rotary: Array3::zeros((h, n, 0)) };
        let out = match self.form {
            Form::Naive => (self.functions.mla_naive)(&queries, kept, up),
            Form::Absorbed => (self.functions.mla_absorbed)(&queries, kept, up).heads,
        };
        Ok(out.mapv(|x| x as f32))
    }

    fn kept(&self, layer: usize) -> usize {
        self.layers[layer].as_ref().map_or(0, |(kept, _)| kept.len())
    }
}
