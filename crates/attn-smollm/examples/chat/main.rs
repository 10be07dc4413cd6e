//! SmolLM2 answers, on the attention of chapter 6.
//!
//! `cargo attn chat "What is the capital of France?"`

#[path = "../share/functions.rs"]
mod functions;
#[path = "../share/heads.rs"]
mod heads;

use anyhow::{Result, ensure};
use attn_core::random::Random;
use attn_exercise::demonstrate;
use attn_smollm::{Heads, Pieces, Projected, SYSTEM, Sampling, SmolLm, Tokens, turn};
use clap::Parser;
use functions::FUNCTIONS;
use heads::Shared;
use std::{
    io::{self, BufRead, IsTerminal, Write},
    process::ExitCode,
};

/// A real language model answers. Without a question it reads them from standard input, one per line.
#[derive(Parser)]
#[command(name = "cargo attn chat", bin_name = "cargo attn chat")]
#[command(after_help = "With --mine, it runs on your functions of chapter 6.")]
struct Args {
    /// What to ask, one after another; each knows what was said before
    questions: Vec<String>,
    /// How much chance there is in the choice of a token; 0 takes the likeliest
    #[arg(long, value_name = "T", default_value_t = 0.2)]
    temperature: f32,
    /// Chance chooses among the likeliest tokens, as few as are this likely together
    #[arg(long, value_name = "P", default_value_t = 0.9)]
    top_p: f32,
    /// What the logit of a token that was written is divided by
    #[arg(long, value_name = "X", default_value_t = 1.1)]
    penalty: f32,
    /// Of the choices
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// How many tokens a reply has at most
    #[arg(long, value_name = "N", default_value_t = 200)]
    tokens: usize,
}

fn main() -> ExitCode {
    demonstrate(|| run(&Args::parse()))
}

fn run(args: &Args) -> Result<String> {
    ensure!(args.temperature >= 0.0, "--temperature {} is negative", args.temperature);
    ensure!(args.penalty > 0.0, "--penalty {} is not positive", args.penalty);
    ensure!(args.top_p > 0.0, "--top-p {} leaves no token", args.top_p);
    let (model, tokens) = SmolLm::published()?;
    let mut chat = Chat {
        model: &model,
        tokens: &tokens,
        attention: Projected::new(&model, Shared::new(&model, FUNCTIONS, 1)),
        pending: tokens.encode(SYSTEM),
        random: Random::new(args.seed),
        args,
    };
    if !args.questions.is_empty() {
        for question in &args.questions {
            println!("> {question}");
            chat.answer(question)?;
        }
        return Ok(String::new());
    }
    let typed = io::stdin().is_terminal();
    loop {
        if typed {
            print!("> ");
            io::stdout().flush()?;
        }
        let mut question = String::new();
        if io::stdin().lock().read_line(&mut question)? == 0 {
            return Ok(String::new());
        }
        let question = question.trim();
        if question.is_empty() {
            continue;
        }
        if !typed {
            println!("> {question}");
        }
        chat.answer(question)?;
    }
}

struct Chat<'a> {
    model: &'a SmolLm,
    tokens: &'a Tokens,
    attention: Projected<'a, Shared>,
    /// What the model has to read before it can answer.
    pending: Vec<usize>,
    random: Random,
    args: &'a Args,
}

impl Chat<'_> {
    /// Prints a reply as it comes.
    fn answer(&mut self, question: &str) -> Result<()> {
        self.pending.extend(self.tokens.encode(&turn(question)));
        let Args { temperature, top_p, penalty, .. } = *self.args;
        let sampling = Sampling { temperature, top_p, penalty };
        let context = self.model.sizes.context;
        let (mut written, mut pieces) = (Vec::new(), Pieces::new(self.tokens));
        loop {
            let held = self.attention.inner.kept(0);
            ensure!(
                held + self.pending.len() < context,
                "the conversation has {} tokens, and the model was made for {context}: begin another",
                held + self.pending.len()
            );
            let new = std::mem::take(&mut self.pending);
            let Ok(logits) = self.model.last_logits(&new, &mut self.attention);
            let logits = logits.as_slice().expect("one row");
            let token = sampling.choose(logits, &written, &mut self.random);
            self.pending.push(token);
            if token == self.tokens.end {
                break;
            }
            written.push(token);
            print!("{}", pieces.next(token));
            io::stdout().flush()?;
            if written.len() == self.args.tokens {
                print!(" …");
                self.pending.push(self.tokens.end);
                break;
            }
        }
        println!("\n");
        self.pending.extend(self.tokens.encode("\n"));
        Ok(())
    }
}
