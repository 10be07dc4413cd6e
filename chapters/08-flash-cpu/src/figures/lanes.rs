//! What lies across the lanes on the last two rungs, `keys_in_lanes` and `queries_in_lanes`.

use attn_viz::{Area, Figure, Look, Schematic};

// The tile in registers on AVX-512, `instructions.rs`: V registers of 16 lanes, M rows.
const REGISTERS: usize = 3;
const LANES: usize = 16;
const ROWS: usize = 8;

/// The place of the sums: a register is so wide, and a row so high.
const LEFT: f64 = 8.0;
const TOP: f64 = 7.4;
const WIDE: f64 = 8.4;
const HIGH: f64 = 1.8;

pub fn keys() -> Figure {
    let mut drawing = Schematic::new(
        "Rung 5, keys in the lanes: the scores of a query lie across three registers",
        "One step of the product on AVX-512, for component c. Across the top, the panel: three registers of 16 lanes, \
         component c of 48 keys, which were packed for this. On the left, component c of 8 queries, a single number \
         each. Each number is multiplied with all 48 lanes and added to its row of sums: 8 rows of three registers. \
         When all components are done, a row holds the scores of one query, and its maximum and its sum have to be \
         collected across the lanes.",
    );
    let keys = "48 keys: component c of each, packed";
    let sums = tile(&mut drawing, (Look::SECOND, keys), (Look::FIRST, "8 queries"));
    let below = sums.y + sums.h + 1.4;
    drawing.path(&[(sums.x, below), (sums.x + sums.w, below)], "");
    drawing.note(
        (sums.x, below + 1.4),
        "for each query, the maximum and the sum\nof a row: across lanes and registers",
    );
    drawing.figure()
}

pub fn queries() -> Figure {
    let mut drawing = Schematic::new(
        "Rung 6, queries in the lanes: the scores of a query stay in its own lane",
        "The same step with the two sides exchanged. Across the top, the panel: component c of 48 queries, packed once. \
         On the left, component c of 8 keys, a single number each, read as it lies in memory. The sums are again 8 rows \
         of three registers, but a row holds the scores of one key with 48 queries. The maximum and the sum of a query \
         run down its lane: row_max and row_sum are three registers each, below the sums.",
    );
    let queries = "48 queries: component c of each";
    let sums = tile(&mut drawing, (Look::FIRST, queries), (Look::SECOND, "8 keys"));
    let below = Area { y: sums.y + sums.h + 2.6, h: HIGH, ..sums };
    registers(&mut drawing, below, Look::THIRD);
    for register in 0..REGISTERS {
        let x = LEFT + WIDE * (register as f64 + 0.5);
        drawing.path(&[(x, sums.y + sums.h), (x, below.y)], "");
    }
    drawing.note((0.0, below.middle().1), "row_max");
    drawing.note(
        (LEFT, below.y + 3.0),
        "for each query, the maximum and the sum\ndown a lane: nothing crosses the lanes",
    );
    drawing.figure()
}

/// One step of the product: a panel across the lanes, a number for each row, and the sums.
fn tile(drawing: &mut Schematic, (panel, above): (Look, &str), (row, aside): (Look, &str)) -> Area {
    let lanes = Area::new(LEFT, 2.0, WIDE * REGISTERS as f64, HIGH);
    drawing.centred((lanes.middle().0, 0.6), above);
    registers(drawing, lanes, panel);
    drawing.note((0.0, TOP - 1.8), aside);
    for i in 0..ROWS {
        let y = TOP + HIGH * i as f64;
        let number = drawing.block(Area::new(2.0, y, 2.6, HIGH), row, "");
        registers(drawing, Area { y, ..lanes }, Look::PLAIN);
        drawing.path(&[number.right(), (LEFT, number.middle().1)], "");
    }
    for register in 0..REGISTERS {
        let x = LEFT + WIDE * (register as f64 + 0.5);
        drawing.path(
            &[(x, lanes.y + HIGH), (x, TOP)],
            if register == 1 { "multiply, add" } else { "" },
        );
    }
    Area { y: TOP, h: HIGH * ROWS as f64, ..lanes }
}

/// Three registers side by side, lane by lane.
fn registers(drawing: &mut Schematic, all: Area, look: Look) {
    for register in 0..REGISTERS {
        let area = Area::new(all.x + WIDE * register as f64, all.y, WIDE - 0.3, HIGH);
        drawing.grid(area, (1, LANES), look);
    }
}
