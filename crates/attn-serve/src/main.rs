//! `cargo attn serve`, with one of the course's small models. The real one is an example of `attn-smollm`.

use anyhow::{Result, ensure};
use attn_lm::{Model, Weights};
use attn_serve::{Served, Settings, serve};
use ch10_paged::engine::Lm;
use clap::Parser;
use std::{process::ExitCode, sync::Arc};

/// A small server: the engine of chapter 10 behind HTTP, as the usual clients speak it.
#[derive(Parser)]
#[command(name = "cargo attn serve", bin_name = "cargo attn serve")]
struct Args {
    /// mha, gqa or mqa, which write like the novel; quatrains, which knows poems; or smollm2
    #[arg(long, value_name = "NAME", default_value = "mha")]
    model: Model,
    #[command(flatten)]
    settings: Settings,
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

fn run(Args { model, settings }: &Args) -> Result<()> {
    ensure!(*model != Model::Mla, "mla keeps latents, which the engine of chapter 10 does not");
    let decoder = Lm::new(&Weights::trained(*model));
    serve(Served { name: model.name().into(), decoder, words: Arc::new(*model) }, settings)
}
