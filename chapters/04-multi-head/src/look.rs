//! Where the heads of a decoder look.

use crate::{LayerError, Transformer, functions::Functions, head_weights::head_weights_by};
use attn_core::Mask;
use ndarray::{Array2, Array3, ArrayView2, Axis};

/// What the heads of one block of a decoder attend to.
#[derive(Clone, Debug)]
pub struct Looks {
    /// From each token to itself and those before it, (h, n, n).
    pub own: Array3<f32>,
    /// From each token to the memory, (h, n, m).
    pub cross: Array3<f32>,
}

/// What the heads of every block attend to while the decoder reads `target`, whose first token is
/// *start*.
///
/// # Errors
/// As [`Transformer::logits`].
pub fn looks(
    model: &Transformer,
    memory: ArrayView2<f32>,
    target: &[usize],
) -> Result<Vec<Looks>, LayerError> {
    model.logits(memory, target)?; // refuses what is too long
    let Functions { decoder_block, layer_norm, rotary_self_attention, split_heads, rope, .. } =
        model.functions;
    let mut x = model.target_embedding.select(Axis(0), target);
    let mut looks = Vec::new();
    for block in &model.decoder {
        let seen = layer_norm(x.view(), &block.norm_1);
        let (seen, layer) = (seen.view(), &block.self_attention);
        let turn = |head: ArrayView2<f32>| rope(head, 0, block.rotary);
        let own = head_weights_by(split_heads, Some(turn), layer, seen, seen, &Mask::Causal);
        let found = rotary_self_attention(layer, seen, block.rotary, &Mask::Causal);
        let seen = layer_norm((&x + &found).view(), &block.norm_2);
        let (seen, layer) = (seen.view(), &block.cross_attention);
        let still = None::<fn(ArrayView2<f32>) -> Array2<f32>>; // it has no positions
        let cross = head_weights_by(split_heads, still, layer, seen, memory, &Mask::None);
        looks.push(Looks { own, cross });
        x = decoder_block(block, x.view(), memory, &Mask::None);
    }
    Ok(looks)
}
