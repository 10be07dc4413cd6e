//! What a real GPU says: every rung against the exact result and against the simulator, and how long each takes.
//!
//! `cargo attn dev gpu FOLDER` builds this program and puts it into a folder with what it needs, for a machine that has a
//! GPU and nothing else; `run.sh` in that folder starts it.

mod check;
mod time;

use anyhow::{Context, Result};
use ch09_flash_cuda::Device;
use clap::Parser;
use std::{path::PathBuf, process::ExitCode};

/// Checks and times the kernels of chapter 9 on this machine's GPU.
#[derive(Parser)]
struct Arguments {
    /// The folder for the tables
    out: PathBuf,
    /// The day, for the tables
    #[arg(long)]
    date: String,
    /// The driver's version, for the tables
    #[arg(long)]
    driver: String,
    /// Check only, with the smallest sizes
    #[arg(long)]
    quick: bool,
}

/// The machine, as every row of a table names it.
struct Machine {
    card: String,
    driver: String,
    date: String,
}

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let card = match Device::open() {
        Device::Gpu(gpu) => gpu.name().to_string(),
        Device::Simulator { because, .. } => {
            eprintln!("Nothing was checked or measured: {because}.");
            return Ok(ExitCode::from(3));
        }
    };
    let Arguments { out, date, driver, quick } = arguments;
    std::fs::create_dir_all(&out).with_context(|| out.display().to_string())?;
    println!("{card}, driver {driver}, {date}");
    let machine = Machine { card, driver, date };
    let right = check::check(&machine, &out.join("checked.csv"), quick)?;
    if !quick {
        time::time(&machine, &out.join("measured.csv"))?;
    }
    Ok(if right { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
