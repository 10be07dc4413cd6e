//! Chapter 7: the naive and the absorbed form of latent attention.

use crate::sitting::{Sitting, timed};
use anyhow::{Result, ensure};
use attn_bench::{rounds::in_turn, table::Line};
use attn_core::random::Random;
use ch07_mla::{
    Expanded,
    given::{Latents, Queries, Shape, Up},
    mla_absorbed, mla_as_mqa, mla_naive,
    numbers::V2,
    seeded,
};
use ndarray::Array3;

/// Tokens that are kept when one more comes.
const KEPT: usize = 4096;
/// The crossovers are measured with so many heads: both forms cost the same for each.
const FEW: usize = 8;

/// A step of decoding in DeepSeek-V2's shape; then both forms against the number of queries.
pub fn measure(sitting: &mut Sitting) -> Result<()> {
    let Shape { h, d, d_r, d_v, d_c } = V2;
    println!(
        "\nOne token behind {KEPT}, {h} heads, d = d_v = {d}, d_c = {d_c}, d_r = {d_r}, in f64; ms"
    );
    assert_eq!(d, d_v);
    step(sitting)?;
    println!("\nSeveral new tokens at once, {FEW} heads of the same shape; ms");
    crossover(sitting)
}

fn inputs(random: &mut Random, shape: Shape, n: usize, m: usize) -> (Queries, Latents, Up) {
    let (queries, kept) = seeded::attention(random, shape, (n, m));
    (queries, kept, seeded::up(random, shape))
}

fn step(sitting: &mut Sitting) -> Result<()> {
    let (queries, kept, up) = inputs(&mut Random::new(7), V2, 1, KEPT);
    let mut expanded = Expanded::empty(&up, V2.d_r);
    expanded.append(&kept, &up);
    let naive = || mla_naive(&queries, &kept, &up);
    let absorbed = || mla_absorbed(&queries, &kept, &up).heads;
    let as_mqa = || mla_as_mqa(&queries, &kept, &up).heads;
    same(&naive(), &absorbed())?;
    same(&naive(), &as_mqa())?;
    same(&naive(), &expanded.attend(&queries))?;
    let kept_whole = || expanded.attend(&queries);
    let all = vec![timed(naive), timed(absorbed), timed(as_mqa), timed(kept_whole)];
    // The naive form takes seconds.
    let times = in_turn(sitting.rounds.div_ceil(2), all)?;
    let names = ["naive", "absorbed", "absorbed as MQA", "keys and values kept"];
    for (name, own) in names.into_iter().zip(&times) {
        sitting.table.add(Line::time_beside("step", name, own, ("naive", &times[0])));
    }
    Ok(())
}

fn crossover(sitting: &mut Sitting) -> Result<()> {
    let mut random = Random::new(77);
    let shape = Shape { h: FEW, ..V2 };
    for (m, counts) in [(4096, [1, 16, 64, 128, 192, 256]), (512, [1, 16, 64, 128, 192, 256])] {
        for n in counts {
            let (queries, kept, up) = inputs(&mut random, shape, n, m);
            let naive = || mla_naive(&queries, &kept, &up);
            let absorbed = || mla_as_mqa(&queries, &kept, &up).heads;
            same(&naive(), &absorbed())?;
            let times = in_turn(sitting.rounds, vec![timed(naive), timed(absorbed)])?;
            let name = format!("{n} new of {m}");
            sitting.table.add(Line::time_beside("calls", name, &times[1], ("naive", &times[0])));
        }
    }
    Ok(())
}

/// Makes sure that what is timed is right.
fn same(a: &Array3<f64>, b: &Array3<f64>) -> Result<()> {
    let largest = a.fold(0.0_f64, |most, x| most.max(x.abs()));
    let furthest = (a - b).fold(0.0_f64, |most, x| most.max(x.abs()));
    ensure!(furthest <= 1e-12 * largest, "the two forms differ by {furthest:e}");
    Ok(())
}
