//! Measures how fast SmolLM2 reads and writes, in turn with `transformers` and with a plain sum over as
//! many numbers as a token needs:
//!
//! `cargo run --package attn-smollm --example speed -- --python PYTHON --write crates/attn-smollm/data/speed.csv`
//!
//! It is compiled as `cargo attn chat` is, so these are the speeds that a reader sees.

#[path = "../prefill/rungs.rs"]
mod rungs;

use anyhow::{Context, Result};
use attn_bench::{
    peer::Peer,
    plain_sum,
    rounds::{Timed, in_turn, seconds},
    table::{Line, Table, load, processor, said},
};
use attn_lm::{Attention, text};
use attn_smollm::{ByChapters, Chapters, Plain, Projected, SmolLm, Tokens, likeliest, path};
use ch08_flash_cpu::ladder::RUNGS;
use clap::Parser;
use ndarray::{Array2, Array3};
use rayon::ThreadPoolBuilder;
use rungs::Rungs;
use serde::Serialize;
use std::{cell::RefCell, env, path::PathBuf, time::Instant};

/// How fast SmolLM2 reads and writes.
#[derive(Parser)]
struct Args {
    /// A Python that has `transformers`, as `tests/oracles/smollm2.py` wants it
    #[arg(long, default_value = "python3")]
    python: String,
    /// How many rounds; the median of them counts
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Write the table to this file
    #[arg(long)]
    write: Option<PathBuf>,
}

/// How many tokens are read at once.
const READ: usize = 512;
/// How many are written after so many.
const WRITTEN: usize = 16;
const BEFORE: usize = 64;

/// What `transformers` is asked for.
#[derive(Serialize)]
struct Asked<'a> {
    tokens: &'a [usize],
    writes: usize,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let mut table = Table::default();
    let today = said("date", &["+%F"]).unwrap_or_else(|| "unknown".into());
    let rust = said("rustc", &["--version"]).unwrap_or_else(|| "unknown".into());
    table.about("processor", processor());
    table.about("date", today);
    table.about("rust", rust);
    table.about("rounds", args.rounds.to_string());
    table.about("load before", load());

    let begun = Instant::now();
    let (model, tokens) = SmolLm::published()?;
    let start = begun.elapsed().as_secs_f64();
    table.add(Line::amount("start", "read and unpacked", "s", start));
    // The folder above, which the program below reads.
    let folder = path().parent().and_then(|folder| Some(folder.parent()?.to_path_buf()));
    let folder = folder.context("the model's folder")?;
    anyhow::ensure!(
        env::var_os("ATTN_SMOLLM").is_some_and(|set| set == folder),
        "set ATTN_SMOLLM={}, for transformers",
        folder.display()
    );
    let mut peer = Peer::start(&args.python, include_str!("transformers.py"))?;
    table.about("transformers", peer.version.clone());
    for threads in [1, 2] {
        let pool = ThreadPoolBuilder::new().num_threads(threads).build()?;
        pool.install(|| measure(&mut table, &model, &tokens, &mut peer, args.rounds))?;
    }
    table.about("load after", load());
    if let Some(path) = &args.write {
        table.write(path)?;
    }
    Ok(())
}

fn measure(
    table: &mut Table,
    model: &SmolLm,
    tokens: &Tokens,
    peer: &mut Peer,
    rounds: usize,
) -> Result<()> {
    let threads = rayon::current_num_threads();
    let peer = RefCell::new(peer);
    let s = if threads == 1 { "" } else { "s" };
    let name = |what: &str| format!("{what} on {threads} thread{s}");
    let page = tokens.encode(&text::held_out()[..16 * READ]);
    let (read, before) = (&page[..READ], &page[..BEFORE]);
    let ask = |tokens, writes| peer.borrow_mut().time(&Asked { tokens, writes }, threads);

    let ours: Timed = Box::new(|| {
        Ok(seconds(|| model.last_logits(read, &mut Projected::new(model, Plain::new(model)))))
    });
    let theirs: Timed = Box::new(|| ask(read, 0));
    let times = in_turn(rounds, vec![ours, theirs])?;
    let (kind, amount) = ("read", READ as f64);
    let other = Some(("transformers", &times[1]));
    table.add(Line::rate(kind, name("512 tokens"), "tokens/s", amount, &times[0], other));

    // What attention takes of that on each rung, and beside it the rest.
    let rest = RefCell::new(Vec::new());
    let attending = RUNGS.map(|rung| -> Timed {
        let rest = &rest;
        Box::new(move || {
            let mut attention = Projected::new(model, Rungs::new(model, rung));
            let all = seconds(|| model.last_logits(read, &mut attention));
            let took = attention.inner.took.as_secs_f64();
            rest.borrow_mut().push(all - took);
            Ok(took)
        })
    });
    for (rung, times) in RUNGS.iter().zip(in_turn(rounds, attending.into())?) {
        table.add(Line::time("attention", name(rung.name), &times));
    }
    let mut rest = rest.into_inner();
    rest.sort_by(f64::total_cmp);
    let rest = 1e3 * rest[rest.len() / 2];
    table.add(Line::amount("attention", name("all the rest"), "ms", rest));

    // As many numbers as the weights that a token needs.
    let numbers = Array3::<f32>::from_elem((1, 1, model.sizes.parameters), 1.5);
    let ours: Timed = Box::new(|| written(model, before, Projected::new(model, Plain::new(model))));
    let plain: Timed =
        Box::new(|| written(model, before, ByChapters::new(model, Chapters::REFERENCE)));
    let theirs: Timed = Box::new(|| ask(before, WRITTEN));
    let sum: Timed =
        Box::new(|| Ok(seconds(|| (0..WRITTEN).map(|_| plain_sum(numbers.view())).sum::<f32>())));
    let times = in_turn(rounds, vec![ours, plain, theirs, sum])?;
    let (kind, amount) = ("written", WRITTEN as f64);
    for (what, times, other, by) in [
        ("beside transformers", &times[0], "transformers", &times[2]),
        ("beside a sum", &times[0], "a plain sum", &times[3]),
        ("by the chapters' functions", &times[1], "the fast ones", &times[0]),
    ] {
        table.add(Line::rate(kind, name(what), "tokens/s", amount, times, Some((other, by))));
    }
    Ok(())
}

/// The seconds that writing takes, after the tokens before were read.
fn written<A: Attention>(model: &SmolLm, before: &[usize], mut attention: A) -> Result<f64>
where
    A::Error: std::fmt::Debug,
{
    let logits = |new: &[usize], attention: &mut A| -> Array2<f32> {
        model.last_logits(new, attention).expect("room for it")
    };
    let mut row = logits(before, &mut attention);
    Ok(seconds(|| {
        for _ in 0..WRITTEN {
            row = logits(&[likeliest(&row)], &mut attention);
        }
    }))
}
