//! Pictures and traces for the eye; the proofs are in the other files.

use attn_core::{heatmap, random::Random};
use attn_snapshot::{Near, assert_compared, picture};
use ch08_flash_cpu::{Block, State, Traffic, flash_forward, given::seen, merge, split_kv};
use insta::assert_snapshot;
use ndarray::{Array2, array};
use std::fmt::Write;

#[test]
fn snapshots_are_compared_in_this_run() {
    assert_compared();
}

fn line(name: &str, state: &State) -> String {
    let State { row_max, row_sum, out } = state;
    format!("{name}: row_max {row_max:.5} row_sum {row_sum:.5} out {out:.5}\n")
}

/// Scores 0, ln 2 and ln 4 over the values 1, 4 and 2: 17/7 after the division.
#[test]
fn a_state_while_its_keys_go_by() {
    let mut state = State::empty(1);
    let mut text = line("no key", &state);
    for (score, value) in [(0.0, 1.0), (2.0_f32.ln(), 4.0), (4.0_f32.ln(), 2.0)] {
        let key = State::of_key(score, array![value].view());
        state = merge(&state, &key);
        text += &line(&format!("score {score:.5}"), &state);
    }
    let (out, lse) = state.finish();
    writeln!(text, "finished: out {out:.5} lse {lse:.5}").expect("a String takes all");
    Near { allowed: 1e-5 }.settings().bind(|| assert_snapshot!(text));
}

/// More parts than keys: some are empty, and change nothing.
#[test]
fn the_parts_of_a_short_cache() {
    let mut random = Random::new(8);
    let (k, v): (Array2<f32>, Array2<f32>) = (random.normal((3, 4)), random.normal((3, 2)));
    let split = split_kv(array![1.0, 0.0, -1.0, 0.5].view(), k.view(), v.view(), 5);
    let parts = split.parts.iter().enumerate();
    let mut text: String = parts.map(|(p, state)| line(&format!("part {p}"), state)).collect();
    writeln!(text, "all: out {:.5} lse {:.5}", split.out, split.lse).expect("a String takes all");
    Near { allowed: 1e-5 }.settings().bind(|| assert_snapshot!(text));
}

/// Causal, with two queries that see nothing, and tiles that divide nothing.
#[test]
fn tiles_of_a_seeded_case() {
    let mut random = Random::new(8);
    let mut normal = |rows, columns| -> Array2<f32> { random.normal((rows, columns)) };
    let (q, k, v) = (normal(7, 4), normal(5, 4), normal(5, 2));
    let mut traffic = Traffic::default();
    let block = Block { q: 3, k: 2 };
    let output = flash_forward(q.view(), k.view(), v.view(), true, block, &mut traffic);
    let sees = Array2::from_shape_fn((7, 5), |(i, j)| j < seen(i, 7, 5, true));
    let text = format!(
        "{}\nout\n{:.5}\nlse\n{:.5}\n{traffic:?}",
        picture(&heatmap::table(sees.view())),
        output.out,
        output.lse
    );
    Near { allowed: 1e-5 }.settings().bind(|| assert_snapshot!(text));
}
