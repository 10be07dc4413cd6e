//! The two loops of `flash_forward`, and what is in which memory.

use attn_viz::{Area, Figure, Look, Schematic};

/// Tiles of queries, and of keys.
const QUERY_TILES: usize = 4;
const KEY_TILES: usize = 5;

/// Those that are being computed.
const QUERY_TILE: usize = 1;
const KEY_TILE: usize = 2;

pub fn figure() -> Figure {
    let mut drawing = Schematic::new(
        "The loops of flash_forward: a tile of queries stays, the tiles of keys and values pass by",
        "Above, the slow memory holds q and out in tiles of block.q rows, k and v in tiles of block.k rows. Below, the \
         fast memory holds one tile of each. For each tile of queries: it is loaded once and stays. For each tile of \
         keys that it sees: that tile and the one of values are loaded, their scores are computed and become weights, \
         and row_max, row_sum and the tile of out are brought up to date; the next tiles take their place. After the \
         last one the tile of out is divided by row_sum and stored, once.",
    );
    drawing.group(Area::new(0.0, 0.0, 35.0, 16.2), Look::PLAIN, "slow memory: the tensors");
    let tensor =
        |drawing: &mut Schematic, x: f64, (tiles, now): (usize, usize), look: Look, name: &str| {
            let height = 10.0 / tiles as f64;
            drawing.centred((x + 2.5, 3.4), name);
            for tile in 0..tiles {
                let area = Area::new(x, 4.4 + height * tile as f64, 5.0, height);
                drawing.block(area, if tile == now { look.strong() } else { look }, "");
            }
            Area::new(x, 4.4, 5.0, 10.0)
        };
    let (queries, keys) = ((QUERY_TILES, QUERY_TILE), (KEY_TILES, KEY_TILE));
    let q = tensor(&mut drawing, 1.5, queries, Look::FIRST, "q");
    let k = tensor(&mut drawing, 10.5, keys, Look::SECOND, "k");
    let v = tensor(&mut drawing, 18.5, keys, Look::FOURTH, "v");
    tensor(&mut drawing, 28.5, queries, Look::THIRD, "out");
    let tall = |tensor: Area| (tensor.middle().0, 14.4);

    drawing.group(Area::new(0.0, 21.4, 35.0, 23.4), Look::PLAIN, "");
    drawing.note((0.8, 43.6), "fast memory: a tile of each");
    let tile = |area: Area| Area { y: 24.0, h: 3.0, ..area };
    let q_tile = drawing.block(tile(q), Look::FIRST.strong(), "q tile");
    let k_tile = drawing.block(tile(k), Look::SECOND.strong(), "k tile");
    let v_tile = drawing.block(tile(v), Look::FOURTH.strong(), "v tile");
    drawing.path(&[tall(q), q_tile.top()], "once");
    drawing.path(&[tall(k), k_tile.top()], "");
    drawing.note((k_tile.middle().0 + 0.7, 17.4), "in turn,\nfor each\nq tile");
    drawing.path(&[tall(v), v_tile.top()], "");

    let scores = Area::new(1.5, 30.4, 14.0, 3.6);
    drawing.block(scores, Look::PLAIN, "scores → weights\nrows × keys");
    drawing.arrow(q_tile, scores, "");
    drawing.arrow(k_tile, scores, "");
    let state = drawing.block(
        Area::new(1.5, 37.4, 14.0, 3.6),
        Look::PLAIN,
        "row_max, row_sum\ntwo numbers a row",
    );
    drawing.arrow(scores, state, "");
    let out_tile = Area::new(19.0, 30.4, 14.5, 10.6);
    drawing.block(
        out_tile,
        Look::THIRD.strong(),
        "out tile\nrescaled for each tile,\nplus weights · v tile,\ndivided at the end",
    );
    drawing.path(&[scores.right(), (out_tile.x, scores.middle().1)], "");
    drawing.path(&[state.right(), (out_tile.x, state.middle().1)], "");
    drawing.arrow(v_tile, out_tile, "");
    drawing.path(&[(31.0, out_tile.y), (31.0, 14.4)], "");
    drawing.note((31.7, 18.8), "once");
    drawing.figure()
}
