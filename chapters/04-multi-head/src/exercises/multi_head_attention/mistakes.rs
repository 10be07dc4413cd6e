//! Wrong answers to 4.3.

use super::Body;
use crate::{attend_heads, given::AttentionLayer, merge_heads, multi_head_attention, split_heads};
use attn_core::Mask;
use attn_exercise::Mistake;
use ch03_scaled_dot_product::{allowed, masked_scores, softmax_rows};
use ndarray::{Array2, Array3, ArrayView2, ArrayView3, Axis, concatenate, s};

/// Queries, keys and values of every head.
fn project(
    layer: &AttentionLayer,
    x: ArrayView2<f32>,
    memory: ArrayView2<f32>,
) -> [Array3<f32>; 3] {
    [(x, &layer.w_q), (memory, &layer.w_k), (memory, &layer.w_v)]
        .map(|(x, w)| split_heads(x.dot(w).view(), layer.h))
}

/// The numbers, in the order of their axes, in another shape.
fn reshaped(x: ArrayView2<f32>, h: usize) -> Array3<f32> {
    let shape = (h, x.nrows(), x.ncols() / h);
    Array3::from_shape_vec(shape, x.iter().copied().collect()).expect("as many as in x")
}

/// Multi-head attention with other queries: each head's are multiplied by `factor`.
fn scaled(
    layer: &AttentionLayer,
    x: ArrayView2<f32>,
    memory: ArrayView2<f32>,
    mask: &Mask,
    factor: f32,
) -> Array2<f32> {
    let layer = AttentionLayer {
        w_q: &layer.w_q * factor,
        ..layer.clone()
    };
    multi_head_attention(&layer, x, memory, mask)
}

fn head_width(layer: &AttentionLayer) -> f32 {
    (layer.w_q.ncols() / layer.h) as f32
}

/// The masked, scaled scores of every head, (h, n, m).
fn scores(q: ArrayView3<f32>, k: ArrayView3<f32>, mask: &Mask) -> Array3<f32> {
    let mut scores = Array3::zeros((q.dim().0, q.dim().1, k.dim().1));
    for (head, mut scores) in scores.axis_iter_mut(Axis(0)).enumerate() {
        let [q, k] = [q, k].map(|x| x.index_axis_move(Axis(0), head));
        scores.assign(&masked_scores(q, k, mask));
    }
    scores
}

/// Weighs the values of every head, and mixes the heads.
fn weigh(layer: &AttentionLayer, weights: &Array3<f32>, v: &Array3<f32>) -> Array2<f32> {
    let heads = weights.outer_iter().zip(v.outer_iter());
    let heads: Vec<_> = heads.map(|(weights, v)| weights.dot(&v)).collect();
    let heads: Vec<_> = heads.iter().map(|head| head.view()).collect();
    concatenate(Axis(1), &heads)
        .expect("heads of equal height")
        .dot(&layer.w_o)
}

fn softmax_over_heads(mut scores: Array3<f32>) -> Array3<f32> {
    for mut lane in scores.lanes_mut(Axis(0)) {
        let row = lane.to_owned().insert_axis(Axis(0));
        lane.assign(&softmax_rows(row.view()).row(0));
    }
    scores
}

pub fn all() -> Vec<Mistake<Body>> {
    vec![
        Mistake {
            name: "no-w-o",
            when: "the merged heads are returned as they are: the product with W_o is missing",
            body: |layer, x, memory, mask| {
                let [q, k, v] = project(layer, x, memory);
                merge_heads(attend_heads(q.view(), k.view(), v.view(), mask).view())
            },
        },
        Mistake {
            name: "root-of-all-heads",
            when: "the scores are divided by the root of the width of all heads together, √(h·d), instead of one head's, √d",
            body: |layer, x, memory, mask| {
                scaled(layer, x, memory, mask, 1.0 / (layer.h as f32).sqrt())
            },
        },
        Mistake {
            name: "root-of-d-model",
            when: "the scores are divided by √d_model instead of √d, the width of one head",
            body: |layer, x, memory, mask| {
                let factor = (head_width(layer) / x.ncols() as f32).sqrt();
                scaled(layer, x, memory, mask, factor)
            },
        },
        Mistake {
            name: "scaled-twice",
            when: "the scores are divided by √d twice: attention of chapter 3 has done it already",
            body: |layer, x, memory, mask| {
                scaled(layer, x, memory, mask, 1.0 / head_width(layer).sqrt())
            },
        },
        Mistake {
            name: "softmax-over-heads",
            when: "the softmax runs over the heads instead of the keys",
            body: |layer, x, memory, mask| {
                let [q, k, v] = project(layer, x, memory);
                let weights = softmax_over_heads(scores(q.view(), k.view(), mask));
                weigh(layer, &weights, &v)
            },
        },
        Mistake {
            name: "one-wide-head",
            when: "the columns are not split: there is one head of the full width",
            body: |layer, x, memory, mask| {
                let layer = AttentionLayer {
                    h: 1,
                    ..layer.clone()
                };
                multi_head_attention(&layer, x, memory, mask)
            },
        },
        Mistake {
            name: "split-by-reshape",
            when: "queries, keys and values are split by a reshape without a transpose: each head attends among mixtures of tokens",
            body: |layer, x, memory, mask| {
                let [q, k, v] = [(x, &layer.w_q), (memory, &layer.w_k), (memory, &layer.w_v)]
                    .map(|(x, w)| reshaped(x.dot(w).view(), layer.h));
                let heads = attend_heads(q.view(), k.view(), v.view(), mask);
                merge_heads(heads.view()).dot(&layer.w_o)
            },
        },
        Mistake {
            name: "merged-by-reshape",
            when: "the heads are merged by a reshape without a transpose",
            body: |layer, x, memory, mask| {
                let [q, k, v] = project(layer, x, memory);
                let heads = attend_heads(q.view(), k.view(), v.view(), mask);
                let numbers = heads.iter().copied().collect();
                let shape = (x.nrows(), layer.w_v.ncols());
                let merged = Array2::from_shape_vec(shape, numbers).expect("as many as in heads");
                merged.dot(&layer.w_o)
            },
        },
        Mistake {
            name: "first-weights-for-all",
            when: "every head uses the weights of the first one: the scores are those of head 0 throughout",
            body: |layer, x, memory, mask| {
                let [mut q, mut k, v] = project(layer, x, memory);
                for x in [&mut q, &mut k] {
                    let first = x.index_axis(Axis(0), 0).to_owned();
                    x.outer_iter_mut().for_each(|mut head| head.assign(&first));
                }
                let heads = attend_heads(q.view(), k.view(), v.view(), mask);
                merge_heads(heads.view()).dot(&layer.w_o)
            },
        },
        Mistake {
            name: "mean-of-weights",
            when: "the weights of the heads are averaged, and every head uses the mean",
            body: |layer, x, memory, mask| {
                let [q, k, v] = project(layer, x, memory);
                let mut weights = scores(q.view(), k.view(), mask);
                for mut head in weights.axis_iter_mut(Axis(0)) {
                    let softmax = softmax_rows(head.view());
                    head.assign(&softmax);
                }
                let mean = weights.mean_axis(Axis(0)).expect("a head");
                for mut head in weights.axis_iter_mut(Axis(0)) {
                    head.assign(&mean);
                }
                weigh(layer, &weights, &v)
            },
        },
        Mistake {
            name: "mask-ignored",
            when: "the mask is not handed on to the heads",
            body: |layer, x, memory, _| multi_head_attention(layer, x, memory, &Mask::None),
        },
        Mistake {
            name: "mask-on-the-first-head",
            when: "only the first head obeys the mask",
            body: |layer, x, memory, mask| {
                let [q, k, v] = project(layer, x, memory);
                let mut heads = attend_heads(q.view(), k.view(), v.view(), &Mask::None);
                let masked = attend_heads(q.view(), k.view(), v.view(), mask);
                let first = s![0, .., ..];
                heads.slice_mut(first).assign(&masked.slice(first));
                merge_heads(heads.view()).dot(&layer.w_o)
            },
        },
        Mistake {
            name: "transposed-mask",
            when: "the mask is read as a table of keys by queries",
            body: |layer, x, memory, mask| {
                let (n, m) = (x.nrows(), memory.nrows());
                let table = allowed(mask, n, m);
                let swapped =
                    Array2::from_shape_fn((n, m), |(i, j)| table[[j.min(n - 1), i.min(m - 1)]]);
                multi_head_attention(layer, x, memory, &Mask::Dense(swapped))
            },
        },
        Mistake {
            name: "keys-and-values-swapped",
            when: "keys and values are exchanged: w_v makes the keys, or attention gets v before k",
            body: |layer, x, memory, mask| {
                let [q, k, v] = project(layer, x, memory);
                merge_heads(attend_heads(q.view(), v.view(), k.view(), mask).view()).dot(&layer.w_o)
            },
        },
        Mistake {
            name: "values-from-x",
            when: "the values are made from x instead of the memory",
            body: |layer, x, memory, mask| {
                let [q, k, _] = project(layer, x, memory);
                let v = split_heads(x.dot(&layer.w_v).view(), layer.h);
                merge_heads(attend_heads(q.view(), k.view(), v.view(), mask).view()).dot(&layer.w_o)
            },
        },
        Mistake {
            name: "keys-and-values-from-x",
            when: "keys and values are made from x: the memory is not looked at",
            body: |layer, x, _, mask| {
                let [q, k, v] = project(layer, x, x);
                merge_heads(attend_heads(q.view(), k.view(), v.view(), mask).view()).dot(&layer.w_o)
            },
        },
        Mistake {
            name: "w-o-transposed",
            when: "W_o is applied transposed",
            body: |layer, x, memory, mask| {
                let [q, k, v] = project(layer, x, memory);
                let heads = merge_heads(attend_heads(q.view(), k.view(), v.view(), mask).view());
                heads.dot(&layer.w_o.t())
            },
        },
    ]
}
