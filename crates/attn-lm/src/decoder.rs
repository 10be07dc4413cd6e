//! The pass around the attention, for any model of this form.

use ndarray::{ArcArray2, Array1, Array2, ArrayView1, ArrayView2, Axis};

/// The attention of all layers of a model: the queries, keys and values of new tokens, what is kept of
/// earlier ones, and the output. [`Decoder::states`] calls it once per layer.
pub trait Attention {
    /// Why it cannot attend; a full cache, say.
    type Error;

    /// What the attention of `layer` adds to the states of the new tokens, n × d.
    ///
    /// `x` holds the normalised states of the new tokens, n × d, which come after all tokens of earlier
    /// calls.
    ///
    /// # Errors
    /// When it cannot take the tokens.
    fn attend(&mut self, layer: usize, x: ArrayView2<f32>) -> Result<Array2<f32>, Self::Error>;
}

/// A matrix of weights, however it is stored.
pub trait Linear {
    /// The products of the rows of `x` with the matrix: n × inputs in, n × outputs out.
    fn apply(&self, x: ArrayView2<f32>) -> Array2<f32>;
}

/// Stored as inputs × outputs.
impl Linear for Array2<f32> {
    fn apply(&self, x: ArrayView2<f32>) -> Array2<f32> {
        x.dot(self)
    }
}

/// A decoder in the form that most use today (RMS norm, SwiGLU, no biases), without its attention.
#[derive(Clone, Debug)]
pub struct Decoder<M> {
    /// The states that tokens begin with, vocabulary × d.
    pub embedding: ArcArray2<f32>,
    /// One per layer.
    pub blocks: Vec<Block<M>>,
    /// The gain of the last norm, d.
    pub norm: Array1<f32>,
    /// Makes logits of the last states, d to vocabulary.
    pub readout: M,
    /// What the norms add to the mean square.
    pub epsilon: f32,
}

/// What a layer has besides its attention.
#[derive(Clone, Debug)]
pub struct Block<M> {
    /// The gain of the norm before the attention, d.
    pub norm1: Array1<f32>,
    /// The gain of the norm before the feed-forward network, d.
    pub norm2: Array1<f32>,
    /// The gate of the feed-forward network, d to d_ff.
    pub gate: M,
    /// What the gate lets through, d to d_ff.
    pub up: M,
    /// Its way back, d_ff to d.
    pub down: M,
}

impl<M: Linear> Decoder<M> {
    /// The last states of the new tokens, n × d, normalised. Which tokens came before them is the
    /// attention's to know.
    ///
    /// # Errors
    /// When the attention cannot take the tokens.
    ///
    /// # Panics
    /// If a token is not in the vocabulary.
    pub fn states<A: Attention>(
        &self,
        tokens: &[usize],
        attention: &mut A,
    ) -> Result<Array2<f32>, A::Error> {
        let mut x = self.embedding.select(Axis(0), tokens);
        for (number, block) in self.blocks.iter().enumerate() {
            let y = rms_norm(x.view(), block.norm1.view(), self.epsilon);
            x += &attention.attend(number, y.view())?;
            let y = rms_norm(x.view(), block.norm2.view(), self.epsilon);
            let gate = block.gate.apply(y.view()).mapv_into(|a| a / (1.0 + (-a).exp()));
            x += &block.down.apply((gate * block.up.apply(y.view())).view());
        }
        Ok(rms_norm(x.view(), self.norm.view(), self.epsilon))
    }

    /// The logits after each of the new tokens, n × vocabulary.
    ///
    /// # Errors
    /// As for [`Decoder::states`].
    ///
    /// # Panics
    /// As for [`Decoder::states`].
    pub fn logits<A: Attention>(
        &self,
        tokens: &[usize],
        attention: &mut A,
    ) -> Result<Array2<f32>, A::Error> {
        Ok(self.readout.apply(self.states(tokens, attention)?.view()))
    }
}

/// RMS norm: each row divided by the square root of its mean square plus `epsilon`, times `gain`
/// (Zhang & Sennrich, 1910.07467, Eq 4, which has no epsilon; every model adds one).
///
/// ```
/// use attn_lm::rms_norm;
/// use ndarray::array;
/// let y = rms_norm(array![[3.0, 4.0]].view(), array![1.0, 2.0].view(), 0.0);
/// // The mean square of 3 and 4 is 12.5.
/// assert!((y[[0, 0]] - 3.0 / 12.5_f32.sqrt()).abs() < 1e-6);
/// assert!((y[[0, 1]] - 8.0 / 12.5_f32.sqrt()).abs() < 1e-6);
/// ```
pub fn rms_norm(x: ArrayView2<f32>, gain: ArrayView1<f32>, epsilon: f32) -> Array2<f32> {
    let mut y = x.to_owned();
    for mut row in y.rows_mut() {
        let mean_square = row.dot(&row) / row.len() as f32;
        row /= (mean_square + epsilon).sqrt();
        row *= &gain;
    }
    y
}
