//! Which tiles are visited, counted by running the exercise's reference.

use crate::{
    flash_forward,
    given::{Block, Traffic},
    traffic::Sizes,
};
use attn_core::random::Random;
use attn_viz::{Figure, Grid};

const N: usize = 10;
const M: usize = 14;
const BLOCK: Block = Block { q: 2, k: 4 };

pub fn figure() -> Figure {
    let sizes = Sizes { n: N, m: M, d: 4, d_v: 4, causal: true };
    let (rows, columns) = (N.div_ceil(BLOCK.q), M.div_ceil(BLOCK.k));
    let visited = |row: usize| sizes.visits(BLOCK, row);
    let mut random = Random::new(8);
    let (q, k) = (random.normal((N, 4)), random.normal((M, 4)));
    let mut traffic = Traffic::default();
    flash_forward(q.view(), k.view(), k.view(), true, BLOCK, &mut traffic);
    let count = (traffic.tiles as usize - rows) / 2;
    let title = format!(
        "Tiles visited, causal, n = {N}, m = {M}, block.q = {}, block.k = {}: {count} of {}",
        BLOCK.q,
        BLOCK.k,
        rows * columns
    );
    let each: Vec<String> =
        (0..rows).map(|row| format!("query tile {row} visits {}", visited(row))).collect();
    let alternative =
        format!("A table of {rows} query tiles by {columns} key tiles: {}.", each.join("; "));
    Grid::new(&title, &alternative, (rows, columns), |row, column| column < visited(row))
        .rows("query tile", (0..rows).map(|i| i.to_string()))
        .columns("key tile", (0..columns).map(|j| j.to_string()))
        .meaning("visited", "skipped")
        .figure()
}
