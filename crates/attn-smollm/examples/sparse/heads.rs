//! The model's attention by chapter 12's functions.

use attn_smollm::{Heads, SmolLm};
use ch12_sparse::{
    functions::Functions,
    given::{Pattern, Work},
    model::causal_scores,
};
use ndarray::{Array3, ArrayView3, Axis};
use std::convert::Infallible;

/// What every layer sees.
pub enum Sees {
    /// The keys of a pattern.
    Rows(Pattern),
    /// Of each row the so many keys with the highest scores of its own.
    Best(usize),
}

impl Sees {
    /// The last `window` tokens, and the first `sinks`.
    pub fn window(window: usize, sinks: usize) -> Self {
        Sees::Rows(Pattern { globals: (0..sinks).collect(), ..Pattern::window(window) })
    }
}

/// Attention to some of the keys of a text that comes in one call. Positions are those in the text.
pub struct Partial {
    functions: Functions,
    sees: Sees,
    kept: Vec<usize>,
}

impl Partial {
    /// The same for each layer.
    pub fn new(model: &SmolLm, functions: Functions, sees: Sees) -> Self {
        Partial { functions, sees, kept: vec![0; model.sizes.layers] }
    }
}

impl Heads for Partial {
    type Error = Infallible;

    fn attend(
        &mut self,
        layer: usize,
        q: ArrayView3<f32>,
        k: ArrayView3<f32>,
        v: ArrayView3<f32>,
    ) -> Result<Array3<f32>, Infallible> {
        assert_eq!(self.kept[layer], 0, "the whole text comes in one call");
        let (h, n, _) = q.dim();
        self.kept[layer] = n;
        let group = h / k.dim().0;
        let mut out = Array3::zeros(q.dim());
        for (head, mut out) in out.outer_iter_mut().enumerate() {
            let wide = |x: &ArrayView3<f32>, head| x.index_axis(Axis(0), head).mapv(f64::from);
            let (q, k, v) = (wide(&q, head), wide(&k, head / group), wide(&v, head / group));
            let found = match &self.sees {
                Sees::Rows(pattern) => {
                    let rows: Vec<Vec<usize>> =
                        (0..n).map(|i| (self.functions.pattern_row)(pattern, i, n)).collect();
                    let attend = self.functions.sparse_attention;
                    attend(q.view(), k.view(), v.view(), &rows, &mut Work::default())
                }
                Sees::Best(keep) => {
                    let scores = causal_scores(q.view(), k.view());
                    let attend = self.functions.top_k_attention;
                    attend(q.view(), k.view(), v.view(), scores.view(), *keep)
                }
            };
            out.assign(&found.mapv(|x| x as f32));
        }
        Ok(out)
    }

    fn kept(&self, layer: usize) -> usize {
        self.kept[layer]
    }
}
