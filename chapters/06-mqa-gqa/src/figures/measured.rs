//! A step of decoding with shared heads, from the file that `cargo attn bench 6 --write` makes.

use attn_viz::{Axis, Bars, Figure, Line, Measured};

const MEASURED: Measured = Measured::new(include_str!("../../data/measured.csv"));

const KV_HEADS: [usize; 4] = [32, 8, 4, 1];

/// A rate and a time of `what` with so many heads of keys and values.
fn lines(what: &'static str, kv_heads: usize) -> [Line; 2] {
    let name = format!("{what} on {kv_heads}");
    ["GB/s", "ms"].map(|unit| {
        let found = MEASURED.of(what).find(|line| line.name == name && line.unit == unit);
        found.unwrap_or_else(|| panic!("{name} was not measured in {unit}"))
    })
}

pub(super) fn figure() -> Figure {
    let times = KV_HEADS.map(|kv_heads| (kv_heads, lines("packed", kv_heads)[1].median));
    let each: Vec<String> =
        times.iter().map(|(kv_heads, ms)| format!("{kv_heads} heads {ms:.1}")).collect();
    let alternative = format!("Milliseconds of a step of decoding, measured: {}.", each.join(", "));
    let title = "One token behind 16,384, 32 query heads of 128 on so many heads of keys and values: measured time";
    let mut bars = Bars::new(title, &alternative, Axis::linear("milliseconds"));
    for (kv_heads, ms) in times {
        bars = bars.bar(&format!("{kv_heads} of keys and values"), ms);
    }
    bars.figure()
}

const PROGRAMS: [&str; 3] = ["last rung", "packed", "grouped_decode"];

pub(super) fn table() -> String {
    let mut table = String::from(
        "| heads | keys and values | last rung | packed | `grouped_decode` | best, of a plain sum |\n\
         | ---: | ---: | ---: | ---: | ---: | ---: |\n",
    );
    for kv_heads in KV_HEADS {
        let megabytes = (2 * kv_heads * 16_384 * 128 * 4) as f64 / 1e6;
        table += &format!("| {kv_heads} | {megabytes:.0}\u{a0}MB |");
        for what in PROGRAMS {
            table += &format!(" {:.1}\u{a0}ms |", lines(what, kv_heads)[1].median);
        }
        table += &format!(" {:.0}\u{a0}% |\n", 100.0 * share(kv_heads));
    }
    table
}

/// How fast the fastest program reads, as a share of a plain sum's speed.
fn share(kv_heads: usize) -> f64 {
    let shares = PROGRAMS.map(|what| lines(what, kv_heads)[0].other.map_or(0.0, |other| other.2));
    shares.into_iter().fold(0.0, f64::max)
}

pub(super) fn sitting() -> String {
    MEASURED.sitting(&["processor", "threads", "date", "rust", "rounds", "load before"])
}

/// Each test is a sentence of the chapter's page.
#[cfg(test)]
mod sentences {
    use super::*;

    fn ms(what: &'static str, kv_heads: usize) -> f64 {
        lines(what, kv_heads)[1].median
    }

    #[test]
    fn on_32_heads_the_memory_is_read_at_four_fifths_of_a_plain_sums_speed_or_more() {
        assert!((0.8..1.0).contains(&share(32)), "{}", share(32));
    }

    #[test]
    fn a_fourth_of_the_bytes_takes_half_the_time_an_eighth_a_quarter_and_a_32nd_a_fifth() {
        for (kv_heads, part) in [(8, 0.5), (4, 0.25), (1, 0.2)] {
            let share = ms("packed", kv_heads) / ms("packed", 32);
            assert!((share / part - 1.0_f64).abs() < 0.15, "{kv_heads}: {share}");
        }
    }

    #[test]
    fn packing_pays_from_four_heads_down() {
        for kv_heads in [4, 1] {
            assert!(ms("packed", kv_heads) < 0.75 * ms("last rung", kv_heads));
        }
        assert!(ms("packed", 8) > 0.95 * ms("last rung", 8));
    }

    #[test]
    fn plain_products_are_four_times_slower_where_nothing_is_shared() {
        assert!((3.8..5.0).contains(&(ms("grouped_decode", 32) / ms("last rung", 32))));
    }

    #[test]
    fn nothing_copies_the_cache() {
        let most = MEASURED.of("memory").map(|line| line.median).fold(0.0, f64::max);
        assert!(most < 0.01 * 536.9, "{most} MB");
    }
}
