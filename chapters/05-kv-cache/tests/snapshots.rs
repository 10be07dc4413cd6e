//! The calculators' tables, for the eye: every number in them is whole arithmetic on the sizes that
//! were published.

use attn_snapshot::assert_compared;
use ch05_kv_cache::{
    budget::{BudgetError, budget, bytes},
    cache_bytes,
    functions::REFERENCE,
    given::RingCache,
    models::{CARDS, MODELS},
    window_attention,
};
use insta::assert_snapshot;
use ndarray::Array3;
use std::fmt::Write;

#[test]
fn snapshots_are_compared_in_this_run() {
    assert_compared();
}

/// Everything that is in the list of models, and what follows for one token.
#[test]
fn models() {
    let mut text = String::new();
    for published in MODELS {
        let (model, one) = (published.model, cache_bytes(&published.model, 1, 1));
        let _ = writeln!(
            text,
            "{:<12} layers {:>2}, heads {:>3} and {:>2} of {:>3}: {one:>9} bytes a token, {} parameters",
            published.name,
            model.layers,
            model.heads,
            model.kv_heads,
            model.head_dim,
            model.parameters,
        );
    }
    assert_snapshot!(text);
}

#[test]
fn budgets_of_all_cards() {
    let all = CARDS.map(|card| budget(card.key, None, 4096, REFERENCE).unwrap());
    assert_snapshot!(all.join("\n"));
}

#[test]
fn a_budget_with_another_memory() {
    assert_snapshot!(budget("RTX 4090", Some("24GiB"), 1024, REFERENCE).unwrap());
}

/// What cannot be read is named.
#[test]
fn budgets_that_cannot_be_made() {
    let said =
        |name, memory, tokens| budget(name, memory, tokens, REFERENCE).unwrap_err().to_string();
    assert_snapshot!(
        [
            said("TPU", None, 4096),
            said("h100", Some("24"), 4096),
            said("h100", Some("GiB"), 4096),
            said("h100", Some("-3GB"), 4096),
            said("h100", Some("1e99TB"), 4096),
            said("h100", None, 0),
        ]
        .join("\n")
    );
    assert_eq!(bytes("nanGB"), Err(BudgetError::Memory("nanGB".into())));
}

/// No line is wider than a terminal.
#[test]
fn eighty_columns() {
    for card in CARDS {
        for line in budget(card.key, None, 131_072, REFERENCE).unwrap().lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
    }
}

/// Which token lies in each of three slots, after each of eight.
#[test]
fn a_ring_of_three_slots() {
    let mut ring = RingCache::new(1, 3, 1, 1);
    let mut text = String::new();
    for token in 0..8 {
        let one = |x: f32| Array3::from_elem((1, 1, 1), x);
        window_attention(&mut ring, one(1.0).view(), one(1.0).view(), one(token as f32).view());
        let _ = writeln!(text, "after token {token}: {:?}", ring.values.as_slice().unwrap());
    }
    assert_snapshot!(text);
}
