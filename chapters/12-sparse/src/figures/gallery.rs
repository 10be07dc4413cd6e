//! Who sees whom in six patterns.

use crate::{gallery::patterns, pattern_row};
use attn_viz::{Figure, Look, Schematic};

const N: usize = 12;
const SIZE: f64 = 0.86;

pub fn figure() -> Figure {
    let mut drawing = Schematic::new(
        "Six patterns for twelve tokens: rows are queries, columns are keys, and a filled cell is seen",
        "Six squares of twelve by twelve cells. Causal: the lower triangle. Causal window: a band of four below the diagonal. \
         Dilated: four diagonals, two apart. Window on both sides: a band of five around the diagonal. Longformer: the same band, \
         with the first row and the first column filled. BigBird: a narrower band, the first row and column, and two scattered \
         cells in each row.",
    );
    for (number, (name, pattern)) in patterns(N).iter().enumerate() {
        let (x, y) = (0.4 + 11.5 * (number % 3) as f64, 1.9 + 13.4 * (number / 3) as f64);
        let rows: Vec<Vec<usize>> = (0..N).map(|i| pattern_row(pattern, i, N)).collect();
        let pairs: usize = rows.iter().map(Vec::len).sum();
        drawing.note((x, y - 1.0), name);
        drawing.cells((x, y), (N, N), (SIZE, SIZE), |i, j| {
            let look = match (rows[i].contains(&j), i == j) {
                (true, true) => Look::SECOND.strong(),
                (true, false) => Look::FIRST.strong(),
                (false, _) => Look::PLAIN.hollow(),
            };
            (look, String::new())
        });
        drawing.note((x, y + N as f64 * SIZE + 0.8), &format!("{pairs} of 144 pairs"));
    }
    drawing.figure()
}
