//! Where a kernel's traffic with shared memory comes from, line by line.

use super::counted::RUNGS;
use crate::Rung;
use attn_viz::{Axis, Bars, Figure};

/// What stands on a line, and what it is called in the figure.
type Named = (&'static str, &'static str);

pub(super) fn tiled() -> Figure {
    let lines = [
        ("qs[at / D][at % D] =", "write qs"),
        ("ks[at / D][at % D] =", "write ks"),
        ("vs[at / D][at % D] =", "write vs"),
        ("dot = fmaf(qs[row][c]", "read qs, ks"),
        ("scores[row][lane] =", "write scores"),
        ("fmaxf(new_max, scores[j])", "read scores"),
        ("scores[j] = __expf", "scores to weights"),
        ("sum[e] = fmaf(scores[row][t]", "read weights, vs"),
    ];
    figure(Rung::Tiled, &lines)
}

pub(super) fn warp() -> Figure {
    let lines = [
        ("qs[at] =", "write qs"),
        ("ks[place(at / FOURS, at % FOURS)] =", "write ks"),
        ("vs[at] =", "write vs"),
        ("key = ks[place(lane, four)]", "read ks"),
        ("dot4(qs[(first_row + r)", "read qs"),
        ("value = reinterpret_cast", "read vs"),
    ];
    figure(Rung::Warp, &lines)
}

fn figure(rung: Rung, named: &[Named]) -> Figure {
    let (_, reports) = RUNGS.iter().find(|(known, _)| *known == rung).expect("it was counted");
    let report = &reports[0];
    let thousands = |count: u64| count as f64 / 1e3;
    let bars: Vec<(String, f64)> = named
        .iter()
        .map(|(text, name)| {
            let at = rung
                .source()
                .lines()
                .position(|line| line.contains(text))
                .expect("a line of the kernel")
                + 1;
            (format!("{at}: {name}"), thousands(report.line(at as u32).wavefronts))
        })
        .collect();
    let listed: Vec<String> =
        bars.iter().map(|(label, count)| format!("line {label}: {count:.0}")).collect();
    let name = rung.name();
    let alternative = format!(
        "Thousands of wavefronts of shared memory by line of kernels/{name}.cu. {}.",
        listed.join("; ")
    );
    let title = format!(
        "Wavefronts of shared memory by line of kernels/{name}.cu: {:.0} thousand in all, none more than needed",
        thousands(report.total.wavefronts)
    );
    let bars = bars.iter().fold(
        Bars::new(&title, &alternative, Axis::linear("wavefronts (thousands)")),
        |bars, (label, count)| bars.bar(label, *count),
    );
    bars.figure()
}
