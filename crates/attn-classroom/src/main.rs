//! The classroom's program: `cargo attn classroom` and `cargo attn grade` start it.

use anyhow::{Result, bail};
use attn::{Course, program};
use attn_classroom::{
    confine::{self, Place},
    export::Export,
};
use attn_exercise::Request;
use clap::{Parser, Subcommand};
use std::{
    path::{Path, PathBuf},
    process,
};

/// Hands chapters out as assignments, and grades what comes back.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make a workspace for students
    Export {
        /// The chapter; several, if none of them is built on another
        #[arg(long = "chapter", required = true)]
        chapters: Vec<u32>,
        /// The folder to make
        #[arg(long)]
        out: PathBuf,
    },
    /// Say what a submission is kept away from on this system
    Probe,
    /// Become a worker, confined to its folder
    #[command(hide = true)]
    Worker {
        /// The check program with the answers
        program: PathBuf,
        /// What it is asked
        request: String,
    },
}

fn main() -> Result<()> {
    match Arguments::parse().command {
        Command::Probe => println!("{}", serde_json::to_string(&confine::probe()?)?),
        Command::Worker { program, request } => become_worker(&program, &request)?,
        Command::Export { chapters, out } => {
            let course = Course::find()?;
            let export = Export::new(&course, &chapters)?;
            export.write(&out)?;
            for (id, why) in export.left_out()? {
                println!("{id} is not in it: {why}");
            }
            println!("{} exercises are in {}", export.exercises().count(), out.display());
        }
    }
    Ok(())
}

/// Gives up what a worker does not need, and becomes it.
fn become_worker(program: &Path, request: &str) -> Result<()> {
    let Request::Work { dir, memory, .. } = serde_json::from_str(request)? else {
        bail!("a worker is asked to work, and nothing else");
    };
    Place::of_worker(program.to_path_buf(), dir, memory).enter()?;
    let mut worker = process::Command::new(program);
    worker.arg(request).env_clear();
    program::become_it(&mut worker)?;
    Ok(())
}
