//! The weights of heads, for looking at; attention itself does not keep them.

use crate::{AttentionLayer, Rotary, rope, split_heads};
use attn_core::Mask;
use ch03_scaled_dot_product::{masked_scores, softmax_rows};
use ndarray::{Array2, Array3, ArrayView2, Axis};

/// The weights with which every head of a layer attends from `x` to `memory`: (h, n, m).
pub fn head_weights(
    layer: &AttentionLayer,
    x: ArrayView2<f32>,
    memory: ArrayView2<f32>,
    rotary: Option<Rotary>,
    mask: &Mask,
) -> Array3<f32> {
    let turn = rotary.map(|rotary| move |head: ArrayView2<f32>| rope(head, 0, rotary));
    head_weights_by(split_heads, turn, layer, x, memory, mask)
}

/// The same by somebody's way to split into heads and, where there are positions, to turn a head.
pub(crate) fn head_weights_by(
    split: impl Fn(ArrayView2<f32>, usize) -> Array3<f32>,
    turn: Option<impl Fn(ArrayView2<f32>) -> Array2<f32>>,
    layer: &AttentionLayer,
    x: ArrayView2<f32>,
    memory: ArrayView2<f32>,
    mask: &Mask,
) -> Array3<f32> {
    let heads_of = |x: Array2<f32>| {
        let mut heads = split(x.view(), layer.h);
        if let Some(turn) = &turn {
            for mut head in heads.outer_iter_mut() {
                let turned = turn(head.view());
                head.assign(&turned);
            }
        }
        heads
    };
    let (q, k) = (heads_of(x.dot(&layer.w_q)), heads_of(memory.dot(&layer.w_k)));
    let mut weights = Array3::zeros((layer.h, x.nrows(), memory.nrows()));
    for (head, mut weights) in weights.axis_iter_mut(Axis(0)).enumerate() {
        let (q, k) = (q.index_axis(Axis(0), head), k.index_axis(Axis(0), head));
        weights.assign(&softmax_rows(masked_scores(q, k, mask).view()));
    }
    weights
}
