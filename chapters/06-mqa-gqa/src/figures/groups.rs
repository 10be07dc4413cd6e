//! Who shares keys and values with whom.

use crate::kv_head;
use attn_viz::{Area, Figure, Look, Schematic};

const HEADS: usize = 8;
const COLUMN: f64 = 4.2;

pub fn figure() -> Figure {
    let mut drawing = Schematic::new(
        "Eight query heads on eight, two and one head of keys and values",
        "Three rows. In each, eight boxes q 0 to q 7 stand above the heads of keys and values that they use. MHA: \
         eight heads, one below each query head. GQA: two heads; q 0 to q 3 use the first, q 4 to q 7 the second. MQA: \
         one head, which all eight use.",
    );
    for (row, (name, h_kv)) in [("MHA", 8), ("GQA", 2), ("MQA", 1)].into_iter().enumerate() {
        let top = 11.0 * row as f64;
        drawing.note((0.0, top + 0.6), &format!("{name}: h = 8, h_kv = {h_kv}"));
        let group = HEADS / h_kv;
        let shared: Vec<Area> = (0..h_kv)
            .map(|g| {
                let area = Area::new(
                    COLUMN * (g * group) as f64,
                    top + 6.4,
                    COLUMN * group as f64 - 0.8,
                    2.4,
                );
                let label =
                    if h_kv == HEADS { format!("k v {g}") } else { format!("keys, values {g}") };
                drawing.block(area, Look::SECOND, &label)
            })
            .collect();
        for i in 0..HEADS {
            let area = Area::new(COLUMN * i as f64, top + 1.8, COLUMN - 0.8, 2.4);
            let query = drawing.block(area, Look::FIRST, &format!("q {i}"));
            let below = shared[kv_head(i, HEADS, h_kv)];
            let (x, y) = query.bottom();
            drawing.path(&[(x, y), (x, below.y)], "");
        }
    }
    drawing.figure()
}
