//! What the book says of this chapter's numbers.

use ch10_paged::{
    comparison::{PLACES, POLICIES, Policy, TRACE},
    engine::Lm,
    figures::tables::{SLOTS, mean, opt_13b, report, shared_blocks, slots_of},
    functions::REFERENCE,
    given::{Job, Plan, Queue, Running, Way},
    preempt,
    saving::{Kind, prompts, saved},
    schedule,
    trace::trace,
};

/// The first table: how much of the memory holds tokens, and what comes of it.
#[test]
fn blocks_use_more_of_the_memory() {
    let [maximum, powers, oracle, paged] = POLICIES.map(report);
    assert!((0.28..0.31).contains(&maximum.waste.tokens), "seven tenths unused");
    assert!((0.58..0.62).contains(&oracle.waste.tokens), "two fifths unused");
    assert!(paged.waste.tokens > 0.8);
    assert!(
        maximum.waste.tokens < powers.waste.tokens && powers.waste.tokens < oracle.waste.tokens
    );
    assert_eq!(oracle.waste.internal, 0.0);
    assert!(2 * paged.steps < maximum.steps, "less than half of the steps");
    assert_eq!((mean(&maximum.first).round(), mean(&paged.first).round()), (167.0, 25.0));
    for report in [&maximum, &powers, &oracle, &paged] {
        let waste = report.waste;
        let all = waste.tokens + waste.reserved + waste.internal + waste.free;
        assert!((all - 1.0).abs() < 1e-9, "{all}");
        assert_eq!(report.metrics.written, maximum.metrics.written);
    }
}

/// In blocks a text has at most one that is not full.
#[test]
fn internal_waste_is_less_than_a_block_per_text() {
    for size in [1, 4, 16] {
        let report = report(Policy::Paged(size));
        assert!(report.waste.internal * PLACES as f64 <= (size - 1) as f64 * 17.0);
    }
    assert_eq!(report(Policy::Paged(1)).waste.internal, 0.0);
}

/// The generator's lengths: half of the prompts up to 1,020 tokens, divided by 24; outputs 129, by 8.
#[test]
fn the_trace_has_the_lengths_that_it_says() {
    let (_, every, seed) = TRACE;
    let arrivals = trace(4000, every, seed);
    let quantile = |mut lengths: Vec<usize>, at: f64| {
        lengths.sort();
        lengths[(at * lengths.len() as f64) as usize] as f64
    };
    let prompts = || arrivals.iter().map(|arrival| arrival.prompt.len()).collect();
    let outputs = || arrivals.iter().map(|arrival| arrival.output).collect();
    for (at, prompt, output) in [(0.1, 207.0, 54.0), (0.5, 1020.0, 129.0), (0.9, 2734.0, 424.0)] {
        assert!((quantile(prompts(), at) / (prompt / 24.0) - 1.0).abs() < 0.12, "prompts at {at}");
        assert!((quantile(outputs(), at) / (output / 8.0) - 1.0).abs() < 0.12, "outputs at {at}");
    }
    let last = arrivals.last().expect("some").step as f64;
    assert!((last / 4000.0 / f64::from(every) - 1.0).abs() < 0.1, "one every {every} steps");
    assert!(arrivals.iter().all(|arrival| arrival.prompt.len() + arrival.output <= 256));
    assert_eq!(trace(64, every, seed), trace(64, every, seed));
}

/// Table 1 of 2309.06180: two of three rows come out as GiB.
#[test]
fn slots_of_the_papers_table() {
    assert_eq!(SLOTS.map(slots_of), [15_728, 9_557, 60_074]);
    let off = SLOTS.map(|row| (slots_of(row) as f64 / row.4 - 1.0).abs() > 0.005);
    assert_eq!(off, [false, true, false]);
    let needed = 9.7e3 * 2_359_296.0 / f64::from(1 << 30);
    assert_eq!((needed * 10.0).round(), 213.0);
}

/// Four samples of a prompt of 100 tokens in blocks of 16 copy one block three times.
#[test]
fn samples_share_their_prompt() {
    assert_eq!(100 / 16, 6);
    assert_eq!(shared_blocks(4, 100, 1, 16), (6 + 4, 4 * 7));
    assert_eq!(shared_blocks(1, 100, 20, 16), (8, 8));
}

/// Beams share most of what they write, samples the prompt alone; and more the more there are.
#[test]
fn beams_save_more_than_samples() {
    let (lm, prompts) = (Lm::trained(), prompts(1));
    let saved =
        |kind, width| saved(&lm, &prompts, (kind, width), REFERENCE).expect("the reference");
    let [samples, beams] =
        [Kind::Samples, Kind::Beams].map(|kind| [2, 4].map(|width| saved(kind, width)));
    assert!(samples[0] < samples[1] && beams[0] < beams[1], "{samples:?} {beams:?}");
    assert!(
        (0.1..0.3).contains(&samples[1]) && beams[1] > 2.0 * samples[1],
        "{samples:?} {beams:?}"
    );
}

/// A swap moves 16 tokens of 819,200 bytes per block, there and back.
#[test]
fn a_swap_against_computing_again() {
    let running = [Running { id: 0, arrived: 0, tokens: 1000, blocks: 63 }];
    let chosen = preempt(&running, opt_13b(16)).expect("one");
    assert!((chosen.swap - 2.0 * 63.0 * 16.0 * 819_200.0 / 32e9).abs() < 1e-12);
    assert!((chosen.recompute - 2.0 * 13e9 * 1000.0 / 312e12).abs() < 1e-12);
    assert_eq!(chosen.way, Way::Swap);
}

/// Task 11's second example by hand.
#[test]
fn a_request_that_gives_way_takes_its_chunk_with_it() {
    let queue = Queue {
        budget: 4,
        size: 4,
        free: 0,
        running: vec![
            Job { id: 0, cached: 4, known: 8, blocks: 1, own: 1 },
            Job { id: 1, cached: 3, known: 4, blocks: 1, own: 1 },
        ],
        waiting: vec![],
    };
    assert_eq!(schedule(&queue), Plan { chunks: vec![(0, 3)], preempted: vec![1] });
}
