//! Ring attention at work: processes that share a text, and the same on one device beside it.

mod faulty;

use anyhow::{Context, Result, ensure};
use attn_ring::{Part, Run, Sizes, processes, worker};
use ch08_flash_cpu::ladder::queries_in_lanes;
use clap::Parser;
use faulty::{Fault, Faulty};
use std::{
    env,
    process::{self, Command},
    time::{Duration, Instant},
};

/// Attention whose queries, keys and values are shared out to several processes.
#[derive(Parser)]
struct Arguments {
    /// Processes.
    #[arg(long, default_value_t = 4)]
    processes: usize,
    /// Query heads.
    #[arg(long, default_value_t = 8)]
    heads: usize,
    /// Heads of keys and values.
    #[arg(long, default_value_t = 2)]
    kv_heads: usize,
    /// Tokens.
    #[arg(long, default_value_t = 1000)]
    tokens: usize,
    /// The width of a head.
    #[arg(long, default_value_t = 64)]
    width: usize,
    /// Each query sees only the keys up to its own.
    #[arg(long)]
    causal: bool,
    /// Of the random numbers.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Seconds that a process may take for a step.
    #[arg(long, default_value_t = 20.0)]
    limit: f64,
    /// One of the processes that `mpirun` has started.
    #[cfg(feature = "mpi")]
    #[arg(long)]
    mpi: bool,
    /// What the process of a rank does wrong in its second pass, to see what comes of it: `2:ends` or
    /// `2:stalls`.
    #[arg(long, value_name = "RANK:FAULT")]
    fault: Option<Fault>,
    /// Started by the program itself.
    #[arg(long, hide = true)]
    worker: bool,
}

impl Arguments {
    fn sizes(&self) -> Result<Sizes> {
        let &Arguments { heads, kv_heads, tokens, width, causal, .. } = self;
        let sizes =
            Sizes { h: heads, h_kv: kv_heads, n: tokens, m: tokens, d: width, d_v: width, causal };
        Ok(sizes.checked()?)
    }

    fn limit(&self) -> Result<Duration> {
        let limit = Duration::try_from_secs_f64(self.limit).ok();
        limit.filter(|limit| !limit.is_zero()).context("--limit has to be a number of seconds")
    }
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    if arguments.worker {
        // The process that started it is told, and says it.
        if worker(|link| Faulty { link, fault: arguments.fault, passed: 0 }).is_err() {
            process::exit(1);
        }
        return Ok(());
    }
    #[cfg(feature = "mpi")]
    if arguments.mpi {
        return by_mpi(&arguments);
    }
    by_sockets(&arguments)
}

fn by_sockets(arguments: &Arguments) -> Result<()> {
    let (sizes, size) = (arguments.sizes()?, arguments.processes);
    ensure!((1..=64).contains(&size), "--processes {size} is not from 1 to 64");
    let parts: Vec<Part> =
        (0..size).map(|rank| Part::seeded(&sizes, arguments.seed, rank, size)).collect();
    let whole = Part::joined(&parts);
    let program = env::current_exe().context("this program's own file")?;
    let start = Instant::now();
    let run = processes(
        whole.q.view(),
        whole.k.view(),
        whole.v.view(),
        arguments.causal,
        size,
        arguments.limit()?,
        |_| {
            let mut command = Command::new(&program);
            command.arg("--worker");
            if let Some(fault) = arguments.fault {
                command.arg("--fault").arg(fault.to_string());
            }
            command
        },
    )?;
    report("loopback sockets", &sizes, &run, &whole, start.elapsed())
}

#[cfg(feature = "mpi")]
fn by_mpi(arguments: &Arguments) -> Result<()> {
    use attn_ring::{Link, MpiLink, ring_attention};
    let universe = attn_ring::mpi_universe().context("MPI cannot be started")?;
    let world = universe.world();
    let mut link = MpiLink::new(&world, arguments.limit()?);
    let (sizes, rank, size) = (arguments.sizes()?, link.rank(), link.size());
    let start = Instant::now();
    let part = Part::seeded(&sizes, arguments.seed, rank, size);
    let output = {
        let mut link = Faulty { link: &mut link, fault: arguments.fault, passed: 0 };
        ring_attention(&mut link, &sizes, part)
    };
    let output = match output {
        Ok(output) => output,
        // The others wait for this process, and only an abort ends them all.
        Err(error) => link.abort(&error),
    };
    let Some(run) = link.gathered(&sizes, output) else { return Ok(()) };
    let parts: Vec<Part> =
        (0..size).map(|rank| Part::seeded(&sizes, arguments.seed, rank, size)).collect();
    report("MPI", &sizes, &run, &Part::joined(&parts), start.elapsed())
}

/// Compares with one device, and with the closed form of the bytes.
fn report(over: &str, sizes: &Sizes, run: &Run, whole: &Part, took: Duration) -> Result<()> {
    let size = run.sent.len();
    let start = Instant::now();
    let alone = queries_in_lanes(whole.q.view(), whole.k.view(), whole.v.view(), sizes.causal);
    let alone_took = start.elapsed();
    let most = whole.v.fold(0.0_f32, |most, v| most.max(v.abs()));
    let apart = (&run.output.out - &alone.out).fold(0.0_f32, |most, x| most.max(x.abs())) / most;
    let mask = if sizes.causal { "causal" } else { "no mask" };
    println!(
        "{size} processes over {over}; {} tokens, {} query heads on {} key heads of width {}, {mask}",
        sizes.n, sizes.h, sizes.h_kv, sizes.d,
    );
    println!("  each holds {} tokens or one more", sizes.n / size);
    for (rank, &sent) in run.sent.iter().enumerate() {
        let formula = sizes.sent_by(rank, size);
        ensure!(sent == formula, "process {rank} sent {sent} bytes, should be {formula}");
    }
    println!("  sent: {} bytes, as 4·h_kv·(d + d_v)·m·(P − 1) says", run.sent.iter().sum::<u64>());
    println!("  furthest from one device: {apart:.1e} of the largest value");
    println!("  {took:.1?}, start included; one device alone {alone_took:.1?}");
    ensure!(apart <= TOLERANCE, "that is more than {TOLERANCE:.0e}");
    Ok(())
}

/// Two results in f32 that add up in different orders.
const TOLERANCE: f32 = 4e-6;
