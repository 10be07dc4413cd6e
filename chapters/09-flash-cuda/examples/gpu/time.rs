//! How long each rung takes.

use crate::Machine;
use anyhow::Result;
use ch09_flash_cuda::{
    Rung, Sizes,
    timing::{Peaks, operations, seconds},
};
use std::{fs::File, io::Write, path::Path};

/// Query heads.
const HEADS: usize = 16;

/// The longest texts, by rung: the scores of the naive one have to fit, and the f32 rungs take long.
fn lengths(rung: Rung) -> &'static [usize] {
    match rung {
        Rung::Naive => &[1024, 2048, 4096],
        _ => &[1024, 2048, 4096, 8192, 16384],
    }
}

/// Times them all, as medians with the lowest and the highest round.
pub fn time(machine: &Machine, file: &Path) -> Result<()> {
    let Machine { card, driver, date } = machine;
    let peaks = Peaks::of(card);
    let mut table = File::create(file)?;
    writeln!(
        table,
        "card,driver,date,what,heads,n,d,causal,rounds,median_us,low_us,high_us,tflops,bound_us"
    )?;
    for rung in Rung::ALL {
        for d in [64, 128] {
            for causal in [false, true] {
                for &length in lengths(rung) {
                    // A rung that decodes has one query, which sees all keys.
                    let (n, kv_heads) = match rung {
                        Rung::Split if causal => continue,
                        Rung::Split => (1, HEADS),
                        Rung::Gqa => (length, HEADS / 4),
                        _ => (length, HEADS),
                    };
                    let sizes = Sizes { heads: HEADS, kv_heads, n, m: length, d };
                    let mut rounds = seconds(rung, sizes, causal)?;
                    rounds.sort_by(f64::total_cmp);
                    let median = rounds[rounds.len() / 2];
                    let (low, high) = (rounds[0], rounds[rounds.len() - 1]);
                    let rate = operations(sizes, causal) / median / 1e12;
                    let bound = peaks.map(|peaks| peaks.bound(rung, sizes, causal));
                    if let Some(bound) = bound.filter(|bound| low < *bound) {
                        println!(
                            "{} n = {length}, d = {d}: {low:.2e} s is less than the bound, {bound:.2e} s: one of them is wrong",
                            rung.name()
                        );
                    }
                    let us = |seconds: f64| format!("{:.2}", seconds * 1e6);
                    writeln!(
                        table,
                        "{card},{driver},{date},{},{HEADS},{length},{d},{causal},{},{},{},{},{rate:.3},{}",
                        rung.name(),
                        rounds.len(),
                        us(median),
                        us(low),
                        us(high),
                        bound.map(us).unwrap_or_default()
                    )?;
                    println!(
                        "{:10} n = {length:5}, d = {d:3}{}: {:9} µs, {rate:7.2} TFLOP/s",
                        rung.name(),
                        if causal { ", causal" } else { "        " },
                        us(median)
                    );
                }
            }
        }
    }
    Ok(())
}
