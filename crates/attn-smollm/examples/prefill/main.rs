//! SmolLM2 reads a text at once, its attention by each rung of chapter 8.
//!
//! `cargo attn run 8 --model smollm2 --text FILE`

#[path = "../../../../chapters/08-flash-cpu/examples/ladder/beside.rs"]
mod beside;
mod functions;
mod rungs;

use anyhow::{Context, Result, ensure};
use attn_exercise::demonstrate;
use attn_lm::text;
use attn_smollm::{Projected, SmolLm, apart};
use beside::beside;
use ch08_flash_cpu::ladder::{Instructions, RUNGS};
use clap::Parser;
use ndarray::Array2;
use rungs::Rungs;
use std::{fs, path::PathBuf, process::ExitCode, time::Instant};

/// A real language model reads a text, with the attention of each rung of the ladder.
#[derive(Parser)]
#[command(name = "cargo attn run 8 --model smollm2")]
#[command(bin_name = "cargo attn run 8 --model smollm2")]
#[command(after_help = "With --mine, your functions are rungs beside the reference's.")]
struct Args {
    /// The text [default: from a novel]
    #[arg(long, value_name = "FILE")]
    text: Option<PathBuf>,
    /// How many of its tokens are read
    #[arg(long, value_name = "N", default_value_t = 512)]
    tokens: usize,
}

fn main() -> ExitCode {
    demonstrate(|| run(&Args::parse()))
}

fn run(args: &Args) -> Result<String> {
    let text = match &args.text {
        Some(path) => fs::read_to_string(path)
            .with_context(|| format!("{} cannot be read", path.display()))?,
        None => text::held_out().into(),
    };
    let (model, tokens) = SmolLm::published()?;
    // A token has a byte at least, and seldom more than eight.
    let enough = text.char_indices().nth(16 * args.tokens).map_or(text.len(), |(at, _)| at);
    let mut read = tokens.encode(&text[..enough]);
    read.truncate(args.tokens);
    let (n, context) = (read.len(), model.sizes.context);
    ensure!(n > 0, "there is nothing to read: the text or --tokens is empty");
    ensure!(n <= context, "{n} tokens are too many; the model was made for {context}");
    println!(
        "{n} tokens at once, {} layers of {} heads; {} threads, {}.\n\n\
         {:<18}{:>12}{:>12}{:>12}{:>12}{:>12}",
        model.sizes.layers,
        model.sizes.heads,
        rayon::current_num_threads(),
        Instructions::detect().name(),
        "attention by",
        "attention",
        "the rest",
        "memory*",
        "next token",
        "apart**"
    );
    let rungs = RUNGS.into_iter().flat_map(|rung| [Some(rung), beside(&rung)]).flatten();
    let mut first: Option<Array2<f32>> = None;
    for rung in rungs {
        let mut attention = Projected::new(&model, Rungs::new(&model, rung));
        let begun = Instant::now();
        let logits = model.last_logits(&read, &mut attention);
        let (all, Ok(logits)) = (begun.elapsed().as_secs_f64(), logits);
        let attending = attention.inner.took.as_secs_f64();
        let first = first.get_or_insert_with(|| logits.clone());
        let token = tokens.decode(&[attn_smollm::likeliest(&logits)]);
        println!(
            "{:<18}{:>10.2} s{:>10.2} s{:>8.1} MiB{:>12}{:>12.0e}",
            rung.name,
            attending,
            all - attending,
            attention.inner.beside as f64 / f64::from(1 << 20),
            format!("{token:?}"),
            apart(logits.row(0), first.row(0)),
        );
    }
    Ok("\n*  of a layer's attention, beside its inputs and results\n\
         ** the logits from those of the first rung, as part of their range\n"
        .into())
}
