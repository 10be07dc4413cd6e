//! The tiles of chapter 8: which are visited, and what moves between the two memories.

use crate::{Answer, Control, Settings, Widget};
use attn_viz::{Area, Look, Schematic, thousands};
use ch08_flash_cpu::{given::Block, traffic::Sizes};

pub const WIDGET: Widget = Widget { name: "tiles", controls, answer };

/// Of a query, a key and a value.
const WIDTH: usize = 64;
const FAST: usize = 64 * 1024;

fn controls() -> Vec<Control> {
    vec![
        Control::range("n", "queries and keys", (64.0, 512.0), 64.0, 512.0),
        Control::range("q", "queries in a tile, block.q", (4.0, 128.0), 4.0, 16.0),
        Control::range("k", "keys in a tile, block.k", (4.0, 128.0), 4.0, 64.0),
        Control::switch("causal", "causal", true),
    ]
}

fn answer(settings: &Settings) -> Answer {
    let n = settings.count("n");
    let block = Block { q: settings.count("q"), k: settings.count("k") };
    let sizes = Sizes { n, m: n, d: WIDTH, d_v: WIDTH, causal: settings.is_on("causal") };
    let (visited, traffic) = (sizes.visited(block), sizes.flash(block));
    let all = sizes.query_tiles(block) * n.div_ceil(block.k) as u64;
    let (moved, naive) = (traffic.loaded + traffic.stored, sizes.naive());
    let (fast, share) = (sizes.fast_memory(block), 100.0 * moved as f64 / naive as f64);
    let fits = fast <= FAST;
    let says = format!(
        "{} of {} tiles of scores are skipped. The tiles move {share:.0} % of what tables would, and {}.",
        thousands(all - visited),
        thousands(all),
        if fits { "fit into the fast memory" } else { "do not fit into the fast memory" }
    );
    Answer::new(vec![draw(sizes, block)], says)
        .number("tiles visited", format!("{} of {}", thousands(visited), thousands(all)))
        .number("bytes loaded", thousands(traffic.loaded))
        .number("bytes stored", thousands(traffic.stored))
        .number("bytes moved, with tables of scores", thousands(naive))
        .number("fast memory needed", format!("{} of {} bytes", thousands(fast), thousands(FAST)))
}

fn draw(sizes: Sizes, block: Block) -> attn_viz::Figure {
    let n = sizes.n;
    let visits = |t: usize| sizes.visits(block, t);
    let rows = n.div_ceil(block.q);
    let alternative = format!(
        "A square of {n} queries by {n} keys in {rows} rows of tiles: the first row visits {}, the last {}, of {}.",
        visits(0),
        visits(rows - 1),
        n.div_ceil(block.k)
    );
    let mut drawing = Schematic::new("Tiles of scores that are visited", &alternative);
    let side = 26.0;
    let scale = side / n as f64;
    let (left, top) = (3.0, 2.6);
    drawing.note((left, 0.6), "keys →");
    drawing.note((0.0, top + 1.0), "que-\nries\n↓");
    drawing.block(Area::new(left, top, side, side), Look::PLAIN, "");
    for t in 0..rows {
        let (first, last) = (t * block.q, ((t + 1) * block.q).min(n));
        // A last column may be narrower; those before it are drawn at once, and only if one can see them.
        let (whole, wide) = ((visits(t) * block.k).min(n) / block.k, (visits(t) * block.k).min(n));
        let seen = if block.k as f64 * scale < 0.4 { 1 } else { whole };
        let area = |from: usize, to: usize| {
            let high = (last - first) as f64 * scale;
            Area::new(
                left + from as f64 * scale,
                top + first as f64 * scale,
                (to - from) as f64 * scale,
                high,
            )
        };
        drawing.grid(area(0, whole * block.k), (1, seen), Look::FIRST);
        if whole * block.k < wide {
            drawing.block(area(whole * block.k, wide), Look::FIRST, "");
        }
    }
    if sizes.causal {
        drawing.curve(Look::SECOND.dashed(), &[(left, top), (left + side, top + side)]);
    }
    drawing.note((left, top + side + 1.2), "filled: visited; the rest is never loaded");
    drawing.figure()
}
