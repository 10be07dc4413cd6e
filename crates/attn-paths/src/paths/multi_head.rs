//! Chapter 4.

use crate::{
    path::{Path, SINGLE, Widths},
    problem::{Problem, Setting},
};
use ch04_multi_head::{
    AttentionLayer, Kept, Layout, Rotary, attend_heads, decode_step, merge_heads,
    multi_head_attention, split_heads,
};
use ndarray::{Array2, Array3, Axis, concatenate, s};

pub(super) const PATHS: &[Path] = &[
    Path {
        name: "multi-head attention",
        chapter: 4,
        condition: "each matrix takes its part of the row, and W_o changes nothing",
        settings: Setting::OWN_KEYS,
        widths: Widths::Any,
        error: SINGLE,
        run: multi_head,
    },
    Path {
        name: "MHA, head by head",
        chapter: 4,
        condition: "",
        settings: Setting::OWN_KEYS,
        widths: Widths::Any,
        error: SINGLE,
        run: |p| attend_heads(p.q.view(), p.k.view(), p.v.view(), &p.mask()).mapv(f64::from),
    },
    Path {
        name: "a decoding step",
        chapter: 4,
        condition: "the token stands at position 0, where nothing is turned",
        settings: &[Setting::Step],
        widths: Widths::Any,
        error: SINGLE,
        run: step,
    },
];

/// A matrix of `rows` rows that takes `width` columns from column `start` on.
pub(super) fn take(rows: usize, start: usize, width: usize) -> Array2<f32> {
    Array2::from_shape_fn((rows, width), |(i, j)| if i == start + j { 1.0 } else { 0.0 })
}

/// A layer whose queries are the rows of x, and whose keys and values lie side by side in the memory.
pub(super) fn passing_on(p: &Problem) -> AttentionLayer {
    let ((h, _), (d, d_v)) = (p.heads(), p.widths());
    let (keys, values) = (h * d, h * d_v);
    AttentionLayer {
        w_q: Array2::eye(keys),
        w_k: take(keys + values, 0, keys),
        w_v: take(keys + values, keys, values),
        w_o: Array2::eye(values),
        h,
    }
}

/// Keys and values of all heads side by side: m × h·(d + d_v).
pub(super) fn memory(p: &Problem) -> Array2<f32> {
    concatenate![Axis(1), merge_heads(p.k.view()), merge_heads(p.v.view())]
}

/// What each head found, from the heads side by side.
pub(super) fn apart(out: Array2<f32>, h: usize) -> Array3<f64> {
    split_heads(out.view(), h).mapv(f64::from)
}

fn multi_head(p: &Problem) -> Array3<f64> {
    let (x, memory) = (merge_heads(p.q.view()), memory(p));
    let out = multi_head_attention(&passing_on(p), x.view(), memory.view(), &p.mask());
    apart(out, p.heads().0)
}

/// The last key and value are the new token's own; the others were kept.
fn step(p: &Problem) -> Array3<f64> {
    let ((h, _), (_, m), (d, d_v)) = (p.heads(), p.lengths(), p.widths());
    let (keys, values) = (h * d, h * d_v);
    let x = concatenate![
        Axis(1),
        merge_heads(p.q.view()),
        merge_heads(p.k.slice(s![.., m - 1.., ..])),
        merge_heads(p.v.slice(s![.., m - 1.., ..]))
    ];
    let layer = AttentionLayer {
        w_q: take(x.ncols(), 0, keys),
        w_k: take(x.ncols(), keys, keys),
        w_v: take(x.ncols(), 2 * keys, values),
        w_o: Array2::eye(values),
        h,
    };
    let kept = Kept {
        keys: p.k.slice(s![.., ..m - 1, ..]).to_owned(),
        values: p.v.slice(s![.., ..m - 1, ..]).to_owned(),
        padding: 0,
    };
    let rotary = Rotary { base: 10_000.0, layout: Layout::Half };
    let out = decode_step(&layer, x.row(0), &kept, 0, rotary).out;
    apart(out.insert_axis(Axis(0)), h)
}
