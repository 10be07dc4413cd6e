//! The table that is printed.

use ch08_flash_cpu::{ladder::Rung, traffic::Sizes};
use std::{fmt, fs};

/// A line of the table.
pub enum Row {
    /// A rung that ran.
    Ran { name: &'static str, seconds: f64, flop: f64, moved: u64, tiles: String, beside: u64 },
    /// One that was not started, and why.
    Skipped { name: &'static str, why: String },
}

impl Row {
    pub fn ran(rung: &Rung, sizes: &Sizes, heads: u64, seconds: f64, beside: u64) -> Self {
        let pairs = (sizes.n * sizes.m) as f64 * if sizes.causal { 0.5 } else { 1.0 };
        Row::Ran {
            name: rung.name,
            seconds,
            flop: 4.0 * pairs * sizes.d as f64 * heads as f64,
            moved: heads * rung.moved(sizes),
            tiles: match (rung.block)() {
                None => "none".into(),
                Some(block) => {
                    format!("{} of {}×{}", heads * sizes.visited(block), block.q, block.k)
                }
            },
            beside,
        }
    }

    pub fn skipped(rung: &Rung, why: String) -> Self {
        Row::Skipped { name: rung.name, why }
    }
}

pub fn head() -> String {
    format!(
        "  {:<16} {:>10} {:>7} {:>10} {:>17} {:>10}",
        "rung", "time", "GFLOP/s", "moved*", "tiles", "memory**"
    )
}

pub fn legend(sizes: &Sizes) -> String {
    let table = bytes(4 * (sizes.n * sizes.m) as u64);
    format!(
        "  *  by the model: to and from a fast memory that holds a tile of each kind\n  \
         ** measured, beside inputs and results; a table of scores would be {table}"
    )
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Row::Skipped { name, why } => write!(f, "  {name:<16} {why}"),
            Row::Ran { name, seconds, flop, moved, tiles, beside } => {
                let time = match seconds * 1e3 {
                    short if short < 1e3 => format!("{short:.1} ms"),
                    _ => format!("{seconds:.1} s"),
                };
                let rate = flop / seconds / 1e9;
                let (moved, beside) = (bytes(*moved), bytes(*beside));
                write!(
                    f,
                    "  {name:<16} {time:>10} {rate:>7.1} {moved:>10} {tiles:>17} {beside:>10}"
                )
            }
        }
    }
}

/// `12.3 MiB`
pub fn bytes(count: u64) -> String {
    let mut value = count as f64;
    for unit in ["B", "KiB", "MiB", "GiB"] {
        if value < 1024.0 {
            return match unit {
                "B" => format!("{count} B"),
                _ => format!("{value:.1} {unit}"),
            };
        }
        value /= 1024.0;
    }
    format!("{value:.1} TiB")
}

/// What the system could give now, where it says so.
pub fn free_memory() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("MemAvailable:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib * 1024)
}
