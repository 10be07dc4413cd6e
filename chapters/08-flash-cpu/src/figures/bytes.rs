//! What is moved for a given fast memory.

use crate::{given::Block, traffic::Sizes};
use attn_viz::{Axis, Figure, Lines};

const SIZES: Sizes = Sizes { n: 4096, m: 4096, d: 64, d_v: 64, causal: false };

/// Sizes of the fast memory, in bytes.
fn memories() -> impl Iterator<Item = usize> {
    (14..=22).map(|power| 1 << power)
}

/// The widest query tile that fits beside `k` keys and values, for the best k.
fn best(memory: usize) -> Block {
    let fits = |block: Block| SIZES.fast_memory(block) <= memory;
    let widest = |k: usize| {
        let q = (1..=SIZES.n).rev().find(|&q| fits(Block { q, k }));
        q.map(|q| Block { q, k })
    };
    let blocks = [4, 8, 16, 32, 64, 128].into_iter().filter_map(widest);
    blocks.min_by_key(|&block| moved(block)).unwrap_or(Block { q: 1, k: 1 })
}

fn moved(block: Block) -> u64 {
    let traffic = SIZES.flash(block);
    traffic.loaded + traffic.stored
}

/// Theorem 2's form, n²d²/M accesses of 4 bytes, M in numbers.
fn theorem(memory: usize) -> f64 {
    let (n, d) = (SIZES.n as f64, SIZES.d as f64);
    4.0 * n * n * d * d / (memory as f64 / 4.0)
}

pub fn figure() -> Figure {
    let mega = |bytes: f64| bytes / 1e6;
    let kib = |memory: usize| memory as f64 / 1024.0;
    let least = 4.0 * 4.0 * (SIZES.n * SIZES.d) as f64;
    let alternative = format!(
        "With n = m = 4096 and d = 64, attention with tables moves {:.0} MB whatever the fast memory. In tiles it moves {:.0} MB with {} KiB of fast memory and {:.1} MB with {} KiB, in proportion to n²d²/M until it comes near the {:.1} MB of inputs and output.",
        mega(SIZES.naive() as f64),
        mega(moved(best(1 << 14)) as f64),
        kib(1 << 14),
        mega(moved(best(1 << 22)) as f64),
        kib(1 << 22),
        mega(least),
    );
    let title =
        "Bytes moved by one head, n = m = 4096, d = 64, against the size of the fast memory";
    Lines::new(title, &alternative)
        .x(Axis::log("fast memory (KiB)").ticks(memories().step_by(2).map(kib)))
        .y(Axis::log("moved (MB)"))
        .series("tables of n×m", memories().map(|m| (kib(m), mega(SIZES.naive() as f64))))
        .series("tiles, counted", memories().map(|m| (kib(m), mega(moved(best(m)) as f64))))
        .series("n²d²/M", memories().map(|m| (kib(m), mega(theorem(m)))))
        .series("inputs and output, once", memories().map(|m| (kib(m), mega(least))))
        .figure()
}

pub fn table() -> String {
    let mut table = String::from(
        "| fast memory | `block.q` × `block.k` | moved | of that with tables |\n\
         | ---: | ---: | ---: | ---: |\n",
    );
    for memory in memories().step_by(2) {
        let block = best(memory);
        let moved = moved(block) as f64;
        table += &format!(
            "| {}\u{a0}KiB | {} × {} | {:.1}\u{a0}MB | {:.1}\u{a0}% |\n",
            memory / 1024,
            block.q,
            block.k,
            moved / 1e6,
            100.0 * moved / SIZES.naive() as f64,
        );
    }
    table
}
