//! The weights of heads, for looking at; attention itself does not keep them.

use crate::{
    AttentionLayer, LayerError, Rotary, Transformer,
    functions::{Functions, REFERENCE},
};
use attn_core::Mask;
use ch03_scaled_dot_product::{masked_scores, softmax_rows};
use ndarray::{Array3, ArrayView2, Axis};

/// The weights with which every head of a layer attends from `x` to `memory`: (h, n, m).
pub fn head_weights(
    layer: &AttentionLayer,
    x: ArrayView2<f32>,
    memory: ArrayView2<f32>,
    rotary: Option<Rotary>,
    mask: &Mask,
) -> Array3<f32> {
    head_weights_on(REFERENCE, layer, x, memory, rotary, mask)
}

fn head_weights_on(
    functions: Functions,
    layer: &AttentionLayer,
    x: ArrayView2<f32>,
    memory: ArrayView2<f32>,
    rotary: Option<Rotary>,
    mask: &Mask,
) -> Array3<f32> {
    let Functions { split_heads, rope, .. } = functions;
    let turn = |mut heads: Array3<f32>| {
        if let Some(rotary) = rotary {
            for mut head in heads.outer_iter_mut() {
                let turned = rope(head.view(), 0, rotary);
                head.assign(&turned);
            }
        }
        heads
    };
    let q = turn(split_heads(x.dot(&layer.w_q).view(), layer.h));
    let k = turn(split_heads(memory.dot(&layer.w_k).view(), layer.h));
    let mut weights = Array3::zeros((layer.h, x.nrows(), memory.nrows()));
    for (head, mut weights) in weights.axis_iter_mut(Axis(0)).enumerate() {
        let (q, k) = (q.index_axis(Axis(0), head), k.index_axis(Axis(0), head));
        weights.assign(&softmax_rows(masked_scores(q, k, mask).view()));
    }
    weights
}

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
    let functions = model.functions;
    let Functions { decoder_block, layer_norm, rotary_self_attention, .. } = functions;
    let mut x = model.target_embedding.select(Axis(0), target);
    let mut looks = Vec::new();
    for block in &model.decoder {
        let seen = layer_norm(x.view(), &block.norm_1);
        let layer = &block.self_attention;
        let own = head_weights_on(
            functions,
            layer,
            seen.view(),
            seen.view(),
            Some(block.rotary),
            &Mask::Causal,
        );
        let found = rotary_self_attention(layer, seen.view(), block.rotary, &Mask::Causal);
        let seen = layer_norm((&x + &found).view(), &block.norm_2);
        let cross = head_weights_on(
            functions,
            &block.cross_attention,
            seen.view(),
            memory,
            None,
            &Mask::None,
        );
        looks.push(Looks { own, cross });
        x = decoder_block(block, x.view(), memory, &Mask::None);
    }
    Ok(looks)
}
