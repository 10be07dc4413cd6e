//! The score of a rotated query and a rotated key against their distance.

use crate::{Layout, Rotary, rope};
use attn_core::random::Random;
use attn_viz::{Axis, Figure, Lines};
use ndarray::{Array2, ArrayView2};

const WIDTH: usize = 64;
/// How far apart query and key are at most.
const FURTHEST: usize = 64;
const ROTARY: Rotary = Rotary { base: 10_000.0, layout: Layout::Interleaved };

/// The scaled score of query `q` at position `j + distance` and key `k` at position `j`.
fn scores(q: ArrayView2<f32>, k: ArrayView2<f32>, j: usize) -> Vec<(f64, f64)> {
    let root_d = (WIDTH as f32).sqrt();
    let score = |distance: usize| {
        let (q, k) = (rope(q, j + distance, ROTARY), rope(k, j, ROTARY));
        f64::from(q.row(0).dot(&k.row(0)) / root_d)
    };
    (0..=FURTHEST).step_by(2).map(|distance| (distance as f64, score(distance))).collect()
}

pub fn distance() -> Figure {
    let alike = Array2::ones((1, WIDTH));
    let mut random = Random::new(4);
    let (q, k) = (random.normal((1, WIDTH)), random.normal((1, WIDTH)));
    let near = scores(alike.view(), alike.view(), 0);
    let far = scores(alike.view(), alike.view(), 1000);
    let apart = near.iter().zip(&far).map(|(a, b)| (a.1 - b.1).abs());
    let apart = apart.fold(0.0, f64::max);
    let alternative = format!(
        "With a query equal to the key the score falls from {:.1} at distance 0 to {:.1} at distance {FURTHEST}, in waves. With the key at position 1000 instead of 0 the curve is the same to within {apart:.0e}. A random query and key give waves around another level, without a fall.",
        near[0].1,
        near.last().map_or(f64::NAN, |p| p.1),
    );
    let title = "Scores of one query and one key, rotated, against their distance: only the distance counts";
    Lines::new(title, &alternative)
        .x(Axis::linear("distance i − j (positions)").ticks([0.0, 16.0, 32.0, 48.0, 64.0]))
        .y(Axis::linear("score"))
        .series("q = k, key at position 0", near)
        .series("q = k, key at position 1000", far)
        .series("random q and k", scores(q.view(), k.view(), 0))
        .figure()
}
