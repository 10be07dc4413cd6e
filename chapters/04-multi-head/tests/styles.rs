//! Right answers in other styles: none of them may be refused.

use attn_core::Mask;
use ch03_scaled_dot_product::{allowed, attention, softmax_rows};
use ch04_multi_head::{
    AttentionLayer, LayerNorm, Layout, Rotary,
    exercises::{
        decoder_block, layer_norm, merge_heads, multi_head_attention, rope, rotary_self_attention,
        split_heads,
    },
    given::{DecoderBlock, EPSILON},
    head_weights,
};
use ndarray::{Array2, Array3, ArrayView2, ArrayView3, Axis, concatenate, s, stack};

mod heads {
    use super::*;

    pub fn split_by_slices(x: ArrayView2<f32>, h: usize) -> Array3<f32> {
        let heads: Vec<_> = x.axis_chunks_iter(Axis(1), x.ncols() / h).collect();
        stack(Axis(0), &heads).expect("equal heads")
    }

    /// As it is written with tensors elsewhere: view, then transpose.
    pub fn split_by_transpose(x: ArrayView2<f32>, h: usize) -> Array3<f32> {
        let (n, width) = x.dim();
        let x = x.to_shape((n, h, width / h)).expect("as many numbers");
        x.to_owned().permuted_axes([1, 0, 2])
    }

    pub fn split_by_loops(x: ArrayView2<f32>, h: usize) -> Array3<f32> {
        let (n, d) = (x.nrows(), x.ncols() / h);
        let mut heads = Array3::zeros((h, n, d));
        for i in 0..n {
            for column in 0..h * d {
                heads[[column / d, i, column % d]] = x[[i, column]];
            }
        }
        heads
    }

    pub fn merge_by_slices(x: ArrayView3<f32>) -> Array2<f32> {
        let (h, n, d) = x.dim();
        let mut merged = Array2::zeros((n, h * d));
        for (head, x) in x.outer_iter().enumerate() {
            merged
                .slice_mut(s![.., head * d..(head + 1) * d])
                .assign(&x);
        }
        merged
    }

    pub fn merge_by_transpose(x: ArrayView3<f32>) -> Array2<f32> {
        let (h, n, d) = x.dim();
        let x = x.permuted_axes([1, 0, 2]).as_standard_layout().into_owned();
        x.into_shape_with_order((n, h * d))
            .expect("as many numbers")
    }

    pub fn merge_by_concatenation(x: ArrayView3<f32>) -> Array2<f32> {
        let heads: Vec<_> = x.outer_iter().collect();
        concatenate(Axis(1), &heads).expect("equal heads")
    }
}

#[test]
fn split_and_merge_in_other_styles() {
    use heads::*;
    split_heads::exercise().assert_accepts(&[
        ("slices", split_by_slices as split_heads::Body),
        ("view and transpose", split_by_transpose),
        ("nested loops", split_by_loops),
    ]);
    merge_heads::exercise().assert_accepts(&[
        ("slices", merge_by_slices as merge_heads::Body),
        ("transpose and view", merge_by_transpose),
        ("concatenation", merge_by_concatenation),
    ]);
}

/// Each head from its own slices of the weights; W_o slice by slice.
fn head_by_head(
    layer: &AttentionLayer,
    x: ArrayView2<f32>,
    memory: ArrayView2<f32>,
    mask: &Mask,
) -> Array2<f32> {
    let (d, d_v) = (layer.w_q.ncols() / layer.h, layer.w_v.ncols() / layer.h);
    let mut out = Array2::zeros((x.nrows(), layer.w_o.ncols()));
    for head in 0..layer.h {
        let (own, own_v) = (head * d..(head + 1) * d, head * d_v..(head + 1) * d_v);
        let q = x.dot(&layer.w_q.slice(s![.., own.clone()]));
        let k = memory.dot(&layer.w_k.slice(s![.., own]));
        let v = memory.dot(&layer.w_v.slice(s![.., own_v.clone()]));
        let found = attention(q.view(), k.view(), v.view(), mask).out;
        out += &found.dot(&layer.w_o.slice(s![own_v, ..]));
    }
    out
}

/// In f64 from end to end, with an additive mask.
fn wide(
    layer: &AttentionLayer,
    x: ArrayView2<f32>,
    memory: ArrayView2<f32>,
    mask: &Mask,
) -> Array2<f32> {
    let table = allowed(mask, x.nrows(), memory.nrows());
    let [x, memory] = [x, memory].map(|x| x.mapv(f64::from));
    let [w_q, w_k, w_v, w_o] =
        [&layer.w_q, &layer.w_k, &layer.w_v, &layer.w_o].map(|w| w.mapv(f64::from));
    let (q, k, v) = (x.dot(&w_q), memory.dot(&w_k), memory.dot(&w_v));
    let mut merged = Array2::<f64>::zeros((x.nrows(), w_v.ncols()));
    let (d, d_v) = (q.ncols() / layer.h, v.ncols() / layer.h);
    for head in 0..layer.h {
        let own = s![.., head * d..(head + 1) * d];
        let own_v = s![.., head * d_v..(head + 1) * d_v];
        let scores = q.slice(own).dot(&k.slice(own).t()) / (d as f64).sqrt();
        let mut weights = scores.exp(); // standard normal inputs: nothing overflows in f64
        weights.zip_mut_with(&table, |w, &may| *w *= f64::from(u8::from(may)));
        let sums = weights
            .sum_axis(Axis(1))
            .mapv(|sum| if sum > 0.0 { sum } else { 1.0 });
        weights /= &sums.insert_axis(Axis(1));
        merged
            .slice_mut(own_v)
            .assign(&weights.dot(&v.slice(own_v)));
    }
    merged.dot(&w_o).mapv(|x| x as f32)
}

/// W_v and W_o of each head multiplied first: the same, in another order of products.
fn absorbed_values(
    layer: &AttentionLayer,
    x: ArrayView2<f32>,
    memory: ArrayView2<f32>,
    mask: &Mask,
) -> Array2<f32> {
    let weights = head_weights(layer, x, memory, None, mask);
    let d_v = layer.w_v.ncols() / layer.h;
    let mut out = Array2::zeros((x.nrows(), layer.w_o.ncols()));
    for (head, weights) in weights.outer_iter().enumerate() {
        let own = head * d_v..(head + 1) * d_v;
        let w_v = layer.w_v.slice(s![.., own.clone()]);
        let mixed = w_v.dot(&layer.w_o.slice(s![own, ..]));
        out += &weights.dot(&memory.dot(&mixed));
    }
    out
}

#[test]
fn multi_head_attention_in_other_styles() {
    multi_head_attention::exercise().assert_accepts(&[
        ("head by head", head_by_head as multi_head_attention::Body),
        ("f64 inside", wide),
        ("W_v W_o first", absorbed_values),
    ]);
}

mod turns {
    use super::*;

    fn columns(layout: Layout, i: usize, d: usize) -> [usize; 2] {
        match layout {
            Layout::Interleaved => [2 * i, 2 * i + 1],
            Layout::Half => [i, i + d / 2],
        }
    }

    /// Frequencies first, as exp(−2i ln(base)/d); then column by column.
    pub fn by_columns(x: ArrayView2<f32>, start: usize, rotary: Rotary) -> Array2<f32> {
        let d = x.ncols();
        let mut out = x.to_owned();
        for i in 0..d / 2 {
            let frequency = (-2.0 * i as f32 / d as f32 * rotary.base.ln()).exp();
            let [a, b] = columns(rotary.layout, i, d);
            for r in 0..x.nrows() {
                let (sin, cos) = ((start + r) as f32 * frequency).sin_cos();
                out[[r, a]] = cos.mul_add(x[[r, a]], -sin * x[[r, b]]);
                out[[r, b]] = cos.mul_add(x[[r, b]], sin * x[[r, a]]);
            }
        }
        out
    }

    /// `x cos + rotate(x) sin`, whole arrays, with 1/base^(2i/d).
    pub fn whole_arrays(x: ArrayView2<f32>, start: usize, rotary: Rotary) -> Array2<f32> {
        let (n, d) = x.dim();
        let mut partner = Array2::zeros((n, d));
        let mut angles = Array2::zeros((n, d));
        for i in 0..d / 2 {
            let [a, b] = columns(rotary.layout, i, d);
            for r in 0..n {
                (partner[[r, a]], partner[[r, b]]) = (-x[[r, b]], x[[r, a]]);
                let angle = (start + r) as f32 / rotary.base.powf(2.0 * i as f32 / d as f32);
                (angles[[r, a]], angles[[r, b]]) = (angle, angle);
            }
        }
        &x * &angles.cos() + partner * angles.sin()
    }

    pub fn wide(x: ArrayView2<f32>, start: usize, rotary: Rotary) -> Array2<f32> {
        let d = x.ncols();
        let mut out = x.to_owned();
        for (r, mut row) in out.rows_mut().into_iter().enumerate() {
            for i in 0..d / 2 {
                let exponent = -2.0 * i as f64 / d as f64;
                let angle = (start + r) as f64 * f64::from(rotary.base).powf(exponent);
                let [first, second] = columns(rotary.layout, i, d);
                let (a, b) = (f64::from(row[first]), f64::from(row[second]));
                row[first] = (a * angle.cos() - b * angle.sin()) as f32;
                row[second] = (a * angle.sin() + b * angle.cos()) as f32;
            }
        }
        out
    }
}

#[test]
fn rope_in_other_styles() {
    use turns::*;
    rope::exercise().assert_accepts(&[
        (
            "column by column, exp of a logarithm",
            by_columns as rope::Body,
        ),
        ("whole arrays", whole_arrays),
        ("f64 inside", wide),
    ]);
}

fn rotary_by_slices(
    layer: &AttentionLayer,
    x: ArrayView2<f32>,
    rotary: Rotary,
    mask: &Mask,
) -> Array2<f32> {
    let d = layer.w_q.ncols() / layer.h;
    let d_v = layer.w_v.ncols() / layer.h;
    let mut heads = Vec::new();
    for head in 0..layer.h {
        let own = s![.., head * d..(head + 1) * d];
        let [q, k] = [&layer.w_q, &layer.w_k]
            .map(|w| turns::by_columns(x.dot(&w.slice(own)).view(), 0, rotary));
        let v = x.dot(&layer.w_v.slice(s![.., head * d_v..(head + 1) * d_v]));
        heads.push(attention(q.view(), k.view(), v.view(), mask).out);
    }
    let heads: Vec<_> = heads.iter().map(|head| head.view()).collect();
    concatenate(Axis(1), &heads)
        .expect("equal heads")
        .dot(&layer.w_o)
}

/// Only distances count, so every start gives the same.
fn rotary_from_elsewhere(
    layer: &AttentionLayer,
    x: ArrayView2<f32>,
    rotary: Rotary,
    mask: &Mask,
) -> Array2<f32> {
    let weights = |start: usize| {
        let turn = |w: &Array2<f32>| {
            let mut heads = ch04_multi_head::split_heads(x.dot(w).view(), layer.h);
            for mut head in heads.outer_iter_mut() {
                let turned = ch04_multi_head::rope(head.view(), start, rotary);
                head.assign(&turned);
            }
            heads
        };
        let (q, k) = (turn(&layer.w_q), turn(&layer.w_k));
        let pairs = q.outer_iter().zip(k.outer_iter()).map(|(q, k)| {
            let scores = ch03_scaled_dot_product::masked_scores(q, k, mask);
            softmax_rows(scores.view())
        });
        pairs.collect::<Vec<_>>()
    };
    let v = ch04_multi_head::split_heads(x.dot(&layer.w_v).view(), layer.h);
    let heads: Vec<_> = weights(1)
        .iter()
        .zip(v.outer_iter())
        .map(|(weights, v)| weights.dot(&v))
        .collect();
    let heads: Vec<_> = heads.iter().map(|head| head.view()).collect();
    concatenate(Axis(1), &heads)
        .expect("equal heads")
        .dot(&layer.w_o)
}

#[test]
fn rotary_self_attention_in_other_styles() {
    rotary_self_attention::exercise().assert_accepts(&[
        ("slices", rotary_by_slices as rotary_self_attention::Body),
        ("positions from 1", rotary_from_elsewhere),
    ]);
}

mod norms {
    use super::*;

    pub fn whole_arrays(x: ArrayView2<f32>, norm: &LayerNorm) -> Array2<f32> {
        let mean = x.mean_axis(Axis(1)).expect("columns").insert_axis(Axis(1));
        let variance = x.var_axis(Axis(1), 0.0).insert_axis(Axis(1));
        (&x - &mean) / (variance + EPSILON).sqrt() * &norm.gain + &norm.bias
    }

    /// Deviations summed backwards; multiplied by 1/√ instead of divided.
    pub fn backwards(x: ArrayView2<f32>, norm: &LayerNorm) -> Array2<f32> {
        let mut y = x.to_owned();
        for mut row in y.rows_mut() {
            let width = row.len() as f32;
            let mean = row.iter().rev().sum::<f32>() / width;
            let squares = row.iter().rev().map(|x| (x - mean).powi(2)).sum::<f32>();
            let scale = 1.0 / (squares / width + EPSILON).sqrt();
            for (column, x) in row.iter_mut().enumerate() {
                *x = (*x - mean) * scale * norm.gain[column] + norm.bias[column];
            }
        }
        y
    }

    pub fn wide(x: ArrayView2<f32>, norm: &LayerNorm) -> Array2<f32> {
        let mut y = x.mapv(f64::from);
        for mut row in y.rows_mut() {
            let mean = row.mean().expect("columns");
            let deviation = (row.var(0.0) + f64::from(EPSILON)).sqrt();
            row.mapv_inplace(|x| (x - mean) / deviation);
        }
        (y * norm.gain.mapv(f64::from) + norm.bias.mapv(f64::from)).mapv(|x| x as f32)
    }
}

#[test]
fn layer_norm_in_other_styles() {
    use norms::*;
    layer_norm::exercise().assert_accepts(&[
        ("whole arrays", whole_arrays as layer_norm::Body),
        ("backwards", backwards),
        ("f64 inside", wide),
    ]);
}

/// Its own parts throughout, and x changed in place.
fn block_in_place(
    block: &DecoderBlock,
    x: ArrayView2<f32>,
    memory: ArrayView2<f32>,
    memory_mask: &Mask,
) -> Array2<f32> {
    let mut x = x.to_owned();
    let seen = norms::backwards(x.view(), &block.norm_1);
    x += &rotary_by_slices(
        &block.self_attention,
        seen.view(),
        block.rotary,
        &Mask::Causal,
    );
    let seen = norms::whole_arrays(x.view(), &block.norm_2);
    x += &head_by_head(&block.cross_attention, seen.view(), memory, memory_mask);
    let seen = norms::wide(x.view(), &block.norm_3);
    let network = &block.feed_forward;
    let inner = (seen.dot(&network.w_1) + &network.b_1).mapv(|x| if x < 0.0 { 0.0 } else { x });
    x + inner.dot(&network.w_2) + &network.b_2
}

#[test]
fn decoder_block_in_other_styles() {
    decoder_block::exercise()
        .assert_accepts(&[("in place", block_in_place as decoder_block::Body)]);
}
