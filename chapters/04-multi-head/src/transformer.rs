//! The whole Transformer, encoder and decoder, as trained on written dates.

use crate::{
    AttentionLayer, DecoderBlock, EncoderBlock, FeedForward, LayerError, LayerNorm, Layout, Rotary,
    encoder_block,
    functions::{Functions, REFERENCE},
};
use attn_core::Mask;
use attn_dates::{HEADS, LAYERS, POSITIONS, Weights};
use ndarray::{Array1, Array2, ArrayView2, Axis};

// ANCHOR: transformer
/// An encoder that reads the source, and a decoder that predicts the target's tokens.
#[derive(Clone, Debug)]
pub struct Transformer {
    /// A row for every source token, 44 × d_model.
    pub source_embedding: Array2<f32>,
    /// The encoder's blocks, from the bottom.
    pub encoder: Vec<EncoderBlock>,
    /// After the last of them.
    pub encoder_norm: LayerNorm,
    /// A row for every target token, 14 × d_model.
    pub target_embedding: Array2<f32>,
    /// The decoder's blocks, from the bottom.
    pub decoder: Vec<DecoderBlock>,
    /// After the last of them.
    pub decoder_norm: LayerNorm,
    /// Scores every target token, d_model × 14.
    pub readout: Array2<f32>,
    /// Is added to the scores, 14.
    pub readout_bias: Array1<f32>,
    /// What it is run by: the reference's answers to the exercises, or yours.
    pub functions: Functions,
}

impl Transformer {
    /// What the decoder looks at: the source as the encoder's last block leaves it.
    ///
    /// Shapes: m tokens in, m × d_model out.
    ///
    /// # Errors
    /// When the source is empty, or longer than the positions that the model was trained for.
    pub fn encode(&self, source: &[usize]) -> Result<Array2<f32>, LayerError> {
        check_length("the source", source)?;
        let mut x = self.source_embedding.select(Axis(0), source); // m×d_model
        for block in &self.encoder {
            x = encoder_block(self.functions, block, x.view(), &Mask::None);
        }
        Ok((self.functions.layer_norm)(x.view(), &self.encoder_norm))
    }

    /// For each prefix of `target`, the scores of every token that may come next: row `t` has seen
    /// `target[..=t]`. All rows are computed at once.
    ///
    /// Shapes: n tokens in, `memory` m × d_model, n × 14 out.
    ///
    /// # Errors
    /// As for [`Transformer::encode`].
    pub fn logits(
        &self,
        memory: ArrayView2<f32>,
        target: &[usize],
    ) -> Result<Array2<f32>, LayerError> {
        check_length("the target", target)?;
        let Functions { decoder_block, layer_norm, .. } = self.functions;
        let mut x = self.target_embedding.select(Axis(0), target); // n×d_model
        for block in &self.decoder {
            x = decoder_block(block, x.view(), memory, &Mask::None);
        }
        let x = layer_norm(x.view(), &self.decoder_norm);
        Ok(x.dot(&self.readout) + &self.readout_bias)
    }
}
// ANCHOR_END: transformer

fn check_length(what: &'static str, sequence: &[usize]) -> Result<(), LayerError> {
    match sequence.len() {
        0 => Err(LayerError::Empty(what)),
        tokens if tokens > POSITIONS => {
            Err(LayerError::TooLong { what, tokens, positions: POSITIONS })
        }
        _ => Ok(()),
    }
}

impl Transformer {
    /// The model with these weights.
    ///
    /// # Errors
    /// When its widths cannot be split into its heads.
    ///
    /// # Panics
    /// If they are weights of another model.
    #[track_caller]
    pub fn new(weights: &Weights) -> Result<Self, LayerError> {
        let load = Load(weights);
        let encoder = (0..LAYERS).map(|l| load.encoder_block(&format!("encoder.{l}")));
        let decoder = (0..LAYERS).map(|l| load.decoder_block(&format!("decoder.{l}")));
        Ok(Transformer {
            source_embedding: weights.matrix("encoder.embedding").to_owned(),
            encoder: encoder.collect::<Result<_, _>>()?,
            encoder_norm: load.norm("encoder.norm"),
            target_embedding: weights.matrix("decoder.embedding").to_owned(),
            decoder: decoder.collect::<Result<_, _>>()?,
            decoder_norm: load.norm("decoder.norm"),
            readout: load.transposed("readout.weight"),
            readout_bias: weights.vector("readout.bias").to_owned(),
            functions: REFERENCE,
        })
    }

    /// The same model, run by these functions in place of the reference's.
    pub fn on(self, functions: Functions) -> Self {
        Transformer { functions, ..self }
    }
}

/// Takes layers out of a file of weights, whose matrices are (outputs, inputs).
struct Load<'a>(&'a Weights);

impl Load<'_> {
    fn transposed(&self, name: &str) -> Array2<f32> {
        self.0.matrix(name).t().as_standard_layout().into_owned()
    }

    fn norm(&self, name: &str) -> LayerNorm {
        LayerNorm {
            gain: self.0.vector(&format!("{name}.weight")).to_owned(),
            bias: self.0.vector(&format!("{name}.bias")).to_owned(),
        }
    }

    fn attention(&self, name: &str) -> Result<AttentionLayer, LayerError> {
        let [w_q, w_k, w_v, w_o] = ["query", "key", "value", "out"]
            .map(|matrix| self.transposed(&format!("{name}.{matrix}")));
        AttentionLayer::new(w_q, w_k, w_v, w_o, HEADS)
    }

    fn feed_forward(&self, name: &str) -> FeedForward {
        FeedForward {
            w_1: self.transposed(&format!("{name}.in.weight")),
            b_1: self.0.vector(&format!("{name}.in.bias")).to_owned(),
            w_2: self.transposed(&format!("{name}.out.weight")),
            b_2: self.0.vector(&format!("{name}.out.bias")).to_owned(),
        }
    }

    fn encoder_block(&self, name: &str) -> Result<EncoderBlock, LayerError> {
        Ok(EncoderBlock {
            norm_1: self.norm(&format!("{name}.norm1")),
            self_attention: self.attention(&format!("{name}.self"))?,
            rotary: ROTARY,
            norm_2: self.norm(&format!("{name}.norm2")),
            feed_forward: self.feed_forward(&format!("{name}.feed")),
        })
    }

    fn decoder_block(&self, name: &str) -> Result<DecoderBlock, LayerError> {
        Ok(DecoderBlock {
            norm_1: self.norm(&format!("{name}.norm1")),
            self_attention: self.attention(&format!("{name}.self"))?,
            rotary: ROTARY,
            norm_2: self.norm(&format!("{name}.norm2")),
            cross_attention: self.attention(&format!("{name}.cross"))?,
            norm_3: self.norm(&format!("{name}.norm3")),
            feed_forward: self.feed_forward(&format!("{name}.feed")),
        })
    }
}

/// The rotation that the model was trained with.
const ROTARY: Rotary = Rotary { base: 10_000.0, layout: Layout::Interleaved };
