//! SmolLM2 writes a text twice: with chapter 5's cache, and by reading everything again for each token.
//!
//! `cargo attn run 5 --model smollm2 "The capital of France is"`

mod functions;
mod layers;

use anyhow::{Context, Result, ensure};
use attn_exercise::demonstrate;
use attn_smollm::{Pieces, SmolLm, Tokens};
use ch05_kv_cache::{
    budget::size,
    generate,
    given::{Model, PromptError, check_prompt},
};
use clap::Parser;
use functions::FUNCTIONS;
use layers::{Cached, Whole, layers};
use ndarray::{Array2, s};
use std::{
    io::{self, Write},
    process::ExitCode,
    time::{Duration, Instant},
};

/// A real language model writes with a cache and without.
#[derive(Parser)]
#[command(name = "cargo attn run 5 --model smollm2")]
#[command(bin_name = "cargo attn run 5 --model smollm2")]
#[command(after_help = "With --mine, it runs on your functions.")]
struct Args {
    /// What the model goes on from [default: The capital of France is]
    #[arg(allow_negative_numbers = true)]
    text: Vec<String>,
    /// How many tokens it writes at most
    #[arg(long, value_name = "N", default_value_t = 24)]
    tokens: usize,
}

fn main() -> ExitCode {
    demonstrate(|| run(&Args::parse()))
}

/// What was written, how long each step took, and how many rows it computed.
struct Run {
    tokens: Vec<usize>,
    steps: Vec<(Duration, usize)>,
}

impl Run {
    fn rate(&self) -> f64 {
        let writing = self.steps.get(1..).unwrap_or_default();
        let seconds: f64 = writing.iter().map(|(took, _)| took.as_secs_f64()).sum();
        writing.len() as f64 / seconds
    }

    fn rows(&self) -> usize {
        self.steps.iter().map(|(_, rows)| rows).sum()
    }
}

fn run(args: &Args) -> Result<String> {
    let prompt = match args.text.as_slice() {
        [] => "The capital of France is".into(),
        words => words.join(" "),
    };
    let begun = Instant::now();
    let (model, tokens) = SmolLm::published()?;
    let read = tokens.encode(&prompt);
    let context = model.sizes.context.min(read.len() + args.tokens);
    check_prompt(&read, model.sizes.context)?;
    ensure!(args.tokens > 0, "--tokens is 0; the model is to write at least one");
    let layers = layers(&model);
    let sizes = model.sizes;
    println!(
        "SmolLM2: {} layers, {} heads of {}, {:.0} million weights; ready after {:.1} s. It\n\
         goes on from {} tokens, up to {context} in all or its end. Its {} heads share {} heads\n\
         of keys and values (chapter 6); here each has a copy of its own.",
        sizes.layers,
        sizes.heads,
        sizes.head,
        sizes.parameters as f64 / 1e6,
        begun.elapsed().as_secs_f64(),
        read.len(),
        sizes.heads,
        sizes.kv_heads,
    );
    // The first pass of all has to fetch the weights from wherever they are.
    let _ = model.last_logits(&read[..1], &mut Whole::new(&layers, sizes.base));

    println!("\nWith a cache\n\n  {prompt}");
    let mut attention = Cached::new(&layers, context, sizes);
    let with = with_cache(&model, &tokens, &mut attention, &read, context)?;
    println!("\nWithout, reading everything again for each token\n\n  {prompt}");
    let without =
        without_cache(&model, &tokens, &mut Whole::new(&layers, sizes.base), &read, context)?;

    let same = with.tokens.iter().zip(&without.tokens).take_while(|(a, b)| a == b).count();
    match with.tokens == without.tokens {
        true if same == 1 => println!("\nBoth have written the same token.\n"),
        true => println!("\nBoth have written the same {same} tokens.\n"),
        false => println!("\nThe two texts differ from token {} on.\n", read.len() + same + 1),
    }
    let (Some(first), Some(other)) = (with.steps.first(), without.steps.first()) else {
        return Ok("The prompt leaves no room in the context, so no step was taken.\n".into());
    };
    let ms = |(took, _): &(Duration, usize)| format!("{:.0} ms", 1e3 * took.as_secs_f64());
    let rate = |run: &Run| format!("{:.1}", run.rate());
    for (what, a, b) in [
        ("", "with".into(), "without".into()),
        ("time to the first token", ms(first), ms(other)),
        ("tokens per second, from then on", rate(&with), rate(&without)),
        ("rows computed", with.rows().to_string(), without.rows().to_string()),
    ] {
        println!("{what:<34}{a:>12}{b:>12}");
    }
    let count = |kv_heads: usize| {
        let [layers, d_model, heads, kv_heads, head_dim, parameters] =
            [sizes.layers, sizes.width, sizes.heads, kv_heads, sizes.head, sizes.parameters]
                .map(|size| size as u64);
        Model { layers, d_model, heads, kv_heads, head_dim, parameters, number_bytes: 4 }
    };
    let bytes = |kv_heads, tokens| size((FUNCTIONS.cache_bytes)(&count(kv_heads), tokens, 1));
    let held = attention.held() as u64;
    Ok(format!(
        "\nThe caches hold {held} tokens, {} each: {}. With the {} heads of keys and\n\
         values that the model has, it would be {} each; for its whole context\n\
         of {} tokens, {}.\n",
        bytes(sizes.heads, 1),
        bytes(sizes.heads, held),
        sizes.kv_heads,
        bytes(sizes.kv_heads, 1),
        sizes.context,
        bytes(sizes.kv_heads, sizes.context as u64),
    ))
}

/// Prints what comes, and stops for nothing.
fn show(text: &str) {
    let mut out = io::stdout();
    let _ = out.write_all(text.replace('\n', "\n  ").as_bytes()).and_then(|()| out.flush());
}

fn with_cache(
    model: &SmolLm,
    words: &Tokens,
    attention: &mut Cached,
    prompt: &[usize],
    context: usize,
) -> Result<Run> {
    let (mut steps, mut pieces, mut shown) = (Vec::new(), Pieces::new(words), 0);
    let (mut refused, end) = (None, words.end);
    show("  |");
    let mut step = |tokens: &[usize], _start: usize| {
        // What was chosen last is what is fed last.
        if let (false, [.., token]) = (steps.is_empty(), tokens) {
            show(&pieces.next(*token));
            shown += 1;
        }
        let begun = Instant::now();
        let logits = model.decoder.logits(tokens, attention);
        steps.push((begun.elapsed(), tokens.len()));
        logits.unwrap_or_else(|error| {
            refused = Some(error);
            // Which ends the text.
            let mut stopped = Array2::zeros((tokens.len(), model.sizes.vocabulary));
            stopped.column_mut(end).fill(1.0);
            stopped
        })
    };
    let tokens = (FUNCTIONS.generate)(&mut step, prompt, end, context)?;
    for &token in tokens.get(shown..).unwrap_or_default() {
        show(&pieces.next(token));
    }
    println!();
    match refused {
        Some(error) => Err(error).context("a cache refused what the model was fed"),
        None => Ok(Run { tokens, steps }),
    }
}

/// The reference's loop around a pass over everything.
fn without_cache(
    model: &SmolLm,
    words: &Tokens,
    attention: &mut Whole,
    prompt: &[usize],
    context: usize,
) -> Result<Run, PromptError> {
    let (mut all, mut steps, mut pieces) = (Vec::new(), Vec::new(), Pieces::new(words));
    show("  |");
    let mut step = |tokens: &[usize], _start: usize| {
        if let (false, [.., token]) = (steps.is_empty(), tokens) {
            show(&pieces.next(*token));
        }
        all.extend_from_slice(tokens);
        let begun = Instant::now();
        let Ok(logits) = model.decoder.logits(&all, attention);
        steps.push((begun.elapsed(), all.len()));
        logits.slice(s![all.len() - tokens.len().., ..]).to_owned()
    };
    let tokens = generate(&mut step, prompt, words.end, context)?;
    let fed = all.len().saturating_sub(prompt.len());
    for &token in &tokens[fed.min(tokens.len())..] {
        show(&pieces.next(token));
    }
    println!();
    Ok(Run { tokens, steps })
}
