//! Everything of a model around its attention.

use crate::{HEADS, Model, Weights};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis};

/// The attention of all layers of a model: the queries, keys and values of new tokens, what is kept of
/// earlier ones, and the output. [`LanguageModel::logits`] calls it once per layer.
pub trait Attention {
    /// Why it cannot attend; a full cache, say.
    type Error;

    /// What the attention of `layer` adds to the states of the new tokens, n × 128.
    ///
    /// `x` holds the normalised states of the new tokens, n × 128, which come after all tokens of earlier
    /// calls.
    ///
    /// # Errors
    /// When it cannot take the tokens.
    fn attend(&mut self, layer: usize, x: ArrayView2<f32>) -> Result<Array2<f32>, Self::Error>;
}

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
    embedding: Array2<f32>,
    layers: Vec<Layer>,
    norm: Array1<f32>,
    readout: Array2<f32>,
}

#[derive(Clone, Debug)]
struct Layer {
    norm1: Array1<f32>,
    norm2: Array1<f32>,
    gate: Array2<f32>,
    up: Array2<f32>,
    down: Array2<f32>,
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
        let layers = (0..weights.model().layers()).map(|layer| Layer {
            norm1: vector(&format!("{layer}.norm1.weight")),
            norm2: vector(&format!("{layer}.norm2.weight")),
            gate: matrix(&format!("{layer}.feed.gate")),
            up: matrix(&format!("{layer}.feed.up")),
            down: matrix(&format!("{layer}.feed.down")),
        });
        LanguageModel {
            attention: attention.collect(),
            embedding: weights.matrix("embedding").to_owned(),
            layers: layers.collect(),
            norm: vector("norm.weight"),
            readout: matrix("readout"),
        }
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
        let mut x = self.embedding.select(Axis(0), tokens);
        for (number, layer) in self.layers.iter().enumerate() {
            x += &attention.attend(number, rms_norm(x.view(), layer.norm1.view()).view())?;
            let y = rms_norm(x.view(), layer.norm2.view());
            let gate = y.dot(&layer.gate).mapv(|a| a / (1.0 + (-a).exp()));
            x += &(gate * y.dot(&layer.up)).dot(&layer.down);
        }
        Ok(rms_norm(x.view(), self.norm.view()).dot(&self.readout))
    }
}

/// RMS norm: each row divided by the square root of its mean square plus 1e-5, times `gain`
/// (Zhang & Sennrich, 1910.07467, Eq 4).
///
/// ```
/// use attn_lm::rms_norm;
/// use ndarray::array;
/// let y = rms_norm(array![[3.0, 4.0]].view(), array![1.0, 2.0].view());
/// // The mean square of 3 and 4 is 12.5.
/// assert!((y[[0, 0]] - 3.0 / 12.5_f32.sqrt()).abs() < 1e-5);
/// assert!((y[[0, 1]] - 8.0 / 12.5_f32.sqrt()).abs() < 1e-5);
/// ```
pub fn rms_norm(x: ArrayView2<f32>, gain: ArrayView1<f32>) -> Array2<f32> {
    let mut y = x.to_owned();
    for mut row in y.rows_mut() {
        let mean_square = row.dot(&row) / row.len() as f32;
        row /= (mean_square + 1e-5).sqrt();
        row *= &gain;
    }
    y
}
