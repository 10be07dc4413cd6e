//! Columns dealt out to heads and put side by side again, by `split_heads` and `merge_heads`.

use crate::{merge_heads, split_heads};
use attn_viz::{Area, Figure, Look, Schematic};
use ndarray::{Array2, ArrayView2, s};

const TOKENS: usize = 4;
const HEADS: usize = 2;
const WIDTH: usize = 3;

/// The size of a cell.
const CELL: (f64, f64) = (2.6, 1.8);

/// Hundreds are the token, tens the head, units the place.
fn marked() -> Array2<f32> {
    Array2::from_shape_fn((TOKENS, HEADS * WIDTH), |(i, column)| {
        (100 * i + 10 * (column / WIDTH) + column % WIDTH) as f32
    })
}

pub fn figure() -> Figure {
    let mut drawing = Schematic::new(
        "Split, attend, merge: hundreds are the token, tens the head, units the place",
        "Above, x: four tokens, one a row, of six numbers each: three columns for head 0, then three for head 1. Below, \
         two heads, each with a row for each of the four tokens: head 0 has the left three columns of x, head 1 the \
         right three. Each head attends by itself. At the bottom the rows of each token stand side by side again, head \
         0 on the left, head 1 on the right.",
    );
    let x = marked();
    let heads = split_heads(x.view(), HEADS);
    let merged = merge_heads(heads.view());

    let above = matrix(&mut drawing, (9.5, 0.0), x.view());
    drawing.note((0.0, 2.8), "x\nn × h·d");
    let mut attended = Vec::new();
    for head in 0..HEADS {
        let place = (4.0 + 19.0 * head as f64, 12.4);
        let part = matrix(&mut drawing, place, heads.slice(s![head, .., ..]));
        drawing.centred((part.middle().0, part.y + part.h + 1.0), &format!("head {head}: n × d"));
        let half = Area { w: above.w / 2.0, x: above.x + head as f64 * above.w / 2.0, ..above };
        let [from, to] = [half.bottom(), part.top()];
        drawing.path(&[from, (from.0, 9.8), (to.0, 9.8), to], "");
        let attend = Area::new(part.middle().0 - 4.5, 23.6, 9.0, 2.6);
        drawing.path(&[(to.0, 21.4), attend.top()], "");
        attended.push(drawing.block(attend, Look::PLAIN, "attention"));
    }
    drawing.centred((17.3, 11.0), "split");
    let below = matrix(&mut drawing, (9.5, 31.6), merged.view());
    for (head, attend) in attended.iter().enumerate() {
        let half = Area { w: below.w / 2.0, x: below.x + head as f64 * below.w / 2.0, ..below };
        let [from, to] = [attend.bottom(), half.top()];
        drawing.path(&[from, (from.0, 29.0), (to.0, 29.0), to], "");
    }
    drawing.centred((17.3, 27.6), "merge");
    drawing.note((0.0, 34.4), "side by side\nn × h·d_v");
    let w_o = drawing.block(Area::new(12.3, 41.6, 10.0, 2.6), Look::PLAIN, "· W_o");
    drawing.arrow(below, w_o, "");
    drawing.figure()
}

fn matrix(drawing: &mut Schematic, corner: (f64, f64), x: ArrayView2<f32>) -> Area {
    drawing.cells(corner, x.dim(), CELL, |i, j| {
        let number = x[[i, j]] as usize;
        (Look::series(number / 10 % 10), format!("{number:03}"))
    })
}
