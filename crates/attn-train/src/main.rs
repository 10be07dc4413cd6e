//! `attn-train`: see the library's front page.

use anyhow::{Context, Result, ensure};
use attn_dates::results::HeldOut;
use attn_train::{
    convert::{Conversion, convert_and_train},
    measure,
    mixed::{Mixed, Task},
    model::Model,
    net::Net,
    publish,
    recall::{self, PAIRS},
    run::Run,
    threads,
    train::train,
};
use clap::{Parser, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use std::{
    fs,
    io::IsTerminal,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Instant,
};

/// Trains the models of chapters 1, 2 and 4 on written dates, and those of chapters 5 to 7 on a novel and poems.
#[derive(Parser)]
#[command(name = "attn-train")]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Trains a model and writes its weights; a run that was stopped goes on where it stood
    Train(Train),
    /// Makes language models with fewer heads of keys and values out of the one with eight, and trains each
    /// for a twentieth of its steps
    Convert {
        /// How many batches
        #[arg(long, value_name = "N", default_value_t = 30)]
        steps: u64,
        /// The folder that data/converted.csv is written to
        #[arg(long, value_name = "DIR", default_value_os_t = published(attn_lm::Model::Mha.into()))]
        out: PathBuf,
    },
    /// Measures the models of the dates whose weights are there: accuracy, gradients, logits to compare
    /// with
    Measure {
        /// How many held-out lists of each length
        #[arg(long, value_name = "N", default_value_t = measure::LISTS)]
        lists: usize,
        /// The folder with weights/, which data/ and fixtures/ are written beside
        #[arg(long, value_name = "DIR", default_value_os_t = published(attn_dates::Model::Dot.into()))]
        out: PathBuf,
    },
}

#[derive(clap::Args)]
struct Train {
    /// gru-fixed, gru-dot, gru-additive or transformer for dates; mha, gqa, mqa or mla for the novel; quatrains; for
    /// chapter 11, novel-MIXER or recall-WIDTH-MIXER with softmax, linear, gla, delta, gated-delta, or gla+softmax and so on
    model: Model,
    /// Determines the first weights and the examples
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// How many batches [default: by the model]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    steps: Option<u64>,
    /// About how many dates a batch holds, or how many passages [default: by the model]
    #[arg(long, value_name = "N")]
    batch: Option<usize>,
    /// The highest learning rate [default: by the model]
    #[arg(long, value_name = "X")]
    rate: Option<f64>,
    /// A run of seconds that shows that all is well; its weights are good for nothing
    #[arg(long)]
    smoke: bool,
    /// Where the run is saved while it lasts [default: under target/attn-train]
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,
    /// The folder that weights/ is written to [default: crates/attn-dates or crates/attn-lm; of a smoke
    /// run under target/attn-train]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Where the course keeps what the chapters load.
fn published(model: Model) -> PathBuf {
    let folder = match model {
        Model::Dates(_) => "../attn-dates",
        Model::Text(_) => "../attn-lm",
        Model::Mixed(_) => "../../chapters/11-linear",
    };
    Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)
}

/// Out of git's sight.
fn scratch() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/attn-train")
}

fn main() -> ExitCode {
    let outcome = match Args::parse().command {
        // As the work begins, so that `--help` and wrong options answer at once.
        Command::Train(args) => threads::restart_with_one().and_then(|()| run_training(args)),
        Command::Convert { steps, out } => {
            threads::restart_with_one().and_then(|()| run_conversions(steps, &out))
        }
        Command::Measure { lists, out } => {
            threads::restart_with_one().and_then(|()| run_measure(lists, &out))
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run_training(args: Train) -> Result<()> {
    let usual = if args.smoke { Run::smoke(args.model) } else { Run::usual(args.model) };
    let run = Run {
        model: args.model,
        seed: args.seed,
        steps: args.steps.unwrap_or(usual.steps),
        batch: args.batch.unwrap_or(usual.batch),
        rate: args.rate.unwrap_or(usual.rate),
        ..usual
    };
    let kind = if args.smoke { "smoke" } else { "run" };
    let out = args.out.unwrap_or_else(|| match args.smoke {
        true => scratch().join("smoke"),
        false => published(run.model),
    });
    let checkpoint = args
        .checkpoint
        .unwrap_or_else(|| scratch().join(format!("{}.{kind}.checkpoint", run.model)));
    println!("{}", run.describe());
    let (start, bar) = (Instant::now(), bar(run.steps)?);
    let (mut first, mut last) = (None, 0.0);
    let (net, losses) = train(&run, &checkpoint, |step, loss| {
        first.get_or_insert(loss);
        last = loss;
        show(&bar, step, loss);
    })?;
    bar.finish_and_clear();
    let minutes = start.elapsed().as_secs_f64() / 60.0;
    println!("trained in {minutes:.1} minutes; the last loss is {last:.4} nats a character");
    if args.smoke {
        let first =
            first.context("the smoke run was over before it began; remove its checkpoint")?;
        ensure!(last < 0.8 * first, "the loss did not fall: {first:.4}, then {last:.4}");
    }
    match run.model {
        Model::Dates(_) => {
            let lists = if args.smoke { 4 } else { measure::LISTS };
            let accuracy = measure::accuracy(&net, HeldOut::Days, lists)?;
            let measured = ("accuracy", measure::shares(&accuracy, HeldOut::Days));
            publish::losses(&run, &losses, &out)?;
            println!("{}", measure::summary(&accuracy, HeldOut::Days));
            let path = publish::weights(&net, &run, measured, &out)?;
            println!("wrote {}", path.display());
        }
        Model::Text(model) => publish_text(&run, &net, model, args.smoke, &out)?,
        Model::Mixed(Mixed { task: Task::Recall { .. }, .. }) => {
            let shares = PAIRS.map(|pairs| Ok((pairs, recall::accuracy(&net, pairs)?)));
            let shares = shares.into_iter().collect::<Result<Vec<_>>>()?;
            for (pairs, share) in &shares {
                println!("{pairs} pairs: {:.1} % of the answers are right", 100.0 * share);
            }
            publish::recall(&run, &shares, &out)?;
        }
        Model::Mixed(_) => {
            let passages = if args.smoke { 2 } else { usize::MAX };
            let loss = measure::held_out_loss(&net, passages)?;
            println!("the loss on held-out text is {loss:.4} nats a character");
            publish::loss(&run, loss, &out)?;
        }
    }
    // The run is over, and another one begins anew.
    fs::remove_file(&checkpoint)
        .with_context(|| format!("{} cannot be removed", checkpoint.display()))
}

/// The weights of the first seed are kept; of the others, how well they do.
fn publish_text(
    run: &Run,
    net: &Net,
    model: attn_lm::Model,
    smoke: bool,
    out: &Path,
) -> Result<()> {
    let passages = if smoke { 2 } else { usize::MAX };
    let loss = match model {
        attn_lm::Model::Quatrains => measure::loss_on_poems(net)?,
        _ => measure::held_out_loss(net, passages)?,
    };
    match model {
        attn_lm::Model::Quatrains => {
            println!("the loss on the poems themselves is {loss:.4} nats a character");
        }
        _ => {
            println!("the loss on held-out text is {loss:.4} nats a character");
            publish::loss(run, loss, out)?;
        }
    }
    if run.seed == 1 {
        publish::text_fixtures(net, model, out)?;
        let path = publish::weights(net, run, ("loss", format!("{loss:.4}")), out)?;
        println!("wrote {}", path.display());
    }
    Ok(())
}

fn run_conversions(steps: u64, out: &Path) -> Result<()> {
    let mut rows = Vec::new();
    for model in [attn_lm::Model::Gqa, attn_lm::Model::Mqa] {
        let run = Run { steps, rate: 0.001, ..Run::usual(model) };
        for conversion in Conversion::ALL {
            let row = convert_and_train(model, conversion, &run, usize::MAX)?;
            println!("{model} by {conversion}: {:.4}, then {:.4}", row.before, row.after);
            rows.push(row);
        }
    }
    publish::converted(steps, &rows, out)
}

fn run_measure(lists: usize, out: &Path) -> Result<()> {
    let nets = publish::nets(out)?;
    let (mut accuracy, mut gradients) = (Vec::new(), Vec::new());
    for net in &nets {
        println!("{}", net.model);
        for held_out in [HeldOut::Days, HeldOut::Forms] {
            let rows = measure::accuracy(net, held_out, lists)?;
            println!("  {}", measure::summary(&rows, held_out));
            accuracy.extend(rows);
        }
        gradients.extend(measure::gradients(net)?);
        publish::fixtures(net, out)?;
    }
    publish::data(&accuracy, &gradients, out)
}

fn bar(steps: u64) -> Result<ProgressBar> {
    let bar = ProgressBar::new(steps);
    bar.set_style(ProgressStyle::with_template(
        "{bar:30} {pos}/{len}  {msg}  {elapsed} of about {duration}",
    )?);
    Ok(bar)
}

fn show(bar: &ProgressBar, step: u64, loss: f64) {
    bar.set_position(step);
    bar.set_message(format!("loss {loss:.4}"));
    // A bar needs a terminal; a log gets a line now and then.
    if step.is_multiple_of(50) && !std::io::stderr().is_terminal() {
        println!("step {step}: loss {loss:.4}");
    }
}
