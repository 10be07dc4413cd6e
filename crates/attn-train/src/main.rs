//! `attn-train`
use anyhow::Result;
use attn_dates::Model;
use attn_train::{measure, train::{Run, train}};
use clap::Parser;
use std::path::PathBuf;

#[derive(Parser)]
struct Args {
    model: Model,
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[arg(long, default_value_t = 2000)]
    steps: u64,
    #[arg(long, default_value_t = 96)]
    batch: usize,
    #[arg(long, default_value_t = 0.002)]
    rate: f64,
    #[arg(long, default_value = "/tmp/ckpt")]
    checkpoint: PathBuf,
    #[arg(long, default_value_t = 200)]
    lists: usize,
}

fn main() -> Result<()> {
    let a = Args::parse();
    let run = Run { model: a.model, seed: a.seed, steps: a.steps, batch: a.batch, rate: a.rate };
    let start = std::time::Instant::now();
    let mut mean = 0.0;
    let net = train(&run, &a.checkpoint, |step, loss| {
        mean += loss;
        if step % 25 == 0 {
            println!("{step} {:.4} {:.1}s", mean / 25.0, start.elapsed().as_secs_f64());
            mean = 0.0;
        }
    })?;
    for row in measure::accuracy(&net, a.lists)? {
        println!("{row:?}");
    }
    Ok(())
}
