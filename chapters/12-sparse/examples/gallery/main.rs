//! The patterns as text, and a small language model whose layers see less than everything.
//!
//! `cargo attn run 12`

mod functions;
mod report;

use anyhow::{Result, ensure};
use attn_exercise::demonstrate;
use clap::Parser;
use std::process::ExitCode;

/// Attention to some of the keys, and what it costs a model.
#[derive(Parser)]
#[command(name = "cargo attn run 12", bin_name = "cargo attn run 12")]
#[command(after_help = "With --mine, it runs on your functions.")]
pub struct Args {
    /// How many tokens a cache holds in all
    #[arg(long, value_name = "N", default_value_t = 64)]
    cache: usize,
    /// How many of them are the stream's first
    #[arg(long, value_name = "N", default_value_t = 4)]
    sinks: usize,
    /// How many characters the model reads
    #[arg(long, value_name = "N", default_value_t = 768)]
    characters: usize,
}

/// The report.
pub fn run(args: &Args) -> Result<String> {
    let Args { cache, sinks, characters } = *args;
    ensure!((1..=256).contains(&cache), "a cache of 1 to 256 tokens, not {cache}");
    ensure!(sinks < cache, "of {cache} tokens at most {} are the first ones", cache - 1);
    ensure!((512..=4096).contains(&characters), "512 to 4096 characters, not {characters}");
    Ok(report::report(cache, sinks, characters))
}

fn main() -> ExitCode {
    demonstrate(|| run(&Args::parse()))
}
