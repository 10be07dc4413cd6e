//! The model that `cargo attn chat` talks to. Its attention is made of chapter 4's heads and rotations,
//! chapter 5's cache and chapter 6's grouped attention, and a token is chosen by chapter 3's softmax.

mod ch03;
mod ch04;
mod ch05;
mod ch06;
#[path = "../chat/style.rs"]
mod style;

use anyhow::{Context, Result};
use attn::commands::Said;
use attn_core::random::Random;
use attn_exercise::{demonstrate, end_of_reply, heard, heard_already};
use attn_smollm::{ByChapters, Chapters, Pieces, SYSTEM, Sampling, SmolLm, Tokens, turn, why};
use ch03_scaled_dot_product::softmax_rows;
use ndarray::ArrayView2;
use std::{
    env,
    io::{self, Write},
    process::ExitCode,
};
use style::Style;

const CHAPTERS: Chapters =
    Chapters { ch04: ch04::FUNCTIONS, ch05: ch05::FUNCTIONS, ch06: ch06::FUNCTIONS };

fn main() -> ExitCode {
    demonstrate(run)
}

fn run() -> Result<String> {
    let style = env::args().nth(1).context("it is started by `cargo attn chat`")?;
    let (model, tokens) = SmolLm::published()?;
    let style: Style = serde_json::from_str(&style)?;
    let mut speaker = Speaker {
        model: &model,
        tokens: &tokens,
        layers: ByChapters::new(&model, CHAPTERS),
        read: Vec::new(),
        pending: tokens.encode(SYSTEM),
        random: Random::new(style.seed),
        style,
    };
    while let Some(line) = heard() {
        match serde_json::from_str(&line)? {
            Said::Before(spoken) => {
                for (question, reply) in spoken {
                    let text = format!("{}{reply}<|im_end|>\n", turn(&question));
                    speaker.pending.extend(tokens.encode(&text));
                }
            }
            Said::Ask(question) => {
                speaker.answer(&question)?;
                end_of_reply()?;
            }
            // The reply had just ended.
            Said::Stop => {}
        }
    }
    Ok(String::new())
}

struct Speaker<'a> {
    model: &'a SmolLm,
    tokens: &'a Tokens,
    layers: ByChapters<'a>,
    /// What the model has read: what its caches hold.
    read: Vec<usize>,
    /// What it has to read before it can answer.
    pending: Vec<usize>,
    random: Random,
    style: Style,
}

impl Speaker<'_> {
    /// Prints a reply as it comes.
    fn answer(&mut self, question: &str) -> Result<()> {
        let (asked, context) = (self.tokens.encode(&turn(question)), self.model.sizes.context);
        let system = self.tokens.encode(SYSTEM);
        if system.len() + asked.len() >= context {
            eprintln!(
                "The question has {} tokens, and the model was made for {context}: ask a shorter one.",
                asked.len()
            );
            return Ok(());
        }
        let all = self.read.len() + self.pending.len() + asked.len();
        if all >= context {
            eprintln!(
                "The conversation has {all} tokens, and the model was made for {context}: it forgets what \
                 was said before."
            );
            self.layers.forget();
            (self.read, self.pending) = (Vec::new(), system);
        }
        self.pending.extend(asked);
        let begun = self.read.len() + self.pending.len();
        self.reply(context)?;
        println!("\n");
        self.layers.comparison.tell();
        if let Some(token) = &self.style.why {
            print!("{}", why(self.model, self.tokens, &self.read, begun, token));
        }
        self.pending.extend(self.tokens.encode("\n"));
        Ok(())
    }

    fn reply(&mut self, context: usize) -> Result<()> {
        let Style { temperature, top_p, penalty, tokens: most, .. } = self.style;
        let sampling = Sampling { temperature, top_p, penalty };
        let (mut written, mut pieces) = (Vec::new(), Pieces::new(self.tokens));
        loop {
            let new = std::mem::take(&mut self.pending);
            let logits = self.model.last_logits(&new, &mut self.layers);
            let logits = logits.context("append (5.2) refused what the cache has room for")?;
            self.read.extend(new);
            let logits = logits.as_slice().context("one row")?;
            let comparison = &mut self.layers.comparison;
            comparison.on = true;
            let softmax = |logits: ArrayView2<f32>| {
                let likely = (ch03::FUNCTIONS.softmax_rows)(logits);
                let want = || softmax_rows(logits);
                comparison.expect(("3.1", "softmax_rows"), likely.view(), want);
                likely
            };
            let token = sampling.choose(logits, &written, &mut self.random, softmax);
            self.pending.push(token);
            if token == self.tokens.end {
                return Ok(());
            }
            written.push(token);
            print!("{}", pieces.next(token));
            io::stdout().flush()?;
            // One more has to fit, which ends the reply.
            let is_full = self.read.len() + 2 >= context;
            if written.len() == most || is_full || heard_already().is_some() {
                print!(" …");
                self.pending.push(self.tokens.end);
                return Ok(());
            }
        }
    }
}
