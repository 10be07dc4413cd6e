//! Grid, block, warp and lane, as the second rung is launched.

use attn_viz::{Area, Figure, Look, Schematic};

// As in the tables of the page: 16 heads of 128 tokens. A block of `tiled` has 8 queries, and each
// of its 8 warps 32 lanes.
const HEADS: usize = 16;
const N: usize = 128;
const QUERIES: usize = 8;
const LANES: usize = 32;

/// The warp that is looked into.
const CHOSEN: usize = 2;

pub fn figure() -> Figure {
    let blocks = N.div_ceil(QUERIES);
    let title =
        format!("Grid, block, warp and lane of the second rung, for {HEADS} heads of {N} queries");
    let alternative = format!(
        "Four levels, each a part of the one above. The grid: {blocks} by {HEADS} blocks, a column for every {QUERIES} \
         queries and a row for each head; blocks know nothing of each other. One block: {QUERIES} warps, one for each of \
         its queries, and a shared memory with qs, ks, vs and scores; __syncthreads is a barrier for all of its warps. One warp: \
         {LANES} lanes that go together, one for each key of the tile. One lane: a thread \
         with registers of its own; for each tile it computes the score of the warp's query and its key."
    );
    let mut drawing = Schematic::new(&title, &alternative);
    let cell = 0.75;
    let grid = Area::new(0.0, 2.0, cell * blocks as f64, cell * HEADS as f64);
    drawing.note((0.0, 0.6), &format!("grid: {blocks} × {HEADS} blocks"));
    drawing.grid(grid, (HEADS, blocks), Look::FIRST);
    let one = Area::new(grid.x + 9.0 * cell, grid.y + 4.0 * cell, cell, cell);
    drawing.block(one, Look::FIRST.strong(), "");
    drawing.note((14.0, 4.0), &format!("→ blockIdx.x: {QUERIES} queries each\n↓ blockIdx.y: the head\n \nBlocks know nothing\nof each other."));

    let block = Area::new(0.0, 17.4, 35.0, 14.6);
    drawing.path(&[one.bottom(), (one.middle().0, block.y)], "");
    drawing.note((one.middle().0 + 0.7, 15.6), "one of them");
    drawing.group(
        block,
        Look::FIRST,
        &format!("block: {QUERIES} warps, each with a query of its own"),
    );
    let warp = |i: usize| Area::new(1.0 + 4.2 * i as f64, 20.6, 3.6, 3.6);
    for i in 0..QUERIES {
        let look = if i == CHOSEN { Look::SECOND.strong() } else { Look::SECOND };
        drawing.block(warp(i), look, &i.to_string());
    }
    let shared = Area::new(13.0, 26.6, 21.0, 4.4);
    drawing.block(shared, Look::THIRD, "shared memory\nqs, ks, vs, scores, …");
    drawing.arrow(warp(5), shared, "");
    drawing.arrow(shared, warp(6), "");
    drawing.note((0.8, 28.4), "a barrier for all:\n__syncthreads()");

    let lanes = Area::new(0.0, 35.2, 35.0, 7.6);
    let down = warp(CHOSEN).middle().0 + 1.2;
    drawing.path(&[(down, 24.2), (down, lanes.y)], "");
    drawing.group(lanes, Look::SECOND, &format!("warp: {LANES} lanes, one a key of the tile"));
    let each = drawing.grid(Area::new(1.0, 38.2, 33.0, 1.8), (1, LANES), Look::SECOND);
    drawing.note((1.0, 41.4), "They go together.");
    let lane = Area::new(13.0, 46.0, 22.0, 3.8);
    drawing.block(lane, Look::PLAIN, "lane: one thread\nits registers; one score per tile");
    let x = each.x + each.w / LANES as f64 * 27.5;
    drawing.path(&[(x, each.y + each.h), (x, lane.y)], "");
    drawing.figure()
}
