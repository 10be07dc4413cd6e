//! The naive and the absorbed form, from the file that `cargo attn bench 7 --write` makes.

use crate::numbers::{V2, three};
use attn_viz::{Axis, Figure, Line, Lines, Measured, thousands};

const MEASURED: Measured = Measured::new(include_str!("../../data/measured.csv"));

/// New tokens, and the times of the naive and the absorbed form in milliseconds, with `m` tokens kept.
fn calls(m: usize) -> Vec<(usize, f64, f64)> {
    let found = MEASURED.of("calls").filter_map(|line| {
        let (n, kept) = line.name.split_once(" new of ")?;
        (kept.parse() == Ok(m)).then_some((n.parse().ok()?, line.other?.1, line.median))
    });
    found.collect()
}

/// Where the two times are equal, on the straight line between the calls before and behind.
fn crossing(m: usize) -> Option<f64> {
    let calls = calls(m);
    let (before, behind) = calls.iter().zip(&calls[1..]).find(|(a, b)| a.2 <= a.1 && b.2 > b.1)?;
    let [a, b] = [before, behind].map(|(_, naive, absorbed)| (absorbed / naive).ln());
    let n = |call: &(usize, f64, f64)| call.0 as f64;
    Some(n(before) + (n(behind) - n(before)) * a / (a - b))
}

/// Where the counted FLOPs are equal: 1/n − 1/m = 1/171, about.
fn counted(m: usize) -> usize {
    (1..=m)
        .take_while(|&n| {
            let [naive, absorbed, _] = three(V2, n, m);
            absorbed < naive
        })
        .last()
        .unwrap_or(0)
}

pub(super) fn figure() -> Figure {
    let at = |m: usize| crossing(m).map_or("nowhere".into(), |n| format!("at {n:.0}"));
    let alternative = format!(
        "Measured milliseconds of a call per new token. With 4,096 tokens kept, the two forms cross {}, with 512 {}.",
        at(4096),
        at(512),
    );
    let title = "The naive and the absorbed form: measured time per new token, 8 heads in the shape of DeepSeek-V2's, f64";
    let mut lines = Lines::new(title, &alternative)
        .x(Axis::log("new tokens at once, n").ticks([1.0, 16.0, 64.0, 256.0]))
        .y(Axis::log("milliseconds per new token").ticks([1.0, 10.0, 100.0, 1000.0]));
    for m in [4096, 512] {
        let of = |form: fn(&(usize, f64, f64)) -> f64| {
            calls(m).into_iter().map(move |call| (call.0 as f64, form(&call) / call.0 as f64))
        };
        lines = lines
            .series(&format!("naive, m = {m}"), of(|call| call.1))
            .series(&format!("absorbed, m = {m}"), of(|call| call.2));
    }
    lines.figure()
}

pub(super) fn crossings() -> String {
    let mut table = String::from(
        "| tokens kept | FLOPs equal behind | times equal at |\n| ---: | ---: | ---: |\n",
    );
    for m in [4096, 512] {
        let measured = crossing(m).map_or("nowhere".into(), |n| format!("{n:.0}"));
        table += &format!("| {} | {} | {measured} |\n", thousands(m), counted(m));
    }
    table
}

/// A step of decoding in DeepSeek-V2's shape.
pub(super) fn step() -> String {
    let mut table = String::from(
        "| form | FLOPs | time | GFLOP/s | times as fast as the naive form |\n| --- | ---: | ---: | ---: | ---: |\n",
    );
    let [naive, absorbed, kept] = three(V2, 1, 4096);
    for (name, flops) in [
        ("naive", naive),
        ("absorbed", absorbed),
        ("absorbed as MQA", absorbed),
        ("keys and values kept", kept),
    ] {
        let Line { median, other, .. } = MEASURED.line("step", name);
        let ratio = other.map_or(f64::NAN, |(_, _, ratio)| ratio);
        let gflop = flops as f64 / 1e9;
        table += &format!(
            "| {name} | {gflop:.2}\u{a0}GFLOP | {}\u{a0}ms | {:.1} | {ratio:.1} |\n",
            thousands(median.round() as usize),
            1e3 * gflop / median,
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

    fn ms(name: &str) -> f64 {
        MEASURED.line("step", name).median
    }

    #[test]
    fn the_loop_over_heads_is_a_few_times_as_fast_and_slower_than_keys_and_values_kept() {
        let ratio = ms("naive") / ms("absorbed");
        assert!((2.0..6.0).contains(&ratio), "{ratio}");
        assert!(ms("absorbed") > ms("keys and values kept"));
    }

    #[test]
    fn as_multi_query_attention_it_is_fifty_times_as_fast() {
        let ratio = ms("naive") / ms("absorbed as MQA");
        assert!((45.0..60.0).contains(&ratio), "{ratio}");
    }

    #[test]
    fn the_clock_finds_the_crossover_a_little_earlier_than_the_count() {
        for m in [4096, 512] {
            let share = crossing(m).expect("they cross") / counted(m) as f64;
            assert!((0.75..1.0).contains(&share), "{m}: {share}");
        }
    }
}
