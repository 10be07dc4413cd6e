//! SmolLM2 with its three heads of keys and values, with nine, and with one: chapter 6.
//!
//! `cargo attn run 6 --model smollm2 "The capital of France is"`

mod functions;
mod heads;
mod pooled;

use anyhow::{Result, ensure};
use attn_exercise::demonstrate;
use attn_lm::text;
use attn_smollm::{Projected, SmolLm, Written, write};
use clap::Parser;
use functions::FUNCTIONS;
use heads::Shared;
use pooled::{Pooled, pooled};
use std::{fmt::Write, process::ExitCode};

/// A real language model, whose query heads share keys and values.
#[derive(Parser)]
#[command(name = "cargo attn run 6 --model smollm2")]
#[command(bin_name = "cargo attn run 6 --model smollm2")]
#[command(after_help = "With --mine, it runs on your functions.")]
struct Args {
    /// What the model goes on from [default: The capital of France is]
    #[arg(allow_negative_numbers = true)]
    text: Vec<String>,
    /// How many tokens it writes at most
    #[arg(long, value_name = "N", default_value_t = 24)]
    tokens: usize,
}

/// How many characters of the novel's last tenth the losses are of.
const PAGE: usize = 1600;

fn main() -> ExitCode {
    demonstrate(|| run(&Args::parse()))
}

fn run(args: &Args) -> Result<String> {
    let prompt = match args.text.as_slice() {
        [] => "The capital of France is".into(),
        words => words.join(" "),
    };
    let (model, tokens) = SmolLm::published()?;
    let (read, sizes) = (tokens.encode(&prompt), model.sizes);
    ensure!(!read.is_empty(), "the text is empty: give the model a beginning to continue");
    ensure!(args.tokens > 0, "--tokens is 0; the model is to write at least one");
    ensure!(
        read.len() + args.tokens <= sizes.context,
        "{} tokens and {} more are too many; the model was made for {}",
        read.len(),
        args.tokens,
        sizes.context
    );
    let page = tokens.encode(&text::held_out()[..PAGE]);
    let (three, nine) = (sizes.kv_heads, sizes.heads);
    let written = |model: &SmolLm, copies| -> Written {
        let mut attention = Projected::new(model, Shared::new(model, FUNCTIONS, copies));
        let Ok(written) = write(model, &mut attention, &read, (args.tokens, tokens.end));
        written
    };
    let loss = |model: &SmolLm, copies| {
        let Ok(loss) =
            model.loss(&page, &mut Projected::new(model, Shared::new(model, FUNCTIONS, copies)));
        loss
    };

    let mut out = format!("{} query heads in each of {} layers\n\n", nine, sizes.layers);
    let row = |out: &mut String, what: &str, heads: usize, loss: f64| {
        let bytes = 4 * sizes.kept(heads);
        writeln!(out, "{what:<32}{heads:>3}{bytes:>17}{loss:>21.3}")
    };
    writeln!(out, "{:<25}key/value heads  bytes per token  loss on {} tokens", "", page.len())?;
    let as_it_is = written(&model, 1);
    row(&mut out, "as it is", three, loss(&model, 1))?;
    let expanded = written(&model, nine / three);
    row(&mut out, "a copy for each query head", nine, loss(&model, nine / three))?;
    let mut texts = vec![("as it is", as_it_is.clone()), ("a copy for each", expanded.clone())];
    for how in [Pooled::Mean, Pooled::First] {
        let one = pooled(&model, FUNCTIONS, how);
        let what = match how {
            Pooled::Mean => "the mean of the three",
            Pooled::First => "the first of the three",
        };
        row(&mut out, what, 1, loss(&one, 1))?;
        texts.push((what, written(&one, 1)));
    }
    writeln!(out)?;
    for (what, written) in &texts {
        let text = tokens.decode(&written.tokens).replace('\n', "¶");
        writeln!(out, "{what}: {prompt}|{text}")?;
    }
    let apart = expanded.apart(&as_it_is);
    writeln!(
        out,
        "\nThree heads and nine have written {} text; their scores are apart by {apart:.0e} of their\n\
         range at most. Losses are in nats per token; guessing among all {} costs {:.2}.",
        if as_it_is.tokens == expanded.tokens { "the same" } else { "another" },
        sizes.vocabulary,
        (sizes.vocabulary as f32).ln()
    )?;
    Ok(out)
}
