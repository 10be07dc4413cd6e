//! Which bank of shared memory each lane meets when a warp reads a column of keys, with and without
//! padding.

use attn_viz::{Area, Figure, Look, Schematic};

/// Banks of shared memory, and lanes of a warp.
const BANKS: usize = 32;

/// Floats of a key.
const D: usize = 64;

const CELL: f64 = 0.5;

/// The bank of `ks[key][component]` when a row has `row` floats.
fn bank(row: usize, key: usize, component: usize) -> usize {
    (key * row + component) % BANKS
}

/// The turns that a warp needs to read this component of 32 keys: as many as the fullest bank has
/// lanes.
fn turns(row: usize, component: usize) -> usize {
    let hits = |wanted| (0..BANKS).filter(|&lane| bank(row, lane, component) == wanted).count();
    (0..BANKS).map(hits).max().unwrap_or(0)
}

pub fn figure() -> Figure {
    let layouts = [("ks[32][64]", D), ("ks[32][64 + 1]", D + 1)];
    let [bare, padded] = layouts.map(|(_, row)| turns(row, 0));
    let title = format!(
        "A warp reads component 0 of 32 keys: {bare} turns without padding, {padded} with a float more a row"
    );
    let alternative = format!(
        "Two tables of 32 lanes by 32 banks; a mark shows the bank in which the lane's float lies, (lane · row) mod 32. With rows \
         of {D} floats all 32 marks are in bank {}: {bare} turns. With rows of {} floats the marks lie on the diagonal, lane 0 in bank 0, \
         lane 1 in bank {}, up to lane 31 in bank {}: {padded} turn.",
        bank(D, 0, 0),
        D + 1,
        bank(D + 1, 1, 0),
        bank(D + 1, 31, 0),
    );
    let mut drawing = Schematic::new(&title, &alternative);
    let side = CELL * BANKS as f64;
    for (i, (name, row)) in layouts.into_iter().enumerate() {
        let table = Area::new(0.5 + 18.0 * i as f64, 5.0, side, side);
        let middle = table.middle().0;
        drawing.centred((middle, 0.6), name);
        drawing.note((table.x, 2.4), "→ bank 0 … 31\n↓ lane 0 … 31");
        drawing.grid(table, (BANKS, BANKS), Look::PLAIN);
        for lane in 0..BANKS {
            let (x, y) = (table.x + CELL * bank(row, lane, 0) as f64, table.y + CELL * lane as f64);
            drawing.grid(Area::new(x, y, CELL, CELL), (1, 1), Look::series(1 - i).solid());
        }
        let turns = turns(row, 0);
        let word = if turns == 1 { "turn" } else { "turns" };
        drawing.centred((middle, table.y + side + 1.2), &format!("{turns} {word}"));
    }
    drawing.figure()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Rung;

    #[test]
    fn the_second_rung_is_laid_out_as_drawn() {
        let source = Rung::Tiled.source();
        assert!(source.contains("ks[KEYS][D + 1]") && source.contains("#define KEYS 32"));
        for component in 0..D {
            assert_eq!((turns(D, component), turns(D + 1, component)), (32, 1));
        }
    }
}
