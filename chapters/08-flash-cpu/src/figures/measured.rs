//! What was measured, from the file that `cargo attn bench 8 --write` makes.

use crate::ladder::{RUNGS, Rung};
use attn_viz::{Axis, Bars, Figure, Line, Measured};

const MEASURED: Measured = Measured::new(include_str!("../../data/measured.csv"));

/// SmolLM2, from `crates/attn-smollm/examples/speed`.
const SMOLLM: Measured =
    Measured::new(include_str!("../../../../crates/attn-smollm/data/speed.csv"));

fn of(kind: &'static str) -> impl Iterator<Item = Line> {
    MEASURED.of(kind)
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
    MEASURED.sitting(&[
        "processor",
        "instructions",
        "threads",
        "date",
        "rust",
        "PyTorch",
        "rounds",
        "load before",
    ])
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

/// Attention of the last rung, forward and back, in turn with PyTorch.
pub fn against_torch() -> Figure {
    let all: Vec<(String, f64)> = ["forward", "backward"]
        .into_iter()
        .flat_map(of)
        .filter_map(|line| {
            line.other.map(|(_, _, ratio)| (format!("{}, {}", line.kind, short(&line)), ratio))
        })
        .collect();
    let each: Vec<String> = all.iter().map(|(name, ratio)| format!("{name}: {ratio:.2}")).collect();
    let alternative = format!("Times as fast as PyTorch. {}.", each.join("; "));
    let title = "How many times as fast as PyTorch, 8 heads; at 1 both are even";
    let mut bars = Bars::new(title, &alternative, Axis::linear("times PyTorch"));
    for (name, ratio) in &all {
        bars = bars.bar(name, *ratio);
    }
    bars.figure()
}

/// `full 2048, d = 64`: all problems of attention have 8 heads.
fn short(line: &Line) -> String {
    match line.name.starts_with("causal") || line.name.starts_with("full") {
        true => line.name.replace("n = ", "").replace(" h = 8", ","),
        false => line.name.into(),
    }
}

/// Forward, in turn with PyTorch.
pub fn forward() -> String {
    in_turn("forward")
}

/// Back, in turn with PyTorch.
pub fn backward() -> String {
    in_turn("backward")
}

/// Each instruction set, in turn with tiles over `matrixmultiply`.
pub fn registers() -> String {
    in_turn("registers")
}

/// Decoding, in turn with a plain sum and with PyTorch.
pub fn decoding() -> String {
    in_turn("decode")
}

fn in_turn(kind: &'static str) -> String {
    let unit = of(kind).next().map_or("", |line| line.unit);
    let mut table = format!(
        "| what | ours, {unit} | middle half | in turn with | that | ratio |\n\
         | --- | ---: | ---: | --- | ---: | ---: |\n",
    );
    for line in of(kind) {
        let Some((other, theirs, ratio)) = line.other else {
            continue;
        };
        table += &format!(
            "| {} | {:.1} | {:.1} … {:.1} | {other} | {theirs:.1} | {ratio:.2} |\n",
            short(&line),
            line.median,
            line.low,
            line.high
        );
    }
    table
}

/// What is held beside inputs and results.
pub fn memory() -> String {
    let mut table = String::from("| memory beside inputs and results | |\n| --- | ---: |\n");
    for line in of("memory") {
        table += &format!("| {} | {:.1} {} |\n", line.name, line.median, line.unit);
    }
    table
}

/// What attention takes of the time in which a real language model reads, by each rung.
pub fn prefill() -> String {
    let mut table = String::from(
        "| attention by | on one thread | its share | on two threads | its share |\n\
         | --- | ---: | ---: | ---: | ---: |\n",
    );
    let line = |name: &str, on: &str| SMOLLM.line("attention", &format!("{name} {on}"));
    let cells = |name: &str, on: &str| {
        let (took, rest) = (line(name, on).median, line("all the rest", on).median);
        format!("{took:.0}\u{a0}ms | {:.0}\u{a0}%", 100.0 * took / (took + rest))
    };
    let threads = ["on 1 thread", "on 2 threads"];
    for Rung { name, .. } in RUNGS {
        let [one, two] = threads.map(|on| cells(name, on));
        table += &format!("| {name} | {one} | {two} |\n");
    }
    let [one, two] = threads.map(|on| line("all the rest", on).median);
    table + &format!("| all the rest | {one:.0}\u{a0}ms | | {two:.0}\u{a0}ms | |\n")
}

/// Each test is a sentence of the chapter's page.
#[cfg(test)]
mod sentences {
    use super::*;

    fn ratios(kind: &'static str, like: &str) -> Vec<f64> {
        let chosen = of(kind).filter(|line| line.name.contains(like));
        let ratios: Vec<f64> = chosen.filter_map(|line| Some(line.other?.2)).collect();
        assert!(!ratios.is_empty(), "nothing of {kind} is like {like}");
        ratios
    }

    fn only(kind: &'static str, like: &str) -> f64 {
        let all: Vec<f64> =
            of(kind).filter(|line| line.name.contains(like)).map(|line| line.median).collect();
        assert_eq!(all.len(), 1, "{kind} {like}");
        all[0]
    }

    #[test]
    fn forward_the_last_rung_is_ahead_everywhere() {
        assert!(ratios("forward", "").iter().all(|ratio| *ratio > 1.0));
    }

    #[test]
    fn with_a_mask_and_64_columns_by_a_quarter_or_more() {
        let causal =
            of("forward").filter(|l| l.name.contains("causal") && l.name.ends_with("d = 64"));
        let ratios: Vec<f64> = causal.filter_map(|line| Some(line.other?.2)).collect();
        assert!(ratios.len() == 4 && ratios.iter().all(|ratio| *ratio >= 1.25), "{ratios:?}");
    }

    #[test]
    fn on_the_way_back_it_is_ahead_or_even_but_for_one_row() {
        let behind: Vec<&str> = of("backward")
            .filter(|line| line.other.is_some_and(|(_, _, ratio)| ratio < 1.0))
            .map(|line| line.name)
            .collect();
        assert!(matches!(behind[..], [name] if name.contains("full") && name.ends_with("d = 128")));
    }

    #[test]
    fn the_ladder_uses_more_than_half_of_the_multiply_adds_longer_problems_two_thirds() {
        let limit = only("limit", "");
        let share = only("ladder", "queries in lanes") / limit;
        assert!((0.5..0.62).contains(&share), "{share}");
        let share = only("forward", "causal n = 16384") / limit;
        assert!((0.62..0.71).contains(&share), "{share}");
    }

    #[test]
    fn avx2_is_worth_more_than_twice_the_tiles_and_the_portable_path_a_little_less_than_them() {
        assert!(ratios("registers", "AVX2")[0] > 2.0);
        assert!((0.75..1.0).contains(&ratios("registers", "portable")[0]));
    }

    #[test]
    fn decoding_reads_as_fast_as_a_plain_sum() {
        assert!(ratios("decode", "").iter().all(|ratio| *ratio >= 1.0));
    }

    #[test]
    fn online_is_the_slowest_rung_or_near_it() {
        let slower = of("ladder").filter(|line| line.median < only("ladder", "online")).count();
        assert!(slower <= 1);
    }
}
