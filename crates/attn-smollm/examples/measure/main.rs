//! Measures what the pages of chapters 5 to 7 say of SmolLM2, and prints it as the table
//! `data/measured.csv`:
//!
//! `cargo run --package attn-smollm --example measure > crates/attn-smollm/data/measured.csv`
//!
//! Times are seconds of CPU time of the whole program, as Linux counts them, on one thread: what else
//! the machine does changes them little. The losses are of the page that the chapter's demonstration
//! reads. Differences of logits are parts of their range.

#[path = "../latent/heads.rs"]
mod latent;
#[path = "../share/pooled.rs"]
mod pooled;
#[path = "../share/heads.rs"]
mod share;

use anyhow::{Context, Result};
use attn_lm::text;
use attn_smollm::{Heads, Plain, Projected, SmolLm, Written, likeliest, write};
use ch06_mqa_gqa::functions::REFERENCE;
use ch07_mla::given::Form;
use latent::AsLatent;
use pooled::{Pooled, pooled};
use share::Shared;
use std::{convert::Infallible, env, fs};

const PROMPT: &str = "The capital of France is";
const WRITTEN: usize = 64;
const PAGE: usize = 1600;

fn main() -> Result<()> {
    if env::var("RAYON_NUM_THREADS").as_deref() != Ok("1") {
        anyhow::bail!("the times are those of one thread: set RAYON_NUM_THREADS=1");
    }
    let begun = cpu_seconds()?;
    let (model, tokens) = SmolLm::published()?;
    // As many digits as mean something.
    let row = |what: &str, value: f64| println!("{what},{}", (value * 1e8).round() / 1e8);
    println!("what,value");
    row("start, s", cpu_seconds()? - begun);
    let sizes = model.sizes;
    row("parameters", sizes.parameters as f64);
    for heads in [sizes.kv_heads, sizes.heads, 1] {
        row(&format!("bytes per token with {heads} heads"), (4 * sizes.kept(heads)) as f64);
    }

    let read = tokens.encode(PROMPT);
    // It goes on where it would end, so that as much is written each time.
    let count = (WRITTEN, sizes.vocabulary);
    row("prompt, tokens", read.len() as f64);
    let plain = written(&model, Plain::new(&model), &read, count);
    row("written, tokens", plain.tokens.len() as f64);
    let begun = cpu_seconds()?;
    written(&model, Plain::new(&model), &read, count);
    row("with a cache, s", cpu_seconds()? - begun);
    row("with a cache, rows", (read.len() + WRITTEN - 1) as f64);
    let (mut all, mut rows, begun) = (read.clone(), 0, cpu_seconds()?);
    for _ in 0..WRITTEN {
        let Ok(logits) = model.last_logits(&all, &mut Projected::new(&model, Plain::new(&model)));
        rows += all.len();
        all.push(likeliest(&logits));
    }
    row("without, s", cpu_seconds()? - begun);
    row("without, rows", rows as f64);
    row("without, the same text", f64::from(u8::from(all[read.len()..] == plain.tokens)));

    let page = tokens.encode(&text::held_out()[..PAGE]);
    row("page, tokens", page.len() as f64);
    let nine = sizes.heads / sizes.kv_heads;
    for (what, model, copies) in [
        ("loss with three heads", &model, 1),
        ("loss with nine heads", &model, nine),
        ("loss with the mean", &pooled(&model, REFERENCE, Pooled::Mean), 1),
        ("loss with the first", &pooled(&model, REFERENCE, Pooled::First), 1),
    ] {
        let inner = Shared::new(model, REFERENCE, copies);
        let Ok(loss) = model.loss(&page, &mut Projected::new(model, inner));
        row(what, loss);
    }
    let copied = written(&model, Shared::new(&model, REFERENCE, nine), &read, count);
    row("nine heads, apart", f64::from(copied.apart(&plain)));

    for (what, form) in [("naive", Form::Naive), ("absorbed", Form::Absorbed)] {
        let begun = cpu_seconds()?;
        let inner = AsLatent::new(&model, ch07_mla::functions::REFERENCE, form);
        let mut attention = Projected::new(&model, inner);
        let Ok(as_latents) = write(&model, &mut attention, &read, count);
        row(&format!("{what}, s"), cpu_seconds()? - begun);
        let kept = attention.inner.numbers() / sizes.layers / (read.len() + WRITTEN - 1);
        row(&format!("{what}, numbers per token and layer"), kept as f64);
        row(&format!("{what}, apart"), f64::from(as_latents.apart(&plain)));
        let same = as_latents.tokens == plain.tokens;
        row(&format!("{what}, the same text"), f64::from(u8::from(same)));
    }
    Ok(())
}

fn written<H: Heads<Error = Infallible>>(
    model: &SmolLm,
    heads: H,
    read: &[usize],
    count: (usize, usize),
) -> Written {
    let Ok(written) = write(model, &mut Projected::new(model, heads), read, count);
    written
}

/// The seconds of CPU time so far: user and system, in hundredths.
fn cpu_seconds() -> Result<f64> {
    let stat = fs::read_to_string("/proc/self/stat").context("the times are Linux's")?;
    // After the program's name, which may hold anything.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: Result<Vec<f64>, _> = fields.skip(11).take(2).map(str::parse).collect();
    Ok(ticks?.iter().sum::<f64>() / 100.0)
}
