//! The figures and tables of the book's page on this chapter, computed by the chapter's own code.

mod copied;
mod cut;
mod growth;
mod measured;
mod ring;
pub mod roofline;
mod tables;

use attn_viz::Figure;

/// A figure's name in the book, and what draws it.
pub type Drawn = (&'static str, fn() -> Figure);

/// A table's name in the book, and what writes it as Markdown.
pub type Written = (&'static str, fn() -> String);

/// The figures of this chapter.
pub fn figures() -> Vec<Drawn> {
    vec![
        ("ch05/cut", cut::figure),
        ("ch05/copied", copied::figure),
        ("ch05/ring", ring::figure),
        ("ch05/growth", growth::figure),
        ("ch05/decode", measured::figure),
        ("ch05/roofline", roofline::figure),
    ]
}

/// The tables of this chapter.
pub fn tables() -> Vec<Written> {
    vec![
        ("ch05/recomputed", tables::recomputed),
        ("ch05/models", tables::models),
        ("ch05/pyramid", tables::pyramid),
        ("ch05/cards", tables::cards),
        ("ch05/windows", tables::windows),
        ("ch05/steps", roofline::table),
        ("ch05/decode", measured::table),
        ("ch05/sitting", measured::sitting),
        ("ch05/smollm2", measured::smollm2),
        ("ch05/smollm2-sitting", measured::smollm2_sitting),
    ]
}
