//! The heads of a trained Transformer, at work on a written date.
//!
//! The model reads a date, or a list of them, as people write it, and writes it as an ISO date:
//! step by step, and once more under teacher forcing, which has to give the same scores. Then each
//! head shows where it looked.
//!
//! `cargo attn run 4 "the 3rd of May, 1979"`

mod functions;
mod picture;
mod report;

use anyhow::{Context, Result};
use attn_dates::{Model, Weights};
use attn_exercise::demonstrate;
use clap::Parser;
use std::{path::PathBuf, process::ExitCode};

/// A Transformer with four heads reads a written date.
#[derive(Parser)]
#[command(name = "cargo attn run 4", bin_name = "cargo attn run 4")]
#[command(after_help = "With --mine, it runs on your functions.")]
pub struct Args {
    /// A date, or up to eight, as people write them [default: the 3rd of May, 1979]
    #[arg(allow_negative_numbers = true)]
    text: Vec<String>,
    /// Which block of the decoder to look into, 0 or 1
    #[arg(long, value_name = "B", default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..2))]
    block: u8,
    /// Look at self-attention instead of cross-attention
    #[arg(long)]
    own: bool,
    /// Another file of weights [default: the trained ones]
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,
}

impl Args {
    /// What the model reads; quotes around it may be left out.
    fn text(&self) -> String {
        match self.text.as_slice() {
            [] => "the 3rd of May, 1979".into(),
            words => words.join(" "),
        }
    }
}

/// Everything that is printed.
pub fn run(args: &Args) -> Result<String> {
    let weights = match &args.weights {
        Some(path) => {
            Weights::read(Model::Transformer, path).with_context(|| path.display().to_string())?
        }
        None => Weights::trained(Model::Transformer),
    };
    report::report(&weights, args)
}

fn main() -> ExitCode {
    demonstrate(|| run(&Args::parse()))
}
