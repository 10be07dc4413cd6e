//! What a rotation of the content part would leave between the two latents, at several distances.

use crate::{rotation_between, seeded::normal};
use attn_core::random::Random;
use attn_viz::{Axis, Figure, Lines};
use ndarray::{Array2, array};

const D: usize = 64;
const D_Q: usize = 96;
const D_C: usize = 48;
const BASE: f64 = 10_000.0;

/// How far the matrix at each distance is from the one at distance 0, as a share of that one's size.
pub fn moved(distances: impl Iterator<Item = usize>) -> Vec<(usize, f64)> {
    let mut random = Random::new(7);
    let (w_uq, w_uk) = (normal(&mut random, (D_Q, D)), normal(&mut random, (D_C, D)));
    let between = |distance| rotation_between(w_uq.view(), w_uk.view(), distance, BASE);
    let still = between(0);
    let size = |x: &Array2<f64>| x.mapv(|x| x * x).sum().sqrt();
    distances.map(|i| (i, size(&(between(i) - &still)) / size(&still))).collect()
}

/// The curve of it.
pub fn figure() -> Figure {
    let points = moved(0..=64);
    let alternative = format!(
        "How far the matrix between a query's latent and a token's is from the one at distance 0, as a share of its size: \
         0 at distance 0, {:.2} at 1, {:.2} at 4, {:.2} at 64.",
        points[1].1, points[4].1, points[64].1,
    );
    let title = format!(
        "With a rotation between them, W_UQ and W_UK have another product at every distance (d = {D}, random weights)"
    );
    let points = points.into_iter().map(|(distance, moved)| (distance as f64, moved));
    Lines::new(&title, &alternative)
        .x(Axis::linear("distance t − j (tokens)").ticks([0.0, 16.0, 32.0, 48.0, 64.0]))
        .y(Axis::linear("difference to distance 0, relative").ticks([0.0, 0.5, 1.0]))
        .series("W_UQ, turn, W_UK", points)
        .figure()
}

/// The example by hand, at distances 0 to 3.
pub fn table() -> String {
    let pair = array![[0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]];
    let base = std::f64::consts::FRAC_PI_2.recip().powi(2);
    let mut table = String::from("| distance | the matrix between |\n| ---: | --- |\n");
    for distance in 0..4 {
        let between = rotation_between(pair.view(), pair.view(), distance, base);
        let rows = between.rows().into_iter().map(|row| {
            let row: Vec<String> = row.iter().map(|x| format!("{x:.0}")).collect();
            row.join(", ").replace("-0", "0").replace('-', "−")
        });
        let rows: Vec<String> = rows.collect();
        table += &format!("| {distance} | ({}) |\n", rows.join("; "));
    }
    table
}
