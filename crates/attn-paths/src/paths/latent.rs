//! Chapter 7.

use crate::{
    path::{DOUBLE, Path, Widths},
    problem::{Problem, Setting},
};
use ch07_mla::{
    Expanded,
    given::{Latents, Queries, Up},
    gqa_as_mla, mla_absorbed, mla_as_mqa, mla_naive,
};
use ndarray::{Array2, Array3};

const LATENT: Path = Path {
    name: "MLA, naive",
    chapter: 7,
    condition: "latents that hold keys and values, no rotary part",
    settings: Setting::CAUSAL,
    widths: Widths::Any,
    error: DOUBLE,
    run: |p| {
        let (queries, kept, up) = latents(p);
        mla_naive(&queries, &kept, &up)
    },
};

pub(super) const PATHS: &[Path] = &[
    LATENT,
    Path {
        name: "MLA, absorbed",
        run: |p| {
            let (queries, kept, up) = latents(p);
            mla_absorbed(&queries, &kept, &up).heads
        },
        ..LATENT
    },
    Path {
        name: "MLA as MQA",
        run: |p| {
            let (queries, kept, up) = latents(p);
            mla_as_mqa(&queries, &kept, &up).heads
        },
        ..LATENT
    },
    Path {
        name: "MLA, keys and values kept",
        run: |p| {
            let (queries, kept, up) = latents(p);
            let mut expanded = Expanded::empty(&up, 0);
            expanded.append(&kept, &up);
            expanded.attend(&queries)
        },
        ..LATENT
    },
];

/// The problem's keys and values as latents, and the weights that make them again.
fn latents(p: &Problem) -> (Queries, Latents, Up) {
    let ((h, _), (n, m)) = (p.heads(), p.lengths());
    let [k, v] = [&p.k, &p.v].map(|x| x.mapv(f64::from));
    let as_mla = gqa_as_mla(k.view(), v.view(), h);
    let queries = Queries { content: p.q.mapv(f64::from), rotary: Array3::zeros((h, n, 0)) };
    (queries, Latents { c: as_mla.c, k_r: Array2::zeros((m, 0)) }, as_mla.up)
}
