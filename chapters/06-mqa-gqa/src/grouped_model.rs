//! The attention of the small language models whose query heads share keys and values, by somebody's answers to
//! the exercises.

use crate::{Cache, functions::Functions};
use attn_core::Mask;
use attn_lm::{Attention, AttentionWeights, Grouped, LanguageModel, Model, ROPE_BASE};
use ch04_multi_head::{Layout, Rotary, merge_heads, rope, split_heads};
use ndarray::{Array2, Array3, ArrayView2, Axis, concatenate};
use std::convert::Infallible;

/// How the models turn queries and keys.
const ROTARY: Rotary = Rotary { base: ROPE_BASE, layout: Layout::Interleaved };

/// The attention of all layers of a model, with what it keeps.
pub struct GroupedAttention<'a> {
    layers: Vec<&'a Grouped>,
    functions: Functions,
    kept: Vec<(Array3<f32>, Array3<f32>)>,
}

impl<'a> GroupedAttention<'a> {
    /// Of a model with grouped attention; nothing is kept yet.
    ///
    /// # Panics
    /// If the model has latent attention.
    pub fn new(model: &'a LanguageModel, functions: Functions) -> Self {
        let layers = model.attention.iter().map(|weights| match weights {
            AttentionWeights::Grouped(weights) => weights,
            AttentionWeights::Latent(_) => panic!("the model has latent attention (chapter 7)"),
        });
        let nothing = |weights: &Grouped| {
            let empty =
                Array3::zeros((weights.kv_heads, 0, weights.w_k.ncols() / weights.kv_heads));
            (empty.clone(), empty)
        };
        let layers: Vec<&Grouped> = layers.collect();
        let kept = layers.iter().map(|weights| nothing(weights)).collect();
        GroupedAttention { layers, functions, kept }
    }
}

impl Attention for GroupedAttention<'_> {
    type Error = Infallible;

    fn attend(&mut self, layer: usize, x: ArrayView2<f32>) -> Result<Array2<f32>, Infallible> {
        let (weights, kept) = (self.layers[layer], &mut self.kept[layer]);
        let start = kept.0.len_of(Axis(1));
        let turned = |w: &Array2<f32>, heads: usize| {
            let mut heads = split_heads(x.dot(w).view(), heads);
            for mut head in heads.outer_iter_mut() {
                let turned = rope(head.view(), start, ROTARY);
                head.assign(&turned);
            }
            heads
        };
        let q = turned(&weights.w_q, weights.heads);
        let k = turned(&weights.w_k, weights.kv_heads);
        let v = split_heads(x.dot(&weights.w_v).view(), weights.kv_heads);
        kept.0 = concatenate![Axis(1), kept.0, k];
        kept.1 = concatenate![Axis(1), kept.1, v];
        let out = match x.nrows() {
            1 => {
                let cache = Cache::new(kept.0.clone(), kept.1.clone());
                let q = q.index_axis_move(Axis(1), 0);
                (self.functions.grouped_decode)(q.view(), &cache).insert_axis(Axis(1))
            }
            _ => {
                let attend = self.functions.grouped_attention;
                attend(q.view(), kept.0.view(), kept.1.view(), &Mask::Causal)
            }
        };
        Ok(merge_heads(out.view()).dot(&weights.w_o))
    }
}

/// The mean loss of a text, in nats per character: each character but the first is predicted from those before
/// it.
pub fn loss(model: &LanguageModel, functions: Functions, text: &[usize]) -> f32 {
    let (read, wanted) = (&text[..text.len() - 1], &text[1..]);
    let Ok(logits) = model.logits(read, &mut GroupedAttention::new(model, functions));
    let losses = logits.rows().into_iter().zip(wanted).map(|(row, &wanted)| {
        let max = row.fold(f32::NEG_INFINITY, |max, x| max.max(*x));
        max + row.mapv(|x| (x - max).exp()).sum().ln() - row[wanted]
    });
    losses.sum::<f32>() / wanted.len() as f32
}

/// What a model writes: the likeliest character, `count` times.
pub fn write(
    model: &LanguageModel,
    functions: Functions,
    text: &[usize],
    count: usize,
) -> Vec<usize> {
    let mut attention = GroupedAttention::new(model, functions);
    let (mut written, mut fed) = (Vec::new(), text.to_vec());
    for _ in 0..count {
        let Ok(logits) = model.logits(&fed, &mut attention);
        let last = logits.row(logits.nrows() - 1);
        let likeliest = (0..last.len()).max_by(|&a, &b| last[a].total_cmp(&last[b]));
        fed = vec![likeliest.expect("a vocabulary")];
        written.extend(&fed);
    }
    written
}

/// How the heads that are to share keys and values become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conversion {
    /// Their mean, exercise 6.5.
    Mean,
    /// The first of them.
    First,
    /// None of them: random numbers of the same size.
    Random,
}

/// A model with `h_kv` heads of keys and values, made of the one with as many as queries.
pub fn converted(functions: Functions, h_kv: usize, conversion: Conversion) -> LanguageModel {
    let mut model = LanguageModel::trained(Model::Mha);
    let mut random = attn_core::random::Random::new(6);
    for weights in &mut model.attention {
        let AttentionWeights::Grouped(layer) = weights else { unreachable!("it is not latent") };
        let (h, d) = (layer.heads, layer.w_k.ncols() / layer.heads);
        for w in [&mut layer.w_k, &mut layer.w_v] {
            *w = match conversion {
                Conversion::Mean => (functions.mean_pool_kv_heads)(w.view(), h, h_kv),
                Conversion::First => Array2::from_shape_fn((w.nrows(), h_kv * d), |(i, column)| {
                    w[[i, column / d * (h / h_kv) * d + column % d]]
                }),
                Conversion::Random => {
                    let size = (w.mapv(|x| x * x).mean().expect("weights")).sqrt();
                    random.normal((w.nrows(), h_kv * d)) * size
                }
            };
        }
        layer.kv_heads = h_kv;
    }
    model
}
