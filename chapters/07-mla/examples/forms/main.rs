//! A trained model with latent attention, writing the same text in each of its forms.
//!
//! The model reads a beginning at once and writes on, one character at a time, in the naive form, with
//! keys and values kept, and in the absorbed form; the text has to be the same. What each of them kept
//! and computed is counted.
//!
//! `cargo attn run 7 "It is a truth"`

mod functions;
mod model;
mod report;

use anyhow::{Result, ensure};
use attn_exercise::demonstrate;
use attn_lm::{CONTEXT, LanguageModel, Model, Weights, text};
use clap::Parser;
use model::{Way, written};
use std::process::ExitCode;

/// A small language model with latent attention writes on, in every form of it.
#[derive(Parser)]
#[command(name = "cargo attn run 7", bin_name = "cargo attn run 7")]
#[command(
    after_help = "With --mine, it runs on your functions; with --model smollm2, in a real language model."
)]
pub struct Args {
    /// How the text begins [default: It is a truth universally acknowledged, that]
    #[arg(allow_negative_numbers = true)]
    beginning: Vec<String>,
    /// How many characters it writes
    #[arg(long, value_name = "N", default_value_t = 96)]
    length: usize,
    /// Random weights in place of the trained ones: the forms are equal all the same
    #[arg(long)]
    untrained: bool,
}

impl Args {
    /// What the model reads; quotes around it may be left out.
    fn beginning(&self) -> String {
        match self.beginning.as_slice() {
            [] => "It is a truth universally acknowledged, that".into(),
            words => words.join(" "),
        }
    }
}

/// Everything that is printed.
pub fn run(args: &Args) -> Result<String> {
    let beginning = args.beginning();
    let read = text::encode(&beginning)?;
    ensure!(!read.is_empty(), "the beginning is empty; write a few words");
    ensure!(args.length > 0, "--length is 0; the model is to write at least one character");
    let whole = read.len() + args.length;
    ensure!(
        whole <= CONTEXT,
        "{} characters and {} more are {whole}; the model was trained on texts of {CONTEXT}",
        read.len(),
        args.length
    );
    let model = match args.untrained {
        false => LanguageModel::trained(Model::Mla),
        true => LanguageModel::new(&Weights::random(Model::Mla, 7)),
    };
    let layers = model::layers(&model);
    let runs: Vec<_> =
        Way::ALL.map(|way| (way, written(&model, &layers, way, &read, args.length))).into();
    Ok(report::report(&beginning, &layers, &runs))
}

fn main() -> ExitCode {
    demonstrate(|| run(&Args::parse()))
}
