//! Two models that turn written dates into ISO dates, one with dot attention and one with additive
//! attention: where each looks, side by side, and the scores behind it.
//!
//! `cargo attn run 2 the 3rd of May, 1979`

mod functions;
pub mod report;

use anyhow::Result;
use attn_dates::{Model, Weights};
use attn_exercise::demonstrate;
use ch01_rnn_attention::translator::Translator;
use ch02_additive_attention::additive_translator_on;
use clap::Parser;
use functions::FUNCTIONS;
use std::{path::PathBuf, process::ExitCode};

/// Turns written dates into ISO dates, and shows where dot and additive attention looked.
#[derive(Parser)]
#[command(name = "scores", bin_name = "cargo attn run 2")]
#[command(after_help = "With --mine, it runs on your functions.")]
pub struct Args {
    /// A written date, or several: letters, digits, spaces and , - . / ;
    #[arg(
        value_name = "TEXT",
        allow_negative_numbers = true,
        default_value = "the 3rd of May, 1979"
    )]
    text: Vec<String>,
    /// Weights for the model with additive attention, in place of the course's own
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,
}

/// Everything that is printed.
///
/// # Errors
/// When the text is none that the models take, or the weights cannot be used.
pub fn run(args: &Args) -> Result<String> {
    let additive = match &args.weights {
        Some(path) => Weights::read(Model::Additive, path)?,
        None => Weights::trained(Model::Additive),
    };
    let text = args.text.join(" ");
    let dot = Translator::dot(&Weights::trained(Model::Dot)).translate(&text)?;
    let additive = additive_translator_on(FUNCTIONS, &additive).translate(&text)?;
    Ok(report::report(&dot, &additive))
}

fn main() -> ExitCode {
    demonstrate(|| run(&Args::parse()))
}
