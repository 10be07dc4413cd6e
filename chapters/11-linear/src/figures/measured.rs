//! How long states take, from the file that `cargo attn bench 11 --write` makes.

use attn_viz::{Axis, Figure, Line, Lines, Measured, thousands};

const MEASURED: Measured = Measured::new(include_str!("../../data/measured.csv"));
const RUNG: &str = "chapter 8's last rung";
const CACHE: &str = "attention to a cache";

/// The tokens of each text, and what was measured beside this.
fn of(kind: &'static str, other: &'static str) -> impl Iterator<Item = (u64, Line, f64, f64)> {
    MEASURED.of(kind).filter_map(move |line| {
        let (_, theirs, ratio) = line.other.filter(|(name, ..)| *name == other)?;
        let tokens = line.name.split(' ').find_map(|word| word.parse().ok())?;
        Some((tokens, line, theirs, ratio))
    })
}

/// Milliseconds of a text, and of one more token, by length.
fn figure(
    kind: &'static str,
    (other, theirs_name): (&'static str, &str),
    (title, what): (&str, &str),
    ticks: &[f64],
) -> Figure {
    let rows: Vec<(u64, Line, f64, f64)> = of(kind, other).collect();
    let each: Vec<String> = rows
        .iter()
        .map(|(tokens, line, theirs, _)| {
            format!("{tokens} tokens: {:.3} and {theirs:.3}", line.median)
        })
        .collect();
    let alternative =
        format!("Milliseconds {what}, by a state and by softmax. {}.", each.join("; "));
    // Only where there are points.
    let tokens = [64.0, 1024.0, 16_384.0, 65_536.0].into_iter();
    let measured = |tick: &f64| rows.iter().any(|(tokens, ..)| *tokens as f64 == *tick);
    let tokens = tokens.filter(measured).collect::<Vec<_>>();
    Lines::new(title, &alternative)
        .x(Axis::log("tokens of the text").ticks(tokens))
        .y(Axis::log("milliseconds").ticks(ticks.iter().copied()))
        .series("state", rows.iter().map(|(tokens, line, ..)| (*tokens as f64, line.median)))
        .series(theirs_name, rows.iter().map(|(tokens, _, theirs, _)| (*tokens as f64, *theirs)))
        .figure()
}

pub(super) fn lengths() -> Figure {
    let title = "A text, measured: RetNet in chunks, and softmax attention by chapter 8's last rung (8 heads, d = 64)";
    figure("length", (RUNG, "softmax"), (title, "of a text"), &[0.1, 1.0, 10.0, 100.0, 1000.0])
}

pub(super) fn steps() -> Figure {
    let title =
        "One more token, measured: by a state, and by attention to a cache (8 heads, d = 64)";
    figure("step", (CACHE, "cache"), (title, "of one more token"), &[0.01, 0.1, 1.0, 10.0])
}

/// All three forms, beside PyTorch and beside each other.
pub(super) fn table() -> String {
    let mut table = String::from(
        "| | ms | in turn with | its ms | times as fast |\n| --- | ---: | --- | ---: | ---: |\n",
    );
    for (tokens, line, theirs, ratio) in of("length", "PyTorch") {
        let tokens = thousands(tokens);
        table += &format!(
            "| {tokens} tokens in chunks | {:.1} | PyTorch | {theirs:.1} | {ratio:.1} |\n",
            line.median
        );
    }
    for line in MEASURED.of("forms") {
        let (other, theirs, ratio) = line.other.expect("it was measured in turn");
        table += &format!(
            "| 8,192 tokens in chunks, {} | {:.1} | {other} | {theirs:.1} | {ratio:.1} |\n",
            line.name, line.median
        );
    }
    table
}

pub(super) fn sitting() -> String {
    MEASURED.sitting(&["processor", "threads", "date", "rust", "PyTorch", "rounds", "load before"])
}

/// Each test is a sentence of the chapter's page.
#[cfg(test)]
mod sentences {
    use super::*;

    #[test]
    fn the_time_grows_in_proportion_to_the_text() {
        let exponent = MEASURED.line("exponent", "of the text").median;
        assert!((exponent - 1.0).abs() < 0.1, "{exponent}");
    }

    #[test]
    fn a_step_takes_as_long_after_any_text() {
        let exponent = MEASURED.line("exponent", "of a step").median;
        assert!(exponent.abs() < 0.1, "{exponent}");
    }

    #[test]
    fn chunks_are_quicker_than_pytorchs() {
        assert!(of("length", "PyTorch").all(|(.., ratio)| ratio > 1.0));
        assert_eq!(of("length", "PyTorch").count(), 7);
    }

    #[test]
    fn softmax_is_even_at_about_300_tokens() {
        let ratio = |n: u64| of("length", RUNG).find(|row| row.0 == n).expect("it was measured").3;
        assert!(ratio(128) < 1.0 && ratio(256) < 1.05 && ratio(512) > 1.0 && ratio(1024) > 1.5);
    }

    #[test]
    fn chunks_are_five_times_as_fast_with_a_decay_and_three_times_without() {
        let ratio = |name| MEASURED.line("forms", name).other.expect("in turn").2;
        assert!((5.0..6.0).contains(&ratio("RetNet")));
        assert!(
            (3.0..4.0).contains(&ratio("no decay")) && (3.0..4.0).contains(&ratio("delta rule"))
        );
    }
}
