//! A step of decoding with a cache and without, from the file that `cargo attn bench 5 --write` makes.

use attn_viz::{Axis, Figure, Line, Lines, Measured, thousands};

const MEASURED: Measured = Measured::new(include_str!("../../data/measured.csv"));

/// SmolLM2, from `crates/attn-smollm/examples/speed`.
const SMOLLM: Measured =
    Measured::new(include_str!("../../../../crates/attn-smollm/data/speed.csv"));

/// Tokens of the text, tokens per second with a cache, and without.
fn steps() -> impl Iterator<Item = (u64, Line, f64)> {
    MEASURED.of("decode").filter_map(|line| {
        let tokens = line.name.split(' ').next()?.parse().ok()?;
        Some((tokens, line, line.other?.1))
    })
}

pub(super) fn figure() -> Figure {
    let each: Vec<String> = steps()
        .map(|(tokens, line, without)| {
            format!(
                "{tokens} tokens: {:.1} and {:.1}",
                milliseconds(line.median),
                milliseconds(without)
            )
        })
        .collect();
    let alternative = format!(
        "Milliseconds of one more token of a layer, with a cache and without. {}.",
        each.join("; ")
    );
    let title = "One more token of a layer (d_model 512, 8 heads), measured: with a cache, and by reading the whole text again";
    let curve = |of: fn(&Line, f64) -> f64| {
        steps()
            .map(move |(tokens, line, without)| (tokens as f64, milliseconds(of(&line, without))))
    };
    Lines::new(title, &alternative)
        .x(Axis::log("tokens of the text").ticks([64.0, 256.0, 1024.0, 4096.0]))
        .y(Axis::log("milliseconds").ticks([0.1, 1.0, 10.0, 100.0, 1000.0]))
        .series("with a cache", curve(|line, _| line.median))
        .series("without", curve(|_, without| without))
        .figure()
}

fn milliseconds(tokens_per_second: f64) -> f64 {
    1e3 / tokens_per_second
}

pub(super) fn table() -> String {
    let mut table = String::from(
        "| tokens of the text | with a cache | without | times as fast |\n| ---: | ---: | ---: | ---: |\n",
    );
    for (tokens, line, without) in steps() {
        let ratio = line.other.map_or(f64::NAN, |(_, _, ratio)| ratio);
        table += &format!(
            "| {} | {:.2}\u{a0}ms | {:.1}\u{a0}ms | {ratio:.0} |\n",
            thousands(tokens),
            milliseconds(line.median),
            milliseconds(without),
        );
    }
    table
}

pub(super) fn sitting() -> String {
    MEASURED.sitting(&["processor", "threads", "date", "rust", "rounds", "load before"])
}

/// How fast a real language model reads and writes, and what it was measured in turn with.
pub fn smollm2() -> String {
    let mut table = String::from(
        "| | tokens/s | in turn with | its tokens/s | times as fast |\n\
         | --- | ---: | --- | ---: | ---: |\n",
    );
    for on in ["on 1 thread", "on 2 threads"] {
        for (kind, name, what) in [
            ("read", "512 tokens", "reads 512 tokens"),
            ("written", "beside transformers", "writes"),
            ("written", "beside a sum", "writes"),
            ("written", "by the chapters' functions", "writes by the chapters' functions"),
        ] {
            let line = SMOLLM.line(kind, &format!("{name} {on}"));
            let (other, theirs, ratio) = line.other.expect("it was measured in turn");
            let ours = line.median;
            table += &format!("| {what} {on} | {ours:.1} | {other} | {theirs:.1} | {ratio:.2} |\n");
        }
    }
    table
}

/// Where and when that was.
pub fn smollm2_sitting() -> String {
    SMOLLM.sitting(&["processor", "date", "rust", "transformers", "rounds", "load before"])
}

/// Each test is a sentence of the chapter's page.
#[cfg(test)]
mod sentences {
    use super::*;

    #[test]
    fn the_longer_the_text_the_more_the_cache_saves() {
        let ratios: Vec<f64> = steps().filter_map(|(_, line, _)| Some(line.other?.2)).collect();
        assert!(ratios.len() == 7 && ratios.is_sorted(), "{ratios:?}");
    }
}
