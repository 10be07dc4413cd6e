//! The online softmax of chapter 8: the keys of one query arrive tile by tile.

use super::short;
use crate::{Answer, Control, Settings, Widget};
use attn_viz::{Area, Look, Schematic};
use ch08_flash_cpu::{given::State, merge};
use ndarray::array;

pub const WIDGET: Widget = Widget { name: "online", controls, answer };

/// Scores of one query for twelve keys, and the values that belong to them.
const SCORES: [f32; KEYS] = [0.4, 1.1, -0.6, 0.9, 2.3, 0.2, -1.2, 1.6, 3.4, -0.3, 0.7, 2.0];
const VALUES: [f32; KEYS] = [3.0, -1.0, 4.0, 1.0, -5.0, 9.0, 2.0, -6.0, 5.0, 3.0, -5.0, 8.0];
const KEYS: usize = 12;

fn controls() -> Vec<Control> {
    vec![
        Control::choice("order", "the keys come", &["as they are", "best last", "best first"], 0),
        Control::range("tile", "keys in a tile", (1.0, 6.0), 1.0, 3.0),
        Control::steps("tiles", "tiles taken in", KEYS, 2),
    ]
}

fn answer(settings: &Settings) -> Answer {
    let mut order: Vec<usize> = (0..KEYS).collect();
    match settings.count("order") {
        0 => {}
        1 => order.sort_by(|&a, &b| SCORES[a].total_cmp(&SCORES[b])),
        _ => order.sort_by(|&a, &b| SCORES[b].total_cmp(&SCORES[a])),
    }
    let tile = settings.count("tile");
    let all = KEYS.div_ceil(tile);
    let taken = settings.count("tiles").min(all);
    let key = |j: usize| State::of_key(SCORES[j], array![VALUES[j]].view());
    let after = |tiles: usize| {
        let tiles = order.chunks(tile).take(tiles);
        let of = |tile: &[usize]| tile.iter().fold(State::empty(1), |sum, &j| merge(&sum, &key(j)));
        tiles.fold(State::empty(1), |before, tile| merge(&before, &of(tile)))
    };
    let (before, now, end) = (after(taken.saturating_sub(1)), after(taken), after(all));
    // What the sum and the output were multiplied by when the last tile came.
    let corrected = |tiles: usize| {
        let (before, now) = (after(tiles - 1), after(tiles));
        (before.row_max - now.row_max).exp()
    };
    let corrections = (2..=taken).filter(|&tiles| corrected(tiles) < 1.0).count();
    let correction = if taken < 2 { "none yet".into() } else { short(corrected(taken).into()) };
    let figure = draw(&order, tile, taken, now.row_max);
    let says = match taken {
        0 => "No key has come yet: the state is (−∞, 0, 0).".to_string(),
        _ if taken < 2 => "The first tile: there is nothing to correct.".into(),
        _ if corrected(taken) < 1.0 => format!(
            "The last tile raised μ from {} to {}: what was there is multiplied by {correction}.",
            short(before.row_max.into()),
            short(now.row_max.into())
        ),
        _ => "The last tile did not raise μ: what was there stays as it is.".into(),
    };
    let mut answer = Answer::new(vec![figure], says)
        .number("μ", short(now.row_max.into()))
        .number("ℓ", short(now.row_sum.into()))
        .number("o", short(now.out[0].into()))
        .number("correction e^(μ before − μ)", correction)
        .number("corrections so far", corrections)
        .number("output of these keys, o/ℓ", short(now.finish().0[0].into()))
        .number("output of all keys", short(end.finish().0[0].into()));
    answer.limits.push(("tiles", all));
    answer
}

fn draw(order: &[usize], tile: usize, taken: usize, row_max: f32) -> attn_viz::Figure {
    let seen = (taken * tile).min(KEYS);
    let alternative = format!(
        "Twelve bars, the scores of one query in the order in which its keys come: {}. {seen} of them are taken in; \
         the largest of these is {}.",
        order.iter().map(|&j| short(SCORES[j].into())).collect::<Vec<_>>().join(", "),
        short(row_max.into()),
    );
    let mut drawing = Schematic::new("Scores of one query, tile by tile", &alternative);
    // From −1.5 to 4, and 2.6 units for 1.
    let height = |score: f32| 2.6 * f64::from(score);
    let zero = height(4.0) + 1.0;
    let wide = 2.3;
    let gap = if tile == 1 { 0.0 } else { 0.4 };
    let left = |place: usize| 0.6 + 2.5 * place as f64 + gap * (place / tile) as f64;
    for (place, &j) in order.iter().enumerate() {
        let (x, high) = (left(place), height(SCORES[j]));
        let last = place < seen && place / tile + 1 == taken;
        let look = match place < seen {
            true if last => Look::SECOND.strong(),
            true => Look::FIRST.strong(),
            false => Look::PLAIN.dashed(),
        };
        drawing.block(Area::new(x, zero - high.max(0.0), wide, high.abs()), look, "");
        let at = if high > 0.0 { zero + 0.8 } else { zero - 0.8 };
        drawing.centred((x + wide / 2.0, at), &format!("{:.1}", SCORES[j]).replace('-', "−"));
    }
    let right = left(KEYS - 1) + wide;
    drawing.curve(Look::PLAIN, &[(0.0, zero), (right, zero)]);
    if row_max.is_finite() {
        let y = zero - height(row_max);
        drawing.curve(Look::THIRD.dashed(), &[(0.0, y), (right, y)]);
        drawing.note((right + 0.3, y), "μ");
    }
    let below = zero + height(1.5) + 0.9;
    for t in 0..KEYS.div_ceil(tile) {
        let (first, last) = (t * tile, ((t + 1) * tile).min(KEYS) - 1);
        let (from, to) = (left(first) + 0.1, left(last) + wide - 0.1);
        let look = if t < taken { Look::FIRST.solid() } else { Look::PLAIN };
        drawing.curve(look, &[(from, below), (to, below)]);
        drawing.centred(((from + to) / 2.0, below + 0.9), &(t + 1).to_string());
    }
    drawing.note((0.0, below + 2.4), "tile; dashed bars have not come yet");
    drawing.figure()
}
