//! How long the simulator takes: `cargo run --release -p ptx-sim --example speed`.
//!
//! FlashAttention, four heads, causal, d = 64, with every check. The time for each instruction
//! should not depend on how many there are.

use std::{
    error::Error,
    time::{Duration, Instant},
};

use ptx_sim::{Argument, Launch, Memory, Module};

fn main() -> Result<(), Box<dyn Error>> {
    let (h, d) = (4usize, 64usize);
    println!(
        "kernel          n   time (best of 5)   warp instructions   ns an instruction   findings"
    );
    for (name, ptx) in [
        ("tiled", include_str!("../tests/seeded/tiled.ptx")),
        ("warp", include_str!("../tests/seeded/warp.ptx")),
    ] {
        let module = Module::parse(ptx)?;
        for n in [64, 128, 256] {
            let x: Vec<f32> = (0..h * n * d)
                .map(|i| ((i * 7919) % 1000) as f32 / 500.0 - 1.0)
                .collect();
            let mut best = Duration::MAX;
            let (mut instructions, mut findings) = (0, 0);
            for _ in 0..5 {
                let mut memory = Memory::new();
                let [q, k, v] = ["q", "k", "v"].map(|name| memory.alloc(name, &x));
                let out = memory.alloc_uninit::<f32>("out", h * n * d);
                let lse = memory.alloc_uninit::<f32>("lse", h * n);
                let mut arguments: Vec<Argument> = [q, k, v, out, lse].map(Argument::from).into();
                arguments.extend([n as i32, n as i32].map(Argument::from));
                arguments.extend([0.125f32.into(), 1i32.into(), 1i32.into()]);
                let launch = Launch::new([n.div_ceil(16) as u32, h as u32, 1], [128, 1, 1]);
                let start = Instant::now();
                let report = module.kernels()[0].launch(&mut memory, &launch, &arguments)?;
                best = best.min(start.elapsed());
                (instructions, findings) = (report.total.instructions, report.findings.len());
            }
            let each = best.as_nanos() as f64 / instructions as f64;
            println!(
                "{name:<10} {n:>6} {best:>18.1?} {instructions:>19} {each:>19.1} {findings:>10}"
            );
        }
    }
    Ok(())
}
