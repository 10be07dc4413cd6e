//! What the file says of the model.

use crate::{ModelError, ModelFile};
use candle_core::quantized::gguf_file::Value;

/// The form of model that this crate computes.
const ARCHITECTURE: &str = "llama";

/// The sizes of a model, as its file says them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sizes {
    /// Blocks.
    pub layers: usize,
    /// The width of a token's state, d.
    pub width: usize,
    /// Query heads of a layer, h.
    pub heads: usize,
    /// Heads of keys and values of a layer, h_kv.
    pub kv_heads: usize,
    /// The width of a head: of a query, a key and a value.
    pub head: usize,
    /// The inner width of a feed-forward network.
    pub feed_forward: usize,
    /// Tokens that there are.
    pub vocabulary: usize,
    /// The longest text that the model was made for, in tokens.
    pub context: usize,
    /// What the norms add to the mean square.
    pub epsilon: f32,
    /// The base of the rotations (RoPE).
    pub base: f32,
    /// Numbers of all tensors; the embedding, which also reads out, counts once.
    pub parameters: usize,
}

impl Sizes {
    /// Reads them.
    ///
    /// # Errors
    /// When the model has another form, or something is not said.
    pub fn read(file: &ModelFile) -> Result<Self, ModelError> {
        let found = file.said("general.architecture", |value| value.to_string().cloned())?;
        if found != ARCHITECTURE {
            return Err(ModelError::Architecture { found, wanted: ARCHITECTURE });
        }
        let key = |name: &str| format!("{ARCHITECTURE}.{name}");
        let size = |name| file.said(&key(name), Value::to_u32).map(|size| size as usize);
        let number = |name| file.said(&key(name), Value::to_f32);
        let (width, heads) = (size("embedding_length")?, size("attention.head_count")?);
        let sizes = Sizes {
            layers: size("block_count")?,
            width,
            heads,
            kv_heads: size("attention.head_count_kv")?,
            head: size("rope.dimension_count")?,
            feed_forward: size("feed_forward_length")?,
            vocabulary: file.texts("tokenizer.ggml.tokens")?.len(),
            context: size("context_length")?,
            epsilon: number("attention.layer_norm_rms_epsilon")?,
            base: number("rope.freq_base")?,
            parameters: file.parameters(),
        };
        if sizes.heads * sizes.head != width || !sizes.heads.is_multiple_of(sizes.kv_heads.max(1)) {
            return Err(ModelError::Unsaid("heads that fit its width".into()));
        }
        Ok(sizes)
    }

    /// How many numbers a cache keeps of each token, with so many heads of keys and values per layer.
    pub fn kept(&self, kv_heads: usize) -> usize {
        2 * self.layers * kv_heads * self.head
    }
}
