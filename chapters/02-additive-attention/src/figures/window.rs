//! The window of local attention and its bell, from `local_weights`.

use crate::{Pointer, local_weights, positions};
use attn_viz::{Area, Figure, Look, Schematic};
use ndarray::{Array2, array};

const KEYS: usize = 10;
const HALF: usize = 3;

/// The highest weight is so many units high.
const HEIGHT: f64 = 14.0;
const BOTTOM: f64 = 19.0;
const LEFT: f64 = 2.5;
const STEP: f64 = 3.2;

pub fn figure() -> Figure {
    // All keys fit equally well, so that what is seen is the window and the bell alone.
    let pointer = Pointer { w_p: array![[1.0]], v_p: array![-0.2] };
    let (q, scores) = (array![[1.0]], Array2::zeros((1, KEYS)));
    let p = f64::from(positions(&pointer, q.view(), KEYS)[0]);
    let weights = local_weights(&pointer, q.view(), scores.view(), HALF);
    let sum: f32 = weights.sum();
    let inside = weights.iter().filter(|weight| **weight > 0.0).count();
    // Before the bell, each key inside has the same weight.
    let even = 1.0 / inside as f64;
    let half = HALF as f64;

    let each: Vec<String> = weights.iter().map(|weight| format!("{weight:.3}")).collect();
    let alternative = format!(
        "{KEYS} keys with equal scores, and a query that points at p = {p:.2} with D = {HALF}. The {inside} keys within D of p \
         have {even:.3} each after the softmax. Multiplied with a bell around p they have the weights {}, which sum to {sum:.2}.",
        each.join(", ")
    );
    let title = format!(
        "A window of D = {HALF} around p = {p:.2}: weights after the softmax (dashed) and after the bell (filled), sum {sum:.2}"
    );
    let mut drawing = Schematic::new(&title, &alternative);
    let across = |position: f64| LEFT + STEP * position;
    let up = |weight: f64| BOTTOM - HEIGHT * weight / even;

    drawing.group(
        Area::new(across(p - half), 1.4, 2.0 * half * STEP, BOTTOM - 1.4),
        Look::SECOND.dashed(),
        "window: |j − p| ≤ D",
    );
    for (j, &weight) in weights.iter().enumerate() {
        let bar =
            |weight: f64| Area::new(across(j as f64) - 0.9, up(weight), 1.8, BOTTOM - up(weight));
        if weight > 0.0 {
            drawing.block(bar(even), Look::PLAIN.dashed(), "");
            drawing.block(bar(f64::from(weight)), Look::FIRST.strong(), "");
        }
        drawing.centred((across(j as f64), BOTTOM + 1.0), &j.to_string());
    }
    drawing.curve(Look::PLAIN, &[(0.5, BOTTOM), (across(9.0) + 1.5, BOTTOM)]);
    let sigma = half / 2.0;
    let bell = |x: f64| even * (-(x - p).powi(2) / (2.0 * sigma * sigma)).exp();
    let curve: Vec<_> = (0..=60)
        .map(|i| p - half + 2.0 * half * f64::from(i) / 60.0)
        .map(|x| (across(x), up(bell(x))))
        .collect();
    drawing.curve(Look::FIRST, &curve);
    drawing.path_in(Look::SECOND, &[(across(p), BOTTOM + 4.4), (across(p), BOTTOM + 1.9)], "");
    drawing.note((across(p) + 0.7, BOTTOM + 3.6), &format!("p = {p:.2}"));
    drawing.note((0.5, BOTTOM + 3.6), "keys j");
    drawing.figure()
}
