//! Patterns of chapter 12, and what a token knows of another after some layers.

use crate::{Answer, Control, Settings, Widget};
use attn_viz::{Area, Figure, Look, Schematic};
use ch12_sparse::{given::Pattern, pattern_row, reach};
use ndarray::Array2;

pub const WIDGET: Widget = Widget { name: "reach", controls, answer };

/// Tokens.
const N: usize = 24;

fn controls() -> Vec<Control> {
    let most = N as f64;
    vec![
        Control::range("window", "window", (1.0, most), 1.0, 4.0),
        Control::range("dilation", "dilation", (1.0, 4.0), 1.0, 1.0),
        Control::range("sinks", "sinks: first tokens that all see", (0.0, 4.0), 1.0, 0.0),
        Control::switch("causal", "causal", true),
        Control::range("layers", "layers", (1.0, most), 1.0, 1.0),
    ]
}

fn answer(settings: &Settings) -> Answer {
    let (layers, causal) = (settings.count("layers"), settings.is_on("causal"));
    // A window to both sides has a middle: it is odd.
    let window = settings.count("window") | usize::from(!causal);
    let pattern = Pattern {
        dilation: settings.count("dilation"),
        globals: (0..settings.count("sinks")).collect(),
        causal,
        ..Pattern::window(window)
    };
    let mut sees = Array2::from_elem((N, N), false);
    for i in 0..N {
        for j in pattern_row(&pattern, i, N) {
            sees[[i, j]] = true;
        }
    }
    let known = reach(sees.view(), layers);
    let pairs = sees.iter().filter(|&&sees| sees).count();
    let heard = known.row(N - 1).iter().filter(|&&known| known).count();
    let first = known[[N - 1, 0]];
    let plural = if layers == 1 { "" } else { "s" };
    let says = format!(
        "After {layers} layer{plural} the last token may know something of {heard} of {N} tokens; the first is {}among them.",
        if first { "" } else { "not " }
    );
    let one = format!("One layer: who sees whom, {pairs} pairs");
    let all = format!("After {layers} layer{plural}: who may know of whom");
    let figures = vec![
        grid(&one, ["sees", "does not see it"], &sees),
        grid(&all, ["may know of", "cannot know of it"], &known),
    ];
    Answer::new(figures, says)
        .number("window", window)
        .number("pairs in a layer", format!("{pairs} of {}", N * N))
        .number("the last token may know of", format!("{heard} of {N} tokens"))
        .number("the last token may know of the first", if first { "yes" } else { "no" })
}

/// A table of tokens by tokens, in which what stands side by side in a row is one shape: it is drawn anew at every move.
fn grid(title: &str, [verb, not]: [&str; 2], table: &Array2<bool>) -> Figure {
    let ends = [0, N / 2, N - 1].map(|i| {
        let of = table.row(i).iter().filter(|&&yes| yes).count();
        format!("token {i} {verb} {of}")
    });
    let alternative = format!("A table of {N} by {N} tokens: {}.", ends.join("; "));
    let mut drawing = Schematic::new(title, &alternative);
    let (left, top, cell) = (2.6, 1.8, 1.3);
    let side = cell * N as f64;
    drawing.grid(Area::new(left, top, side, side), (N, N), Look::PLAIN.hollow());
    for i in (0..N).step_by(2) {
        let middle = (i as f64 + 0.5) * cell;
        drawing.centred((left + middle, top - 0.9), &i.to_string());
        drawing.centred((left - 1.2, top + middle), &i.to_string());
    }
    for (i, row) in table.rows().into_iter().enumerate() {
        let mut j = 0;
        while j < N {
            let run = row.iter().skip(j).take_while(|&&yes| yes).count();
            if run > 0 {
                let (x, y) = (left + j as f64 * cell, top + i as f64 * cell);
                drawing.block(Area::new(x, y, run as f64 * cell, cell), Look::FIRST.strong(), "");
            }
            j += run.max(1);
        }
    }
    let below = top + side + 1.6;
    drawing.block(Area::new(left, below - 0.65, 1.3, 1.3), Look::FIRST.strong(), "");
    drawing.note((left + 1.9, below), &format!("the token of the row {verb} that of the column"));
    drawing.block(Area::new(left, below + 1.25, 1.3, 1.3), Look::PLAIN.hollow(), "");
    drawing.note((left + 1.9, below + 1.9), not);
    drawing.figure()
}
