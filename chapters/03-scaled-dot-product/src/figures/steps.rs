//! The four steps of `attention`, with the shape of what each makes.

use crate::allowed;
use attn_core::Mask;
use attn_viz::{Area, Figure, Look, Schematic};

// All sizes differ, as in the checks.
const N: usize = 3;
const M: usize = 5;
const D: usize = 4;
const D_V: usize = 2;

/// The side of a cell.
const CELL: f64 = 2.0;

pub fn figure() -> Figure {
    let mut drawing = Schematic::new(
        "Attention in four steps, for n = 3, m = 5, d = 4, d_v = 2 and a causal mask",
        "From top to bottom. 1: the queries, n × d, times the keys transposed, d × m, give the scores, n × m. 2: they \
         are divided by √d, and where the mask forbids a key the score is −∞: with 3 queries, 5 keys and a causal mask, \
         the last two keys of query 0 and the last key of query 1. 3: the softmax of each row gives the weights, n × m, \
         0 where the score is −∞; beside it, the log-sum-exp of each row gives lse, n numbers. 4: the weights times the \
         values, m × d_v, give out, n × d_v.",
    );
    // 1
    let q = matrix(&mut drawing, (0.5, 2.4), (N, D), Look::FIRST, ["q", "n × d"]);
    let k = matrix(&mut drawing, (11.3, 2.4), (D, M), Look::SECOND, ["k transposed", "d × m"]);
    let scores = matrix(&mut drawing, (24.5, 2.4), (N, M), Look::PLAIN, ["scores", "n × m"]);
    drawing.centred((9.9, q.middle().1), "×");
    drawing.centred((22.9, q.middle().1), "=");
    drawing.note((0.5, 11.8), "1 · score");

    // 2
    let hidden = allowed(&Mask::Causal, N, M).mapv(|may| !may);
    let cell = |i, j, look, hides: &str| match hidden[[i, j]] {
        true => (Look::PLAIN.dashed(), hides.to_string()),
        false => (look, String::new()),
    };
    let masked =
        drawing.cells((scores.x, 14.4), (N, M), (CELL, CELL), |i, j| cell(i, j, Look::PLAIN, "−∞"));
    drawing.path(&[(scores.bottom().0, 10.2), masked.top()], "");
    drawing.note(
        (0.5, 15.2),
        "2 · scale and mask\nscores / √d, and −∞ for keys\nthat the query may not see",
    );

    // 3
    let weights =
        drawing.cells((k.x, 31.0), (N, M), (CELL, CELL), |i, j| cell(i, j, Look::THIRD, "0"));
    let (x, y) = weights.top();
    drawing.path(&[(masked.x, 19.4), (x, 19.4), (x, y)], "");
    drawing.note((0.5, 23.0), "3 · normalise\nthe softmax of\neach row");
    let lse = Area::new(masked.middle().0 - CELL / 2.0, 22.4, CELL, N as f64 * 1.4);
    drawing.grid(lse, (N, 1), Look::PLAIN);
    drawing.arrow(masked, lse, "");
    drawing.note((lse.x + 2.6, lse.middle().1), "lse: n");
    drawing.centred((x, y + weights.h + 1.0), "weights: n × m");

    // 4
    matrix(&mut drawing, (26.0, 29.0), (M, D_V), Look::FOURTH, ["v", "m × d_v"]);
    drawing.centred((23.6, weights.middle().1), "×");
    let out = matrix(&mut drawing, (3.0, 31.0), (N, D_V), Look::THIRD.strong(), ["out", "n × d_v"]);
    drawing.centred((9.2, out.middle().1), "=");
    drawing.note((0.5, 40.4), "4 · average: out = weights · v");
    drawing.figure()
}

/// Cells with a name above and a shape below.
fn matrix(
    drawing: &mut Schematic,
    (x, y): (f64, f64),
    (rows, columns): (usize, usize),
    look: Look,
    [name, shape]: [&str; 2],
) -> Area {
    let area = Area::new(x, y, columns as f64 * CELL, rows as f64 * CELL);
    drawing.grid(area, (rows, columns), look);
    let (middle, _) = area.middle();
    drawing.centred((middle, y - 1.2), name);
    drawing.centred((middle, y + area.h + 1.0), shape);
    area
}
