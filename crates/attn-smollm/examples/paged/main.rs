//! SmolLM2 answers many questions at once, on chapter 10's engine.
//!
//! `cargo attn run 10 --model smollm2`

mod decoder;
mod functions;

use anyhow::{Context, Result, ensure};
use attn_exercise::demonstrate;
use attn_smollm::{Plain, Projected, SmolLm, Tokens, turn, write};
use ch10_paged::{
    engine::{Engine, Event, Metrics, Request, Settings},
    given::Way,
};
use clap::Parser;
use decoder::Paged;
use functions::FUNCTIONS;
use std::{process::ExitCode, sync::Arc, time::Instant};

/// A real language model answers many questions at once.
#[derive(Parser)]
#[command(name = "cargo attn run 10 --model smollm2")]
#[command(bin_name = "cargo attn run 10 --model smollm2")]
#[command(after_help = "With --mine, it runs on your functions.")]
struct Args {
    /// What is asked, each by another client [default: eight questions]
    questions: Vec<String>,
    /// How many tokens an answer has at most
    #[arg(long, value_name = "N", default_value_t = 16)]
    tokens: usize,
    /// How many blocks the pool has
    #[arg(long, value_name = "N", default_value_t = 48)]
    blocks: usize,
    /// How many tokens a block has
    #[arg(long, value_name = "N", default_value_t = 16)]
    size: usize,
}

/// What every conversation begins with.
const INSTRUCTIONS: &str = "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face. You \
                            answer the questions of visitors in a library. Be polite and brief: answer in one short \
                            sentence, without lists and without an introduction. If you do not know the answer, say \
                            that you do not know it, and name the shelf where a book about it may stand. Never \
                            invent the title of a book.<|im_end|>\n";

const QUESTIONS: [&str; 8] = [
    "What is the capital of France?",
    "Who wrote Pride and Prejudice?",
    "How many legs does a spider have?",
    "What is the opposite of hot?",
    "Which planet is closest to the sun?",
    "What do bees make?",
    "In which ocean is Hawaii?",
    "What is two plus three?",
];

/// Tokens of a step.
const BUDGET: usize = 64;
/// Steps between two arrivals.
const EVERY: usize = 2;

fn main() -> ExitCode {
    demonstrate(|| run(&Args::parse()))
}

fn run(args: &Args) -> Result<String> {
    let questions: Vec<String> = match args.questions.as_slice() {
        [] => QUESTIONS.map(String::from).into(),
        questions => questions.to_vec(),
    };
    ensure!(args.tokens > 0, "--tokens is 0; the model is to write at least one");
    ensure!(args.blocks > 0 && args.size > 0, "a pool has blocks, and a block has tokens");
    let (model, tokens) = SmolLm::published()?;
    let model = Arc::new(model);
    let prompts: Vec<Vec<usize>> = questions
        .iter()
        .map(|question| tokens.encode(&format!("{INSTRUCTIONS}{}", turn(question))))
        .collect();
    let sizes = model.sizes;
    println!(
        "{} clients ask, one every {EVERY} steps. Each prompt begins with the same {} tokens.\n\
         The pool has {} blocks of {}; {} query heads share {} heads of keys and values,\n\
         so that a token takes {} bytes.\n",
        prompts.len(),
        tokens.encode(INSTRUCTIONS).len(),
        args.blocks,
        args.size,
        sizes.heads,
        sizes.kv_heads,
        4 * sizes.kept(sizes.kv_heads),
    );
    // The first pass of all has to fetch the weights from wherever they are.
    let Ok(_) =
        model.last_logits(&prompts[0][..1], &mut Projected::new(&model, Plain::new(&model)));
    let together = together(&model, &tokens, &prompts, args)?;
    for (question, text) in questions.iter().zip(&together.texts) {
        println!("> {question}\n{}\n", tokens.decode(text).trim());
    }

    let begun = Instant::now();
    let mut rows = 0;
    let alone = prompts.iter().map(|prompt| {
        let mut attention = Projected::new(&model, Plain::new(&model));
        let Ok(written) = write(&model, &mut attention, prompt, (args.tokens, tokens.end));
        rows += prompt.len() + written.steps.len() - 1;
        written.tokens
    });
    let alone: Vec<Vec<usize>> = alone.collect();
    let seconds = begun.elapsed().as_secs_f64();
    let written: usize = alone.iter().map(Vec::len).sum();
    let steps: usize = alone.iter().map(|text| (text.len() + 1).min(args.tokens)).sum();
    let Metrics { computed, shared, hits, preempted, .. } = together.metrics;

    println!("{:<28}{:>14}{:>14}", "", "one by one", "all at once");
    let row = |what: &str, a: String, b: String| println!("{what:<28}{a:>14}{b:>14}");
    row("calls of the model", steps.to_string(), together.metrics.steps.to_string());
    row("rows computed", rows.to_string(), computed.to_string());
    row("seconds", format!("{seconds:.1}"), format!("{:.1}", together.seconds));
    let rate = |seconds: f64| format!("{:.1}", written as f64 / seconds);
    row("tokens per second", rate(seconds), rate(together.seconds));
    println!(
        "\n{hits} prompts found their beginning in the pool, {shared} tokens in all; {preempted} had to\n\
         give way."
    );
    let differ = together.texts.iter().zip(&alone).position(|(together, alone)| together != alone);
    Ok(match differ {
        None => format!("Both ways have written the same {written} tokens.\n"),
        Some(i) => {
            format!(
                "The answers to “{}” differ: alone it is “{}”.\n",
                questions[i],
                tokens.decode(&alone[i])
            )
        }
    })
}

/// What came of all questions at once.
struct Together {
    texts: Vec<Vec<usize>>,
    metrics: Metrics,
    seconds: f64,
}

fn together(
    model: &Arc<SmolLm>,
    tokens: &Tokens,
    prompts: &[Vec<usize>],
    args: &Args,
) -> Result<Together> {
    let (blocks, size) = (args.blocks, args.size);
    let settings = Settings { blocks, size, budget: BUDGET, way: Way::Recompute, share: true };
    let mut engine = Engine::with(Paged::new(model.clone()), settings, FUNCTIONS);
    let mut texts = vec![Vec::new(); prompts.len()];
    let (begun, mut step, mut next) = (Instant::now(), 0, 0);
    while next < prompts.len() || !engine.is_idle() {
        if next < prompts.len() && step >= EVERY * next {
            let stop = Some(tokens.end);
            engine.add(Request { stop, ..Request::greedy(next, &prompts[next], args.tokens) })?;
            next += 1;
        }
        for event in engine.step().context("the engine stopped")? {
            if let Event::Token { id, token } = event {
                texts[id].push(token);
            }
        }
        step += 1;
    }
    Ok(Together { texts, metrics: engine.metrics(), seconds: begun.elapsed().as_secs_f64() })
}
