//! `cargo attn bench 8`: chapter 8's ladder, and its last rung in turn with PyTorch.

use anyhow::{Result, bail};
use attn_bench::{
    Attention, Inputs, assert_like_naive,
    peer::Peer,
    rounds::{Timed, in_turn, seconds},
    table::{self, Line, Table, bar},
};
use attn_exercise::memory;
use ch08_flash_cpu::ladder::{Instructions, RUNGS, backward, queries_in_lanes, threads};
use clap::Parser;
use ndarray::Axis;
use rayon::prelude::*;
use std::path::PathBuf;

/// Measures a chapter's code, in turn with PyTorch where that is installed.
#[derive(Parser)]
#[command(name = "cargo attn bench", bin_name = "cargo attn bench")]
struct Arguments {
    /// The chapter
    chapter: u32,
    /// The Python that has PyTorch
    #[arg(long, default_value = "python3")]
    python: String,
    /// How many rounds; the median of them counts
    #[arg(long, default_value_t = 9)]
    rounds: usize,
    /// Only the ladder, without the comparisons
    #[arg(long)]
    quick: bool,
    /// Queries and keys of the ladder
    #[arg(long, default_value_t = 2048)]
    n: usize,
    /// Write the table to this file
    #[arg(long)]
    write: Option<PathBuf>,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    if arguments.chapter != 8 {
        bail!("chapter {} has no benchmark; chapter 8 has", arguments.chapter);
    }
    let mut sitting = Sitting::new(&arguments)?;
    sitting.ladder(arguments.n)?;
    if !arguments.quick {
        sitting.against_torch()?;
        sitting.narrower_registers()?;
        sitting.decode()?;
        sitting.memory();
    }
    if let Some(path) = &arguments.write {
        sitting.table.write(path)?;
        println!("\n{} written", path.display());
    }
    Ok(())
}

/// What is measured in one go.
struct Sitting {
    table: Table,
    peer: Option<Peer>,
    rounds: usize,
    threads: usize,
}

const GIGA: f64 = 1e9;

impl Sitting {
    fn new(arguments: &Arguments) -> Result<Self> {
        let mut table = Table::default();
        let threads = rayon::current_num_threads();
        let peer = Peer::start(&arguments.python);
        let torch = match &peer {
            Ok(peer) => peer.version.clone(),
            Err(_) => "not installed".into(),
        };
        for (name, value) in [
            ("processor", table::processor()),
            ("instructions", Instructions::detect().name().into()),
            ("threads", threads.to_string()),
            ("date", table::said("date", &["+%F"]).unwrap_or_else(|| "unknown".into())),
            ("rust", table::said("rustc", &["--version"]).unwrap_or_else(|| "unknown".into())),
            ("PyTorch", torch),
            ("rounds", arguments.rounds.to_string()),
            ("load before", table::load()),
        ] {
            println!("{name:<13} {value}");
            table.about(name, value);
        }
        if peer.is_err() {
            println!(
                "\nPyTorch is not installed for {}, so its column stays empty. For another Python: --python PATH",
                arguments.python
            );
        }
        Ok(Sitting { table, peer: peer.ok(), rounds: arguments.rounds, threads })
    }

    /// All rungs, PyTorch, and the processor's limit, in turn.
    fn ladder(&mut self, n: usize) -> Result<()> {
        let attention = attention(n, 8, 64, true, false);
        assert_like_naive(&attention);
        let inputs = attention.inputs();
        println!("\nThe ladder: forward, causal, n = m = {n}, 8 heads, d = 64; GFLOP/s");
        let mut all: Vec<Timed> = Vec::new();
        for rung in RUNGS {
            let inputs = &inputs;
            all.push(timed(move || inputs.forward(rung.forward)));
        }
        // As long as the last rung takes, so that the processor is as warm.
        let flop = (attention.flop() / self.threads as f64) as usize;
        let mut done = 0;
        all.push(Box::new(|| {
            let all_threads = || (0..self.threads).into_par_iter().map(|_| peak(flop)).sum();
            Ok(seconds(|| done = all_threads()))
        }));
        if let Some(peer) = &mut self.peer {
            let threads = self.threads;
            all.push(Box::new(move || peer.time(&attention, threads)));
        }
        let times = in_turn(self.rounds, all)?;
        let amount = attention.flop() / GIGA;
        for (rung, times) in RUNGS.iter().zip(&times) {
            let line = Line::rate("ladder", rung.name, "GFLOP/s", amount, times, None);
            self.table.add(line);
        }
        let peak = Line::rate(
            "limit",
            "multiply-adds on registers",
            "GFLOP/s",
            done as f64 / GIGA,
            &times[RUNGS.len()],
            None,
        );
        self.table.add(peak);
        if let Some(torch) = times.get(RUNGS.len() + 1) {
            let line = Line::rate("torch", "PyTorch", "GFLOP/s", amount, torch, None);
            self.table.add(line);
        }
        self.draw();
        Ok(())
    }

    fn draw(&self) {
        let lines: Vec<&Line> =
            ["ladder", "torch", "limit"].into_iter().flat_map(|kind| self.table.of(kind)).collect();
        let full = lines.iter().map(|line| line.ours).fold(0.0, f64::max);
        println!();
        for line in lines {
            println!("  {:<27} {:>6.1} {}", line.name, line.ours, bar(line.ours, full));
        }
    }

    /// The last rung and its way back, each in turn with PyTorch.
    fn against_torch(&mut self) -> Result<()> {
        let mut sizes = Vec::new();
        sizes.extend([2048, 4096, 8192, 16_384].map(|n| attention(n, 8, 64, true, false)));
        sizes.extend([2048, 4096, 8192].map(|n| attention(n, 8, 64, false, false)));
        sizes.extend([2048, 4096, 8192].map(|n| attention(n, 8, 128, true, false)));
        sizes.push(attention(4096, 8, 128, false, false));
        for causal in [true, false] {
            sizes.extend([2048, 4096].map(|n| attention(n, 8, 64, causal, true)));
            sizes.push(attention(2048, 8, 128, causal, true));
        }
        for backward in [false, true] {
            let way = if backward { "backward" } else { "forward" };
            println!("\nAgainst PyTorch, {way}; GFLOP/s");
            for attention in sizes.iter().filter(|sizes| sizes.backward == backward) {
                self.one_against_torch(attention)?;
            }
        }
        Ok(())
    }

    fn one_against_torch(&mut self, attention: &Attention) -> Result<()> {
        assert_like_naive(attention);
        let inputs = attention.inputs();
        let forward = attention.backward.then(|| inputs.forward(queries_in_lanes));
        let mut all: Vec<Timed> = vec![match &forward {
            None => timed(|| inputs.forward(queries_in_lanes)),
            Some(forward) => timed(|| {
                let (q, k, v) = (inputs.q.view(), inputs.k.view(), inputs.v.view());
                backward(q, k, v, attention.causal, forward, inputs.d_out.view())
            }),
        }];
        if let Some(peer) = &mut self.peer {
            all.push(Box::new(|| peer.time(attention, self.threads)));
        }
        // Long measurements need fewer rounds.
        let rounds = if attention.n > 8000 { self.rounds.div_ceil(2) } else { self.rounds };
        let times = in_turn(rounds, all)?;
        let mask = if attention.causal { "causal" } else { "full" };
        let name =
            format!("{mask} n = {} h = {} d = {}", attention.n, attention.heads, attention.d);
        let kind = if attention.backward { "backward" } else { "forward" };
        let torch = times.get(1).map(|times| ("PyTorch", times));
        let amount = attention.flop() / GIGA;
        self.table.add(Line::rate(kind, name, "GFLOP/s", amount, &times[0], torch));
        Ok(())
    }

    /// The last rung on each instruction set, in turn with tiles over `matrixmultiply`.
    fn narrower_registers(&mut self) -> Result<()> {
        println!("\nOther registers, causal, n = m = 2048, 8 heads, d = 64; GFLOP/s");
        let attention = attention(2048, 8, 64, true, false);
        let inputs = attention.inputs();
        let sets = Instructions::available();
        let mut all: Vec<Timed> = vec![timed(|| inputs.forward(threads))];
        for set in sets.clone() {
            let inputs = &inputs;
            all.push(timed(move || inputs.forward_with(set)));
        }
        let times = in_turn(self.rounds, all)?;
        let amount = attention.flop() / GIGA;
        for (set, own) in sets.iter().zip(&times[1..]) {
            let tiles = Some(("tiles over matrixmultiply", &times[0]));
            let line = Line::rate("registers", set.name(), "GFLOP/s", amount, own, tiles);
            self.table.add(line);
        }
        Ok(())
    }

    /// One query against a long cache: how fast keys and values are read, beside a plain sum over
    /// the same numbers.
    fn decode(&mut self) -> Result<()> {
        println!("\nOne query against a long cache, d = 64; GB/s");
        for (heads, m) in [(8, 65_536), (32, 16_384)] {
            let attention = Attention { n: 1, m, ..attention(1, heads, 64, true, false) };
            assert_like_naive(&attention);
            let inputs = attention.inputs();
            let mut all =
                vec![timed(|| inputs.forward(queries_in_lanes)), timed(|| plain_sum(&inputs))];
            if let Some(peer) = &mut self.peer {
                // One query of PyTorch's is_causal would see the first key alone.
                let full = Attention { causal: false, ..attention };
                all.push(Box::new(move || peer.time(&full, rayon::current_num_threads())));
            }
            let times = in_turn(2 * self.rounds, all)?;
            let bytes = 4.0 * (inputs.k.len() + inputs.v.len()) as f64 / GIGA;
            let name = format!("m = {m} h = {heads}");
            let sum = Some(("a plain sum", &times[1]));
            let line = Line::rate("decode", name.clone(), "GB/s", bytes, &times[0], sum);
            self.table.add(line);
            if let Some(torch) = times.get(2) {
                let torch = Some(("PyTorch", torch));
                let line = Line::rate("decode", name, "GB/s", bytes, &times[0], torch);
                self.table.add(line);
            }
        }
        Ok(())
    }

    /// What is held beside inputs and results at n = 16,384.
    fn memory(&mut self) {
        println!("\nMemory beside inputs and results, causal, n = m = 16384, 8 heads, d = 64; MB");
        let inputs = attention(16_384, 8, 64, true, true).inputs();
        let (q, k, v) = (inputs.q.view(), inputs.k.view(), inputs.v.view());
        let (output, peak) = memory::peak(|| queries_in_lanes(q, k, v, true));
        let beside = peak - 4 * (output.out.len() + output.lse.len());
        let mut add = |name: &str, beside: usize| {
            let megabytes = beside as f64 / 1e6;
            self.table.add(Line {
                kind: "memory",
                name: name.into(),
                unit: "MB",
                ours: megabytes,
                spread: (megabytes, megabytes),
                other: None,
            });
        };
        add("forward", beside);
        let run = || backward(q, k, v, true, &output, inputs.d_out.view());
        let (gradients, peak) = memory::peak(run);
        let results = gradients.dq.len() + gradients.dk.len() + gradients.dv.len();
        add("backward", peak - 4 * results);
        let one = |x: ndarray::ArrayView3<f32>| x.slice_axis(Axis(0), (..1).into()).to_owned();
        let (q, k, v, d_out) = (one(q), one(k), one(v), one(inputs.d_out.view()));
        let output = queries_in_lanes(q.view(), k.view(), v.view(), true);
        let run = || backward(q.view(), k.view(), v.view(), true, &output, d_out.view());
        let (gradients, peak) = memory::peak(run);
        let results = gradients.dq.len() + gradients.dk.len() + gradients.dv.len();
        add("backward of a single head", peak - 4 * results);
    }
}

fn attention(n: usize, heads: usize, d: usize, causal: bool, backward: bool) -> Attention {
    Attention { n, m: n, heads, d, causal, backward }
}

fn timed<'a, T>(mut work: impl FnMut() -> T + 'a) -> Timed<'a> {
    Box::new(move || Ok(seconds(&mut work)))
}

/// Multiply-adds on the calling thread; their number.
fn peak(flop: usize) -> usize {
    Instructions::detect().peak(flop)
}

/// The sum of all keys and values, on all threads: each number is read once, and hardly anything is
/// done with it.
fn plain_sum(inputs: &Inputs) -> f32 {
    let sum = |x: &[f32]| -> f32 {
        x.par_chunks(1 << 16)
            .map(|part| {
                let mut sums = [0.0; 64];
                for chunk in part.as_chunks::<64>().0 {
                    for (sum, x) in sums.iter_mut().zip(chunk) {
                        *sum += x;
                    }
                }
                sums.iter().sum::<f32>()
            })
            .sum()
    };
    let slice = |x: &'_ ndarray::Array3<f32>| -> f32 { x.as_slice().map_or(0.0, sum) };
    slice(&inputs.k) + slice(&inputs.v)
}
