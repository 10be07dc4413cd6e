//! A step of decoding with a cache and without, from the file that `cargo attn bench 5 --write` makes.

use attn_viz::{Axis, Figure, Line, Lines, Measured, thousands};

const MEASURED: Measured = Measured::new(include_str!("../../data/measured.csv"));

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
