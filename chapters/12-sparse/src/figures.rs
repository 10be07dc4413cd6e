//! The figures and tables of the book's page on this chapter, computed by the chapter's own code.

mod gallery;
pub mod reached;
mod selection;
pub mod tables;

use attn_viz::Figure;

/// A figure's name in the book, and what draws it.
pub type Drawn = (&'static str, fn() -> Figure);

/// A table's name in the book, and what writes it as Markdown.
pub type Written = (&'static str, fn() -> String);

/// The figures of this chapter.
pub fn figures() -> Vec<Drawn> {
    vec![
        ("ch12/gallery", gallery::figure),
        ("ch12/selection", selection::figure),
        ("ch12/reach", reached::figure),
    ]
}

/// The tables of this chapter.
pub fn tables() -> Vec<Written> {
    vec![
        ("ch12/patterns", tables::patterns),
        ("ch12/gather", tables::gather),
        ("ch12/indexer", tables::indexer),
        ("ch12/nsa", tables::nsa),
        ("ch12/mixed", tables::mixed),
        ("ch12/search", tables::search),
    ]
}
