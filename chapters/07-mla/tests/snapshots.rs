//! Pictures and numbers for the eye; the proofs are in the other files.

use attn_core::random::Random;
use attn_snapshot::{Near, assert_compared};
use ch07_mla::{
    figures,
    given::Shape,
    mla_absorbed,
    numbers::{CACHES, V2, V2_LAYERS, three},
    seeded,
};
use insta::assert_snapshot;

#[test]
fn snapshots_are_compared_in_this_run() {
    assert_compared();
}

/// A label that does not fit its box panics.
#[test]
fn every_figure_is_drawn() {
    for (name, draw) in figures::figures() {
        let svg = draw().svg(&name.replace('/', "-"));
        assert!(svg.starts_with("<svg "), "{name}");
        if let Ok(folder) = std::env::var("ATTN_FIGURES") {
            std::fs::write(format!("{folder}/{}.svg", name.replace('/', "-")), svg).unwrap();
        }
    }
}

/// What is kept of a token in V2's shape, and what one token costs at three lengths.
#[test]
fn numbers_of_deepseek_v2() {
    let kept = CACHES.iter().map(|(name, cache)| {
        format!("{name}: {} per layer, {} in all", cache.numbers(), cache.numbers() * V2_LAYERS)
    });
    let costs = [512, 4096, 131_072].map(|m| {
        let [naive, absorbed, expanded] = three(V2, 1, m);
        format!("one token among {m}: naive {naive}, absorbed {absorbed}, keys and values kept {expanded} FLOP")
    });
    let text: Vec<String> = kept.chain(costs).collect();
    assert_snapshot!(text.join("\n"));
}

/// Two heads, two queries, four tokens.
#[test]
fn what_a_seeded_layer_finds() {
    let mut random = Random::new(7);
    let shape = Shape { h: 2, d: 4, d_r: 2, d_v: 3, d_c: 5 };
    let (queries, kept) = seeded::attention(&mut random, shape, (2, 4));
    let found = mla_absorbed(&queries, &kept, &seeded::up(&mut random, shape));
    Near { allowed: 1e-9 }.settings().bind(|| {
        assert_snapshot!(format!("latents\n{:.9}\nheads\n{:.9}", found.latents, found.heads))
    });
}
