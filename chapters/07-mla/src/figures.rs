//! The figures and tables of the book's page on this chapter, computed by the chapter's own code.

pub mod between;
mod cache;
mod cost;
mod measured;
mod paths;

use attn_viz::Figure;

/// A figure's name in the book, and what draws it.
pub type Drawn = (&'static str, fn() -> Figure);

/// A table's name in the book, and what writes it as Markdown.
pub type Written = (&'static str, fn() -> String);

/// The figures of this chapter.
pub fn figures() -> Vec<Drawn> {
    vec![
        ("ch07/kept", paths::kept),
        ("ch07/forms", paths::forms),
        ("ch07/cache", cache::figure),
        ("ch07/between", between::figure),
        ("ch07/cost", cost::figure),
        ("ch07/calls", measured::figure),
    ]
}

/// The tables of this chapter.
pub fn tables() -> Vec<Written> {
    vec![
        ("ch07/cache", cache::table),
        ("ch07/saved", cache::saved_table),
        ("ch07/products", cost::products),
        ("ch07/cost", cost::table),
        ("ch07/intensity", cost::intensity),
        ("ch07/between", between::table),
        ("ch07/step", measured::step),
        ("ch07/crossings", measured::crossings),
        ("ch07/sitting", measured::sitting),
    ]
}
