//! Written dates into ISO dates, by two models trained for it: one that has to remember the text in
//! a single vector, and one that looks back at it.
//!
//! `cargo attn run 1 the 3rd of May, 1979; Thu 4.5.1979`, and with `--keep 1` the model with attention
//! looks at a single position at a time.

mod functions;
mod picture;
pub mod report;

use anyhow::Result;
use attn_dates::{Model, Weights};
use attn_exercise::demonstrate;
use ch01_rnn_attention::{attend_top_by, translator::Translator};
use clap::Parser;
use functions::FUNCTIONS;
use std::{path::PathBuf, process::ExitCode};

/// Turns written dates into ISO dates, and shows where the model looked.
#[derive(Parser)]
#[command(name = "dates", bin_name = "cargo attn run 1")]
#[command(after_help = "With --mine, it runs on your functions.")]
pub struct Args {
    /// A written date, or several: letters, digits, spaces and , - . / ;
    #[arg(
        value_name = "TEXT",
        allow_negative_numbers = true,
        default_value = "the 3rd of May, 1979"
    )]
    text: Vec<String>,
    /// Look only at the K positions that fit best
    #[arg(long, value_name = "K")]
    keep: Option<usize>,
    /// Weights for the model with attention, in place of the course's own
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,
}

/// Everything that is printed.
///
/// # Errors
/// When the text is none that the models take, or the weights cannot be used.
pub fn run(args: &Args) -> Result<String> {
    let attending = match &args.weights {
        Some(path) => Weights::read(Model::Dot, path)?,
        None => Weights::trained(Model::Dot),
    };
    let text = args.text.join(" ");
    let fixed =
        Translator::fixed(&Weights::trained(Model::Fixed)).on(FUNCTIONS).translate(&text)?;
    let attending = match args.keep {
        Some(keep) => Translator::new(
            &attending,
            Box::new(move |state, states| {
                attend_top_by(FUNCTIONS.top_softmax, state, states, keep)
            }),
        ),
        None => Translator::dot(&attending),
    };
    let attending = attending.on(FUNCTIONS).translate(&text)?;
    Ok(report::report(&fixed, &attending))
}

fn main() -> ExitCode {
    demonstrate(|| run(&Args::parse()))
}
