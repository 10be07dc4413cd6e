//! A text in logical blocks, its table, and the pool.

use attn_viz::{Figure, Look, Schematic};

const WORDS: [&str; 10] =
    ["Four", "score", "and", "seven", "years", "ago", "our", "fathers", "brought", "forth"];
const BLOCKS: [usize; 3] = [7, 1, 3];
const SIZE: (f64, f64) = (4.3, 2.2);

pub fn figure() -> Figure {
    let mut drawing = Schematic::new(
        "Ten tokens in blocks of four: the text as it is read, its table, and where it lies in the pool",
        "On top the text in three logical blocks of four places: four, score, and, seven; years, ago, our, fathers; brought, \
         forth and two empty places. In the middle its table, which names the blocks 7, 1 and 3. Below a pool of nine blocks. \
         Block 7 holds the first four tokens, block 1 the next four, block 3 the last two. Blocks 0 and 5 belong to another \
         text, the others are free.",
    );
    let rows = |drawing: &mut Schematic, at: (f64, f64), block: Option<usize>, other: bool| {
        drawing.cells(at, (1, 4), SIZE, |_, place| {
            match block.and_then(|block| WORDS.get(4 * block + place)) {
                Some(word) => (Look::FIRST.strong(), (*word).to_string()),
                None if block.is_some() => (Look::FIRST, String::new()),
                None if other => (Look::SECOND, String::new()),
                None => (Look::PLAIN.hollow(), String::new()),
            }
        })
    };
    drawing.note((0.5, 0.8), "the text");
    for block in 0..3 {
        let y = 2.2 + 2.9 * block as f64;
        drawing.note((0.5, y + 1.1), &format!("block {block}"));
        rows(&mut drawing, (6.5, y), Some(block), false);
    }
    drawing.note((27.5, 0.8), "its table");
    drawing.cells((28.5, 2.2), (3, 1), (3.4, 2.9), |block, _| {
        (Look::PLAIN, BLOCKS[block].to_string())
    });
    drawing.note((0.5, 12.2), "the pool");
    for block in 0..9 {
        let y = 13.6 + 2.5 * block as f64;
        drawing.note((0.5, y + 1.1), &format!("block {block}"));
        let of_the_text = BLOCKS.iter().position(|&other| other == block);
        rows(&mut drawing, (6.5, y), of_the_text, block == 0 || block == 5);
        match of_the_text {
            Some(i) => drawing.note((24.3, y + 1.1), &format!("← entry {i}")),
            None if block == 0 || block == 5 => drawing.note((24.3, y + 1.1), "another text"),
            None => drawing.note((24.3, y + 1.1), "free"),
        }
    }
    drawing.figure()
}
