//! The model's attention, in each of its forms.

use super::functions::FUNCTIONS;
use attn_lm::{Attention, AttentionWeights, HEAD, LanguageModel, Latent, ROPE_BASE};
use ch07_mla::{
    Expanded, Mla,
    given::{Down, Form, Latents, QueryWeights, Shape, Source, Up},
    mixed, numbers,
};
use ndarray::{Array2, Array3, ArrayView2, s};
use std::{
    convert::Infallible,
    time::{Duration, Instant},
};

/// A way to attend to what is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// The naive form, which makes all keys and values again.
    Naive,
    /// The naive form, which keeps keys and values.
    Kept,
    /// The absorbed form.
    Absorbed,
    /// In each call the form that costs less.
    Cheaper,
}

impl Way {
    /// All of them.
    pub const ALL: [Way; 4] = [Way::Naive, Way::Kept, Way::Absorbed, Way::Cheaper];

    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Way::Naive => "naive, expanding again",
            Way::Kept => "naive, keys and values kept",
            Way::Absorbed => "absorbed",
            Way::Cheaper => "the cheaper one, each time",
        }
    }
}

/// The layers of a model with latent attention, in f64.
pub fn layers(model: &LanguageModel) -> Vec<Mla> {
    let latents = model.attention.iter().filter_map(|weights| match weights {
        AttentionWeights::Latent(latent) => Some(layer(latent)),
        AttentionWeights::Grouped(_) => None,
    });
    latents.collect()
}

/// The columns of each head lie side by side, its content before its rotary part.
fn layer(weights: &Latent) -> Mla {
    let h = weights.heads;
    // Of each head's `width` columns, those from `from` on.
    let heads = |w: &Array2<f32>, from: usize, to: usize, width: usize| {
        Array3::from_shape_fn((h, w.nrows(), to - from), |(a, i, c)| {
            f64::from(w[[i, a * width + from + c]])
        })
    };
    let (wide, base) = (|w: &Array2<f32>| w.mapv(f64::from), f64::from(ROPE_BASE));
    let query = weights.w_q.ncols() / h;
    let w_o = Array3::from_shape_fn((h, HEAD, weights.w_o.ncols()), |(a, i, c)| {
        f64::from(weights.w_o[[a * HEAD + i, c]])
    });
    Mla {
        down: Down {
            w_dkv: wide(&weights.w_dkv),
            gain: weights.norm.mapv(f64::from),
            w_kr: wide(&weights.w_kr),
            base,
        },
        queries: QueryWeights {
            source: Source::Token,
            w_uq: heads(&weights.w_q, 0, HEAD, query),
            w_qr: heads(&weights.w_q, HEAD, query, query),
            base,
        },
        up: Up {
            w_uk: heads(&weights.w_uk, 0, HEAD, HEAD),
            w_uv: heads(&weights.w_uv, 0, HEAD, HEAD),
        },
        w_o,
    }
}

/// The sizes of a layer.
pub fn shape(layer: &Mla) -> Shape {
    let ((h, d_c, d), (_, _, d_v)) = (layer.up.w_uk.dim(), layer.up.w_uv.dim());
    Shape { h, d, d_r: layer.down.w_kr.ncols(), d_v, d_c }
}

/// What was written, and at what cost.
pub struct Run {
    /// The characters' numbers.
    pub tokens: Vec<usize>,
    /// The scores from which each was chosen.
    pub logits: Array2<f32>,
    /// Numbers that are kept of each character.
    pub kept: usize,
    /// FLOPs between queries and heads, of reading.
    pub to_read: usize,
    /// The same of all that was written.
    pub to_write: usize,
    /// How long the attention took.
    pub time: Duration,
}

/// Reads `read` at once, then writes `length` characters, each the likeliest one.
pub fn written(
    model: &LanguageModel,
    layers: &[Mla],
    way: Way,
    read: &[usize],
    length: usize,
) -> Run {
    let mut attending = Attending::new(layers, way);
    let (mut tokens, mut logits) = (Vec::new(), Vec::new());
    let mut next = read.to_vec();
    let mut to_read = 0;
    while tokens.len() < length {
        let Ok(scores) = model.logits(&next, &mut attending);
        if tokens.is_empty() {
            to_read = attending.flops;
        }
        let last = scores.slice(s![-1, ..]);
        let likeliest = |best: usize, i: usize| if last[i] > last[best] { i } else { best };
        let token = (0..last.len()).fold(0, likeliest);
        logits.extend(last.iter().copied());
        tokens.push(token);
        next = vec![token];
    }
    let texts = read.len() + length - 1;
    let logits = Array2::from_shape_vec((length, logits.len() / length), logits);
    Run {
        tokens,
        logits: logits.expect("a row for each character"),
        kept: attending.numbers() / texts,
        to_read,
        to_write: attending.flops - to_read,
        time: attending.time,
    }
}

/// The attention of all layers.
struct Attending<'a> {
    layers: &'a [Mla],
    way: Way,
    kept: Vec<Latents>,
    expanded: Vec<Expanded>,
    flops: usize,
    time: Duration,
}

impl<'a> Attending<'a> {
    fn new(layers: &'a [Mla], way: Way) -> Self {
        let empty = |layer: &Mla| Latents::empty(shape(layer).d_c, shape(layer).d_r);
        let nothing = |layer: &Mla| Expanded::empty(&layer.up, shape(layer).d_r);
        Attending {
            kept: layers.iter().map(empty).collect(),
            expanded: layers.iter().map(nothing).collect(),
            layers,
            way,
            flops: 0,
            time: Duration::ZERO,
        }
    }

    /// How many numbers are kept in all layers.
    fn numbers(&self) -> usize {
        let latents = self.kept.iter().map(Latents::numbers);
        let expanded = self.expanded.iter().map(Expanded::numbers);
        latents.sum::<usize>() + expanded.sum::<usize>()
    }
}

impl Attention for Attending<'_> {
    type Error = Infallible;

    fn attend(&mut self, number: usize, x: ArrayView2<f32>) -> Result<Array2<f32>, Infallible> {
        let (layer, x) = (&self.layers[number], x.mapv(f64::from));
        let (shape, n, start) = (shape(layer), x.nrows(), Instant::now());
        let before = self.kept[number].len().max(self.expanded[number].len());
        let [naive, absorbed, expanded] = numbers::three(shape, n, before + n);
        let form = match self.way {
            Way::Naive | Way::Kept => Form::Naive,
            Way::Absorbed => Form::Absorbed,
            Way::Cheaper => (FUNCTIONS.cheaper_form)(&shape, n, before + n).cheaper,
        };
        let out = if self.way == Way::Kept {
            let new = (FUNCTIONS.compress)(&layer.down, x.view(), before);
            let queries = (FUNCTIONS.queries)(&layer.queries, x.view(), before);
            self.expanded[number].append(&new, &layer.up);
            mixed(self.expanded[number].attend(&queries).view(), layer.w_o.view())
        } else {
            layer.attend(FUNCTIONS, form, x.view(), &mut self.kept[number])
        };
        self.time += start.elapsed();
        self.flops += match (self.way, form) {
            (Way::Kept, _) => expanded,
            (_, Form::Naive) => naive,
            (_, Form::Absorbed) => absorbed,
        };
        Ok(out.mapv(|x| x as f32))
    }
}
