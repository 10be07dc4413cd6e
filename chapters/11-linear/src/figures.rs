//! The figures and tables of the book's page on this chapter, computed by the chapter's own code.

mod measured;
mod recall;
mod state;
pub mod tables;
mod trained;

use attn_viz::Figure;

/// A figure's name in the book, and what draws it.
pub type Drawn = (&'static str, fn() -> Figure);

/// A table's name in the book, and what writes it as Markdown.
pub type Written = (&'static str, fn() -> String);

/// The figures of this chapter.
pub fn figures() -> Vec<Drawn> {
    vec![
        ("ch11/state", state::figure),
        ("ch11/width", recall::widths),
        ("ch11/rule", recall::rules),
        ("ch11/trained", trained::figure),
        ("ch11/lengths", measured::lengths),
        ("ch11/steps", measured::steps),
    ]
}

/// The tables of this chapter.
pub fn tables() -> Vec<Written> {
    vec![
        ("ch11/bytes", tables::bytes),
        ("ch11/estimates", tables::estimates),
        ("ch11/recall", recall::table),
        ("ch11/growth", tables::growth),
        ("ch11/trained", trained::table),
        ("ch11/sizes", trained::sizes),
        ("ch11/measured", measured::table),
        ("ch11/sitting", measured::sitting),
    ]
}
