//! Chapter 8: the ladder, and its last rung in turn with PyTorch.

use crate::sitting::{Sitting, timed};
use anyhow::Result;
use attn_bench::{
    Attention, assert_like_naive,
    peer::Peer,
    plain_sum,
    rounds::{Timed, in_turn, seconds},
    table::{Line, bar},
};
use attn_exercise::memory;
use ch08_flash_cpu::ladder::{Instructions, RUNGS, backward, queries_in_lanes, threads};
use ndarray::Axis;
use rayon::prelude::*;

/// What only this chapter is asked.
#[derive(clap::Args)]
pub struct Options {
    /// Only the ladder, without the comparisons; for chapter 8
    #[arg(long)]
    quick: bool,
    /// Queries and keys of the ladder; for chapter 8
    #[arg(long, default_value_t = 2048)]
    n: usize,
}

/// The ladder; and the comparisons, if they are asked for.
pub fn measure(sitting: &mut Sitting, python: &str, options: &Options) -> Result<()> {
    sitting.about("instructions", Instructions::detect().name().into());
    let peer = Peer::start(python, include_str!("../peers/attention.py"));
    let torch = match &peer {
        Ok(peer) => peer.version.clone(),
        Err(_) => "not installed".into(),
    };
    sitting.about("PyTorch", torch);
    if peer.is_err() {
        println!(
            "\nPyTorch is not installed for {}, so its column stays empty. For another Python: --python PATH",
            python
        );
    }
    let mut ladder = Ladder { sitting, peer: peer.ok() };
    ladder.ladder(options.n)?;
    if !options.quick {
        ladder.against_torch()?;
        ladder.narrower_registers()?;
        ladder.decode()?;
        ladder.memory();
    }
    Ok(())
}

struct Ladder<'a> {
    sitting: &'a mut Sitting,
    peer: Option<Peer>,
}

const GIGA: f64 = 1e9;

impl Ladder<'_> {
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
        let flop = (attention.flop() / self.sitting.threads as f64) as usize;
        let mut done = 0;
        all.push(Box::new(|| {
            let all_threads =
                || (0..self.sitting.threads).into_par_iter().map(|_| peak(flop)).sum();
            Ok(seconds(|| done = all_threads()))
        }));
        if let Some(peer) = &mut self.peer {
            let threads = self.sitting.threads;
            all.push(Box::new(move || peer.time(&attention, threads)));
        }
        let times = in_turn(self.sitting.rounds, all)?;
        let amount = attention.flop() / GIGA;
        for (rung, times) in RUNGS.iter().zip(&times) {
            let line = Line::rate("ladder", rung.name, "GFLOP/s", amount, times, None);
            self.sitting.table.add(line);
        }
        let peak = Line::rate(
            "limit",
            "multiply-adds on registers",
            "GFLOP/s",
            done as f64 / GIGA,
            &times[RUNGS.len()],
            None,
        );
        self.sitting.table.add(peak);
        if let Some(torch) = times.get(RUNGS.len() + 1) {
            let line = Line::rate("torch", "PyTorch", "GFLOP/s", amount, torch, None);
            self.sitting.table.add(line);
        }
        self.draw();
        Ok(())
    }

    fn draw(&self) {
        let lines: Vec<&Line> = ["ladder", "torch", "limit"]
            .into_iter()
            .flat_map(|kind| self.sitting.table.of(kind))
            .collect();
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
            all.push(Box::new(|| peer.time(attention, self.sitting.threads)));
        }
        // Long measurements need fewer rounds.
        let rounds =
            if attention.n > 8000 { self.sitting.rounds.div_ceil(2) } else { self.sitting.rounds };
        let times = in_turn(rounds, all)?;
        let mask = if attention.causal { "causal" } else { "full" };
        let name =
            format!("{mask} n = {} h = {} d = {}", attention.n, attention.heads, attention.d);
        let kind = if attention.backward { "backward" } else { "forward" };
        let torch = times.get(1).map(|times| ("PyTorch", times));
        let amount = attention.flop() / GIGA;
        self.sitting.table.add(Line::rate(kind, name, "GFLOP/s", amount, &times[0], torch));
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
        let times = in_turn(self.sitting.rounds, all)?;
        let amount = attention.flop() / GIGA;
        for (set, own) in sets.iter().zip(&times[1..]) {
            let tiles = Some(("tiles over matrixmultiply", &times[0]));
            let line = Line::rate("registers", set.name(), "GFLOP/s", amount, own, tiles);
            self.sitting.table.add(line);
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
            let mut all = vec![
                timed(|| inputs.forward(queries_in_lanes)),
                timed(|| plain_sum(inputs.k.view()) + plain_sum(inputs.v.view())),
            ];
            if let Some(peer) = &mut self.peer {
                // One query of PyTorch's is_causal would see the first key alone.
                let full = Attention { causal: false, ..attention };
                all.push(Box::new(move || peer.time(&full, rayon::current_num_threads())));
            }
            let times = in_turn(2 * self.sitting.rounds, all)?;
            let bytes = 4.0 * (inputs.k.len() + inputs.v.len()) as f64 / GIGA;
            let name = format!("m = {m} h = {heads}");
            let sum = Some(("a plain sum", &times[1]));
            let line = Line::rate("decode", name.clone(), "GB/s", bytes, &times[0], sum);
            self.sitting.table.add(line);
            if let Some(torch) = times.get(2) {
                let torch = Some(("PyTorch", torch));
                let line = Line::rate("decode", name, "GB/s", bytes, &times[0], torch);
                self.sitting.table.add(line);
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
            self.sitting.table.add(Line::amount("memory", name, "MB", megabytes));
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

/// Multiply-adds on the calling thread; their number.
fn peak(flop: usize) -> usize {
    Instructions::detect().peak(flop)
}
