//! The `ndarray` operations that the course uses, one after the other: the code, and what it gives.
//!
//! The book's primer shows the same lines and the same results.
//!
//! `cargo attn run 0`

mod steps;

use clap::Parser;
use std::{fmt::Display, io::Write};

/// The ndarray operations that the course uses: the code, and what it gives.
#[derive(Parser)]
#[command(name = "tour")]
pub struct Args {}

/// One stop of the tour.
pub struct Step {
    /// The anchor around its code in `steps.rs`.
    pub anchor: &'static str,
    title: &'static str,
    values: Vec<(&'static str, String)>,
}

impl Step {
    /// A step that has computed nothing yet.
    pub fn new(anchor: &'static str, title: &'static str) -> Self {
        Step { anchor, title, values: Vec::new() }
    }

    /// Adds a value under its name in the code.
    pub fn gives(mut self, name: &'static str, value: impl Display) -> Self {
        self.values.push((name, value.to_string()));
        self
    }

    /// The names and values, a line or more each.
    pub fn results(&self) -> String {
        let names = self.values.iter().map(|(name, _)| name.chars().count());
        let width = names.max().unwrap_or(0);
        let mut text = String::new();
        for (name, value) in &self.values {
            let gap = format!("\n{:width$}   ", "");
            text += &format!("{name:<width$} = {}\n", value.replace('\n', &gap));
        }
        text
    }

    /// The lines of `steps.rs` that were run.
    pub fn code(&self) -> String {
        let begin = format!("// ANCHOR: {}", self.anchor);
        let end = format!("// ANCHOR_END: {}", self.anchor);
        let lines = include_str!("steps.rs").lines();
        let lines = lines.skip_while(|line| line.trim() != begin).skip(1);
        let lines = lines.take_while(|line| line.trim() != end);
        lines.map(|line| line.strip_prefix("    ").unwrap_or(line).to_string() + "\n").collect()
    }
}

/// All steps, in the order of the book's page.
pub fn steps() -> Vec<Step> {
    steps::all()
}

/// Everything that is printed.
pub fn run() -> String {
    let indented = |text: String| -> String {
        let lines = text.lines();
        lines.map(|line| format!("  {line}").trim_end().to_string() + "\n").collect()
    };
    let mut text = String::new();
    for (number, step) in steps().iter().enumerate() {
        let heading = format!("{}. {}", number + 1, step.title);
        let (code, results) = (indented(step.code()), indented(step.results()));
        text += &format!("{heading}\n\n{code}\n{results}\n");
    }
    text + "The text to it is the book's page “Primer”.\n"
}

fn main() {
    Args::parse();
    // Whoever reads this may stop early, as `head` does.
    let _ = std::io::stdout().write_all(run().as_bytes());
}
