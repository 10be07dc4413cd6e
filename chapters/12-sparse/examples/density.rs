//! Time against density: block-sparse attention beside chapter 8's `flash_forward` on the same tiles, in turn.
//!
//! `cargo run --release -p ch12-sparse --example density`

use anyhow::{Result, ensure};
use attn_core::random::Random;
use ch08_flash_cpu::flash_forward;
use ch12_sparse::{
    block_sparse,
    given::{Block, Pattern, Traffic, Visit, tiles},
    pattern_row,
};
use ndarray::Array2;
use std::time::{Duration, Instant};

const D: usize = 64;
const BLOCK: Block = Block { q: 64, k: 64 };
const ROUNDS: usize = 7;

fn main() -> Result<()> {
    let n = 4096;
    let mut random = Random::new(12);
    let mut normal = |n: usize| -> Array2<f32> { random.normal((n, D)) };
    let (q, k, v) = (normal(n), normal(n), normal(n));
    let everything = visits(&Pattern::window(n), n);
    let all = pairs(&everything);
    println!(
        "{n} tokens of width {D}, causal, tiles of {} × {}, best of {ROUNDS} in turn",
        BLOCK.q, BLOCK.k
    );
    println!("window   tiles   density   ms sparse   ms dense   sparse / (density · dense)");
    for window in [64, 256, 1024, n] {
        let visits = visits(&Pattern::window(window), n);
        let sparse =
            || block_sparse(q.view(), k.view(), v.view(), &visits, BLOCK, &mut Traffic::default());
        let dense =
            || flash_forward(q.view(), k.view(), v.view(), true, BLOCK, &mut Traffic::default());
        if window == n {
            ensure!(sparse().out == dense().out, "with everything visited both are the same");
        }
        let (mut fast, mut slow) = (Duration::MAX, Duration::MAX);
        for _ in 0..ROUNDS {
            fast = fast.min(timed(sparse));
            slow = slow.min(timed(dense));
        }
        let density = pairs(&visits) as f64 / all as f64;
        let ms = |time: Duration| 1000.0 * time.as_secs_f64();
        println!(
            "{window:>6}  {:>6}  {density:>8.3}  {:>10.1}  {:>9.1}  {:>10.2}",
            visits.iter().map(Vec::len).sum::<usize>(),
            ms(fast),
            ms(slow),
            ms(fast) / (density * ms(slow)),
        );
    }
    println!("\na window of 256, by the length of the text");
    for n in [2048, 4096, 8192, 16_384] {
        let (q, k, v) = (normal(n), normal(n), normal(n));
        let visits = visits(&Pattern::window(256), n);
        let sparse =
            || block_sparse(q.view(), k.view(), v.view(), &visits, BLOCK, &mut Traffic::default());
        let best = (0..ROUNDS).map(|_| timed(sparse)).min().unwrap_or_default();
        println!(
            "{n:>6} tokens  {:>8.1} ms  {:>6.2} µs per token",
            1000.0 * best.as_secs_f64(),
            1e6 * best.as_secs_f64() / n as f64
        );
    }
    Ok(())
}

fn visits(pattern: &Pattern, n: usize) -> Vec<Vec<Visit>> {
    let rows: Vec<Vec<usize>> = (0..n).map(|i| pattern_row(pattern, i, n)).collect();
    tiles(&rows, n, BLOCK)
}

/// Pairs in the tiles that are visited.
fn pairs(visits: &[Vec<Visit>]) -> usize {
    visits.iter().map(|visits| visits.len() * BLOCK.q * BLOCK.k).sum()
}

fn timed<T>(work: impl Fn() -> T) -> Duration {
    let start = Instant::now();
    std::hint::black_box(work());
    start.elapsed()
}
