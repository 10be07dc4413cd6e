//! What was measured, from the file that `cargo attn bench 8 --write` makes.

use attn_viz::{Axis, Bars, Figure};

const FILE: &str = include_str!("../../data/measured.csv");

/// A line of the file.
struct Line {
    kind: &'static str,
    name: &'static str,
    unit: &'static str,
    median: f64,
    low: f64,
    high: f64,
    other: Option<(&'static str, f64, f64)>,
}

fn lines() -> impl Iterator<Item = Line> {
    let rows = FILE.lines().filter(|line| !line.starts_with('#')).skip(1);
    rows.filter_map(|row| {
        let cells: Vec<&str> = row.split(',').collect();
        let [kind, name, unit, median, low, high, other, theirs, ratio] = cells[..] else {
            return None;
        };
        let number = |text: &str| text.parse().unwrap_or(f64::NAN);
        Some(Line {
            kind,
            name,
            unit,
            median: number(median),
            low: number(low),
            high: number(high),
            other: (!other.is_empty()).then(|| (other, number(theirs), number(ratio))),
        })
    })
}

fn of(kind: &'static str) -> impl Iterator<Item = Line> {
    lines().filter(move |line| line.kind == kind)
}

fn about(name: &str) -> &'static str {
    let prefix = format!("# {name}: ");
    let line = FILE.lines().find(|line| line.starts_with(&prefix));
    line.map_or("unknown", |line| &line[prefix.len()..])
}

pub fn ladder() -> Figure {
    let all: Vec<Line> = ["ladder", "torch", "limit"].into_iter().flat_map(of).collect();
    let each: Vec<String> =
        all.iter().map(|line| format!("{} {:.1}", line.name, line.median)).collect();
    let alternative = format!("GFLOP/s of each rung: {}.", each.join(", "));
    let title = "The ladder: forward, causal, n = m = 2048, 8 heads, d = 64";
    let mut bars = Bars::new(title, &alternative, Axis::linear("GFLOP/s"));
    for line in &all {
        bars = bars.bar(line.name, line.median);
    }
    bars.figure()
}

/// Where and when.
pub fn sitting() -> String {
    let mut table = String::from("| about | |\n| --- | --- |\n");
    for name in
        ["processor", "instructions", "threads", "date", "rust", "PyTorch", "rounds", "load before"]
    {
        table += &format!("| {name} | {} |\n", about(name));
    }
    table
}

/// The rungs, each with what it gains on the one below.
pub fn rungs() -> String {
    let mut table = String::from(
        "| rung | GFLOP/s | middle half of the rounds | times the one below |\n\
         | --- | ---: | ---: | ---: |\n",
    );
    let mut below: Option<f64> = None;
    for line in ["ladder", "torch", "limit"].into_iter().flat_map(of) {
        let gain = match below.filter(|_| line.kind == "ladder") {
            Some(below) => format!("{:.2}", line.median / below),
            None => String::new(),
        };
        table += &format!(
            "| {} | {:.1} | {:.1} … {:.1} | {gain} |\n",
            line.name, line.median, line.low, line.high
        );
        below = Some(line.median);
    }
    table
}

/// Everything that was measured in turn with something else.
pub fn ratios() -> String {
    let mut table = String::from(
        "| what | ours | middle half | in turn with | that | ratio |\n\
         | --- | ---: | ---: | --- | ---: | ---: |\n",
    );
    for line in lines() {
        let Some((other, theirs, ratio)) = line.other else {
            continue;
        };
        table += &format!(
            "| {}, {} | {:.1} {} | {:.1} … {:.1} | {other} | {theirs:.1} | {ratio:.2} |\n",
            line.kind, line.name, line.median, line.unit, line.low, line.high
        );
    }
    for line in of("memory") {
        table += &format!(
            "| memory beside inputs and results, {} | {:.1} {} | | | | |\n",
            line.name, line.median, line.unit
        );
    }
    table
}
