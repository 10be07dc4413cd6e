//! The ring of attn-ring, which merges the states of chapter 8.

use crate::{
    path::{Path, SINGLE, Widths},
    problem::{Problem, Setting},
};
use attn_ring::threads;
use ndarray::Array3;

const RING: Path = Path {
    name: "ring of 2",
    chapter: 8,
    condition: "",
    settings: &Setting::ALL,
    widths: Widths::Any,
    error: SINGLE,
    run: |p| ring(p, 2),
};

pub(super) const PATHS: &[Path] = &[RING, Path { name: "ring of 5", run: |p| ring(p, 5), ..RING }];

fn ring(p: &Problem, size: usize) -> Array3<f64> {
    let run = threads(p.q.view(), p.k.view(), p.v.view(), p.causal, size).expect("sizes that fit");
    run.output.out.mapv(f64::from)
}
