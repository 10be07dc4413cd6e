//! The model: its weights by their parts.

use crate::{Matrix, ModelError, ModelFile, Sizes, Tokens, path};
use attn_lm::{Attention, Block, Decoder};
use ndarray::{Array2, ArrayView2, Axis, s};
use rayon::prelude::*;

/// What a layer's attention is made of; a head's numbers are neighbouring rows.
#[derive(Clone, Debug, PartialEq)]
pub struct AttentionWeights {
    /// Makes queries, h·d_h × d.
    pub query: Matrix,
    /// Makes keys, h_kv·d_h × d.
    pub key: Matrix,
    /// Makes values, h_kv·d_h × d.
    pub value: Matrix,
    /// Mixes what the heads found, d × h·d_h.
    pub out: Matrix,
}

/// SmolLM2, or another model of its form.
#[derive(Clone, Debug)]
pub struct SmolLm {
    /// What its file says of it.
    pub sizes: Sizes,
    /// How its layers attend.
    pub attention: Vec<AttentionWeights>,
    /// Everything else.
    pub decoder: Decoder<Matrix>,
}

/// How many rows are read out at a time, where only their losses are wanted: a row of logits is as
/// wide as the vocabulary.
const READ_OUT: usize = 64;

impl SmolLm {
    /// The published model and its tokens.
    ///
    /// # Errors
    /// When its file is missing or is not the published one.
    pub fn published() -> Result<(Self, Tokens), ModelError> {
        let file = ModelFile::published(&path())?;
        Ok((SmolLm::read(&file)?, Tokens::read(&file)?))
    }

    /// Reads the weights, which the file has in fewer bits, as f32.
    ///
    /// # Errors
    /// When the file holds a model of another form, or not all of its tensors.
    pub fn read(file: &ModelFile) -> Result<Self, ModelError> {
        let sizes = Sizes::read(file)?;
        let Sizes { width, heads, kv_heads, head, feed_forward, vocabulary, .. } = sizes;
        if file.has("output.weight") {
            let found = "llama with a readout of its own".into();
            return Err(ModelError::Architecture { found, wanted: "llama with a tied readout" });
        }
        let matrix = |name: &str, outputs: usize, inputs: usize| -> Result<Matrix, ModelError> {
            let name = format!("{name}.weight");
            let numbers = file.tensor(&name, &[outputs, inputs])?;
            let matrix = Array2::from_shape_vec((outputs, inputs), numbers);
            Ok(Matrix(matrix.expect("as many as the shape says").into_shared()))
        };
        let layer = |number: usize| -> Result<_, ModelError> {
            let part = |name: &str| format!("blk.{number}.{name}");
            let matrix = |name, outputs, inputs| matrix(&part(name), outputs, inputs);
            let norm = |name| file.vector(&format!("{}.weight", part(name)), width);
            let attention = AttentionWeights {
                query: matrix("attn_q", heads * head, width)?,
                key: matrix("attn_k", kv_heads * head, width)?,
                value: matrix("attn_v", kv_heads * head, width)?,
                out: matrix("attn_output", width, heads * head)?,
            };
            let block = Block {
                norm1: norm("attn_norm")?,
                norm2: norm("ffn_norm")?,
                gate: matrix("ffn_gate", feed_forward, width)?,
                up: matrix("ffn_up", feed_forward, width)?,
                down: matrix("ffn_down", width, feed_forward)?,
            };
            Ok((attention, block))
        };
        let layers: Result<Vec<_>, _> = (0..sizes.layers).into_par_iter().map(layer).collect();
        let (attention, blocks) = layers?.into_iter().unzip();
        let readout = matrix("token_embd", vocabulary, width)?;
        let decoder = Decoder {
            embedding: readout.0.clone(),
            blocks,
            norm: file.vector("output_norm.weight", width)?,
            readout,
            epsilon: sizes.epsilon,
        };
        Ok(SmolLm { sizes, attention, decoder })
    }

    /// The logits after the last of the new tokens, as a matrix of one row.
    ///
    /// # Errors
    /// When the attention cannot take the tokens.
    ///
    /// # Panics
    /// If there are no tokens, or one is not in the vocabulary.
    pub fn last_logits<A: Attention>(
        &self,
        tokens: &[usize],
        attention: &mut A,
    ) -> Result<Array2<f32>, A::Error> {
        let states = self.decoder.states(tokens, attention)?;
        let last = states.slice(s![states.nrows() - 1.., ..]);
        Ok(self.read_out(last))
    }

    /// The mean loss of a text, in nats per token: each token but the first is predicted from those
    /// before it.
    ///
    /// # Errors
    /// When the attention cannot take the tokens.
    ///
    /// # Panics
    /// If there are fewer than two tokens, or one is not in the vocabulary.
    pub fn loss<A: Attention>(&self, tokens: &[usize], attention: &mut A) -> Result<f64, A::Error> {
        let losses = self.losses(tokens, attention)?;
        Ok(losses.iter().sum::<f64>() / losses.len() as f64)
    }

    /// The loss of each token of a text but the first, in nats.
    ///
    /// # Errors
    /// When the attention cannot take the tokens.
    ///
    /// # Panics
    /// If there are fewer than two tokens, or one is not in the vocabulary.
    pub fn losses<A: Attention>(
        &self,
        tokens: &[usize],
        attention: &mut A,
    ) -> Result<Vec<f64>, A::Error> {
        let (read, wanted) = (&tokens[..tokens.len() - 1], &tokens[1..]);
        let states = self.decoder.states(read, attention)?;
        let mut losses = Vec::with_capacity(wanted.len());
        for (states, wanted) in
            states.axis_chunks_iter(Axis(0), READ_OUT).zip(wanted.chunks(READ_OUT))
        {
            let logits = self.read_out(states);
            losses.extend(logits.rows().into_iter().zip(wanted).map(|(row, &wanted)| {
                let max = row.fold(f32::NEG_INFINITY, |max, &x| max.max(x));
                let sum: f64 = row.iter().map(|&x| f64::from(x - max).exp()).sum();
                f64::from(max) + sum.ln() - f64::from(row[wanted])
            }));
        }
        Ok(losses)
    }

    fn read_out(&self, states: ArrayView2<f32>) -> Array2<f32> {
        attn_lm::Linear::apply(&self.decoder.readout, states)
    }

    /// Bytes of all weights, which writing one token reads once: the embedding as readout.
    pub fn bytes(&self) -> usize {
        4 * self.sizes.parameters
    }
}

/// The first of the largest numbers of a row of logits.
pub fn likeliest<'a>(logits: impl IntoIterator<Item = &'a f32>) -> usize {
    let mut best = (0, f32::NEG_INFINITY);
    for (token, &logit) in logits.into_iter().enumerate() {
        if logit > best.1 {
            best = (token, logit);
        }
    }
    best.0
}
