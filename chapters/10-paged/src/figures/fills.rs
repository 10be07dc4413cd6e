//! Eight blocks of four tokens while three requests are written.

use crate::{
    comparison::Blank,
    engine::{Engine, Request, Settings},
    given::Way,
};
use attn_viz::{Figure, Look, Schematic};

const BLOCKS: usize = 8;
const STEPS: usize = 12;

/// After each step, for each block: who uses it (the letters of the requests), and how many tokens it holds.
pub fn filled() -> Vec<Vec<(String, usize)>> {
    let settings =
        Settings { blocks: BLOCKS, size: 4, budget: 8, way: Way::Recompute, share: false };
    let mut engine = Engine::new(Blank, settings);
    let mut after = Vec::new();
    for step in 0..STEPS {
        // (id, prompt, output), each when it arrives
        for (when, id, prompt, output) in [(0, 0, 6, 9), (1, 1, 9, 6), (3, 2, 5, 12)] {
            if when == step {
                engine.add(Request::greedy(id, &vec![id; prompt], output)).expect("it fits");
            }
        }
        engine.step().expect("the reference's plan");
        let mut blocks = vec![(String::new(), 0); BLOCKS];
        for (id, table) in engine.tables() {
            for (i, &block) in table.blocks.iter().enumerate() {
                blocks[block].0.push(char::from(b'A' + id as u8));
                blocks[block].1 = (table.tokens - 4 * i).min(4);
            }
        }
        after.push(blocks);
    }
    after
}

pub fn figure() -> Figure {
    let mut drawing = Schematic::new(
        "A pool of eight blocks of four tokens, while three requests are written: who holds which block, and how many tokens are in it",
        "One row per step, one column per block of the pool. Request A takes blocks 0 and 1, B the next ones, C those behind. \
         Each takes another block when its last one is full; when A ends, its blocks are handed out again, in another order. \
         At no time has a request more than one block that is not full.",
    );
    let (x, y, size) = (7.5, 2.6, (3.3, 2.2));
    for block in 0..BLOCKS {
        drawing.centred((x + (block as f64 + 0.5) * size.0, 1.3), &block.to_string());
    }
    drawing.note((0.5, 1.3), "block");
    let filled = filled();
    drawing.cells((x, y), (STEPS, BLOCKS), size, |step, block| {
        let (who, tokens) = &filled[step][block];
        let look = match who.as_str() {
            "" => return (Look::PLAIN.hollow(), String::new()),
            "A" => Look::FIRST.strong(),
            "B" => Look::SECOND,
            _ => Look::THIRD,
        };
        (look, format!("{who} {tokens}"))
    });
    for step in 0..STEPS {
        drawing.note((0.5, y + (step as f64 + 0.5) * size.1), &format!("step {}", step + 1));
    }
    drawing.figure()
}
