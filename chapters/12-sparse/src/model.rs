//! The course's character model, whose layers see less than everything.

use crate::{
    functions::Functions,
    given::{Pattern, Stream, Work, rotate},
};
use attn_lm::{Attention, AttentionWeights, Grouped, LanguageModel, text};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, s};
use std::{convert::Infallible, ops::Range};

/// What a layer sees.
#[derive(Clone, Debug, PartialEq)]
pub enum Sees {
    /// The keys of a pattern, with positions in the text. All tokens come in one call.
    Rows(Pattern),
    /// Of each row the so many keys with the highest scores of its own, with positions in the text. All
    /// tokens come in one call.
    Best(usize),
    /// A cache that streams: so many first tokens, and a window. Tokens come one at a time.
    Stream {
        /// Sinks.
        sinks: usize,
        /// Tokens of the window.
        window: usize,
    },
}

impl Sees {
    /// Everything before a token, and the token.
    pub fn everything() -> Self {
        Sees::Rows(Pattern::window(1 << 30))
    }
}

/// The attention of all layers, each of which sees what it is to see.
pub struct Layers<'a> {
    weights: Vec<&'a Grouped>,
    sees: Vec<Sees>,
    functions: Functions,
    streams: Vec<Vec<Stream>>,
    /// The weights of the last call, layer by layer and head by head, n×n: of [`Sees::everything`] alone.
    pub found: Vec<Vec<Array2<f64>>>,
    keep: bool,
}

impl<'a> Layers<'a> {
    /// Of this model, whose attention is multi-head or grouped-query.
    ///
    /// # Panics
    /// If there is not one `Sees` for each layer, or the model's attention is latent.
    pub fn new(model: &'a LanguageModel, sees: &[Sees], functions: Functions) -> Self {
        let weights: Vec<&Grouped> = model
            .attention
            .iter()
            .map(|weights| match weights {
                AttentionWeights::Grouped(weights) => weights,
                AttentionWeights::Latent(_) => {
                    panic!("latent attention has no keys to choose from")
                }
            })
            .collect();
        assert_eq!(weights.len(), sees.len(), "one for each layer");
        let streams = weights.iter().zip(sees).map(|(weights, sees)| match sees {
            Sees::Stream { sinks, window } => vec![Stream::new(*sinks, *window); weights.heads],
            _ => Vec::new(),
        });
        let streams = streams.collect();
        Layers { weights, sees: sees.to_vec(), functions, streams, found: Vec::new(), keep: false }
    }

    /// Keeps the weights of each layer in `found`.
    pub fn keeping(mut self) -> Self {
        self.keep = true;
        self
    }
}

impl Attention for Layers<'_> {
    type Error = Infallible;

    fn attend(&mut self, layer: usize, x: ArrayView2<f32>) -> Result<Array2<f32>, Infallible> {
        let weights = self.weights[layer];
        let n = x.nrows();
        let project = |w: &Array2<f32>| x.dot(w).mapv(f64::from);
        let (q, k, v) = (project(&weights.w_q), project(&weights.w_k), project(&weights.w_v));
        let d = q.ncols() / weights.heads;
        let mut out = Array2::zeros(q.dim());
        let mut kept = Vec::new();
        for head in 0..weights.heads {
            let (own, shared) =
                (columns(head, d), columns(head * weights.kv_heads / weights.heads, d));
            let (q, k, v) = (
                q.slice(s![.., own.clone()]),
                k.slice(s![.., shared.clone()]),
                v.slice(s![.., shared]),
            );
            let found = match &self.sees[layer] {
                Sees::Stream { .. } => {
                    let stream = &mut self.streams[layer][head];
                    let mut found = Array2::zeros((n, d));
                    for i in 0..n {
                        found.row_mut(i).assign(&(self.functions.stream_step)(
                            stream,
                            q.row(i),
                            k.row(i),
                            v.row(i),
                        ));
                    }
                    found
                }
                Sees::Rows(pattern) => {
                    let (q, k) = (turned(q), turned(k));
                    let pattern = Pattern { window: pattern.window.min(n), ..pattern.clone() };
                    let rows: Vec<Vec<usize>> =
                        (0..n).map(|i| (self.functions.pattern_row)(&pattern, i, n)).collect();
                    if self.keep {
                        kept.push(weights_of(q.view(), k.view()));
                    }
                    (self.functions.sparse_attention)(
                        q.view(),
                        k.view(),
                        v,
                        &rows,
                        &mut Work::default(),
                    )
                }
                Sees::Best(keep) => {
                    let (q, k) = (turned(q), turned(k));
                    let scores = causal_scores(q.view(), k.view());
                    (self.functions.top_k_attention)(q.view(), k.view(), v, scores.view(), *keep)
                }
            };
            out.slice_mut(s![.., own]).assign(&found);
        }
        if self.keep {
            self.found.push(kept);
        }
        Ok(out.mapv(|x| x as f32).dot(&weights.w_o))
    }
}

fn columns(head: usize, d: usize) -> Range<usize> {
    head * d..(head + 1) * d
}

/// Each row turned by its position in the text.
fn turned(x: ArrayView2<f64>) -> Array2<f64> {
    let mut turned = x.to_owned();
    for (position, mut row) in turned.rows_mut().into_iter().enumerate() {
        let to = rotate(row.view(), position);
        row.assign(&to);
    }
    turned
}

/// The products of queries and keys, n×n, and −∞ for keys behind the query.
pub fn causal_scores(q: ArrayView2<f64>, k: ArrayView2<f64>) -> Array2<f64> {
    let mut scores = q.dot(&k.t());
    for (i, mut row) in scores.rows_mut().into_iter().enumerate() {
        row.slice_mut(s![i + 1..]).fill(f64::NEG_INFINITY);
    }
    scores
}

/// The weights of causal attention, n×n.
fn weights_of(q: ArrayView2<f64>, k: ArrayView2<f64>) -> Array2<f64> {
    let mut weights = causal_scores(q, k) / (q.ncols() as f64).sqrt();
    for mut row in weights.rows_mut() {
        let most = row.fold(f64::NEG_INFINITY, |most, &score| most.max(score));
        row.mapv_inplace(|score| (score - most).exp());
        let sum = row.sum();
        row /= sum;
    }
    weights
}

/// What a prediction costs, in nats, at each position of a text but the first: −ln of the probability of
/// the character that comes. `sees` says for each layer what it sees.
pub fn losses(
    model: &LanguageModel,
    tokens: &[usize],
    sees: &[Sees],
    functions: Functions,
) -> Vec<f64> {
    let mut layers = Layers::new(model, sees, functions);
    let stream = sees.iter().any(|sees| matches!(sees, Sees::Stream { .. }));
    let seen = &tokens[..tokens.len() - 1];
    let logits = if stream {
        let rows: Vec<Array2<f32>> =
            seen.iter().map(|token| answered(model.logits(&[*token], &mut layers))).collect();
        let views: Vec<_> = rows.iter().map(|row| row.view()).collect();
        ndarray::concatenate(Axis(0), &views).expect("rows of one width")
    } else {
        answered(model.logits(seen, &mut layers))
    };
    let of = |(row, &token): (ArrayView1<f32>, &usize)| {
        let most = row.fold(f32::NEG_INFINITY, |most, &x| most.max(x));
        let sum: f64 = row.iter().map(|&x| f64::from(x - most).exp()).sum();
        sum.ln() - f64::from(row[token] - most)
    };
    logits.rows().into_iter().zip(&tokens[1..]).map(of).collect()
}

/// The weights of all heads over a text, layer by layer.
pub fn weights(
    model: &LanguageModel,
    tokens: &[usize],
    functions: Functions,
) -> Vec<Vec<Array2<f64>>> {
    let sees = vec![Sees::everything(); model.attention.len()];
    let mut layers = Layers::new(model, &sees, functions).keeping();
    answered(model.logits(tokens, &mut layers));
    layers.found
}

fn answered<T>(answer: Result<T, Infallible>) -> T {
    match answer {
        Ok(answer) => answer,
        Err(never) => match never {},
    }
}

/// Passages of so many characters from the part of the novel that no model was trained on, evenly spread.
pub fn passages(length: usize, count: usize) -> Vec<Vec<usize>> {
    let tokens = text::encode(text::held_out()).expect("the novel's own characters");
    let step = (tokens.len() - length) / count;
    (0..count).map(|number| tokens[number * step..number * step + length].to_vec()).collect()
}

/// The mean over some positions and all passages.
pub fn mean_over(losses: &[Vec<f64>], positions: Range<usize>) -> f64 {
    let all: Array1<f64> =
        losses.iter().flat_map(|losses| losses[positions.clone()].iter().copied()).collect();
    all.mean().unwrap_or(f64::NAN)
}

/// For each layer and head, how much of the weight goes to character 0, the mean over queries from `from` on.
pub fn on_the_first(found: &[Vec<Vec<Array2<f64>>>], from: usize) -> Vec<Vec<f64>> {
    let (layers, heads) = (found[0].len(), found[0][0].len());
    let mean = |layer: usize, head: usize| {
        let all = found
            .iter()
            .map(|passage| passage[layer][head].slice(s![from.., 0]).mean().unwrap_or(0.0));
        all.sum::<f64>() / found.len() as f64
    };
    (0..layers).map(|layer| (0..heads).map(|head| mean(layer, head)).collect()).collect()
}

/// The sum of the `keep` largest numbers of a row.
pub fn largest(row: ArrayView1<f64>, keep: usize) -> f64 {
    let mut row = row.to_vec();
    row.sort_by(|a, b| b.total_cmp(a));
    row.iter().take(keep).sum()
}

/// How much of the weight the `keep` largest of a row have, the mean over all heads and queries from `from` on:
/// of each layer.
pub fn kept_by_the_best(found: &[Vec<Vec<Array2<f64>>>], keep: usize, from: usize) -> Vec<f64> {
    let of = |row: ArrayView1<f64>| largest(row, keep);
    (0..found[0].len())
        .map(|layer| {
            let rows = found.iter().flat_map(|passage| &passage[layer]);
            let shares: Vec<f64> = rows
                .flat_map(|weights| {
                    weights.slice(s![from.., ..]).rows().into_iter().map(of).collect::<Vec<_>>()
                })
                .collect();
            shares.iter().sum::<f64>() / shares.len() as f64
        })
        .collect()
}

/// Which layers see everything, and the loss then: all combinations, the best one first. The others see a
/// window.
pub fn search(
    model: &LanguageModel,
    passages: &[Vec<usize>],
    window: usize,
    functions: Functions,
) -> Vec<(Vec<bool>, f64)> {
    let layers = model.attention.len();
    let mut found: Vec<(Vec<bool>, f64)> = (0..1_usize << layers)
        .map(|choice| {
            let full: Vec<bool> = (0..layers).map(|layer| choice >> layer & 1 == 1).collect();
            let sees: Vec<Sees> =
                full.iter()
                    .map(|&full| {
                        if full { Sees::everything() } else { Sees::Rows(Pattern::window(window)) }
                    })
                    .collect();
            let losses: Vec<Vec<f64>> =
                passages.iter().map(|tokens| losses(model, tokens, &sees, functions)).collect();
            let mean = mean_over(&losses, 0..losses[0].len());
            (full, mean)
        })
        .collect();
    found.sort_by(|a, b| a.1.total_cmp(&b.1));
    found
}
