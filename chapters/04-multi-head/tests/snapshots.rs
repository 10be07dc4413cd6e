//! Pictures and traces for the eye; the proofs are in the other files.

use attn_core::{Mask, heatmap, random::Random};
use attn_snapshot::{Near, assert_compared, picture};
use ch04_multi_head::{
    AttentionLayer, Layout, Rotary, head_weights, multi_head_attention, rope, split_heads,
};
use insta::assert_snapshot;
use ndarray::{Array2, Array3, array};

#[test]
fn snapshots_are_compared_in_this_run() {
    assert_compared();
}

/// Hundreds are the token, tens the head, units the place in it.
fn marked() -> Array2<f32> {
    Array2::from_shape_fn((4, 6), |(i, c)| (100 * i + 10 * (c / 3) + c % 3) as f32)
}

#[test]
fn heads_of_marked_numbers() {
    assert_snapshot!(format!("{:3}", split_heads(marked().view(), 2)));
}

#[test]
fn heads_of_marked_numbers_reshaped_without_a_transpose() {
    let numbers = marked().into_raw_vec_and_offset().0;
    let heads = Array3::from_shape_vec((2, 4, 3), numbers).unwrap();
    assert_snapshot!(format!("{heads:3}"));
}

/// A point on the x axis in each of two pairs, at positions 0 to 4.
#[test]
fn five_positions_of_two_pairs() {
    let x = Array2::from_shape_fn((5, 4), |(_, c)| if c % 2 == 0 { 1.0 } else { 0.0 });
    let rotary = Rotary { base: 100.0, layout: Layout::Interleaved };
    Near { allowed: 1e-5 }
        .settings()
        .bind(|| assert_snapshot!(format!("{:.5}", rope(x.view(), 0, rotary))));
}

/// The first case of exercise 4.3: weights 1/4, 3/4 and 1/2, 1/2.
#[test]
fn worked_by_hand() {
    let ln3 = 3.0_f32.ln();
    let layer = AttentionLayer::new(
        array![[ln3, 0.0], [0.0, 0.0]],
        array![[1.0, 0.0], [0.0, 1.0]],
        array![[4.0, 0.0], [0.0, 2.0]],
        array![[1.0, 0.0], [1.0, 1.0]],
        2,
    )
    .unwrap();
    let x = array![[0.0, 1.0], [1.0, 0.0]];
    let weights = head_weights(&layer, x.view(), x.view(), None, &Mask::None);
    let out = multi_head_attention(&layer, x.view(), x.view(), &Mask::None);
    Near { allowed: 1e-6 }
        .settings()
        .bind(|| assert_snapshot!(format!("weights\n{weights:.5}\nout\n{out:.5}")));
}

/// Four heads of random weights on the same tokens: four patterns.
#[test]
fn causal_weights_of_four_heads() {
    let mut random = Random::new(4);
    let mut matrix = || random.normal((16, 16)) / 2.0;
    let layer = AttentionLayer::new(matrix(), matrix(), matrix(), matrix(), 4).unwrap();
    let x = Random::new(5).normal((8, 16));
    let weights = head_weights(&layer, x.view(), x.view(), None, &Mask::Causal);
    let pictures = weights.outer_iter().map(|weights| picture(&heatmap::shades(weights, 0.8)));
    assert_snapshot!(pictures.collect::<Vec<_>>().join("\n\n"));
}
