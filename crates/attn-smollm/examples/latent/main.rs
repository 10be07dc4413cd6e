//! SmolLM2's grouped attention, written exactly as latent attention: chapter 7.
//!
//! `cargo attn run 7 --model smollm2 "The capital of France is"`

mod functions;
mod heads;

use anyhow::{Result, ensure};
use attn_exercise::demonstrate;
use attn_smollm::{Plain, Projected, SmolLm, Tokens, Written, write};
use ch07_mla::given::Form;
use clap::Parser;
use functions::FUNCTIONS;
use heads::AsLatent;
use std::{fmt::Write, process::ExitCode, time::Duration};

/// A real language model with grouped attention, computed as latent attention.
#[derive(Parser)]
#[command(name = "cargo attn run 7 --model smollm2")]
#[command(bin_name = "cargo attn run 7 --model smollm2")]
#[command(after_help = "With --mine, it runs on your functions.")]
struct Args {
    /// How the text begins [default: The capital of France is]
    #[arg(allow_negative_numbers = true)]
    beginning: Vec<String>,
    /// How many tokens it writes at most
    #[arg(long, value_name = "N", default_value_t = 16)]
    length: usize,
}

fn main() -> ExitCode {
    demonstrate(|| run(&Args::parse()))
}

fn run(args: &Args) -> Result<String> {
    let beginning = match args.beginning.as_slice() {
        [] => "The capital of France is".into(),
        words => words.join(" "),
    };
    let (model, tokens) = SmolLm::published()?;
    let (read, sizes) = (tokens.encode(&beginning), model.sizes);
    ensure!(!read.is_empty(), "the beginning is empty; write a few words");
    ensure!(args.length > 0, "--length is 0; the model is to write at least one token");
    ensure!(
        read.len() + args.length <= sizes.context,
        "{} tokens and {} more are too many; the model was made for {}",
        read.len(),
        args.length,
        sizes.context
    );

    let mut plain = Projected::new(&model, Plain::new(&model));
    let count = (args.length, tokens.end);
    let Ok(as_it_is) = write(&model, &mut plain, &read, count);
    let fed = plain.inner.numbers() / sizes.kept(sizes.kv_heads);
    let mut rows =
        vec![("as it is: 3 heads of keys, values", as_it_is.clone(), plain.inner.numbers())];
    for (what, form) in
        [("as latents, naive form", Form::Naive), ("as latents, absorbed form", Form::Absorbed)]
    {
        let inner = AsLatent::new(&model, FUNCTIONS, form);
        let mut attention = Projected::new(&model, inner);
        let Ok(written) = write(&model, &mut attention, &read, count);
        rows.push((what, written, attention.inner.numbers()));
    }
    report(&beginning, &tokens, (sizes.layers, fed), &rows)
}

fn report(
    beginning: &str,
    tokens: &Tokens,
    (layers, fed): (usize, usize),
    rows: &[(&str, Written, usize)],
) -> Result<String> {
    let (_, as_it_is, _) = &rows[0];
    let mut out = String::new();
    for (what, written, _) in rows {
        let text = tokens.decode(&written.tokens).replace('\n', "¶");
        writeln!(out, "{what}:\n  {beginning}|{text}")?;
    }
    writeln!(out, "\n{:<34}numbers kept per    scores apart,      time per", "")?;
    writeln!(out, "{:<34}token and layer     of their range     token", "")?;
    for (what, written, kept) in rows {
        let steps = written.steps.get(1..).unwrap_or_default();
        let time = steps.iter().sum::<Duration>().as_secs_f64() / steps.len().max(1) as f64;
        writeln!(
            out,
            "{what:<34}{:>15}{:>19.0e}{:>10.0} ms",
            kept / fed / layers,
            written.apart(as_it_is),
            1e3 * time
        )?;
    }
    let same = rows.iter().all(|(_, written, _)| written.tokens == as_it_is.tokens);
    writeln!(
        out,
        "\n{}",
        match same {
            true => "All three have written the same text.",
            false =>
                "They have written different texts, so that some of the functions are not right.",
        }
    )?;
    Ok(out)
}
