//! Masks of chapter 3: which of n queries may attend to which of m keys.

use crate::{Answer, Control, Settings, Widget};
use attn_core::Mask;
use attn_viz::Grid;
use ch03_scaled_dot_product::allowed;
use ndarray::{Array2, s};

pub const WIDGET: Widget = Widget { name: "masks", controls, answer };

const MOST: f64 = 12.0;
const NAMES: [&str; 3] = ["none", "causal", "prefix"];

fn controls() -> Vec<Control> {
    vec![
        Control::range("n", "queries n", (1.0, MOST), 1.0, 3.0),
        Control::range("m", "keys m", (1.0, MOST), 1.0, 8.0),
        Control::choice("kind", "kind", &NAMES, 1),
        Control::range("prefix", "length of the prefix", (0.0, MOST), 1.0, 2.0),
        Control::range("padding", "keys of padding at the end", (0.0, MOST), 1.0, 0.0),
        Control::choice("aligned", "aligned", &["bottom right", "top left"], 1),
    ]
}

fn answer(settings: &Settings) -> Answer {
    let (n, m) = (settings.count("n"), settings.count("m"));
    let kind = settings.count("kind");
    let rule = match kind {
        0 => Mask::None,
        1 => Mask::Causal,
        _ => Mask::Prefix(settings.count("prefix")),
    };
    let real = m.saturating_sub(settings.count("padding"));
    let padding = Mask::padding((0..m).map(|j| j < real));
    let top_left = settings.count("aligned") == 1;
    let open = if top_left {
        // With as many queries as keys both alignments are one: of that table the upper left part.
        let both = n.max(m);
        let square = allowed(&rule, both, both).slice(s![..n, ..m]).to_owned();
        allowed(&Mask::All(vec![Mask::Dense(square), padding]), n, m)
    } else {
        allowed(&Mask::All(vec![rule, padding]), n, m)
    };
    let seen = |i: usize| open.row(i).iter().filter(|&&open| open).count();
    let rows: Vec<String> = (0..n).map(|i| format!("query {i} sees {}", keys(seen(i)))).collect();
    let title = format!(
        "Who may attend to whom: {}, n = {n}, m = {m}, aligned {}",
        NAMES[kind],
        if top_left { "top left" } else { "bottom right" }
    );
    let figure = grid(&title, &rows.join("; "), &open);
    let says = format!("The last query sees {} of {m}.", keys(seen(n - 1)));
    Answer::new(vec![figure], says)
        .number(
            "pairs that may attend",
            format!("{} of {}", (0..n).map(seen).sum::<usize>(), n * m),
        )
        .number("the first query sees", keys(seen(0)))
        .number("the last query sees", keys(seen(n - 1)))
        .number("queries that see nothing", (0..n).filter(|&i| seen(i) == 0).count())
}

/// `1 key`, `2 keys`.
fn keys(count: usize) -> String {
    format!("{count} key{}", if count == 1 { "" } else { "s" })
}

fn grid(title: &str, alternative: &str, open: &Array2<bool>) -> attn_viz::Figure {
    Grid::new(title, &format!("{alternative}."), open.dim(), |i, j| open[[i, j]])
        .rows("query i", (0..open.nrows()).map(|i| i.to_string()))
        .columns("key j", (0..open.ncols()).map(|j| j.to_string()))
        .meaning("may attend", "may not attend")
        .figure()
}
