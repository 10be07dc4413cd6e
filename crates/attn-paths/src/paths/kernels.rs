//! Chapter 9, on the simulator.

use crate::{
    path::{Path, SINGLE, Widths},
    problem::{Problem, Setting},
};
use ch09_flash_cuda::{Device, Inputs, Rung, attention};
use ndarray::Array3;

const KERNEL: Path = Path {
    name: "CUDA: naive",
    chapter: 9,
    condition: "on the simulator",
    settings: &Setting::ALL,
    widths: Widths::Kernel,
    error: SINGLE,
    run: |p| simulated(p, Rung::Naive),
};

pub(super) const PATHS: &[Path] = &[
    KERNEL,
    Path { name: "CUDA: tiled", run: |p| simulated(p, Rung::Tiled), ..KERNEL },
    Path { name: "CUDA: warp", run: |p| simulated(p, Rung::Warp), ..KERNEL },
    Path {
        name: "CUDA: split",
        settings: Setting::STEPS,
        run: |p| simulated(p, Rung::Split),
        ..KERNEL
    },
    Path { name: "CUDA: GQA", run: |p| simulated(p, Rung::Gqa), ..KERNEL },
];

fn simulated(p: &Problem, rung: Rung) -> Array3<f64> {
    let inputs = Inputs { q: p.q.clone(), k: p.k.clone(), v: p.v.clone(), causal: p.causal };
    let outcome = attention(&mut Device::simulator(), rung, &inputs).expect("sizes that fit");
    assert!(outcome.findings().is_empty(), "{:?}", outcome.findings());
    outcome.out.mapv(f64::from)
}
