//! `cargo attn serve --model smollm2`

#[path = "../paged/decoder.rs"]
mod decoder;

use anyhow::Result;
use attn_serve::{Served, Settings, Words, serve};
use attn_smollm::{SmolLm, Tokens};
use clap::Parser;
use decoder::Paged;
use std::{process::ExitCode, sync::Arc};

/// A small server: the engine of chapter 10 behind HTTP, with a real language model.
#[derive(Parser)]
#[command(name = "cargo attn serve --model smollm2", bin_name = "cargo attn serve --model smollm2")]
struct Args {
    #[command(flatten)]
    settings: Settings,
}

/// The model's own way of cutting text.
struct Pieces(Tokens);

impl Words for Pieces {
    fn encode(&self, text: &str) -> Result<Vec<usize>, String> {
        Ok(self.0.encode(text))
    }

    fn decode(&self, tokens: &[usize]) -> String {
        self.0.decode(tokens)
    }

    fn end(&self) -> Option<usize> {
        Some(self.0.end)
    }
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn run(Args { settings }: &Args) -> Result<()> {
    let (model, tokens) = SmolLm::published()?;
    let (decoder, words) = (Paged::new(Arc::new(model)), Arc::new(Pieces(tokens)));
    serve(Served { name: "smollm2".into(), decoder, words }, settings)
}
