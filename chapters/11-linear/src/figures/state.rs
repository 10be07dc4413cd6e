//! A state of four channels by three columns: a token writes into it, and a query reads from it.

use attn_viz::{Area, Figure, Look, Schematic};

/// Of the key, of the value and of the query.
const KEY: [f64; 4] = [0.0, 1.0, 0.0, 0.5];
const VALUE: [f64; 3] = [2.0, 4.0, 6.0];

pub fn figure() -> Figure {
    let mut drawing = Schematic::new(
        "The state of a head: a token writes k vᵀ into it, a query reads qᵀS from it",
        "A matrix of four rows and three columns, the state S. A key of four numbers stands at its left, 0, 1, 0 and 1/2: it says into which rows \
         the value is written, and how strongly. A value of three numbers, 2, 4 and 6, stands above it. Rows 1 and 3 of the matrix hold \
         what is written: the value, and half of it. At the right a query of four numbers reads: it weighs the rows, and \
         their sum comes out below, three numbers.",
    );
    let size = (3.0, 2.2);
    let (x, y) = (9.0, 6.2);
    drawing.cells((x, 1.6), (1, 3), size, |_, column| {
        (Look::SECOND.strong(), format!("{:.0}", VALUE[column]))
    });
    drawing.note((x + 9.6, 2.7), "value v");
    drawing.cells((3.4, y), (4, 1), size, |row, _| (Look::FIRST.strong(), number(KEY[row])));
    drawing.centred((4.9, y - 1.0), "key k");
    let state = drawing.cells((x, y), (4, 3), size, |row, column| {
        let held = KEY[row] * VALUE[column];
        match held {
            0.0 => (Look::PLAIN, String::new()),
            held => (Look::SECOND, format!("+{held:.0}")),
        }
    });
    drawing.note((x + 9.6, y - 1.0), "state S");
    drawing.path(&[(6.6, y + 1.5 * size.1), (x - 0.2, y + 1.5 * size.1)], "");
    drawing.path(&[(x + 4.5, 4.0), (x + 4.5, y - 0.3)], "");
    let query =
        drawing.cells((28.0, y), (4, 1), size, |row, _| (Look::THIRD.strong(), number(KEY[row])));
    drawing.centred((29.5, y - 1.0), "query q");
    drawing
        .path(&[(query.x - 0.2, state.middle().1), (x + 3.0 * size.0 + 0.2, state.middle().1)], "");
    drawing.centred((23.0, state.middle().1 - 1.2), "weighs the rows");
    let below = y + 4.0 * size.1;
    drawing.path(&[(x + 4.5, below + 0.1), (x + 4.5, below + 2.2)], "");
    drawing.cells((x, below + 2.4), (1, 3), size, |_, column| {
        // The query is the key: ‖k‖² times the value.
        let read: f64 = KEY.iter().map(|key| key * key * VALUE[column]).sum();
        (Look::THIRD, format!("{read}"))
    });
    drawing.note((x + 9.6, below + 3.5), "qᵀS, what is read");
    drawing.block(Area::new(0.2, below + 6.4, 1.6, 1.3), Look::SECOND, "");
    drawing.note((2.4, below + 7.1), "k vᵀ: what this token adds, in every cell its key touches");
    drawing.figure()
}

/// `½`, or a whole number.
fn number(x: f64) -> String {
    if x == 0.5 { "½".into() } else { format!("{x:.0}") }
}
