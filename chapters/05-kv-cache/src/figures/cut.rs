//! A text of eight tokens, cut into chunks of four, one and three.

use attn_viz::{Area, Figure, Look, Schematic};

const CHUNKS: [usize; 3] = [4, 1, 3];
const SIZE: (f64, f64) = (2.3, 2.0);
const LEFT: f64 = 9.5;

pub fn figure() -> Figure {
    let mut drawing = Schematic::new(
        "A text of eight tokens in three chunks: what each query sees, and where the keys come from",
        "Eight columns stand for the keys of tokens 0 to 7. Three blocks of rows, one per chunk, stand below each other. The \
         first chunk has the queries 0 to 3, which see the keys 0 to 3 as far as the diagonal. The second has query 4 alone, \
         which sees keys 0 to 3, from the cache, and its own. The third has the queries 5 to 7, which see keys 0 to 4 from the \
         cache and their own as far as the diagonal. Together the rows are the causal mask of the whole text.",
    );
    drawing.centred((LEFT + 4.0 * SIZE.0, 0.8), "key of token");
    for key in 0..8 {
        drawing.centred((LEFT + (key as f64 + 0.5) * SIZE.0, 2.6), &key.to_string());
    }
    let (mut y, mut start) = (3.8, 0);
    for (chunk, tokens) in CHUNKS.into_iter().enumerate() {
        let rows = drawing.cells((LEFT, y), (tokens, 8), SIZE, |i, j| {
            let query = start + i;
            let look = match () {
                () if j > query => Look::PLAIN.hollow(),
                () if j < start => Look::SECOND,
                () => Look::FIRST.strong(),
            };
            (look, String::new())
        });
        let named = match chunk {
            0 => "prefill:\nthe prompt",
            1 => "decode:\none token",
            _ => "any chunk,\nlikewise",
        };
        drawing.note((0.0, rows.middle().1 - 0.7), named);
        for i in 0..tokens {
            let y = rows.y + (i as f64 + 0.5) * SIZE.1;
            drawing.note((LEFT + 8.0 * SIZE.0 + 0.7, y), &format!("query {}", start + i));
        }
        y += tokens as f64 * SIZE.1 + 1.6;
        start += tokens;
    }
    let mut key = |x: f64, look: Look, text: &str| {
        drawing.block(Area::new(x, y, 1.6, 1.4), look, "");
        drawing.note((x + 2.2, y + 0.7), text);
    };
    key(0.5, Look::SECOND, "kept before");
    key(12.5, Look::FIRST.strong(), "new, and kept now");
    key(26.5, Look::PLAIN.hollow(), "hidden");
    drawing.figure()
}
