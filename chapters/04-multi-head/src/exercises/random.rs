//! Random weights and sequences for the cases.

use crate::{
    AttentionLayer, LayerNorm,
    given::{DecoderBlock, FeedForward, Layout, Rotary},
};
use attn_core::random::Random;
use ndarray::Array2;

/// The sizes of a layer.
#[derive(Clone, Copy)]
pub struct Widths {
    pub h: usize,
    pub d: usize,
    pub d_v: usize,
    pub d_model: usize,
    pub d_memory: usize,
}

/// A matrix whose products have entries of about the size of what it is multiplied with.
fn matrix(random: &mut Random, rows: usize, columns: usize) -> Array2<f32> {
    random.normal((rows, columns)) / (rows as f32).sqrt()
}

pub fn layer(random: &mut Random, widths: Widths) -> AttentionLayer {
    let Widths {
        h,
        d,
        d_v,
        d_model,
        d_memory,
    } = widths;
    AttentionLayer {
        w_q: matrix(random, d_model, h * d),
        w_k: matrix(random, d_memory, h * d),
        w_v: matrix(random, d_memory, h * d_v),
        w_o: matrix(random, h * d_v, d_model),
        h,
    }
}

pub fn norm(random: &mut Random, d_model: usize) -> LayerNorm {
    LayerNorm {
        gain: random.normal(d_model) * 0.5 + 1.0,
        bias: random.normal(d_model) * 0.5,
    }
}

pub fn block(random: &mut Random, widths: Widths, layout: Layout) -> DecoderBlock {
    let Widths { d_model, .. } = widths;
    let d_ff = 2 * d_model + 1;
    let on_itself = Widths {
        d_memory: d_model,
        ..widths
    };
    DecoderBlock {
        norm_1: norm(random, d_model),
        self_attention: layer(random, on_itself),
        rotary: Rotary {
            base: 100.0,
            layout,
        },
        norm_2: norm(random, d_model),
        cross_attention: layer(random, widths),
        norm_3: norm(random, d_model),
        feed_forward: FeedForward {
            w_1: matrix(random, d_model, d_ff),
            b_1: random.normal(d_ff) * 0.5,
            w_2: matrix(random, d_ff, d_model),
            b_2: random.normal(d_model) * 0.5,
        },
    }
}
