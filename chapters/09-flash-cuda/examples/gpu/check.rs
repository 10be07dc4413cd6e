//! Every rung on the GPU, beside the exact result and beside the simulator.

use crate::Machine;
use anyhow::Result;
use ch09_flash_cuda::{
    Device, Inputs, Rung, Sizes, attention,
    precision::{Expected, expected},
};
use ndarray::{Array, Dimension};
use std::{fs::File, io::Write, path::Path};

/// Sizes of each kind: one tile, ragged ends, more keys than queries, heads that share keys.
const SIZES: [(usize, usize, usize, usize); 5] =
    [(1, 1, 64, 64), (2, 2, 130, 130), (4, 2, 77, 201), (8, 2, 33, 128), (4, 1, 128, 257)];

/// Checks them all, and says whether all are right.
pub fn check(machine: &Machine, file: &Path, quick: bool) -> Result<bool> {
    let mut table = File::create(file)?;
    writeln!(
        table,
        "card,driver,date,rung,heads,kv_heads,n,m,d,causal,error_of_allowed,gpu_from_simulator,stayed_inside"
    )?;
    let mut right = true;
    let sizes = if quick { &SIZES[..2] } else { &SIZES };
    for rung in Rung::ALL {
        let mut worst = 0.0f64;
        for &(heads, kv_heads, n, m) in sizes {
            for (d, causal) in [(64, false), (64, true), (128, false), (128, true)] {
                // A rung that decodes has one query, which sees all keys.
                let decodes = rung == Rung::Split;
                if decodes && causal {
                    continue;
                }
                let n = if decodes { 1 } else { n };
                let sizes = Sizes { heads, kv_heads, n, m, d };
                let (share, apart, inside) = compare(rung, sizes, causal)?;
                right &= share <= 1.0 && inside;
                worst = worst.max(share);
                let Machine { card, driver, date } = machine;
                writeln!(
                    table,
                    "{card},{driver},{date},{},{heads},{kv_heads},{n},{m},{d},{causal},{share:.3},{apart:.1e},{inside}",
                    rung.name()
                )?;
            }
        }
        let word = if worst <= 1.0 { "right" } else { "WRONG" };
        println!("{:10} {word}: at most {worst:.2} of the allowed error", rung.name());
    }
    Ok(right)
}

/// The largest error as a share of the allowed one, the largest difference from the simulator, and whether the room behind
/// the outputs was left alone.
fn compare(rung: Rung, sizes: Sizes, causal: bool) -> Result<(f64, f64, bool)> {
    let inputs = rung.numbers().rounded(&Inputs::random(9, sizes, causal));
    let exact = expected(rung.numbers(), &inputs)?;
    let gpu = attention(&mut Device::open(), rung, &inputs)?;
    let simulator = attention(&mut Device::simulator(), rung, &inputs)?;
    let Expected { out, lse, out_allowed, lse_allowed } = &exact;
    let share = share(&gpu.out, out, out_allowed).max(share(&gpu.lse, lse, lse_allowed));
    let apart = gpu.out.iter().zip(&simulator.out).map(|(a, b)| f64::from((a - b).abs()));
    Ok((share, apart.fold(0.0, f64::max), gpu.stayed_inside))
}

/// The largest error as a share of the allowed one: infinite for what is no number, and where none is allowed.
fn share<D: Dimension>(
    result: &Array<f32, D>,
    exact: &Array<f64, D>,
    allowed: &Array<f64, D>,
) -> f64 {
    let all = result.iter().zip(exact).zip(allowed);
    let shares = all.map(|((result, exact), allowed)| {
        let error = (f64::from(*result) - exact).abs();
        match f64::from(*result) == *exact {
            true => 0.0,
            false if error.is_nan() => f64::INFINITY,
            false => error / allowed,
        }
    });
    shares.fold(0.0, f64::max)
}
