//! A ring of four slots, while eight tokens arrive.

use crate::{given::RingCache, window_attention};
use attn_viz::{Figure, Look, Schematic};
use ndarray::Array3;

const WINDOW: usize = 4;
const TOKENS: usize = 8;

/// Which token lies in each slot after each arrival, read from the ring itself.
pub fn held() -> Vec<Vec<Option<usize>>> {
    let mut ring = RingCache::new(1, WINDOW, 1, 1);
    let after = (0..TOKENS).map(|token| {
        // A value that says which token it belongs to; 0 is an empty slot.
        let one = |x: f32| Array3::from_elem((1, 1, 1), x);
        let (key, value) = (one(1.0), one(token as f32 + 1.0));
        window_attention(&mut ring, key.view(), key.view(), value.view());
        ring.values.iter().map(|&value| (value as usize).checked_sub(1)).collect()
    });
    after.collect()
}

pub fn figure() -> Figure {
    let mut drawing = Schematic::new(
        "A ring of four slots: which token lies where, after each of eight tokens",
        "Eight rows, one per arrival, of four slots. Tokens 0 to 3 fill slots 0 to 3. Token 4 takes slot 0, where token 0 was, \
         token 5 slot 1, token 6 slot 2 and token 7 slot 3. After token 5 the slots hold, from slot 0 on, tokens 4, 5, 2 and \
         3: in no order of positions.",
    );
    let held = held();
    let (x, y, size) = (11.0, 2.6, (3.4, 2.2));
    for slot in 0..WINDOW {
        drawing.centred((x + (slot as f64 + 0.5) * size.0, 1.3), &format!("slot {slot}"));
    }
    drawing.cells((x, y), (TOKENS, WINDOW), size, |token, slot| match held[token][slot] {
        None => (Look::PLAIN.hollow(), String::new()),
        Some(other) if other == token => (Look::FIRST.strong(), other.to_string()),
        Some(other) => (Look::SECOND, other.to_string()),
    });
    for token in 0..TOKENS {
        let y = y + (token as f64 + 0.5) * size.1;
        drawing.note((0.5, y), &format!("after token {token}"));
    }
    drawing.figure()
}
