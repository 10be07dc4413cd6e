//! Reads what is asked, and has it answered by a model in a process of its own: `reply`.
//!
//! `cargo attn chat "What is the capital of France?"`

mod style;

use anyhow::{Result, ensure};
use attn::{
    Course,
    commands::{Partner, Silence},
};
use clap::Parser;
use rustyline::{Config, Editor, error::ReadlineError, history::MemHistory};
use std::{
    io::{self, BufRead, IsTerminal},
    process::ExitCode,
    sync::atomic::Ordering,
};
use style::Style;

/// A real language model answers. Without a question it asks for them, and Ctrl-D ends the conversation;
/// Ctrl-C ends a reply. Piped in, each line is a question.
#[derive(Parser)]
#[command(name = "cargo attn chat", bin_name = "cargo attn chat")]
struct Args {
    /// What to ask, one after another; each knows what was said before
    questions: Vec<String>,
    /// Attention and cache by your functions of chapters 3 to 6
    #[arg(long)]
    mine: bool,
    #[command(flatten)]
    style: Style,
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            attn::complain(format_args!("error: {error:#}"));
            ExitCode::from(2)
        }
    }
}

/// Counts Ctrl-C since the question.
static SILENCE: Silence = Silence::new(0);

fn run(args: &Args) -> Result<()> {
    let Style { temperature, top_p, penalty, tokens, .. } = args.style;
    ensure!(temperature >= 0.0, "--temperature {temperature} is negative");
    ensure!(penalty > 0.0, "--penalty {penalty} is not positive");
    ensure!(top_p > 0.0, "--top-p {top_p} leaves no token");
    ensure!(tokens > 0, "--tokens is 0; a reply has at least one");
    let course = Course::find()?;
    let mut partner = Partner::new(&course, args.mine, vec![serde_json::to_string(&args.style)?])?;
    ctrlc::set_handler(|| {
        SILENCE.fetch_add(1, Ordering::Relaxed);
    })?;
    if args.questions.is_empty() && io::stdin().is_terminal() {
        return typed(&mut partner);
    }
    let piped = io::stdin().lock().lines();
    let mut given = args.questions.iter().cloned().map(Ok);
    let questions: &mut dyn Iterator<Item = io::Result<String>> =
        if args.questions.is_empty() { &mut { piped } } else { &mut given };
    for question in questions {
        let question = question?;
        if question.trim().is_empty() {
            continue;
        }
        println!("> {}", question.trim());
        partner.answer(question.trim(), &SILENCE)?;
        // Nobody is there to ask again.
        if SILENCE.load(Ordering::Relaxed) > 0 {
            break;
        }
    }
    Ok(())
}

/// Asks for questions, with the arrow keys and the history that a shell has.
fn typed(partner: &mut Partner) -> Result<()> {
    let config = Config::builder().auto_add_history(true).build();
    let mut editor = Editor::<(), _>::with_history(config, MemHistory::new())?;
    loop {
        match editor.readline("> ") {
            Ok(question) if question.trim().is_empty() => {}
            Ok(question) => partner.answer(question.trim(), &SILENCE)?,
            Err(ReadlineError::Interrupted) => println!("Ctrl-D ends the conversation."),
            Err(ReadlineError::Eof) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
}
