//! Pictures and traces for the eye; the proofs are in the other files.

use attn_core::{heatmap, random::Random};
use attn_snapshot::{Near, assert_compared, picture};
use ch01_rnn_attention::{Rnn, attend_all, decode_attending, encode};
use insta::assert_snapshot;
use ndarray::array;

#[test]
fn snapshots_are_compared_in_this_run() {
    assert_compared();
}

fn rnn(seed: u64, d_in: usize, d: usize) -> Rnn {
    let mut random = Random::new(seed);
    Rnn {
        w_x: random.normal((d_in, d)),
        w_h: random.normal((d, d)) * 0.5,
        b: random.normal(d) * 0.5,
    }
}

#[test]
fn states_of_a_seeded_encoder() {
    let states = encode(&rnn(1, 2, 3), Random::new(2).normal((4, 2)).view());
    Near { allowed: 1e-5 }.settings().bind(|| assert_snapshot!(format!("{states:.5}")));
}

#[test]
fn a_look_back_worked_by_hand() {
    let states = array![[0.0, 1.0], [3.0_f32.ln(), 0.0]];
    let attended = attend_all(array![1.0, 0.0].view(), states.view());
    let text = format!("weights\n{:.5}\ncontext\n{:.5}", attended.weights, attended.context);
    Near { allowed: 1e-5 }.settings().bind(|| assert_snapshot!(text));
}

#[test]
fn where_a_seeded_decoder_looks() {
    let (states, inputs) = {
        let mut random = Random::new(3);
        (random.normal((8, 4)), random.normal((5, 2)))
    };
    let decoded = decode_attending(&rnn(4, 2 + 4, 4), states.view(), inputs.view());
    assert_snapshot!(picture(&heatmap::shades(decoded.weights.view(), 1.0)));
}
