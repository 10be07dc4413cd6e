//! Why 1/√d, measured.

use crate::saturation::{KEYS, Saturation, normalised, quantile, saturation, saturation_of};
use attn_viz::{Axis, Figure, Lines};
use std::sync::LazyLock;

const WIDTHS: [usize; 5] = [4, 16, 64, 256, 1024];
const QUERIES: usize = 512;
const SEED: u64 = 3;

/// For each width: unscaled, scaled. Measured once, since all of this page's numbers are from it.
static MEASURED: LazyLock<Vec<[Vec<Saturation>; 2]>> = LazyLock::new(|| {
    let both = |d| [false, true].map(|scaled| saturation(d, scaled, QUERIES, SEED));
    WIDTHS.into_iter().map(both).collect()
});

const UNSCALED: usize = 0;
const SCALED: usize = 1;

fn mean(of: impl Iterator<Item = f64>) -> f64 {
    of.sum::<f64>() / QUERIES as f64
}

fn largest(scaled: usize) -> impl Iterator<Item = f64> {
    MEASURED.iter().map(move |both| mean(both[scaled].iter().map(|s| s.largest_weight)))
}

fn norms(sample: &[Saturation]) -> impl Iterator<Item = f64> + '_ {
    sample.iter().map(|s| s.jacobian_norm)
}

fn widths() -> impl Iterator<Item = f64> {
    WIDTHS.into_iter().map(|d| d as f64)
}

fn width_axis() -> Axis {
    Axis::log("width of a query, d (numbers)").ticks(widths())
}

pub fn largest_weight() -> Figure {
    let alternative = format!(
        "Without the division the mean largest weight of a query over {KEYS} keys grows from {:.2} at d = 4 to {:.2} at d = 1024. With it, it stays near {:.2} for every d.",
        largest(UNSCALED).next().unwrap_or(f64::NAN),
        largest(UNSCALED).last().unwrap_or(f64::NAN),
        largest(SCALED).last().unwrap_or(f64::NAN),
    );
    let title = format!("The largest of {KEYS} weights, mean over {QUERIES} random queries");
    Lines::new(&title, &alternative)
        .x(width_axis())
        .y(Axis::linear("largest weight").ticks([0.0, 0.2, 0.4, 0.6, 0.8, 1.0]))
        .series("scores not scaled", widths().zip(largest(UNSCALED)))
        .series("scores divided by √d", widths().zip(largest(SCALED)))
        .figure()
}

pub fn jacobian() -> Figure {
    let at =
        |scaled: usize, p: f64| MEASURED.iter().map(move |both| quantile(norms(&both[scaled]), p));
    let band = |scaled| {
        let ends = at(scaled, 0.25).zip(at(scaled, 0.75));
        widths().zip(ends).map(|(d, (low, high))| (d, low, high))
    };
    let last = |p| at(UNSCALED, p).next_back().unwrap_or(f64::NAN);
    let alternative = format!(
        "With the division by √d the median norm is near {:.2} for every d. Without it, at d = 1024, the median is {}, the lower quartile {:.0e} and the upper quartile {}: for half of the queries hardly any gradient comes through.",
        at(SCALED, 0.5).next_back().unwrap_or(f64::NAN),
        digits(last(0.5)),
        last(0.25),
        digits(last(0.75)),
    );
    let title = "How much gradient the softmax lets through: median over 512 random queries; shaded, the middle half of them";
    Lines::new(title, &alternative)
        .x(width_axis())
        .y(Axis::log("norm of ∂weights/∂scores").ticks([1.0, 1e-2, 1e-4, 1e-6, 1e-8]))
        .series("scores not scaled", widths().zip(at(UNSCALED, 0.5)))
        .band(band(UNSCALED))
        .series("scores divided by √d", widths().zip(at(SCALED, 0.5)))
        .band(band(SCALED))
        .figure()
}

pub fn table() -> String {
    let mut table = String::from(
        "| d | median, not scaled | mean, not scaled | median, scaled | mean, scaled |\n\
         | ---: | ---: | ---: | ---: | ---: |\n",
    );
    for (d, both) in WIDTHS.into_iter().zip(MEASURED.iter()) {
        let cells =
            both.iter().flat_map(|sample| [quantile(norms(sample), 0.5), mean(norms(sample))]);
        let cells: Vec<String> = cells.map(digits).collect();
        table += &format!("| {d} | {} |\n", cells.join(" | "));
    }
    table
}

/// The mean largest weight at d = 64, when queries and keys have grown.
pub fn held() -> String {
    const D: usize = 64;
    let root_d = (D as f32).sqrt();
    let mut table = String::from(
        "| `q` and `k` larger by | divided by √d | normalised, then divided by √d |\n\
         | ---: | ---: | ---: |\n",
    );
    for growth in [1.0_f32, 2.0, 4.0, 8.0] {
        let largest = |sample: Vec<Saturation>| mean(sample.iter().map(|s| s.largest_weight));
        let divided =
            saturation_of(D, QUERIES, SEED, |q, k| (q * growth).dot(&(k * growth).t()) / root_d);
        let bound = saturation_of(D, QUERIES, SEED, |q, k| {
            normalised(q * growth).dot(&normalised(k * growth).t()) / root_d
        });
        table += &format!("| {growth} | {:.2} | {:.2} |\n", largest(divided), largest(bound));
    }
    table
}

/// Two significant digits, without an exponent.
fn digits(x: f64) -> String {
    let decimals = (1 - x.abs().log10().floor() as i32).clamp(0, 12) as usize;
    format!("{x:.decimals$}")
}
