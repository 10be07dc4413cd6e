//! What reaches the last token, by the number of layers.

use crate::{
    given::{Pattern, draw_keys},
    pattern_row, reach,
};
use attn_core::random::Random;
use attn_viz::{Axis, Figure, Lines};
use ndarray::Array2;

/// Tokens of the text.
pub const TOKENS: usize = 128;
/// The most layers.
pub const LAYERS: usize = 8;

/// How many of the first tokens' states are known to the last token after so many layers.
pub fn reached(pattern: &Pattern, layers: usize) -> usize {
    let mut sees = Array2::from_elem((TOKENS, TOKENS), false);
    for i in 0..TOKENS {
        pattern_row(pattern, i, TOKENS).into_iter().for_each(|j| sees[[i, j]] = true);
    }
    reach(sees.view(), layers).row(TOKENS - 1).iter().filter(|&&reached| reached).count()
}

/// The patterns of the figure: all of them see about eight keys.
pub fn patterns() -> [(&'static str, Pattern); 4] {
    let window = Pattern::window(8);
    let random = draw_keys(&mut Random::new(9), TOKENS, 6);
    [
        ("window of 8", window.clone()),
        ("window of 8, every second", Pattern { dilation: 2, ..window.clone() }),
        ("window of 7, and token 0 global", Pattern { globals: vec![0], ..Pattern::window(7) }),
        ("window of 3, and random keys", Pattern { random, ..Pattern::window(3) }),
    ]
}

pub(super) fn figure() -> Figure {
    let series = patterns().map(|(name, pattern)| {
        let points: Vec<(f64, f64)> =
            (0..=LAYERS).map(|layers| (layers as f64, reached(&pattern, layers) as f64)).collect();
        (name, points)
    });
    let told: Vec<String> = series
        .iter()
        .map(|(name, points)| {
            let each: Vec<String> =
                points.iter().map(|(_, reached)| format!("{reached:.0}")).collect();
            format!("{name}: {}", each.join(", "))
        })
        .collect();
    let mut lines = Lines::new(
        "How many of 128 tokens reach the last one, by the number of layers (causal)",
        &format!("From 0 to 8 layers. {}.", told.join("; ")),
    )
    .x(Axis::linear("layers").ticks([0.0, 2.0, 4.0, 6.0, 8.0]))
    .y(Axis::linear("tokens that reach the last one").from_zero());
    for (name, points) in series {
        lines = lines.series(name, points);
    }
    lines.figure()
}
