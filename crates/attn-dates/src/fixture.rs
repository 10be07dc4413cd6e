//! What candle computes with the trained weights on a few inputs, under teacher forcing: a
//! from-scratch forward pass has to give the same to 1e-4.

use ndarray::Array2;

/// One input with its teacher-forced output.
#[derive(Clone, Debug)]
pub struct Fixture {
    /// The text that the encoder reads.
    pub source: String,
    /// The ISO dates that the decoder is fed, after start.
    pub target: String,
    /// The decoder's logits: row `t` is what it predicts after start and `t` characters of the
    /// target; (characters + 1) × 14. The last row should predict the end.
    pub logits: Array2<f32>,
    /// The weights over the source's positions, start and end with them, of each step;
    /// (characters + 1) × positions. Of the recurrent models with attention alone.
    pub alignment: Option<Array2<f32>>,
}

/// What candle computes with [`Weights::trained`](crate::Weights::trained). None until the models
/// are trained.
pub fn fixtures(_model: crate::Model) -> Vec<Fixture> {
    Vec::new()
}
