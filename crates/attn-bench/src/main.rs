//! `cargo attn bench N`: what a chapter says about speed, measured. Chapter 8's ladder runs in turn with PyTorch.

mod decoding;
mod groups;
mod ladder;
mod latents;
mod sitting;
mod states;

use anyhow::{Result, bail};
use clap::Parser;
use sitting::Sitting;
use std::path::PathBuf;

/// Measures a chapter's code; in turn with PyTorch where there is such a peer, and it is installed.
#[derive(Parser)]
#[command(name = "cargo attn bench", bin_name = "cargo attn bench")]
struct Arguments {
    /// The chapter: 5, 6, 7, 8 or 11
    chapter: u32,
    /// How many rounds; the median of them counts
    #[arg(long, default_value_t = 9)]
    rounds: usize,
    /// Write the table to this file
    #[arg(long)]
    write: Option<PathBuf>,
    /// The Python that has PyTorch; for chapters 8 and 11
    #[arg(long, default_value = "python3")]
    python: String,
    #[command(flatten)]
    ladder: ladder::Options,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let mut sitting = Sitting::new(arguments.rounds);
    match arguments.chapter {
        5 => decoding::measure(&mut sitting)?,
        6 => groups::measure(&mut sitting)?,
        7 => latents::measure(&mut sitting)?,
        8 => ladder::measure(&mut sitting, &arguments.python, &arguments.ladder)?,
        11 => states::measure(&mut sitting, &arguments.python)?,
        other => bail!("chapter {other} has no benchmark; chapters 5 to 8 and 11 have"),
    }
    if let Some(path) = &arguments.write {
        sitting.table.write(path)?;
        println!("\n{} written", path.display());
    }
    Ok(())
}
