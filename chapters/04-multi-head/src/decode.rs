//! Two ways to run a decoder: on a target that is known, all at once; or token by token, each one
//! chosen by the model itself.

use crate::{
    Decoded, DecoderBlock, Kept, LayerError, Transformer, functions::Functions,
    multi_head_attention,
};
use attn_core::Mask;
use attn_dates::vocabulary::{END, START};
use ch03_scaled_dot_product::softmax_rows;
use ndarray::{Array2, Array3, ArrayView1, ArrayView2, Axis, concatenate};

// ANCHOR: teacher_forced
/// Teacher forcing: the decoder reads *start* and the known target, and predicts each of its tokens
/// from the ones before it, and the end after the last. One pass for all of them.
///
/// Shapes: n tokens in, (n + 1) × 14 out.
///
/// # Errors
/// When the target is longer than the model's positions.
pub fn teacher_forced(
    model: &Transformer,
    memory: ArrayView2<f32>,
    target: &[usize],
) -> Result<Array2<f32>, LayerError> {
    let inputs: Vec<usize> = [START].iter().chain(target).copied().collect();
    model.logits(memory, &inputs)
}
// ANCHOR_END: teacher_forced

// ANCHOR: step_by_step
/// What a decoder wrote.
#[derive(Clone, Debug)]
pub struct Written {
    /// The tokens, without start and end.
    pub tokens: Vec<usize>,
    /// The scores that each was chosen from, and those of the end, one row per step.
    pub logits: Array2<f32>,
    /// Whether it came to an end; otherwise it was stopped.
    pub ended: bool,
}

/// Greedy decoding: the model writes the token that it thinks most likely, reads what it has
/// written, and goes on until it writes the end, or `limit` tokens.
///
/// Every step runs the decoder on everything written so far and uses its last row alone: n tokens
/// cost n passes.
///
/// # Errors
/// When `limit` is beyond the model's positions.
pub fn step_by_step(
    model: &Transformer,
    memory: ArrayView2<f32>,
    limit: usize,
) -> Result<Written, LayerError> {
    let mut read = vec![START];
    let mut logits = Array2::zeros((0, model.readout_bias.len()));
    loop {
        let all = model.logits(memory, &read)?;
        let last = all.row(all.nrows() - 1);
        logits.push_row(last).expect("rows of equal length");
        let next = most_likely(last);
        let ended = next == END;
        if ended || read.len() > limit {
            let tokens = read.split_off(1);
            return Ok(Written { tokens, logits, ended });
        }
        read.push(next);
    }
}
// ANCHOR_END: step_by_step

// ANCHOR: row_by_row
/// The scores of [`teacher_forced`], one row at a time: every step runs the decoder on a single
/// token, and keeps the keys and values of its self-attention for the steps to come.
///
/// # Errors
/// When the target is longer than the model's positions.
pub fn row_by_row(
    model: &Transformer,
    memory: ArrayView2<f32>,
    target: &[usize],
) -> Result<Array2<f32>, LayerError> {
    let tokens: Vec<usize> = [START].iter().chain(target).copied().collect();
    model.logits(memory, &tokens)?; // refuses what is too long
    let mut kept: Vec<Kept> = model.decoder.iter().map(nothing_kept).collect();
    let mut logits = Array2::zeros((0, model.readout_bias.len()));
    for (position, &token) in tokens.iter().enumerate() {
        let mut x = model.target_embedding.select(Axis(0), &[token]); // 1×d_model
        for (block, kept) in model.decoder.iter().zip(&mut kept) {
            x = block_step(model.functions, block, x, memory, kept, position);
        }
        let x = (model.functions.layer_norm)(x.view(), &model.decoder_norm);
        let row = x.dot(&model.readout) + &model.readout_bias;
        logits.append(Axis(0), row.view()).expect("rows of equal length");
    }
    Ok(logits)
}

/// One block of the decoder for one new token. Cross-attention has nothing to keep: its keys are the
/// memory's, and every token sees all of them.
fn block_step(
    functions: Functions,
    block: &DecoderBlock,
    x: Array2<f32>,
    memory: ArrayView2<f32>,
    kept: &mut Kept,
    position: usize,
) -> Array2<f32> {
    let Functions { layer_norm, decode_step, .. } = functions;
    let seen = layer_norm(x.view(), &block.norm_1);
    let Decoded { out, key, value } =
        decode_step(&block.self_attention, seen.row(0), kept, position, block.rotary);
    kept.keys = concatenate![Axis(1), kept.keys, key.insert_axis(Axis(1))];
    kept.values = concatenate![Axis(1), kept.values, value.insert_axis(Axis(1))];
    let x = x + out.insert_axis(Axis(0));

    let seen = layer_norm(x.view(), &block.norm_2);
    let x = x + multi_head_attention(&block.cross_attention, seen.view(), memory, &Mask::None);

    let seen = layer_norm(x.view(), &block.norm_3);
    x + block.feed_forward.apply(seen.view())
}
// ANCHOR_END: row_by_row

/// What a block keeps before the first token.
fn nothing_kept(block: &DecoderBlock) -> Kept {
    let layer = &block.self_attention;
    let empty = |width: usize| Array3::zeros((layer.h, 0, width / layer.h));
    Kept { keys: empty(layer.w_k.ncols()), values: empty(layer.w_v.ncols()), padding: 0 }
}

fn most_likely(logits: ArrayView1<f32>) -> usize {
    let mut best = 0;
    for (token, &score) in logits.iter().enumerate() {
        if score > logits[best] {
            best = token;
        }
    }
    best
}

impl Written {
    /// The lowest probability that the model gave to a token that it wrote, the end included.
    pub fn lowest_probability(&self) -> f32 {
        let probabilities = softmax_rows(self.logits.view());
        let chosen = self.tokens.iter().copied().chain([END]);
        let rows = probabilities.rows().into_iter().zip(chosen);
        rows.fold(1.0, |low, (row, token)| row[token].min(low))
    }
}
