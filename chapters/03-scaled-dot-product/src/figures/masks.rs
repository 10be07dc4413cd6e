//! What each mask allows, drawn by the reference.

use crate::allowed;
use attn_core::Mask;
use attn_viz::{Figure, Grid};

pub fn causal_square() -> Figure {
    draw("Causal mask", &Mask::Causal, 4, 4)
}

pub fn causal_wide() -> Figure {
    draw("Causal mask, more keys than queries", &Mask::Causal, 2, 5)
}

pub fn causal_tall() -> Figure {
    draw("Causal mask, more queries than keys", &Mask::Causal, 5, 2)
}

pub fn prefix() -> Figure {
    draw("Prefix mask, p = 2", &Mask::Prefix(2), 4, 4)
}

pub fn combined() -> Figure {
    let padding = Mask::padding([true, true, false, true, false]);
    let both = Mask::All(vec![Mask::Causal, padding]);
    draw("Causal and padding; keys 2 and 4 are padding", &both, 5, 5)
}

fn draw(title: &str, mask: &Mask, n: usize, m: usize) -> Figure {
    let table = allowed(mask, n, m);
    let row = |i: usize| {
        let seen = (0..m).filter(|&j| table[[i, j]]);
        let seen: Vec<String> = seen.map(|j| j.to_string()).collect();
        match seen.as_slice() {
            [] => format!("query {i} sees no key"),
            [one] => format!("query {i} sees key {one}"),
            [all @ .., last] => format!("query {i} sees keys {} and {last}", all.join(", ")),
        }
    };
    let rows: Vec<String> = (0..n).map(row).collect();
    let alternative = format!("{n} rows and {m} columns: {}.", rows.join("; "));
    let title = format!("{title}: n\u{a0}=\u{a0}{n}\u{a0}queries, m\u{a0}=\u{a0}{m}\u{a0}keys");
    Grid::new(&title, &alternative, (n, m), |i, j| table[[i, j]])
        .rows("query i", (0..n).map(|i| i.to_string()))
        .columns("key j", (0..m).map(|j| j.to_string()))
        .meaning("may attend", "may not attend")
        .figure()
}
