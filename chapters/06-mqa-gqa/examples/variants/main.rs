//! Small language models that differ in their heads of keys and values alone: what they keep, and how well they
//! predict; and a model with eight heads of each, converted to fewer.
//!
//! `cargo attn run 6 "It is a truth"`

mod functions;

use anyhow::{Result, ensure};
use attn_exercise::demonstrate;
use attn_lm::{CONTEXT, LAYERS, LanguageModel, Model, text};
use ch06_mqa_gqa::grouped_model::{Conversion, converted, loss, write};
use clap::Parser;
use functions::FUNCTIONS;
use std::{fmt::Write, process::ExitCode};

/// Models that share keys and values continue a text.
#[derive(Parser)]
#[command(name = "cargo attn run 6", bin_name = "cargo attn run 6")]
#[command(
    after_help = "With --mine, it runs on your functions; with --model smollm2, in a real language model."
)]
struct Args {
    /// What to continue [default: It is a truth]
    text: Vec<String>,
    /// How many characters to write
    #[arg(long, value_name = "N", default_value_t = 60)]
    characters: usize,
}

/// Passages of held-out text that the losses are of.
const PASSAGES: usize = 2;

fn main() -> ExitCode {
    demonstrate(|| run(&Args::parse()))
}

fn run(args: &Args) -> Result<String> {
    let prompt = match args.text.as_slice() {
        [] => "It is a truth".into(),
        words => words.join(" "),
    };
    let tokens = text::encode(&prompt)?;
    ensure!(!tokens.is_empty(), "the text is empty: give the models a beginning to continue");
    let longest = tokens.len() + args.characters;
    ensure!(
        longest <= CONTEXT,
        "{} characters and {} more are {longest}; the models were trained on {CONTEXT} at most",
        tokens.len(),
        args.characters
    );
    let held_out = text::encode(&text::held_out()[..PASSAGES * CONTEXT + 1])?;
    let passages: Vec<&[usize]> =
        (0..PASSAGES).map(|i| &held_out[i * CONTEXT..=(i + 1) * CONTEXT]).collect();
    let mean_loss = |model: &LanguageModel| {
        passages.iter().map(|passage| loss(model, FUNCTIONS, passage)).sum::<f32>()
            / PASSAGES as f32
    };

    let mut out = String::new();
    writeln!(out, "model  key/value heads  numbers per token  loss on held-out text")?;
    let mut texts = String::new();
    for name in [Model::Mha, Model::Gqa, Model::Mqa] {
        let model = LanguageModel::trained(name);
        let written = write(&model, FUNCTIONS, &tokens, args.characters);
        let (heads, kept) = (name.kv_heads(), LAYERS * name.kept());
        writeln!(out, "{name:<5}  {heads:>15}  {kept:>17}  {:>21.3}", mean_loss(&model))?;
        let continued = text::decode(&written).replace('\n', "¶");
        writeln!(texts, "{name}  {prompt}|{continued}")?;
    }
    writeln!(out, "\n{texts}")?;
    writeln!(out, "The model with eight heads, converted, without further training:\n")?;
    writeln!(out, "key/value heads  by the mean  by the first  by chance")?;
    for h_kv in [4, 2, 1] {
        let [mean, first, random] = [Conversion::Mean, Conversion::First, Conversion::Random]
            .map(|how| mean_loss(&converted(FUNCTIONS, h_kv, how)));
        writeln!(out, "{h_kv:>15}  {mean:>11.3}  {first:>12.3}  {random:>9.3}")?;
    }
    writeln!(
        out,
        "\nLosses are in nats per character; guessing among all characters costs {:.2}.",
        (text::VOCABULARY as f32).ln()
    )?;
    Ok(out)
}
