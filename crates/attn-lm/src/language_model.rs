//! The models: what their layers attend with, and everything around it.

use crate::{Attention, Block, Decoder, EPSILON, HEADS, Model, Weights};
use ndarray::{Array1, Array2};

/// What a layer's attention is made of. Its states are rows, so that queries are `x.dot(&w_q)`.
#[derive(Clone, Debug, PartialEq)]
pub enum AttentionWeights {
    /// Multi-head, grouped-query and multi-query attention.
    Grouped(Grouped),
    /// Multi-head latent attention.
    Latent(Latent),
}

/// Of all models but [`Model::Mla`]. A head's numbers are neighbouring columns.
#[derive(Clone, Debug, PartialEq)]
pub struct Grouped {
    /// Makes queries, d × h·d_h.
    pub w_q: Array2<f32>,
    /// Makes keys, d × h_kv·d_h.
    pub w_k: Array2<f32>,
    /// Makes values, d × h_kv·d_h.
    pub w_v: Array2<f32>,
    /// Mixes what the heads found, h·d_h × d.
    pub w_o: Array2<f32>,
    /// Query heads.
    pub heads: usize,
    /// Heads of keys and values; each serves `heads / kv_heads` neighbouring query heads.
    pub kv_heads: usize,
}

/// Of [`Model::Mla`]: DeepSeek-V2 (2405.04434) Eqs 9–19 without the compression of queries.
#[derive(Clone, Debug, PartialEq)]
pub struct Latent {
    /// Makes queries, d × h·(d_h + d_r): per head its content, then what is turned by position.
    pub w_q: Array2<f32>,
    /// Makes the latent vector, d × d_c.
    pub w_dkv: Array2<f32>,
    /// The gain of the latent's RMS norm, d_c. What is kept is the normalised latent.
    pub norm: Array1<f32>,
    /// Makes the rotary key that all heads share, d × d_r.
    pub w_kr: Array2<f32>,
    /// Makes the heads' keys from the latent, d_c × h·d_h.
    pub w_uk: Array2<f32>,
    /// Makes the heads' values from the latent, d_c × h·d_h.
    pub w_uv: Array2<f32>,
    /// Mixes what the heads found, h·d_h × d.
    pub w_o: Array2<f32>,
    /// Heads.
    pub heads: usize,
}

/// A decoder in the form that most use today (RMS norm, RoPE, SwiGLU, no biases); its attention is a
/// parameter.
#[derive(Clone, Debug)]
pub struct LanguageModel {
    /// How a layer attends.
    pub attention: Vec<AttentionWeights>,
    decoder: Decoder<Array2<f32>>,
}

impl LanguageModel {
    /// The model that the course trained.
    pub fn trained(model: Model) -> Self {
        LanguageModel::new(&Weights::trained(model))
    }

    /// The model with these weights.
    pub fn new(weights: &Weights) -> Self {
        // A stored matrix is outputs × inputs; here states are rows.
        let matrix = |name: &str| weights.matrix(name).t().as_standard_layout().into_owned();
        let vector = |name: &str| weights.vector(name).to_owned();
        let attention = (0..weights.model().layers()).map(|layer| {
            let matrix = |name: &str| matrix(&format!("{layer}.attention.{name}"));
            match weights.model() {
                Model::Mla => AttentionWeights::Latent(Latent {
                    w_q: matrix("query"),
                    w_dkv: matrix("latent"),
                    norm: vector(&format!("{layer}.attention.norm.weight")),
                    w_kr: matrix("rotary_key"),
                    w_uk: matrix("key"),
                    w_uv: matrix("value"),
                    w_o: matrix("out"),
                    heads: HEADS,
                }),
                model => AttentionWeights::Grouped(Grouped {
                    w_q: matrix("query"),
                    w_k: matrix("key"),
                    w_v: matrix("value"),
                    w_o: matrix("out"),
                    heads: HEADS,
                    kv_heads: model.kv_heads(),
                }),
            }
        });
        let blocks = (0..weights.model().layers()).map(|layer| Block {
            norm1: vector(&format!("{layer}.norm1.weight")),
            norm2: vector(&format!("{layer}.norm2.weight")),
            gate: matrix(&format!("{layer}.feed.gate")),
            up: matrix(&format!("{layer}.feed.up")),
            down: matrix(&format!("{layer}.feed.down")),
        });
        let decoder = Decoder {
            embedding: weights.matrix("embedding").to_shared(),
            blocks: blocks.collect(),
            norm: vector("norm.weight"),
            readout: matrix("readout"),
            epsilon: EPSILON,
        };
        LanguageModel { attention: attention.collect(), decoder }
    }

    /// The logits after each of the new tokens, n × vocabulary. Which tokens came before them is the
    /// attention's to know.
    ///
    /// # Errors
    /// When the attention cannot take the tokens.
    ///
    /// # Panics
    /// If a token is not in the vocabulary.
    pub fn logits<A: Attention>(
        &self,
        tokens: &[usize],
        attention: &mut A,
    ) -> Result<Array2<f32>, A::Error> {
        self.decoder.logits(tokens, attention)
    }
}
