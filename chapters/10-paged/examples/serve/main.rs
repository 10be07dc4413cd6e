//! A trace of requests is served four times in the same memory: caches in one piece, reserved in three
//! ways, and caches in blocks.
//!
//! `cargo attn run 10`

mod functions;
pub mod report;

use anyhow::{Result, ensure};
use attn_exercise::demonstrate;
use ch10_paged::{comparison::PLACES, engine::Lm};
use clap::Parser;
use std::{
    io::{self, IsTerminal, Write},
    process::ExitCode,
};

/// A small server writes many texts at once, in one memory.
#[derive(Parser)]
#[command(name = "cargo attn run 10", bin_name = "cargo attn run 10")]
#[command(after_help = "With --mine, it runs on your functions.")]
pub struct Args {
    /// How many requests there are
    #[arg(long, value_name = "N", default_value_t = 64)]
    requests: usize,
    /// How many tokens a block has
    #[arg(long, value_name = "N", default_value_t = 16)]
    size: usize,
}

/// Prints everything as soon as it is known.
pub fn run(args: &Args, model: impl FnOnce() -> Lm, live: bool, to: &mut impl Write) -> Result<()> {
    ensure!((1..=256).contains(&args.requests), "1 to 256 requests, not {}", args.requests);
    ensure!((1..=PLACES / 4).contains(&args.size), "a block has 1 to {} tokens", PLACES / 4);
    report::serve(args, model(), live, to)
}

fn main() -> ExitCode {
    demonstrate(|| {
        let live = io::stdout().is_terminal();
        run(&Args::parse(), Lm::trained, live, &mut io::stdout()).map(|()| String::new())
    })
}
