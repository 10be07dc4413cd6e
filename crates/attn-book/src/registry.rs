//! Everything that the chapters compute for the book.

use crate::ties;
use attn_viz::{Figure, Grid};
use ch01_rnn_attention::figures as ch01;
use ch02_additive_attention::figures as ch02;
use ch03_scaled_dot_product::figures as ch03;
use ch04_multi_head::figures as ch04;
use ch05_kv_cache::figures as ch05;
use ch06_mqa_gqa::figures as ch06;
use ch07_mla::figures as ch07;
use ch08_flash_cpu::figures as ch08;
use ch09_flash_cuda::figures as ch09;
use ch10_paged::figures as ch10;
use ch11_linear::figures as ch11;
use ch12_sparse::figures as ch12;
use std::collections::BTreeMap;

/// Draws one figure.
pub type Draw = fn() -> Figure;

/// Computes one table, as Markdown.
pub type Write = fn() -> String;

/// Figures and tables by name: `ch03/largest-weight`.
#[derive(Clone, Debug, Default)]
pub struct Registry {
    /// What `{{#figure NAME}}` draws. The name `map` is the course's: its map depends on the page.
    pub figures: BTreeMap<&'static str, Draw>,
    /// What stands after `<!-- table: NAME -->`, as Markdown.
    pub tables: BTreeMap<&'static str, Write>,
}

impl Registry {
    /// The course's own figures and tables: those of every chapter, and the book's.
    ///
    /// A chapter has a module `figures` with `pub fn figures() -> Vec<(&'static str, fn() ->
    /// Figure)>`, and `tables()` likewise; it is added below. Names begin with the chapter:
    /// `ch03/largest-weight`.
    pub fn of_the_course() -> Self {
        let figures: [(&'static str, Draw); 2] =
            [("notation/causal-wide", || causal(2, 5)), ("notation/causal-tall", || causal(5, 2))];
        let mut registry = Registry {
            figures: figures.into(),
            tables: [("notation/causal-limits", causal_limits as Write)].into(),
        };
        registry.figures.extend(ch01::figures());
        registry.tables.extend(ch01::tables());
        registry.figures.extend(ch02::figures());
        registry.tables.extend(ch02::tables());
        registry.figures.extend(ch03::figures());
        registry.tables.extend(ch03::tables());
        registry.figures.extend(ch04::figures());
        registry.tables.extend(ch04::tables());
        registry.figures.extend(ch05::figures());
        registry.tables.extend(ch05::tables());
        registry.figures.extend(ch06::figures());
        registry.tables.extend(ch06::tables());
        registry.figures.extend(ch07::figures());
        registry.tables.extend(ch07::tables());
        registry.figures.extend(ch08::figures());
        registry.tables.extend(ch08::tables());
        registry.figures.extend(ch09::figures());
        registry.tables.extend(ch09::tables());
        registry.figures.extend(ch10::figures());
        registry.tables.extend(ch10::tables());
        registry.figures.extend(ch11::figures());
        registry.tables.extend(ch11::tables());
        registry.figures.extend(ch12::figures());
        registry.tables.extend(ch12::tables());
        registry.figures.extend(ties::FIGURES);
        registry.tables.extend(ties::TABLES);
        registry
    }
}

/// The causal mask in the convention of the course: query i of n sees the keys up to m − n + i.
fn causal(n: usize, m: usize) -> Figure {
    let allowed = |i: usize, j: usize| j + n <= m + i;
    let row = |i: usize| match (0..m).filter(|&j| allowed(i, j)).count() {
        0 => format!("query {i} sees no key"),
        1 => format!("query {i} sees key 0"),
        seen => format!("query {i} sees keys 0 to {}", seen - 1),
    };
    let rows: Vec<String> = (0..n).map(row).collect();
    let title = format!("Causal mask, n = {n} queries and m = {m} keys");
    let alternative = format!("A table of {n} rows and {m} columns: {}.", rows.join("; "));
    Grid::new(&title, &alternative, (n, m), allowed)
        .rows("query i", (0..n).map(|i| i.to_string()))
        .columns("key j", (0..m).map(|j| j.to_string()))
        .meaning("may attend", "may not attend")
        .figure()
}

/// The last key that each query sees, for a few shapes.
fn causal_limits() -> String {
    let shapes = [(3, 3), (2, 5), (5, 2)];
    let mut table = String::from("| query i |");
    for (n, m) in shapes {
        table += &format!(" n = {n}, m = {m} |");
    }
    table += "\n| --- | --- | --- | --- |\n";
    for i in 0..5 {
        table += &format!("| {i} |");
        for (n, m) in shapes {
            let limit = m - n + i;
            table += &match limit {
                _ if i >= n => " |".to_string(),
                0.. => format!(" {limit} |"),
                _ => format!(" −{}: none |", -limit),
            };
        }
        table.push('\n');
    }
    table
}
