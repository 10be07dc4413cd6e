//! What the rungs cost, counted once for all figures.

use crate::{Device, Inputs, Program, Rung, Sizes, attention_by, rung::definitions};
use ptx_sim::{Counts, Report};
use std::sync::LazyLock;

/// What is counted: 16 heads of 128 tokens, d = 64, no mask.
pub(super) const SIZES: Sizes = Sizes { heads: 16, kv_heads: 16, n: 128, m: 128, d: 64 };

/// The rungs that compute all queries, and the reports of their kernels.
pub(super) static RUNGS: LazyLock<Vec<(Rung, Vec<Report>)>> = LazyLock::new(|| {
    let rungs = [Rung::Naive, Rung::Tiled, Rung::Warp, Rung::Tensor, Rung::Pipelined];
    rungs.map(|rung| (rung, reports(rung, SIZES, false))).into()
});

/// The reports of a rung, from its committed PTX.
pub(super) fn reports(rung: Rung, sizes: Sizes, causal: bool) -> Vec<Report> {
    let definitions = definitions(sizes.d).expect("a width of the course");
    let ptx = rung.committed(sizes.d).expect("a width of the course");
    let program =
        Program::committed(rung.source(), ptx, &definitions).expect("the simulator knows it");
    let inputs = Inputs::random(1, sizes, causal);
    let outcome = attention_by(&mut Device::simulator(), rung, &program, &inputs, 0);
    outcome.expect("the course's kernels run").reports
}

/// The counts of several kernels together.
pub(super) fn total(reports: &[Report]) -> Counts {
    let mut total = Counts::default();
    reports.iter().for_each(|report| total += report.total);
    total
}

/// Bytes that have to cross from and to device memory, launch by launch.
pub(super) fn compulsory(reports: &[Report]) -> u64 {
    reports.iter().map(Report::compulsory_bytes).sum()
}

/// What each rung asks for.
pub(super) fn table() -> String {
    let mut table = String::from(
        "| rung | instructions | bytes asked for | at least | wavefronts |\n\
         | --- | ---: | ---: | ---: | ---: |\n",
    );
    for (rung, reports) in RUNGS.iter() {
        let counts = total(reports);
        table += &format!(
            "| {} | {:.1} M | {:.1} MiB | {:.1} MiB | {} |\n",
            rung.name(),
            counts.instructions as f64 / 1e6,
            mib(counts.read_bytes + counts.written_bytes),
            mib(compulsory(reports)),
            match counts.wavefronts {
                0 => "none".into(),
                wavefronts => format!("{:.2} M", wavefronts as f64 / 1e6),
            },
        );
    }
    table
}

/// What a causal mask saves the third rung.
pub(super) fn skipped() -> String {
    let mut table = String::from(
        "| n = m | tiles, no mask | tiles, causal | instructions, causal over no mask |\n| ---: | ---: | ---: | ---: |\n",
    );
    for n in [64, 128, 256] {
        let sizes = Sizes { heads: 1, kv_heads: 1, n, m: n, d: 64 };
        let [full, causal] = [false, true].map(|causal| total(&reports(Rung::Warp, sizes, causal)));
        table += &format!(
            "| {n} | {} | {} | {:.2} |\n",
            full.barriers / 2,
            causal.barriers / 2,
            causal.instructions as f64 / full.instructions as f64,
        );
    }
    table
}

/// What it takes to decode one token with grouped heads.
pub(super) fn decoding() -> String {
    let sizes = Sizes { heads: 8, kv_heads: 1, n: 1, m: 256, d: 64 };
    let mut table = String::from("| kernel | blocks | bytes read |\n| --- | ---: | ---: |\n");
    for rung in [Rung::Warp, Rung::Gqa, Rung::Split] {
        for report in reports(rung, sizes, false) {
            table += &format!(
                "| `{}` | {} | {:.1} KiB |\n",
                report.kernel,
                report.blocks,
                report.total.read_bytes as f64 / 1024.0
            );
        }
    }
    table
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
