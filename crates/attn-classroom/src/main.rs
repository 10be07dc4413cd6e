//! The classroom's program: `cargo attn classroom` and `cargo attn grade` start it.

use anyhow::Result;
use attn::Course;
use attn_classroom::export::Export;
use clap::{Parser, Subcommand};
use std::path::PathBuf;

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
}

fn main() -> Result<()> {
    let course = Course::find()?;
    match Arguments::parse().command {
        Command::Export { chapters, out } => {
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
