//! Tables of places, slots and costs.

use crate::{
    comparison::{BUDGET, Blank, PLACES, POLICIES, Policy, Report, TRACE, serve},
    engine::Lm,
    functions::REFERENCE,
    given::{Prices, Running, Way},
    preempt,
    saving::{Kind, WIDTHS, prompts, saved},
    trace::trace,
};
use attn_viz::{Axis, Bars, Figure, thousands};

/// The trace under one policy.
pub fn report(policy: Policy) -> Report {
    let (count, every, seed) = TRACE;
    let arrivals = trace(count, every, seed);
    serve(Blank, &arrivals, (policy, PLACES, BUDGET), REFERENCE, |_, _| ()).expect("the reference")
}

/// The mean.
pub fn mean(numbers: &[usize]) -> f64 {
    numbers.iter().sum::<usize>() as f64 / numbers.len().max(1) as f64
}

/// What the memory is used for under each policy, and what comes of it.
pub(super) fn used() -> String {
    let mut table = String::from(
        "| a text gets | tokens | reserved | internal | free | texts at once | steps | first token after |\n\
         | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n",
    );
    for policy in POLICIES {
        let report = report(policy);
        let percent = |share: f64| format!("{:.1}\u{a0}%", 100.0 * share);
        table += &format!(
            "| {} | {} | {} | {} | {} | {:.1} | {} | {:.1} steps |\n",
            policy.name(),
            percent(report.waste.tokens),
            percent(report.waste.reserved),
            percent(report.waste.internal),
            percent(report.waste.free),
            report.running,
            report.steps,
            mean(&report.first),
        );
    }
    table
}

pub(super) fn figure() -> Figure {
    let shares = POLICIES.map(|policy| (policy.name(), 100.0 * report(policy).waste.tokens));
    let said: Vec<String> =
        shares.iter().map(|(name, share)| format!("{name} {share:.0} %")).collect();
    let alternative = format!("Four bars: {}.", said.join(", "));
    let title =
        "How much of the memory holds tokens while somebody waits, on the trace of this chapter";
    let mut bars = Bars::new(title, &alternative, Axis::linear("% of the places"));
    for (name, share) in &shares {
        bars = bars.bar(name, *share);
    }
    bars.figure()
}

/// Block sizes on the same trace.
pub(super) fn sizes() -> String {
    let mut table = String::from(
        "| tokens of a block | blocks | tokens | reserved | internal | texts at once | steps | gave way |\n\
         | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n",
    );
    for size in [1, 4, 16, 64, 256] {
        let report = report(Policy::Paged(size));
        table += &format!(
            "| {size} | {} | {:.1}\u{a0}% | {:.1}\u{a0}% | {:.1}\u{a0}% | {:.1} | {} | {} |\n",
            PLACES / size,
            100.0 * report.waste.tokens,
            100.0 * report.waste.reserved,
            100.0 * report.waste.internal,
            report.running,
            report.steps,
            report.metrics.preempted,
        );
    }
    table
}

/// Table 1 of the paper, with its last row computed again: (model, GiB for caches, layers, width, printed).
pub const SLOTS: [(&str, u64, u64, u64, f64); 3] = [
    ("OPT-13B", 12, 40, 5120, 15.7e3),
    ("OPT-66B", 21, 64, 9216, 9.7e3),
    ("OPT-175B", 264, 96, 12288, 60.1e3),
];

/// How many tokens fit: GiB divided by a key and a value of 16 bits in each layer.
pub fn slots_of((_, gib, layers, width, _): (&str, u64, u64, u64, f64)) -> u64 {
    (gib << 30) / (2 * layers * width * 2)
}

pub(super) fn slots() -> String {
    let mut table = String::from(
        "| model | memory for caches | a token | tokens that fit | printed |\n| --- | ---: | ---: | ---: | ---: |\n",
    );
    for row in SLOTS {
        let (model, gib, layers, width, printed) = row;
        table += &format!(
            "| {model} | {gib}\u{a0}GB | {}\u{a0}B | {} | {:.1}K |\n",
            thousands(2 * layers * width * 2),
            thousands(slots_of(row)),
            printed / 1e3
        );
    }
    table
}

/// Blocks that texts share, each held once: (sharing, all). `common` tokens of a prompt of which the last
/// block is not full, and `own` tokens behind them in each of `texts` texts, in blocks of `size`.
pub fn shared_blocks(texts: usize, common: usize, own: usize, size: usize) -> (usize, usize) {
    let alone = (common + own).div_ceil(size);
    let shared = common / size;
    (shared + texts * (alone - shared), texts * alone)
}

pub(super) fn beams() -> String {
    let mut table = String::from(
        "| texts from one prompt | prompt | written so far | blocks without sharing | with | saved |\n\
         | ---: | ---: | ---: | ---: | ---: | ---: |\n",
    );
    for (texts, common, own) in
        [(2, 100, 20), (4, 100, 20), (6, 100, 20), (6, 100, 200), (6, 600, 20)]
    {
        let (with, without) = shared_blocks(texts, common, own, 16);
        table += &format!(
            "| {texts} | {common} | {own} | {without} | {with} | {:.1}\u{a0}% |\n",
            100.0 * (1.0 - with as f64 / without as f64)
        );
    }
    table
}

/// What samples and beams save of the blocks, counted by the engine with the course's model.
pub(super) fn saved_blocks() -> String {
    let mut table =
        String::from("| texts from one prompt | samples | beam search |\n| ---: | ---: | ---: |\n");
    let (lm, prompts) = (Lm::trained(), prompts(2));
    for width in WIDTHS {
        let percent = |kind| {
            let share = saved(&lm, &prompts, (kind, width), REFERENCE).expect("the reference");
            format!("{:.1}\u{a0}%", 100.0 * share)
        };
        table += &format!("| {width} | {} | {} |\n", percent(Kind::Samples), percent(Kind::Beams));
    }
    table
}

/// OPT-13B in 16 bits on an A100: 819,200 bytes per token; 312 TFLOP/s, and 32 GB/s to the computer's memory.
pub fn opt_13b(size: usize) -> Prices {
    Prices { block_bytes: (size * 819_200) as f64, link: 32e9, parameters: 13e9, peak: 312e12 }
}

pub(super) fn ways() -> String {
    let mut table = String::from(
        "| tokens | blocks | swap | compute again | faster |\n| ---: | ---: | ---: | ---: | --- |\n",
    );
    for tokens in [1, 16, 100, 1000, 2000] {
        let running = [Running { id: 0, arrived: 0, tokens, blocks: tokens.div_ceil(16) }];
        let chosen = preempt(&running, opt_13b(16)).expect("one is running");
        let way = if chosen.way == Way::Swap { "swap" } else { "compute again" };
        table += &format!(
            "| {} | {} | {:.2}\u{a0}ms | {:.2}\u{a0}ms | {way} |\n",
            thousands(tokens as u64),
            tokens.div_ceil(16),
            1e3 * chosen.swap,
            1e3 * chosen.recompute
        );
    }
    table
}
