//! Where a kernel's traffic with shared memory comes from, line by line.

use super::counted::RUNGS;
use crate::Rung;
use attn_viz::{Axis, Bars, Figure};
use ptx_sim::Report;

/// What stands on a line, and what it is called in the figure.
type Named = (&'static str, &'static str);

const TILED: &[Named] = &[
    ("qs[at / D][at % D] =", "write qs"),
    ("ks[at / D][at % D] =", "write ks"),
    ("vs[at / D][at % D] =", "write vs"),
    ("dot = fmaf(qs[row][c]", "read qs, ks"),
    ("scores[row][lane] =", "write scores"),
    ("fmaxf(new_max, scores[j])", "read scores"),
    ("scores[j] = __expf", "scores to weights"),
    ("sum[e] = fmaf(scores[row][t]", "read weights, vs"),
];

const WARP: &[Named] = &[
    ("qs[at] =", "write qs"),
    ("ks[place(at / FOURS, at % FOURS)] =", "write ks"),
    ("vs[at] =", "write vs"),
    ("key = ks[place(lane, four)]", "read ks"),
    ("dot4(qs[(first_row + r)", "read qs"),
    ("value = reinterpret_cast", "read vs"),
];

pub(super) fn tiled() -> Figure {
    figure(Rung::Tiled, TILED)
}

pub(super) fn warp() -> Figure {
    figure(Rung::Warp, WARP)
}

fn report(rung: Rung) -> &'static Report {
    let (_, reports) = RUNGS.iter().find(|(known, _)| *known == rung).expect("it was counted");
    &reports[0]
}

fn thousands(count: u64) -> f64 {
    count as f64 / 1e3
}

/// The thousands of wavefronts of each named line, with its number and its name.
fn by_line(rung: Rung, named: &[Named]) -> Vec<(String, f64)> {
    let of = |(text, name): &Named| {
        let at = rung.source().lines().position(|line| line.contains(text));
        let at = at.expect("a line of the kernel") + 1;
        (format!("{at}: {name}"), thousands(report(rung).line(at as u32).wavefronts))
    };
    named.iter().map(of).collect()
}

fn figure(rung: Rung, named: &[Named]) -> Figure {
    let bars = by_line(rung, named);
    let listed: Vec<String> =
        bars.iter().map(|(label, count)| format!("line {label}: {count:.0}")).collect();
    let name = rung.name();
    let alternative = format!(
        "Thousands of wavefronts of shared memory by line of kernels/{name}.cu. {}.",
        listed.join("; ")
    );
    let title = format!(
        "Wavefronts of shared memory by line of kernels/{name}.cu: {:.0} thousand in all, none more than needed",
        thousands(report(rung).total.wavefronts)
    );
    // The two charts stand below each other, to be compared.
    let both = [by_line(Rung::Tiled, TILED), by_line(Rung::Warp, WARP)].concat();
    let most = both.iter().fold(0.0, |most: f64, (_, count)| most.max(*count));
    let axis = Axis::linear("wavefronts (thousands)").at_least(most);
    let chart = Bars::new(&title, &alternative, axis);
    bars.iter().fold(chart, |chart, (label, count)| chart.bar(label, *count)).figure()
}
