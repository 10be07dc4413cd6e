//! The ladder on this machine: every rung in turn, with its time, what it moves by the model, the
//! tiles it visits and the memory it holds.

mod beside;
mod functions;
mod mine;
mod report;
mod text;

use anyhow::{Result, bail, ensure};
use attn_core::random::Random;
use attn_exercise::{demonstrate, memory};
use ch08_flash_cpu::{
    HeadsOutput,
    ladder::{Instructions, RUNGS, Rung},
    traffic::Sizes,
};
use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use ndarray::{Array3, Axis, s};
use report::Row;
use std::{
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
    time::{Duration, Instant},
};

/// The ladder of chapter 8: the same attention on every rung.
#[derive(Parser)]
#[command(name = "cargo attn run 8", bin_name = "cargo attn run 8")]
#[command(allow_negative_numbers = true)]
#[command(after_help = "With --mine, your functions are rungs beside the reference's.")]
pub struct Arguments {
    /// Queries and keys
    #[arg(long, default_value_t = 1024)]
    n: usize,
    /// Width of a head
    #[arg(long, default_value_t = 64)]
    d: usize,
    /// Heads
    #[arg(long, default_value_t = 4)]
    heads: usize,
    /// Each query sees only the keys up to its own place
    #[arg(long)]
    causal: bool,
    /// Take the queries, keys and values from this file's bytes instead of random numbers
    #[arg(long)]
    text: Option<PathBuf>,
    /// Do not start a rung that would take longer than this, in seconds
    #[arg(long, default_value_t = 60.0)]
    patience: f64,
}

/// Queries, keys and values of all heads.
struct Tensors {
    q: Array3<f32>,
    k: Array3<f32>,
    v: Array3<f32>,
}

fn main() -> ExitCode {
    demonstrate(|| {
        run(Arguments::parse(), report::free_memory(), &mut io::stdout()).map(|()| String::new())
    })
}

/// Runs every rung that `free` bytes of memory and the reader's patience allow, and writes a row for
/// each as soon as it is done.
///
/// # Errors
/// Says which argument is absurd, what does not fit, or which rung disagrees with the one below it.
pub fn run(mut arguments: Arguments, free: Option<u64>, to: &mut impl Write) -> Result<()> {
    let patience = arguments.patience;
    ensure!(patience >= 0.0, "--patience is {patience}: seconds, from 0 on");
    ensure!(arguments.n > 0, "--n is 0: there has to be a query");
    ensure!(arguments.d > 0, "--d is 0: a head needs a width");
    ensure!(arguments.heads > 0, "--heads is 0: there has to be a head");
    // 2^40 numbers are 4 TiB; beyond it, the sizes themselves would overflow.
    let numbers = arguments.n.checked_mul(arguments.d).and_then(|x| x.checked_mul(arguments.heads));
    if numbers.is_none_or(|numbers| numbers > 1 << 40) {
        bail!("these sizes are too large for any machine");
    }
    let text = arguments.text.as_deref().map(|path| text::Text::read(path, arguments.n));
    let text = text.transpose()?;
    if let Some(text) = &text {
        arguments.n = arguments.n.min(text.len());
    }
    let Arguments { n, d, heads, causal, .. } = arguments;
    let sizes = Sizes { n, m: n, d, d_v: d, causal };

    // Inputs and one result, 4 bytes a number.
    let needed = 4 * 4 * (heads * n * d) as u64;
    if let Some(free) = free.filter(|&free| needed > free) {
        bail!(
            "inputs and a result of these sizes need {}, and {} are free",
            report::bytes(needed),
            report::bytes(free)
        );
    }
    let tensors = match &text {
        Some(text) => text.tensors(n, d, heads),
        None => random(n, d, heads),
    };
    writeln!(
        to,
        "n = m = {n}, d = {d}, {heads} head{}, {}; {} threads, {}\n",
        if heads == 1 { "" } else { "s" },
        if causal { "causal" } else { "every query sees every key" },
        rayon::current_num_threads(),
        Instructions::detect().name(),
    )?;
    writeln!(to, "{}", report::head())?;
    // Each with whether it is the learner's.
    let rungs: Vec<(Rung, bool)> = RUNGS
        .into_iter()
        .flat_map(|rung| [Some((rung, false)), beside::beside(&rung).map(|mine| (mine, true))])
        .flatten()
        .collect();
    let bar = ProgressBar::new(rungs.len() as u64);
    bar.set_style(ProgressStyle::with_template("  {bar:30} {msg}")?);
    bar.enable_steady_tick(Duration::from_millis(120));
    let mut last: Option<(Rung, HeadsOutput)> = None;
    for (rung, is_mine) in rungs {
        let mut wrong = None;
        bar.set_message(rung.name);
        let why = too_large(&rung, &sizes, (needed, free));
        let why = why.or_else(|| too_slow(&rung, &tensors, causal, patience));
        let row = match why {
            Some(why) => Row::skipped(&rung, why),
            None => {
                let start = Instant::now();
                let run =
                    || (rung.forward)(tensors.q.view(), tensors.k.view(), tensors.v.view(), causal);
                let (output, peak) = memory::peak(run);
                let seconds = start.elapsed().as_secs_f64();
                let results = 4 * (output.out.len() + output.lse.len());
                let beside = peak.saturating_sub(results) as u64;
                if is_mine {
                    let below = last.as_ref();
                    wrong = below.and_then(|(rung, it)| mine::difference(rung, it, &output));
                } else {
                    let agrees = last.as_ref().is_none_or(|(_, before)| near(before, &output));
                    ensure!(agrees, "{} disagrees with the rung below it", rung.name);
                    last = Some((rung, output));
                }
                Row::ran(&rung, &sizes, heads as u64, seconds, beside)
            }
        };
        bar.suspend(|| writeln!(to, "{row}"))?;
        if let Some(wrong) = wrong {
            bar.suspend(|| writeln!(to, "  {:<16} {wrong}", "  WRONG:"))?;
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    writeln!(to, "\n{}", report::legend(&sizes))?;
    if let (Some(text), Some((_, output))) = (&text, &last) {
        let of = text.of();
        writeln!(
            to,
            "\nThe first {n} of {of} bytes of the text. Below each line, where the last of them\n\
             looks in head 0 (the darker, the more):\n"
        )?;
        let weights = text::weights(&tensors.q, &tensors.k, output.lse[[0, n - 1]]);
        write!(to, "{}", text.shaded(&weights))?;
    }
    Ok(())
}

/// What a rung would need, if that is more than there is.
fn too_large(rung: &Rung, sizes: &Sizes, (needed, free): (u64, Option<u64>)) -> Option<String> {
    let memory = rung.memory(sizes) + needed;
    let free = free.filter(|&free| memory > free)?;
    let (needs, free) = (report::bytes(memory), report::bytes(free));
    Some(format!("not started: it would need {needs}, and {free} are free"))
}

/// How long a rung would take, if that is longer than the reader waits: from a trial on the first
/// few rows, since the time grows with their square.
fn too_slow(rung: &Rung, tensors: &Tensors, causal: bool, patience: f64) -> Option<String> {
    const FEW: usize = 256;
    let n = tensors.q.len_of(Axis(1));
    let few = n.min(FEW) as isize;
    let [q, k, v] = [&tensors.q, &tensors.k, &tensors.v].map(|x| x.slice(s![.., ..few, ..]));
    let start = Instant::now();
    (rung.forward)(q, k, v, causal);
    let seconds = start.elapsed().as_secs_f64() * (n as f64 / few as f64).powi(2);
    (seconds > patience)
        .then(|| format!("not started: it would take about {seconds:.0} s; see --patience"))
}

fn random(n: usize, d: usize, heads: usize) -> Tensors {
    let mut random = Random::new(8);
    Tensors {
        q: random.normal((heads, n, d)),
        k: random.normal((heads, n, d)),
        v: random.normal((heads, n, d)),
    }
}

/// The same up to rounding.
fn near(a: &HeadsOutput, b: &HeadsOutput) -> bool {
    let pairs = a.out.iter().zip(&b.out).chain(a.lse.iter().zip(&b.lse));
    let finite = a.lse.iter().filter(|x| x.is_finite());
    let scale = finite.fold(1.0_f32, |scale, x| scale.max(x.abs()));
    pairs.into_iter().all(|(x, y)| x == y || (x - y).abs() < 1e-4 * scale)
}
