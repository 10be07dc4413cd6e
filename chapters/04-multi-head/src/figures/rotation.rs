//! Pairs of numbers as points that turn, by `rope`.

use crate::{Layout, Rotary, rope};
use attn_viz::{Figure, Look, Schematic};
use ndarray::Array2;
use std::f64::consts::TAU;

const POSITIONS: usize = 4;
const D: usize = 4;
/// Small, so that the slow pair can be seen to turn.
const BASE: f32 = 16.0;
const RADIUS: f64 = 6.4;

pub fn figure() -> Figure {
    let rotary = Rotary { base: BASE, layout: Layout::Interleaved };
    // Each pair is (1, 0) before it is turned.
    let x = Array2::from_shape_fn((POSITIONS, D), |(_, c)| if c % 2 == 0 { 1.0 } else { 0.0 });
    let turned = rope(x.view(), 0, rotary);
    let speeds = [0, 1].map(|i| BASE.powf(-2.0 * i as f32 / D as f32));
    let title = format!(
        "Pairs as points: position p turns pair 0 by p · {} and pair 1 by p · {} radians (d = {D}, base {BASE})",
        speeds[0], speeds[1]
    );
    let alternative = format!(
        "Two circles. In each, the point (1, 0) is turned for the positions 0 to {}. Pair 0 turns by {} radian per position, \
         pair 1 by {}: it lags behind. Below, which of {D} numbers form a pair. Interleaved: numbers 0 and 1 are pair 0, \
         numbers 2 and 3 pair 1. Half: numbers 0 and 2 are pair 0, numbers 1 and 3 pair 1.",
        POSITIONS - 1,
        speeds[0],
        speeds[1]
    );
    let mut drawing = Schematic::new(&title, &alternative);
    for pair in 0..2 {
        let (x, y) = (8.2 + 17.6 * pair as f64, 9.4);
        let at = |a: f64, b: f64| (x + RADIUS * a, y - RADIUS * b);
        let circle: Vec<_> =
            (0..=48).map(|i| TAU * f64::from(i) / 48.0).map(|t| at(t.cos(), t.sin())).collect();
        drawing.curve(Look::PLAIN.dashed(), &circle);
        drawing.curve(Look::PLAIN, &[at(-1.1, 0.0), at(1.1, 0.0)]);
        drawing.curve(Look::PLAIN, &[at(0.0, -1.1), at(0.0, 1.1)]);
        for p in 0..POSITIONS {
            let (a, b) = (f64::from(turned[[p, 2 * pair]]), f64::from(turned[[p, 2 * pair + 1]]));
            drawing.path_in(Look::series(pair), &[(x, y), at(a, b)], "");
            drawing.centred(at(1.17 * a, 1.17 * b), &p.to_string());
        }
        drawing.centred((x, 0.6), &format!("pair {pair}: θ = {}", speeds[pair]));
    }
    for (row, (name, pair_of)) in
        [("interleaved", (|c| c / 2) as fn(usize) -> usize), ("half", |c| c % (D / 2))]
            .into_iter()
            .enumerate()
    {
        let y = 19.0 + 3.2 * row as f64;
        drawing.note((1.0, y + 1.0), name);
        drawing.cells((12.0, y), (1, D), (5.0, 2.0), |_, c| {
            let pair = pair_of(c);
            (Look::series(pair), format!("pair {pair}"))
        });
    }
    for c in 0..D {
        drawing.centred((14.5 + 5.0 * c as f64, 25.4), &c.to_string());
    }
    drawing.note((1.0, 25.4), "number");
    drawing.figure()
}
