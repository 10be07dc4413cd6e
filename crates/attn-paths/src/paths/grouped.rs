//! Chapter 6.

use crate::{
    path::{Path, SINGLE, Widths},
    problem::Setting,
};
use ch04_multi_head::attend_heads;
use ch06_mqa_gqa::{Cache, grouped_attention, grouped_decode, kv_head};
use ndarray::{Array3, Axis, stack};

const GROUPED: Path = Path {
    name: "GQA",
    chapter: 6,
    condition: "",
    settings: &Setting::ALL,
    widths: Widths::Any,
    error: SINGLE,
    run: |p| {
        let (q, k, v) = (p.q.view(), p.k.view(), p.v.view());
        grouped_attention(q, k, v, &p.mask()).mapv(f64::from)
    },
};

pub(super) const PATHS: &[Path] = &[
    GROUPED,
    Path {
        name: "MHA with copied key heads",
        condition: "each key head is copied for every query head of its group",
        run: |p| {
            let (h, h_kv) = p.heads();
            let copied = |x: &Array3<f32>| {
                let heads: Vec<_> =
                    (0..h).map(|i| x.index_axis(Axis(0), kv_head(i, h, h_kv))).collect();
                stack(Axis(0), &heads).expect("heads of one shape")
            };
            let (k, v) = (copied(&p.k), copied(&p.v));
            attend_heads(p.q.view(), k.view(), v.view(), &p.mask()).mapv(f64::from)
        },
        ..GROUPED
    },
    Path {
        name: "GQA, one token",
        settings: Setting::STEPS,
        run: |p| {
            let cache = Cache::new(p.k.clone(), p.v.clone());
            let out = grouped_decode(p.q.index_axis(Axis(1), 0), &cache);
            out.insert_axis(Axis(1)).mapv(f64::from)
        },
        ..GROUPED
    },
];
