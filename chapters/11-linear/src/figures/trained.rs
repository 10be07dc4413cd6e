//! What small models learned to recall, from the table that `attn-train` writes.

use attn_viz::{Axis, Figure, Lines};

/// A training run: the share of right answers by the number of pairs, in the order of [`pairs`].
struct Run {
    width: usize,
    mixer: &'static str,
    seed: u64,
    shares: Vec<f64>,
}

const TABLE: &str = include_str!("../../data/recall.csv");

/// The numbers of pairs that were asked for.
fn pairs() -> Vec<f64> {
    let names = TABLE.lines().next().expect("a row of names").split(',').skip(3);
    names.map(|name| name.parse().expect("a number of pairs")).collect()
}

fn runs() -> impl Iterator<Item = Run> {
    TABLE.lines().skip(1).map(|row| {
        let cells: Vec<&str> = row.split(',').collect();
        let (_, name) = cells[0].split_once('-').expect("recall-WIDTH-MIXER");
        let (width, mixer) = name.split_once('-').expect("WIDTH-MIXER");
        let number = |cell: &str| cell.parse().expect("attn-train wrote the table");
        Run {
            width: width.parse().expect("a width"),
            mixer,
            seed: cells[1].parse().expect("a seed"),
            shares: cells[3..].iter().map(|cell| number(cell)).collect(),
        }
    })
}

/// The runs of one kind, by seed.
fn of(width: usize, mixer: &str) -> Vec<Run> {
    let mut runs: Vec<Run> =
        runs().filter(|run| run.width == width && run.mixer == mixer).collect();
    runs.sort_by_key(|run| run.seed);
    runs
}

/// Lowest, mean and highest share over the seeds for one number of pairs, in per cent.
fn share(width: usize, mixer: &str, column: usize) -> (f64, f64, f64) {
    let shares: Vec<f64> = of(width, mixer).iter().map(|run| 100.0 * run.shares[column]).collect();
    let low = shares.iter().copied().fold(f64::INFINITY, f64::min);
    let high = shares.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    (low, shares.iter().sum::<f64>() / shares.len() as f64, high)
}

const MIXERS: [(&str, &str); 5] = [
    ("softmax", "softmax"),
    ("linear", "elu + 1, with z"),
    ("gla", "GLA"),
    ("delta", "delta rule"),
    ("gated-delta", "gated delta"),
];

/// The width at which all kinds were trained.
const WIDTH: usize = 16;

pub(super) fn figure() -> Figure {
    let series = MIXERS.map(|(mixer, name)| {
        let points = pairs().into_iter().enumerate();
        let points: Vec<(f64, f64)> =
            points.map(|(column, pairs)| (pairs, share(WIDTH, mixer, column).1)).collect();
        (name, points)
    });
    let each: Vec<String> = series
        .iter()
        .map(|(name, points)| {
            let each: Vec<String> =
                points.iter().map(|(pairs, share)| format!("{pairs:.0}: {share:.0}")).collect();
            format!("{name}: {}", each.join(", "))
        })
        .collect();
    let alternative =
        format!("Per cent of right answers, by the number of pairs. {}.", each.join("; "));
    let mut lines = Lines::new(
        "Trained to recall: right answers of models whose layers have a state of 16 × 16, or a cache",
        &alternative,
    )
    .x(Axis::log("pairs in the text").ticks([4.0, 8.0, 16.0, 32.0, 64.0]))
    .y(Axis::linear("right answers (%)").from_zero());
    for (name, points) in series {
        lines = lines.series(name, points);
    }
    lines.figure()
}

/// By mixer and number of pairs: the mean over the seeds, and the lowest and highest.
pub(super) fn table() -> String {
    let mut table = String::from("| layers |");
    pairs().iter().for_each(|pairs| table += &format!(" {pairs:.0} pairs |"));
    table += "\n| --- |";
    pairs().iter().for_each(|_| table += " ---: |");
    table.push('\n');
    let hybrids = MIXERS
        .iter()
        .skip(1)
        .map(|(mixer, name)| (format!("{mixer}+softmax"), format!("{name}, then softmax")));
    let alone = MIXERS.iter().map(|(mixer, name)| (mixer.to_string(), format!("{name}, both")));
    for (mixer, name) in alone.chain(hybrids) {
        table += &format!("| {name} |");
        for column in 0..pairs().len() {
            table += &cell(share(WIDTH, &mixer, column));
        }
        table.push('\n');
    }
    table
}

/// By mixer and width, for 64 pairs.
pub(super) fn sizes() -> String {
    let last = pairs().len() - 1;
    let mut table =
        String::from("| layers | width 8 | width 16 | width 32 |\n| --- | ---: | ---: | ---: |\n");
    for (mixer, name) in MIXERS {
        table += &format!("| {name}, both |");
        for width in [8, 16, 32] {
            table += &cell(share(width, mixer, last));
        }
        table.push('\n');
    }
    table
}

/// The mean, and the lowest and highest where they differ.
fn cell((low, mean, high): (f64, f64, f64)) -> String {
    let [low, mean, high] = [low, mean, high].map(|share| format!("{share:.0}"));
    if low == high { format!(" {mean} |") } else { format!(" {mean} ({low}–{high}) |") }
}

/// Each test is a sentence of the chapter's page.
#[cfg(test)]
mod sentences {
    use super::*;

    fn mean(mixer: &str, pairs_asked: f64) -> f64 {
        let column = pairs().iter().position(|pairs| *pairs == pairs_asked).expect("it was asked");
        share(WIDTH, mixer, column).1
    }

    #[test]
    fn every_kind_was_trained_three_times() {
        for (mixer, _) in MIXERS {
            for width in [8, 16, 32] {
                assert_eq!(of(width, mixer).len(), 3, "{mixer}, {width} wide");
            }
            if mixer != "softmax" {
                assert_eq!(of(WIDTH, &format!("{mixer}+softmax")).len(), 3, "{mixer}+softmax");
            }
        }
    }

    #[test]
    fn one_layer_of_softmax_attention_is_enough() {
        for (column, _) in pairs().iter().enumerate() {
            for mixer in ["softmax", "gla+softmax", "delta+softmax", "gated-delta+softmax"] {
                assert!(share(WIDTH, mixer, column).0 > 99.9, "{mixer}");
            }
        }
    }

    #[test]
    fn training_does_not_always_find_it() {
        let last = pairs().len() - 1;
        let shares: Vec<f64> =
            of(WIDTH, "linear+softmax").iter().map(|run| run.shares[last]).collect();
        assert_eq!(shares.iter().filter(|share| **share > 0.999).count(), 1, "{shares:?}");
        assert_eq!(shares.iter().filter(|share| **share < 0.3).count(), 2, "{shares:?}");
    }

    #[test]
    fn of_64_pairs_about_a_quarter_is_found() {
        for mixer in ["linear", "delta", "gated-delta"] {
            assert!((22.0..31.0).contains(&mean(mixer, 64.0)), "{mixer}");
            assert!(mean(mixer, 8.0) > 90.0, "{mixer}");
        }
    }

    #[test]
    fn the_rules_differ_by_less_than_the_seeds() {
        for rule in ["delta", "gated-delta"] {
            assert!(mean(rule, 8.0) > mean("linear", 8.0) + 2.0, "{rule}");
            assert!(mean(rule, 16.0) > mean("linear", 16.0) + 2.0, "{rule}");
        }
        let column = pairs().iter().position(|pairs| *pairs == 32.0).expect("32 pairs");
        let means = ["linear", "delta", "gated-delta"].map(|mixer| mean(mixer, 32.0));
        let apart = means.iter().fold(0.0_f64, |most, x| most.max((x - means[0]).abs()));
        let (low, _, high) = share(WIDTH, "delta", column);
        assert!(apart < high - low, "{means:?}, {low} and {high}");
    }

    #[test]
    fn one_seed_of_gla_learned_twice_as_much_as_another() {
        let column = pairs().iter().position(|pairs| *pairs == 32.0).expect("32 pairs");
        let (low, _, high) = share(WIDTH, "gla", column);
        assert!(high > 2.0 * low, "{low} and {high}");
    }

    #[test]
    fn a_larger_state_helps_more_than_another_rule() {
        let last = pairs().len() - 1;
        let mean = |width, mixer| share(width, mixer, last).1;
        for mixer in ["linear", "delta", "gated-delta"] {
            assert!(mean(8, mixer) < 8.0, "{mixer}");
            assert!(mean(16, mixer) < 31.0, "{mixer}");
            assert!(mean(32, mixer) > 75.0, "{mixer}");
        }
        let ahead = mean(32, "delta").min(mean(32, "gated-delta")) - mean(32, "linear");
        assert!((8.0..13.0).contains(&ahead), "{ahead}");
        assert!(share(32, "gla", last).0 < 5.0);
    }
}
