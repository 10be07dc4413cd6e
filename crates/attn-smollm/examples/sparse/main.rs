//! SmolLM2, whose layers see less than everything: chapter 12.
//!
//! `cargo attn run 12 --model smollm2`

mod functions;
mod heads;

use anyhow::{Result, ensure};
use attn_exercise::demonstrate;
use attn_lm::text;
use attn_smollm::{Plain, Projected, SmolLm};
use ch12_sparse::model::largest;
use clap::Parser;
use functions::FUNCTIONS;
use heads::{Partial, Sees};
use ndarray::{Array3, ArrayView1, Axis, s};
use std::{fmt::Write, process::ExitCode};

/// A real language model, whose layers see less than everything.
#[derive(Parser)]
#[command(name = "cargo attn run 12 --model smollm2")]
#[command(bin_name = "cargo attn run 12 --model smollm2")]
#[command(after_help = "With --mine, it runs on your functions.")]
struct Args {
    /// How many tokens of the novel the model reads
    #[arg(long, value_name = "N", default_value_t = 384)]
    tokens: usize,
    /// How many tokens a window sees, the first ones included
    #[arg(long, value_name = "N", default_value_t = 64)]
    window: usize,
    /// How many of them are the first of the text
    #[arg(long, value_name = "N", default_value_t = 4)]
    sinks: usize,
}

/// Tokens of a column of losses.
const COLUMN: usize = 128;

fn main() -> ExitCode {
    demonstrate(|| run(&Args::parse()))
}

fn run(args: &Args) -> Result<String> {
    let Args { tokens: count, window, sinks } = *args;
    ensure!((128..=2048).contains(&count), "128 to 2048 tokens, not {count}");
    ensure!(window > 0, "a window of 0 tokens sees nothing");
    ensure!(sinks < window, "of {window} tokens at most {} are the first ones", window - 1);
    let (model, tokens) = SmolLm::published()?;
    // A token of the novel is one character at least.
    let mut read = tokens.encode(&text::held_out().chars().take(8 * count).collect::<String>());
    ensure!(read.len() > count, "the novel has {} tokens, not {count}", read.len());
    read.truncate(count + 1);

    let mut out = format!("{count} tokens of the novel; nats per token, by position.\n");
    let ends: Vec<usize> = (COLUMN..count).step_by(COLUMN).chain([count]).collect();
    write!(out, "  {:<30}", "")?;
    ends.iter().try_for_each(|end| write!(out, "{:>8}", format!("to {end}")))?;
    writeln!(out)?;
    // What the first tokens say is lost then, that they are there is not.
    let mut blank = read.clone();
    blank[..sinks].fill(tokens.encode("\n")[0]);
    let window_and = |sinks| Sees::window(window - sinks, sinks);
    let rows = [
        ("everything".to_string(), &read, Sees::window(count, 0)),
        (format!("the last {window}"), &read, window_and(0)),
        (format!("the first {sinks}, the last {}", window - sinks), &read, window_and(sinks)),
        ("the same, as line breaks".to_string(), &blank, window_and(sinks)),
        (format!("the best {window} of each head"), &read, Sees::Best(window)),
        ("the best 16 of each head".to_string(), &read, Sees::Best(16)),
    ];
    for (what, read, sees) in rows {
        let attention = Partial::new(&model, FUNCTIONS, sees);
        let Ok(losses) = model.losses(read, &mut Projected::new(&model, attention));
        write!(out, "  {what:<30}")?;
        let mut from = 0;
        for &end in &ends {
            let part = ArrayView1::from(&losses[from..end]);
            write!(out, "{:>8.2}", part.mean().unwrap_or(f64::NAN))?;
            from = end;
        }
        writeln!(out)?;
    }
    weights(&mut out, &model, &read[..count])?;
    Ok(out)
}

/// Where the heads look when they see everything.
fn weights(out: &mut String, model: &SmolLm, read: &[usize]) -> Result<()> {
    let mut looking = Projected::new(model, Plain::looking(model));
    let Ok(_) = model.last_logits(read, &mut looking);
    let looks = looking.inner.looks();
    let from = read.len() / 2;
    let mean = |x: ArrayView1<f32>| x.mean().unwrap_or(f32::NAN);
    // Of each head, the mean over the later half of the text.
    let firsts: Vec<Vec<f32>> = looks
        .iter()
        .map(|heads| heads.outer_iter().map(|head| mean(head.slice(s![from.., 0]))).collect())
        .collect();
    let even: Vec<f32> = (from..read.len()).map(|i| 100.0 / (i + 1) as f32).collect();
    writeln!(
        out,
        "\n% of the weight on the first token, tokens {from} to {}, all heads (even: {:.1})",
        read.len() - 1,
        mean(ArrayView1::from(&even))
    )?;
    for (number, layers) in firsts.chunks(10).enumerate() {
        write!(out, "  layers {:>2} to {:>2} ", 10 * number, 10 * number + layers.len() - 1)?;
        for heads in layers {
            write!(out, "{:>5.0}", 100.0 * heads.iter().sum::<f32>() / heads.len() as f32)?;
        }
        writeln!(out)?;
    }
    let all: Vec<f32> = firsts.into_iter().flatten().collect();
    let many = all.iter().filter(|&&share| share > 0.5).count();
    writeln!(out, "  {many} of {} heads put more than half of their weight there.", all.len())?;
    writeln!(out, "\n% of the weight that the largest of a row have, mean over layers and heads")?;
    for keep in [1, 4, 16, 64] {
        let kept = looks.iter().map(|heads| kept_by_the_best(heads, keep, from)).sum::<f64>();
        writeln!(out, "  the largest {keep:>2} {:>6.1}", 100.0 * kept / looks.len() as f64)?;
    }
    Ok(())
}

/// How much of a row's weight its `keep` largest have: the mean over heads and rows from `from` on.
fn kept_by_the_best(heads: &Array3<f32>, keep: usize, from: usize) -> f64 {
    let rows = heads.slice(s![.., from.., ..]);
    let rows = rows.lanes(Axis(2)).into_iter();
    let shares: Vec<f64> = rows.map(|row| largest(row.mapv(f64::from).view(), keep)).collect();
    shares.iter().sum::<f64>() / shares.len() as f64
}
