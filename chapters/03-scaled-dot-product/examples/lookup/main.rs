//! Attention as a soft lookup in a table of measurements.
//!
//! Some rows of the table are held out, and one column of theirs is predicted from the others: each
//! held-out row asks (query) which known rows are like it (keys) and averages what they hold
//! (values).
//!
//! `cargo attn run 3 --data your.csv --target column`; with `--learn` it learns how much each column
//! counts.

mod functions;
pub mod kernel;
mod learn;
mod report;
mod rows;
pub mod split;
pub mod table;

use anyhow::Result;
use attn_exercise::demonstrate;
use clap::Parser;
use std::{path::PathBuf, process::ExitCode};
use table::Table;

/// Attention as a soft lookup: predicts one column of a table from the others.
#[derive(Parser)]
#[command(name = "lookup", bin_name = "cargo attn run 3", allow_negative_numbers = true)]
#[command(after_help = "With --mine, it runs on your functions.")]
pub struct Args {
    /// A CSV file of numbers with a header line [default: 342 penguins]
    #[arg(long, value_name = "FILE")]
    data: Option<PathBuf>,
    /// The column to predict [default: the last]
    #[arg(long, value_name = "COLUMN")]
    target: Option<String>,
    /// How sharply distance counts: weights fall as exp(−X·distance²/2) [default: the best for the
    /// rows that are not held out]
    #[arg(long, value_name = "X", value_parser = scale)]
    scale: Option<f32>,
    /// The held-out row to look into, from 1
    #[arg(long, value_name = "N", default_value_t = 1)]
    row: usize,
    /// Picks the rows that are held out
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// The share of rows to hold out
    #[arg(long, value_name = "FRACTION", default_value_t = 0.2, value_parser = fraction)]
    hold_out: f64,
    /// Learns one scale for each column, from --scale or 0.1 on, in so many steps of gradient descent
    #[arg(long, value_name = "STEPS", num_args = 0..=1, default_missing_value = "100", value_parser = steps)]
    learn: Option<usize>,
}

fn steps(text: &str) -> Result<usize, String> {
    let within = text.parse().ok().filter(|steps| (1..=10_000).contains(steps));
    within.ok_or_else(|| "it has to be a whole number from 1 to 10000".into())
}

fn scale(text: &str) -> Result<f32, String> {
    let within = text.parse().ok().filter(|x| (1e-6..=1e6).contains(x));
    within.ok_or_else(|| "it has to be a number from 1e-6 to 1e6".into())
}

fn fraction(text: &str) -> Result<f64, String> {
    let within = text.parse().ok().filter(|x| *x > 0.0 && *x < 1.0);
    within.ok_or_else(|| "it has to be a number between 0 and 1, such as 0.2".into())
}

/// Everything that is printed.
pub fn run(args: &Args) -> Result<String> {
    let table = match &args.data {
        Some(path) => Table::read(path)?,
        None => Table::parse("penguins.csv", include_bytes!("../../data/penguins.csv"))?,
    };
    report::report(&table, args)
}

fn main() -> ExitCode {
    demonstrate(|| run(&Args::parse()))
}
