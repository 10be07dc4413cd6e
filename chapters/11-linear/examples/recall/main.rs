//! A long text is read into states of constant size, which are then asked for its words.
//!
//! `cargo attn run 11`, `cargo attn run 11 --text FILE`

mod functions;
mod memory;
mod report;

use anyhow::{Context, Result, ensure};
use attn_exercise::demonstrate;
use clap::Parser;
use std::path::PathBuf;

/// A long text, in constant memory.
#[derive(Parser)]
#[command(name = "cargo attn run 11", bin_name = "cargo attn run 11")]
#[command(after_help = "With --mine, it runs on your functions.")]
pub struct Args {
    /// A text to read [default: the first chapters of Pride and Prejudice]
    #[arg(long, value_name = "FILE")]
    text: Option<PathBuf>,
    /// How many words of it are read at most
    #[arg(long, value_name = "N", default_value_t = 8192)]
    words: usize,
}

/// The report.
pub fn run(args: &Args) -> Result<String> {
    let (name, text) = match &args.text {
        None => (attn_lm::text::TITLE.to_string(), attn_lm::text::NOVEL.to_string()),
        Some(path) => {
            let text = std::fs::read_to_string(path);
            let text = text.with_context(|| format!("{} cannot be read", path.display()))?;
            (path.display().to_string(), text)
        }
    };
    let words: Vec<&str> = text.split_whitespace().take(args.words).collect();
    ensure!(words.len() >= 64, "{name} has {} words, and it takes 64 at least", words.len());
    Ok(report::report(&name, &words))
}

fn main() -> std::process::ExitCode {
    demonstrate(|| run(&Args::parse()))
}
