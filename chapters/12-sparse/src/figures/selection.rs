//! Choosing keys by content: what is chosen, and by what.

use attn_viz::{Area, Figure, Look, Schematic};

pub fn figure() -> Figure {
    let mut drawing = Schematic::new(
        "Choosing by content: whole blocks or single tokens, by pooled keys or by an indexer that is trained for it",
        "A table of two by two. Columns: blocks and single tokens. Rows: chosen by pooled keys, and by an indexer. Blocks by pooled keys: \
         MoBA takes the mean of a block, NSA compressed spans. Single tokens by an indexer: DeepSeek sparse attention. The other two \
         fields have no member in this chapter.",
    );
    drawing.centred((16.6, 0.9), "whole blocks");
    drawing.centred((27.8, 0.9), "single tokens");
    drawing.note((0.3, 5.0), "by pooled keys");
    drawing.note((0.3, 11.6), "by an indexer");
    let at = |column: f64, row: f64| Area::new(11.4 + 11.2 * column, 2.0 + 6.6 * row, 10.4, 6.0);
    drawing.block(at(0.0, 0.0), Look::FIRST, "NSA, MoBA\ncheap to read,\ncoarse");
    drawing.block(at(1.0, 0.0), Look::PLAIN.hollow(), "none\na mean speaks\nfor its block");
    drawing.block(at(0.0, 1.0), Look::PLAIN.hollow(), "possible\nnot built here");
    drawing.block(at(1.0, 1.0), Look::SECOND, "DeepSeek's\nexact, and n²\nsmall products");
    drawing.figure()
}
