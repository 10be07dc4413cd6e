//! A small language model writes a text twice: with a cache, and by reading everything again for each
//! character. Or, with `--budget`, what fits on a graphics card.
//!
//! `cargo attn run 5 "It was a truth"`, `cargo attn run 5 "床前看月光"`

mod functions;
mod model;
mod report;
mod stream;

use anyhow::{Result, ensure};
use attn_exercise::demonstrate;
use attn_lm::{LanguageModel, Model};
use ch05_kv_cache::budget::budget;
use clap::Parser;
use functions::FUNCTIONS;
use std::{
    io::{self, Write},
    process::ExitCode,
};

/// A small language model writes with a cache and without.
#[derive(Parser)]
#[command(name = "cargo attn run 5", bin_name = "cargo attn run 5")]
#[command(
    after_help = "With --mine, it runs on your functions; with --model smollm2, in a real language model."
)]
pub struct Args {
    /// What a model goes on from: English, or the first line of a Tang quatrain [default: It was a truth]
    #[arg(allow_negative_numbers = true)]
    text: Vec<String>,
    /// How many characters it writes at most; with --budget, how many tokens a text has
    #[arg(long, value_name = "N")]
    tokens: Option<u64>,
    /// Instead: what fits on this card (l4, rtx4090, a100, h100 or h200), and how fast it can be
    #[arg(long, value_name = "CARD", conflicts_with = "text")]
    budget: Option<String>,
    /// With --budget, another memory than the card's, such as 24GiB
    #[arg(long, value_name = "SIZE")]
    memory: Option<String>,
}

impl Args {
    /// What the model goes on from; quotes around it may be left out.
    fn prompt(&self) -> String {
        match self.text.as_slice() {
            [] => "It was a truth".into(),
            words => words.join(" "),
        }
    }
}

/// How many tokens a text has, if nobody says.
const TOKENS: u64 = 4096;

/// Prints everything as soon as it is known.
pub fn run(
    args: &Args,
    load: impl FnOnce(Model) -> LanguageModel,
    to: &mut impl Write,
) -> Result<()> {
    if let Some(card) = &args.budget {
        let tokens = args.tokens.unwrap_or(TOKENS);
        let text = budget(card, args.memory.as_deref(), tokens, FUNCTIONS)?;
        return Ok(to.write_all(text.as_bytes())?);
    }
    ensure!(args.memory.is_none(), "--memory is for a budget: say of which card, by --budget");
    report::write(args, load, to)
}

fn main() -> ExitCode {
    demonstrate(|| {
        run(&Args::parse(), LanguageModel::trained, &mut io::stdout()).map(|()| String::new())
    })
}
